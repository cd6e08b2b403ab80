// One picture at large: its most likely classes, and on demand how long that took and how to ask by hand.

import { curlLine } from "./curl.js";
import { names, percent } from "./item.js";

const template = document.getElementById("detail");

export class Detail {
  /** Fill `place`, in which it stays. */
  constructor(place) {
    this.item = null;
    this.element = template.content.firstElementChild.cloneNode(true);
    place.append(this.element);
    const picture = this.part("img");
    picture.addEventListener("error", () => this.#visible(false));
    picture.addEventListener("load", () => this.#visible(true));
    this.part(".copy").addEventListener("click", ({ target }) => this.#copy(target));
  }

  part(selector) {
    return this.element.querySelector(selector);
  }

  /** Show an item, or nothing: the picture of the one before is let go. */
  show(item) {
    if (this.item !== item) {
      URL.revokeObjectURL(this.part("img").src);
      this.item = item;
      this.part("img").removeAttribute("src");
      if (item) this.#picture(item.file);
    }
    this.element.hidden = !item || item.state === "failed";
    if (item) this.#update();
  }

  #picture(file) {
    this.part("img").src = URL.createObjectURL(file);
    this.part("img").alt = `Preview of ${file.name}`;
    this.part("figcaption").textContent = file.name;
    this.part(".how").open = false;
  }

  #visible(yes) {
    this.part("img").hidden = !yes;
    this.part(".preview p").hidden = yes;
  }

  #update() {
    const { state, answer, title, isUnsure } = this.item;
    this.element.dataset.state = state;
    this.element.classList.toggle("unsure", isUnsure);
    this.part(".name").textContent = title;
    if (answer) this.#answer(answer);
    else this.#wait();
  }

  #wait() {
    this.part(".score").textContent = this.part(".others").textContent = "";
    this.part(".ranking").replaceChildren(...Array.from({ length: 4 }, () => rank({ label: "", score: 0 })));
    this.part("h3").style.setProperty("--share", 0);
  }

  #answer({ predictions: [best, ...rest], stages }) {
    this.part(".others").textContent = names(best.label)[1];
    this.part(".score").textContent = percent(best.score);
    this.part("h3").style.setProperty("--share", best.score);
    this.part(".ranking").replaceChildren(...rest.map(rank));
    this.part(".stages").replaceChildren(...stages.map(stage));
    this.part(".times").replaceChildren(...stages.map(segment));
    this.part("code").textContent = curlLine(this.item.file, this.item.source);
    this.part(".copy").textContent = "Copy";
  }

  /** Without navigator.clipboard: that is there with HTTPS alone. */
  #copy(button) {
    getSelection().selectAllChildren(this.part("code"));
    button.textContent = document.execCommand("copy") ? "Copied" : "Press Ctrl-C";
  }
}

function rank({ label, score }) {
  const [first, others] = names(label);
  const item = make("li", make("span", first, make("small", others)), make("span", label && percent(score)));
  item.className = "bar";
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
