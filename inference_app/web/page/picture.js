// What the browser can tell of a picture before it is sent: its size, and a small copy of it.

import { Refused } from "./server.js";

const { maxMb, maxMegapixels } = document.documentElement.dataset;
const FORM = 2048; // bytes that a form adds at most, a long file name included
const EDGE = 320; // pixels of a small copy's longer edge

/** Reject with Refused what the server would refuse; returns [width, height], or null if unknown. */
export async function check(file) {
  const mb = (file.size + FORM) / 2 ** 20;
  if (mb > maxMb) {
    throw new Refused(`It has ${mb.toFixed(1)} MB; this server accepts ${maxMb}. Send it smaller.`, 413);
  }
  // A folder that was dropped, or a file that has changed since, would look like a lost connection.
  await file.slice(0, 1).arrayBuffer().catch(() => {
    throw new Refused("It cannot be read: it is a folder, or has changed. Choose it again.", 400);
  });
  const size = await measure(file);
  const megapixels = size ? size[0] * size[1] / 1e6 : 0;
  if (megapixels > maxMegapixels) {
    throw new Refused(
      `It has ${megapixels.toFixed(1)} megapixels; this server accepts ${maxMegapixels}. Send it smaller.`, 413);
  }
  return size;
}

/** Return a small copy as a blob, or null where this browser cannot. Decodes outside the main thread. */
export async function shrink(file, [width, height]) {
  const scale = Math.min(1, EDGE / Math.max(width, height));
  try {
    const bitmap = await createImageBitmap(file, {
      resizeWidth: Math.max(1, Math.round(width * scale)),
      resizeHeight: Math.max(1, Math.round(height * scale)),
      resizeQuality: "medium",
    });
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    canvas.getContext("bitmaprenderer").transferFromImageBitmap(bitmap);
    return await canvas.convertToBlob({ type: "image/webp", quality: 0.8 });
  } catch {
    return null;
  }
}

/** Return what the header says, for nothing is decoded until it is drawn. */
function measure(file) {
  const image = new Image();
  const url = URL.createObjectURL(file);
  return new Promise((resolve) => {
    image.addEventListener("load", () => resolve([image.naturalWidth, image.naturalHeight]));
    image.addEventListener("error", () => resolve(null));
    image.src = url;
  }).finally(() => URL.revokeObjectURL(url));
}
