// One picture: its preview, and what became of it.

import { curlLine } from "./curl.js";

const template = document.getElementById("card");
const percent = (score) => `${(score * 100).toFixed(1)} %`;

export class Card {
  /** `source` is a sample's address; `retry` is called with the card when somebody asks for it. */
  constructor(file, source, retry) {
    Object.assign(this, { file, source, error: null });
    this.element = template.content.firstElementChild.cloneNode(true);
    this.part("h3").textContent = this.part("h3").title = file.name;
    this.part(".ranking").append(...Array.from({ length: 5 }, () => rank({ label: "", score: 0 })));
    this.part(".again").addEventListener("click", () => {
      this.part("h3").focus(); // the button is about to go
      retry(this);
    });
    this.part(".copy").addEventListener("click", ({ target }) => this.copy(target));
    this.preview();
    this.wait("Waiting");
  }

  part(selector) {
    return this.element.querySelector(selector);
  }

  preview() {
    const picture = this.part("img");
    picture.addEventListener("error", () => {
      picture.hidden = true;
      this.part(".preview p").hidden = false;
    });
    picture.src = URL.createObjectURL(this.file);
    picture.alt = `Preview of ${this.file.name}`;
  }

  wait(text) {
    this.turn("waiting", text);
  }

  show({ predictions, stages }) {
    this.part(".ranking").replaceChildren(...predictions.map(rank));
    this.part(".time").textContent = `Answered in ${stages.reduce((sum, [, ms]) => sum + ms, 0).toFixed(0)} ms`;
    this.part(".bar").replaceChildren(...stages.map(segment));
    this.part(".stages").replaceChildren(...stages.map(stage));
    this.part("code").textContent = curlLine(this.file, this.source);
    this.turn("answered", "");
    return `${predictions[0].label}, ${percent(predictions[0].score)}`;
  }

  fail(error) {
    this.part(".problem").textContent = error.message;
    this.turn("failed", "", error);
  }

  turn(state, text, error = null) {
    this.error = error;
    this.element.dataset.state = state;
    this.part(".state").textContent = text;
    this.part(".problem").hidden = !error;
    this.part(".again").hidden = !error?.mayPass;
  }

  /** Without navigator.clipboard: that is there with HTTPS alone. */
  copy(button) {
    getSelection().selectAllChildren(this.part("code"));
    button.textContent = document.execCommand("copy") ? "Copied" : "Press Ctrl-C";
  }

  remove() {
    URL.revokeObjectURL(this.part("img").src);
    this.element.remove();
  }
}

function rank({ label, score }) {
  const item = make("li", make("span", label), make("span", label && percent(score)));
  item.style.setProperty("--share", score);
  return item;
}

function segment([, ms]) {
  const part = make("span");
  part.style.flexGrow = ms;
  return part;
}

function stage([name, ms]) {
  return make("div", make("dt", name), make("dd", `${ms.toFixed(1)} ms`));
}

function make(name, ...children) {
  const element = document.createElement(name);
  element.append(...children);
  return element;
}
