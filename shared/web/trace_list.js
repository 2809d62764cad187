// The latest traces that pass the filter, one line each, newest first. Lines that stay keep their elements, so that the
// keyboard's focus on one of them is not lost when others come.

import { element } from "./element.js";
import { say } from "./language.js";
import { clock, count, milliseconds } from "./units.js";

const at = (selector) => document.querySelector(selector);

export class TraceList {
  #list = at("#list");
  #traces = [];
  #rows = new Map(); // by trace id
  #marked = "";

  constructor() {
    at("#filters").addEventListener("change", () => this.#draw());
    this.#list.addEventListener("keydown", (event) => this.#step(event));
  }

  show(traces) {
    this.#traces = traces;
    this.#offer();
    this.#draw();
  }

  mark(id) {
    this.#marked = id;
    for (const [each, row] of this.#rows) row.firstChild.ariaCurrent = each === id ? "true" : null;
  }

  // Endpoints to choose from. The chosen one stays.
  #offer() {
    const [choice, { value }] = [at("#endpoint"), at("#endpoint")];
    const names = [...new Set([value, ...this.#traces.map(({ name }) => name)])].filter(Boolean).sort();
    if (names.join("\n") === choice.dataset.said) return;
    choice.dataset.said = names.join("\n");
    choice.replaceChildren(choice.options[0], ...names.map((name) => new Option(name, name, false, name === value)));
  }

  #draw() {
    const wanted = this.#traces.filter(passes);
    const slowest = Math.max(...wanted.map(({ duration_ms: duration }) => duration));
    const ids = new Set(wanted.map(({ trace_id: id }) => id));
    for (const [id, row] of this.#rows) {
      if (ids.has(id)) continue;
      row.remove();
      this.#rows.delete(id);
    }
    let next = this.#list.firstChild;
    for (const trace of wanted) {
      const row = this.#rows.get(trace.trace_id) ?? this.#add(trace.trace_id);
      fill(row.firstChild, trace, slowest);
      if (row === next) next = next.nextSibling;
      else this.#list.insertBefore(row, next);
    }
    this.mark(this.#marked);
  }

  #add(id) {
    const row = document.createElement("li");
    row.append(Object.assign(element("a", ""), { href: `#${id}` }));
    this.#rows.set(id, row);
    return row;
  }

  #step(event) {
    const way = { ArrowDown: "nextSibling", ArrowUp: "previousSibling" }[event.key];
    const row = way && event.target.closest("li")?.[way];
    if (!row) return;
    event.preventDefault();
    row.firstChild.focus();
  }
}

export const outcome = ({ status, http_status: code }) =>
  status === "error" || code >= 500 ? "bad" : code >= 400 ? "warm" : "good";

const passes = (trace) =>
  ({ "": true, failed: outcome(trace) === "bad", refused: outcome(trace) === "warm" })[at("#outcome").value] &&
  trace.duration_ms >= Number(at("#slower").value) &&
  ["", trace.name].includes(at("#endpoint").value);

function fill(link, trace, slowest) {
  const said = JSON.stringify([trace, slowest]);
  if (link.dataset.said === said) return;
  link.dataset.said = said;
  const bar = element("i", "");
  bar.style.width = `${(100 * trace.duration_ms) / slowest}%`;
  const status = trace.http_status ?? (trace.status === "error" ? "error" : "ok");
  const spans = say(trace.spans === 1 ? "{spans} span" : "{spans} spans", { spans: count(trace.spans) });
  link.replaceChildren(
    element("b", trace.name),
    element("span", status, `state ${outcome(trace)}`),
    element("small", `${clock(trace.started * 1000, true)} · ${spans}`),
    element("span", milliseconds(trace.duration_ms), "took"),
    bar,
  );
}
