// The pictures on the page, the newest first: what is counted, shown, removed and brought back.

import { Detail } from "./detail.js";
import { Item } from "./item.js";
import { Queue } from "./queue.js";
import { csv, json, save } from "./save.js";
import { refresh, view } from "./viewer.js";

const at = (id) => document.getElementById(id);
const list = at("tiles");
const latest = new Detail(at("latest"));
const queue = new Queue((item, signal) => item.send(signal), render);
const count = (number) => number.toLocaleString("en");

let items = [];
let removed = []; // [item, index] pairs that Undo brings back
let batch = []; // those that were added last

export const resume = () => queue.resume();

export function add(files, source) {
  batch = [...files].map((file) => new Item(file, source, changed));
  if (!batch.length) return;
  items.unshift(...batch);
  list.prepend(...batch.map(dress));
  feature(batch.length === 1 ? batch[0] : null);
  forget();
  queue.add(batch);
  reveal();
}

/** Scroll to the first result unless it is in sight. */
function reveal() {
  const { top } = at("results").getBoundingClientRect();
  if (top < 0 || top > innerHeight / 2) at("results").scrollIntoView();
}

function dress(item) {
  item.part(".open").addEventListener("click", () => view(item, viewable));
  item.part(".remove").addEventListener("click", () => remove([item]));
  item.part(".again").addEventListener("click", () => queue.add([item]));
  return item.element;
}

/** Show one at large above the others. */
function feature(item) {
  latest.item?.element.classList.remove("featured");
  item?.element.classList.add("featured");
  latest.show(item);
}

function changed(item) {
  if (latest.item === item) latest.show(item);
  refresh(item);
}

const viewable = () => items.filter((item) => item.state === "answered" && item.element.checkVisibility());
const settled = () => items.filter(({ state }) => state === "answered" || state === "failed");
const failed = () => items.filter(({ state }) => state === "failed");

function remove(gone) {
  forget();
  const all = new Set(gone);
  removed = items.map((item, index) => [item, index]).filter(([item]) => all.has(item));
  items = items.filter((item) => !all.has(item));
  removed.forEach(([item]) => item.element.remove());
  if (all.has(latest.item)) feature(items.length === 1 ? items[0] : null);
  queue.remove(all);
  at("removed").textContent = gone.length === 1 ? `Removed ${gone[0].file.name}` : `Removed ${count(gone.length)} pictures`;
  at("undo").hidden = false;
  at("bring-back").focus();
}

function bringBack() {
  for (const [item, index] of removed) {
    items.splice(index, 0, item);
    list.insertBefore(item.element, list.children[index] ?? null);
  }
  const back = removed.map(([item]) => item);
  removed = [];
  forget();
  if (items.length === 1) feature(items[0]);
  queue.add(back.filter(({ state }) => state === "waiting"));
}

/** Let go what was removed before: from now on it cannot be brought back. */
function forget() {
  removed.forEach(([item]) => item.forget());
  removed = [];
  at("undo").hidden = true;
}

/** Write down what has become of all, after every change. */
function render() {
  const bad = failed();
  const done = settled().length;
  const unsure = items.filter((item) => item.isUnsure).length;
  document.body.classList.toggle("has-results", items.length > 0);
  at("results").hidden = !items.length;
  at("progress").textContent = [
    `${count(done - bad.length)} of ${count(items.length)} classified`, bad.length && `${count(bad.length)} failed`,
  ].filter(Boolean).join(", ");
  Object.assign(at("bar"), { max: items.length || 1, value: done });
  at("tools").hidden = items.length < 2;
  at("tools").classList.toggle("idle", queue.isIdle);
  at("busy").hidden = !queue.notice;
  at("notice").textContent = queue.notice;
  at("continue").hidden = !queue.stopped;
  at("stop").hidden = queue.isIdle;
  at("retry").hidden = !queue.isIdle || bad.filter(({ error }) => error.mayPass).length < 2;
  offer("all", items.length);
  offer("unsure", unsure);
  offer("failed", bad.length);
  if (queue.isIdle) say();
}

/** Let a filter be chosen where there is something to see. */
function offer(name, number) {
  const radio = at(`show-${name}`);
  at(`count-${name}`).textContent = count(number);
  radio.disabled = !number;
  if (radio.checked && !number) at("show-all").click();
}

function say() {
  if (queue.stopped) at("said").textContent = queue.notice;
  else if (items.length) at("said").textContent = batch.length === 1 ? batch[0].summary : at("progress").textContent;
}

at("filter").addEventListener("change", ({ target }) => { at("results").dataset.show = target.value; });
at("stop").addEventListener("click", () => queue.stop("Stopped."));
at("continue").addEventListener("click", () => queue.resume());
at("retry").addEventListener("click", () => queue.add(failed().filter(({ error }) => error.mayPass)));
at("clear").addEventListener("click", () => remove(items));
at("remove-latest").addEventListener("click", () => remove([latest.item]));
at("bring-back").addEventListener("click", bringBack);
at("dismiss").addEventListener("click", () => { forget(); at("choose").focus(); });
at("csv").addEventListener("click", () => save("results.csv", "text/csv", csv(settled())));
at("json").addEventListener("click", () => save("results.json", "application/json", json(settled())));
