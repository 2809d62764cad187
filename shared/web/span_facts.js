// All the data of a span: its times, attributes, events and links. Its sender chose the words, so they go in as
// text.

import { element } from "./element.js";
import { milliseconds } from "./units.js";

export function tell(section, { span, own }) {
  const heading = Object.assign(element("h3", span.name), { id: "span-name" });
  const alone = own.reduce((sum, [from, to]) => sum + to - from, 0);
  const took = `took ${milliseconds(span.duration_ms)}, ${milliseconds(alone)} of it its own`;
  section.replaceChildren(
    heading,
    element("p", `${span.service} · ${span.kind} · ${took} · began at ${milliseconds(span.started_ms)}`, "soft"),
    ...(span.status === "error" ? [element("p", trouble(span), "trouble")] : []),
    ...table(span.attributes),
    ...span.events.flatMap(({ name, after_ms: after, attributes }) => [
      element("h4", `${name}${after === null ? "" : ` · after ${milliseconds(after)}`}`),
      ...table(attributes),
    ]),
    ...span.links.map(({ trace_id: id }) => Object.assign(element("a", `linked: trace ${id}`), { href: `#${id}` })),
  );
}

const trouble = ({ message, attributes }) => message || attributes["error.type"] || "It failed.";

function table(attributes) {
  const entries = Object.entries(attributes);
  if (!entries.length) return [];
  const list = document.createElement("dl");
  for (const [name, value] of entries) {
    list.append(element("dt", name), element("dd", typeof value === "string" ? value : JSON.stringify(value)));
  }
  return [list];
}
