// The command line that sends the same picture.

import { hasKey } from "./server.js";

/** Word it for a POSIX shell; `source` is the address of a picture that came from the server. */
export function curlLine(file, source) {
  const target = quoted(new URL("predict?top_k=5", document.baseURI).href);
  const key = hasKey() ? " -H 'Authorization: Bearer KEY'" : "";
  if (source) return `curl -s ${quoted(source)} | curl -F image=@-${key} ${target}`;
  return `curl -F ${quoted(`image=@${named(file.name)}`)}${key} ${target}`;
}

/** Curl's own quotes: without them, a comma or semicolon would end the name. */
function named(name) {
  return /[,;"\\]/.test(name) ? `"${name.replace(/["\\]/g, "\\$&")}"` : name;
}

function quoted(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
