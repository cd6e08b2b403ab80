// Asks the server, and waits as it says where it is busy.

const TRIES = 5;
const PATIENCE = 30; // seconds to wait without being asked to

let key = ""; // in memory alone: a password manager may keep it

export const useKey = (text) => { key = text; };
export const hasKey = () => key !== "";

/** Why there is no answer: a message for people, the status (0: none came), and when to come back. */
export class Refused extends Error {
  constructor(message, status = 0, retryAfter = NaN) {
    super(message);
    Object.assign(this, { status, retryAfter });
  }

  /** Whether the same request may be answered another time. */
  get mayPass() {
    return this.status < 400 || this.status >= 500 || [401, 408, 429].includes(this.status);
  }
}

/** Classify a picture; returns predictions, the likeliest first, and stages: [name, ms] pairs. */
export async function predict(file, options) {
  const form = new FormData();
  form.append("image", file, file.name);
  const { body, headers, ms } = await ask("predict?top_k=5", { method: "POST", body: form, ...options });
  return { predictions: body.predictions, stages: stages(headers.get("Server-Timing") ?? "", ms) };
}

/** Fetch JSON. `busy` hears of each Refused that is waited out; rejects with Refused, or when aborted. */
export async function ask(path, { tries = TRIES, busy = () => {}, ...options } = {}) {
  for (;;) {
    try {
      return await once(path, options);
    } catch (error) {
      if (!(error.retryAfter <= PATIENCE) || --tries < 1) throw error;
      busy(error);
      await sleep(error.retryAfter, options.signal);
    }
  }
}

async function once(path, options) {
  const start = performance.now();
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  const answer = await fetch(path, { headers, ...options }).catch((error) => {
    if (options.signal?.aborted) throw error;
    throw new Refused("The server cannot be reached. Check the connection, then try again.");
  });
  const body = await answer.json().catch(() => null);
  const ms = performance.now() - start;
  if (answer.ok && body) return { body, ms, headers: answer.headers };
  const message = answer.status === 401
    ? "This server wants an API key. Enter it at the top of the page."
    : body?.error?.message ?? `The server's answer cannot be read (status ${answer.status}).`;
  throw new Refused(message, answer.status, parseFloat(answer.headers.get("Retry-After")));
}

function sleep(seconds, signal) {
  return new Promise((resolve, reject) => {
    setTimeout(resolve, seconds * 1000);
    signal?.addEventListener("abort", () => reject(signal.reason));
  });
}

/** Read Server-Timing's milliseconds, and add what no stage accounts for, up to the round trip. */
function stages(header, roundTrip) {
  const parts = [...header.matchAll(/(\w+);dur=([\d.]+)/g)].map(([, name, ms]) => [name, Number(ms)]);
  const total = parts.find(([name]) => name === "total")?.[1] ?? 0;
  const known = parts.filter(([name]) => name !== "total");
  const other = total - known.reduce((sum, [, ms]) => sum + ms, 0);
  return [...known, ["other", Math.max(0, other)], ["network", Math.max(0, roundTrip - total)]];
}
