// All the data of a span: its times, attributes, events and links. Its sender chose the words, so they go in as
// text.

import { element } from "./element.js";
import { say } from "./language.js";
import { milliseconds } from "./units.js";

export function tell(section, { span, own }) {
  const heading = Object.assign(element("h3", span.name), { id: "span-name" });
  const alone = own.reduce((sum, [from, to]) => sum + to - from, 0);
  const [took, its, start] = [span.duration_ms, alone, span.started_ms].map(milliseconds);
  const said = say("took {took}, {its} of it its own · began at {start}", { took, its, start });
  section.replaceChildren(
    heading,
    element("p", `${span.service} · ${span.kind} · ${said}`, "soft"),
    ...(span.status === "error" ? [element("p", trouble(span), "trouble")] : []),
    ...table(span.attributes),
    ...span.events.flatMap(({ name, after_ms: after, attributes }) => [
      element("h4", `${name}${after === null ? "" : ` · ${say("after {time}", { time: milliseconds(after) })}`}`),
      ...table(attributes),
    ]),
    ...span.links.map(link),
  );
}

const link = ({ trace_id: id }) => Object.assign(element("a", say("linked: trace {id}", { id })), { href: `#${id}` });
const trouble = ({ message, attributes }) => message || attributes["error.type"] || say("It failed.");

function table(attributes) {
  const entries = Object.entries(attributes);
  if (!entries.length) return [];
  const list = document.createElement("dl");
  for (const [name, value] of entries) {
    list.append(element("dt", name), element("dd", typeof value === "string" ? value : JSON.stringify(value)));
  }
  return [list];
}
