// All that a span says of itself: its times, attributes, events and links. Whoever sent it chose the words: they go in
// as text.

import { element } from "./element.js";
import { milliseconds } from "./units.js";

export function tell(section, { span, own }) {
  const heading = Object.assign(element("h3", span.name), { id: "span-name" });
  const alone = own.reduce((sum, [from, to]) => sum + to - from, 0);
  const times = `${exact(span.duration_ms)}, of which its own ${exact(alone)} · began after ${exact(span.started_ms)}`;
  section.replaceChildren(
    heading,
    element("p", `${span.service} · ${span.kind} · ${times}`, "soft"),
    ...(span.status === "error" ? [element("p", span.message || "It failed.", "trouble")] : []),
    ...table(span.attributes),
    ...span.events.flatMap(({ name, after_ms: after, attributes }) => [
      element("h4", `${name}${after === null ? "" : ` · after ${exact(after)}`}`),
      ...table(attributes),
    ]),
    ...span.links.map(({ trace_id: id }) => Object.assign(element("a", `linked: trace ${id}`), { href: `#${id}` })),
  );
}

function table(attributes) {
  const entries = Object.entries(attributes);
  if (!entries.length) return [];
  const list = document.createElement("dl");
  for (const [name, value] of entries) {
    list.append(element("dt", name), element("dd", typeof value === "string" ? value : JSON.stringify(value)));
  }
  return [list];
}

const exact = (value) => (value < 100 ? `${Number(value.toFixed(2))} ms` : milliseconds(value));
