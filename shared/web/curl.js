// A request as a command for a shell. The token is never in it: the shell puts its own $TOKEN there.

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

// Between single quotes a shell reads everything as it stands, but for the quote itself.
const quoted = (text) => `'${text.replaceAll("'", String.raw`'\''`)}'`;

// What a terminal would obey, or show in another order than it runs, goes in as JSON escapes: it means the same.
const OBEYED = /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
const escaped = (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, "0")}`;
