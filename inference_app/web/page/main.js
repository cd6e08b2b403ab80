// Takes pictures in, has a few at a time classified, and keeps count.

import { Card } from "./card.js";
import { showClasses } from "./classes.js";
import { Refused, hasKey, predict, useKey } from "./server.js";

const AT_ONCE = 4; // of the six connections that browsers open to one server

const at = (id) => document.getElementById(id);
const cards = new Set();
const waiting = [];
let running = 0;
let batch = 0; // how many have been asked for since nothing was running
let work = new AbortController();

function add(files, source) {
  const added = [...files].map((file) => new Card(file, source, (card) => queue([card])));
  if (!added.length) return;
  added.forEach((card) => cards.add(card));
  at("cards").prepend(...added.map((card) => card.element));
  at("results").hidden = false;
  added[0].element.scrollIntoView({ block: "nearest" });
  queue(added);
}

function queue(some) {
  batch = some.length + (running ? batch : 0);
  some.forEach((card) => card.wait("Waiting"));
  waiting.push(...some);
  next();
}

function next() {
  while (running < AT_ONCE && waiting.length) {
    running += 1;
    classify(waiting.shift(), work.signal);
  }
  count();
}

async function classify(card, signal) {
  const said = await answer(card, signal);
  if (signal.aborted) return;
  running -= 1;
  next();
  if (!running) at("said").textContent = batch === 1 ? said : at("progress").textContent;
}

/** Have one picture classified; returns what became of it, in words. */
async function answer(card, signal) {
  card.wait("Classifying…");
  try {
    await readable(card.file);
    const busy = (error) => card.wait(`${error.message} The page asks again in ${error.retryAfter} s.`);
    return `${card.file.name}: ${card.show(await predict(card.file, { signal, busy }))}`;
  } catch (error) {
    card.fail(error);
    if (error.status === 401) askForKey();
    return `${card.file.name}: ${error.message}`;
  }
}

/** A folder that was dropped, or a file that has changed since, would look like a lost connection. */
async function readable(file) {
  await file.slice(0, 1).arrayBuffer().catch(() => {
    throw new Refused("This cannot be read: it is a folder, or has changed. Choose it again.", 400);
  });
}

function failed(test) {
  return [...cards].filter((card) => card.error && test(card.error));
}

function count() {
  const all = [...cards];
  const answered = all.filter((card) => card.element.dataset.state === "answered").length;
  const bad = failed(() => true).length;
  at("progress").textContent = `${answered} of ${all.length} answered${bad ? `, ${bad} failed` : ""}`;
  at("again").hidden = failed((error) => error.mayPass).length < 2;
}

function clear() {
  work.abort();
  work = new AbortController();
  running = waiting.length = 0;
  cards.forEach((card) => card.remove());
  cards.clear();
  at("results").hidden = true;
  at("choose").focus();
}

function askForKey() {
  at("key").hidden = false;
  at("key-problem").textContent = hasKey() ? "The server does not know this key." : "";
}

async function introduce() {
  try {
    await showClasses();
    at("key").hidden = true;
  } catch (error) {
    if (error.status === 401) askForKey();
    else at("model").textContent = error.message;
  }
}

for (const input of [at("choose"), at("camera")]) {
  input.addEventListener("change", () => {
    add(input.files);
    input.value = ""; // so that the same file can be chosen again
  });
}

at("samples").addEventListener("click", async ({ target }) => {
  const source = target.closest("button")?.querySelector("img").src;
  if (!source) return;
  const blob = await fetch(source).then((answer) => answer.blob()).catch(() => new Blob());
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

at("again").addEventListener("click", () => queue(failed((error) => error.mayPass)));
at("clear").addEventListener("click", clear);
at("key").addEventListener("submit", (event) => {
  event.preventDefault();
  useKey(at("key-text").value);
  introduce().then(() => queue(failed((error) => error.status === 401)));
});

introduce();
