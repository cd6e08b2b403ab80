// One picture among the results: its state, and its tile.

import { check, shrink } from "./picture.js";
import { predict } from "./server.js";

const UNSURE = 0.3; // a score below it is no answer to rely on
const WORDS = { waiting: "Waiting", working: "Classifying…" };
const template = document.getElementById("tile");

export const percent = (score) => `${(score * 100).toFixed(1)} %`;

/** Split a label into its first name and its other names. */
export function names(label) {
  const [first, ...others] = label.split(/,\s*/);
  return [first, others.join(", ")];
}

export class Item {
  /** `source` is a sample's address; `changed` is called with the item when it changes. */
  constructor(file, source, changed) {
    Object.assign(this, { file, source, changed, state: "waiting", answer: null, error: null, size: null });
    this.element = template.content.firstElementChild.cloneNode(true);
    this.part(".file").textContent = this.part(".file").title = file.name;
    this.part(".remove").ariaLabel = `Remove ${file.name}`;
    this.turn("waiting");
  }

  part(selector) {
    return this.element.querySelector(selector);
  }

  get best() {
    return this.answer?.predictions[0];
  }

  get isUnsure() {
    return Boolean(this.best) && this.best.score < UNSURE;
  }

  /** Take it through the server; rejects with Refused. */
  async send(signal) {
    this.size = await check(this.file);
    signal.throwIfAborted();
    const shown = this.preview();
    this.show(await predict(this.file, signal));
    await shown; // so that few pictures are decoded at a time
  }

  async preview() {
    const picture = this.part("img");
    const copy = this.size && !picture.src && await shrink(this.file, this.size);
    if (copy) picture.src = URL.createObjectURL(copy);
    picture.hidden = !picture.src;
  }

  show(answer) {
    this.answer = answer;
    this.turn("answered");
  }

  fail(error) {
    this.error = error;
    this.part(".problem").textContent = error.message;
    this.part(".again").hidden = !error.mayPass;
    this.turn("failed");
  }

  turn(state) {
    this.state = this.element.dataset.state = state;
    if (state !== "failed") this.error = null;
    if (state !== "answered") this.answer = null;
    this.part(".open").disabled = !this.answer;
    this.part(".name").textContent = this.title;
    this.part(".score").textContent = this.best ? percent(this.best.score) : "";
    this.element.style.setProperty("--share", this.best?.score ?? 0);
    this.element.classList.toggle("unsure", this.isUnsure);
    this.changed(this);
  }

  /** Its most likely class, or what it waits for. */
  get title() {
    return this.best ? names(this.best.label)[0] : WORDS[this.state] ?? "";
  }

  /** What became of it, in a sentence. */
  get summary() {
    return `${this.file.name}: ${this.error?.message ?? `${this.title}, ${percent(this.best.score)}`}`;
  }

  forget() {
    URL.revokeObjectURL(this.part("img").src);
  }
}
