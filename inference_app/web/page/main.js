// Every way in which pictures get onto the page, and the key where the server wants one.

import { showClasses } from "./classes.js";
import { add, resume } from "./results.js";
import { hasKey, useKey } from "./server.js";

const at = (id) => document.getElementById(id);

async function introduce() {
  try {
    await showClasses();
    at("key").hidden = true;
  } catch (error) {
    if (error.status === 401) askForKey();
    else at("model").textContent = error.message;
  }
}

function askForKey() {
  at("key").hidden = false;
  at("key-problem").textContent = hasKey() ? "The server does not know this key." : "";
}

at("key").addEventListener("submit", (event) => {
  event.preventDefault();
  useKey(at("key-text").value);
  introduce().then(() => { if (at("key").hidden) resume(); });
});

for (const input of [at("choose"), at("camera")]) {
  input.addEventListener("change", () => {
    add(input.files);
    input.value = ""; // so that the same file can be chosen again
  });
}

at("samples").addEventListener("click", async ({ target }) => {
  const source = target.closest("button")?.querySelector("img").src;
  if (!source) return;
  const blob = await fetch(source).then((response) => response.blob()).catch(() => new Blob());
  add([new File([blob], source.split("/").pop(), { type: blob.type })], source);
});

addEventListener("paste", ({ clipboardData }) => add(clipboardData.files));
addEventListener("dragover", (event) => {
  if (!event.dataTransfer.types.includes("Files")) return;
  event.preventDefault();
  document.body.classList.add("dragging");
});
addEventListener("dragleave", ({ relatedTarget }) => {
  if (!relatedTarget) document.body.classList.remove("dragging");
});
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dragging");
  add(event.dataTransfer.files);
});

introduce();
