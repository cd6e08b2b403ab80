// The results as a file: CSV for spreadsheets, JSON for programs.

const COLUMNS = ["file", "class_id", "label", "score", "error"];

/** Return CSV (RFC 4180) of items: a line each, with the most likely class or the error. */
export function csv(items) {
  const rows = items.map(({ file, best, error }) => [
    file.name, best?.class_id ?? "", best?.label ?? "", best?.score ?? "", error?.message ?? "",
  ]);
  const lines = [COLUMNS, ...rows].map((row) => row.map(cell).join(","));
  return `\ufeff${lines.join("\r\n")}\r\n`; // with the mark, Excel reads it as UTF-8
}

/**
 * Quote a cell. Spreadsheets run what starts with one of these characters as a formula, and some cut cells
 * at semicolons or tabs: an apostrophe before it makes it text (OWASP, CSV injection).
 */
function cell(value) {
  const text = String(value).replace(/(^|[,;\t\r\n"])(\s*)(?=[=+\-@\t\r＝＋－＠])/g, "$1'$2");
  return `"${text.replaceAll('"', '""')}"`;
}

/** Return JSON of items, with all their classes. */
export function json(items) {
  const results = items.map(({ file, answer, error }) => (answer
    ? { file: file.name, model: answer.model, predictions: answer.predictions }
    : { file: file.name, error: { status: error.status, message: error.message } }));
  return `${JSON.stringify(results, null, 1)}\n`;
}

/** Have the browser save text as a file. */
export function save(name, type, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // once it has been read
}
