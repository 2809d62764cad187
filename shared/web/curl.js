// A request as a shell command. The token is never in it: the shell inserts its own $TOKEN.

import { PATH } from "./chat.js";

export function curl(body, withToken) {
  const lines = [
    `curl ${body.stream ? "--no-buffer " : ""}${quoted(new URL(PATH, document.baseURI).href)}`,
    ...(withToken ? ['-H "Authorization: Bearer $TOKEN"'] : []),
    "-H 'Content-Type: application/json'",
    `-d ${quoted(JSON.stringify(body).replace(OBEYED, escaped))}`,
  ];
  return lines.join(" \\\n  ");
}

// Between single quotes, a shell takes everything literally except the quote itself.
const quoted = (text) => `'${text.replaceAll("'", String.raw`'\''`)}'`;

// Characters that a terminal obeys, or that hide the real order of the text, become JSON escapes of the same meaning.
const OBEYED = /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
const escaped = (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, "0")}`;
