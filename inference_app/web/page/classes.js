// The model's name, and the list of what it can name.

import { labels } from "./server.js";

const model = document.getElementById("model");
const list = document.getElementById("labels");
const search = document.getElementById("search");
const found = document.getElementById("found");
const classes = document.getElementById("classes");

/** Show the model; while it loads, wait. Rejects with Refused. */
export async function showClasses() {
  const body = await labels((error) => { model.textContent = error.message; });
  const count = body.labels.length.toLocaleString("en");
  model.textContent = `${body.model} · ${count} classes`;
  classes.hidden = false;
  classes.querySelector("summary").textContent = `All ${count} classes`;
  list.replaceChildren(...body.labels.map(entry));
  filter();
}

function entry({ class_id: id, label }) {
  const item = document.createElement("li");
  const code = document.createElement("code");
  code.textContent = id;
  item.append(label, " ", code);
  return item;
}

function filter() {
  const wanted = search.value.trim().toLowerCase();
  let shown = 0;
  for (const item of list.children) {
    item.hidden = !item.textContent.toLowerCase().includes(wanted);
    shown += !item.hidden;
  }
  found.textContent = wanted && `${shown.toLocaleString("en")} found`;
}

search.addEventListener("input", filter);
