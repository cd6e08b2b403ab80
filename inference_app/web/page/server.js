// Asks the server, and tells what kept it from answering.

let key = ""; // in memory alone: a password manager may keep it

export const useKey = (text) => { key = text; };
export const hasKey = () => key !== "";

/** Why there is no answer: a message for people, the status (0: none came), and when to retry, in seconds. */
export class Refused extends Error {
  constructor(message, status, retryAfter = NaN) {
    super(message);
    Object.assign(this, { status, retryAfter });
  }

  /** Whether to wait and send the same again. */
  get isBusy() {
    return [0, 429, 502, 503].includes(this.status) && this.retryAfter >= 0;
  }

  /** Whether the same request may succeed another time. */
  get mayPass() {
    return this.status < 400 || this.status >= 500 || [408, 429].includes(this.status);
  }
}

/** Classify a picture; returns model, predictions, most likely first, and stages: [name, ms] pairs. */
export async function predict(file, signal) {
  const form = new FormData();
  form.append("image", file, file.name);
  const { body, headers, ms } = await ask("predict?top_k=5", { method: "POST", body: form, signal });
  return {
    model: headers.get("X-Model"),
    predictions: body.predictions,
    stages: stages(headers.get("Server-Timing") ?? "", ms),
  };
}

/** Fetch the model's name and labels. While the server is busy, `busy` gets each Refused, and it retries. */
export async function labels(busy) {
  for (;;) {
    try {
      return (await ask("labels")).body;
    } catch (error) {
      if (!error.isBusy) throw error;
      busy(error);
      await new Promise((resolve) => { setTimeout(resolve, 1000 * error.retryAfter); });
    }
  }
}

/** Fetch JSON; rejects with Refused, or with the signal's reason when aborted. */
async function ask(path, options = {}) {
  const start = performance.now();
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  const response = await fetch(path, { headers, ...options }).catch((error) => {
    if (options.signal?.aborted) throw error;
    throw new Refused("The server cannot be reached.", 0, 1);
  });
  const body = await response.json().catch(() => null);
  const ms = performance.now() - start;
  options.signal?.throwIfAborted();
  if (response.ok && body) return { body, ms, headers: response.headers };
  const message = response.status === 401
    ? "This server wants an API key. Enter it at the top of the page."
    : body?.error?.message ?? `The server's response cannot be read (status ${response.status}).`;
  throw new Refused(message, response.status, parseFloat(response.headers.get("Retry-After")));
}

/** Read Server-Timing's milliseconds, and add what no stage accounts for, up to the round trip. */
function stages(header, roundTrip) {
  const parts = [...header.matchAll(/(\w+);dur=([\d.]+)/g)].map(([, name, ms]) => [name, Number(ms)]);
  const total = parts.find(([name]) => name === "total")?.[1] ?? 0;
  const known = parts.filter(([name]) => name !== "total");
  const other = total - known.reduce((sum, [, ms]) => sum + ms, 0);
  return [...known, ["other", Math.max(0, other)], ["network", Math.max(0, roundTrip - total)]];
}
