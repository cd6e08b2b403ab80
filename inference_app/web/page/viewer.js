// The dialog that shows one of many pictures at large, and steps to its neighbours.

import { Detail } from "./detail.js";

const dialog = document.getElementById("viewer");
const detail = new Detail(document.getElementById("viewed"));
let neighbours = () => [];

/** Open an item; `list()` returns those to step through. */
export function view(item, list) {
  neighbours = list;
  show(item);
  dialog.showModal();
}

export function refresh(item) {
  if (detail.item === item) detail.show(item);
}

function show(item) {
  const all = neighbours();
  detail.show(item);
  document.getElementById("previous").disabled = item === all[0];
  document.getElementById("following").disabled = item === all.at(-1);
  document.getElementById("position").textContent = `${all.indexOf(item) + 1} of ${all.length}`;
}

function step(by) {
  const all = neighbours();
  const next = all[all.indexOf(detail.item) + by];
  if (next) show(next);
}

document.getElementById("previous").addEventListener("click", () => step(-1));
document.getElementById("following").addEventListener("click", () => step(1));
document.getElementById("close").addEventListener("click", () => dialog.close());
dialog.addEventListener("keydown", ({ key }) => step({ ArrowLeft: -1, ArrowRight: 1 }[key] ?? 0));
dialog.addEventListener("click", ({ target }) => { if (target === dialog) dialog.close(); }); // its backdrop
dialog.addEventListener("close", () => {
  detail.item?.part(".open").focus();
  detail.show(null);
});
