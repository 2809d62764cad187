// One trace as a waterfall: which span called which, when, for how long, and how much of it was its own time. Its rows
// are a tree, also for the keyboard. The data of the chosen span is below.

import { offerCopy } from "./clipboard.js";
import { element } from "./element.js";
import { say } from "./language.js";
import { tell } from "./span_facts.js";
import { lay } from "./span_tree.js";
import { outcome } from "./trace_list.js";
import { clock, count, milliseconds } from "./units.js";

const at = (selector) => document.querySelector(selector);
const TICKS = 5;
const TONES = 4; // colours of services, see observe.css
const DEEPEST = 15; // the last depth that is indented further
const KEYS = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity };

export class TraceView {
  #tree = at("#waterfall");
  #rows = [];
  #chosen = ""; // id of a span
  #id = "";

  constructor() {
    this.#tree.addEventListener("click", ({ target }) => this.#choose(this.#placeOf(target)));
    this.#tree.addEventListener("keydown", (event) => this.#key(event));
  }

  hide = () => (at("#trace article").hidden = true);

  // A trace that is shown again may have more spans than before: the chosen span stays chosen.
  show(trace) {
    if (trace.trace_id !== this.#id) this.#chosen = "";
    const held = this.#tree.contains(document.activeElement);
    this.#id = trace.trace_id;
    at("#name").textContent = trace.name;
    at("#trace article").hidden = false;
    const services = [...new Set(trace.spans.map(({ service }) => service))];
    showFacts(trace, services);
    const times = Array.from({ length: TICKS }, (_, tick) => (trace.duration_ms * tick) / (TICKS - 1));
    at("#axis p").replaceChildren(...times.map((time) => element("span", milliseconds(time))));
    this.#rows = lay(trace.spans).map((laid) => ({ ...laid, element: row(laid, trace.duration_ms, services) }));
    this.#tree.replaceChildren(...this.#rows.map(({ element }) => element));
    this.#choose(this.#placeOfChosen(), held);
  }

  // At first, the span that a reader looks for: the innermost one that failed, or the root.
  #placeOfChosen() {
    const before = this.#rows.findIndex(({ span }) => span.span_id === this.#chosen);
    if (before >= 0) return before;
    return Math.max(0, this.#rows.findLastIndex(({ span }) => span.status === "error"));
  }

  #placeOf = (target) => this.#rows.findIndex(({ element }) => element === target.closest("li"));

  #choose(place, focus = true) {
    const chosen = this.#rows[place];
    if (!chosen) return;
    this.#chosen = chosen.span.span_id;
    for (const { element } of this.#rows) {
      element.ariaSelected = String(element === chosen.element);
      element.tabIndex = element === chosen.element ? 0 : -1;
    }
    if (focus) chosen.element.focus();
    tell(at("#span"), chosen);
  }

  #key(event) {
    const step = KEYS[event.key];
    if (!step) return;
    event.preventDefault();
    this.#choose(Math.min(this.#rows.length - 1, Math.max(0, this.#placeOf(event.target) + step)));
  }
}

function showFacts(trace, services) {
  const id = Object.assign(element("button", trace.trace_id, "id"), { type: "button", title: say("Copy") });
  offerCopy(id, () => trace.trace_id);
  const more = { count: count(trace.left_out ?? 0) };
  const leftOut = trace.left_out ? `, ${say("{count} more were left out", more)}` : "";
  const facts = [
    [say("status"), element("span", trace.http_status ?? trace.status, `state ${outcome(trace)}`)],
    [say("took"), milliseconds(trace.duration_ms)],
    [say("at"), clock(trace.started * 1000, true)],
    [say("spans"), count(trace.spans.length) + leftOut],
    ...(services.length > 1 ? [[say("services"), legend(services)]] : []),
    [say("trace"), id],
  ];
  at("#facts").replaceChildren(
    ...facts.map(([name, fact]) => {
      const [group, value] = [document.createElement("div"), document.createElement("dd")];
      value.append(fact);
      group.append(element("dt", name), value);
      return group;
    }),
  );
}

function legend(services) {
  const shown = document.createElement("span");
  shown.append(...services.map((name, place) => element("span", name, `service tone-${place % TONES}`)));
  return shown;
}

function row({ span, depth, own }, whole, services) {
  const item = Object.assign(document.createElement("li"), { role: "treeitem", ariaLevel: String(depth + 1) });
  item.className = `tone-${services.indexOf(span.service) % TONES} ${span.status}`;
  const name = element("span", span.name, "name");
  name.style.paddingInlineStart = `${Math.min(depth, DEEPEST) * 0.55}rem`;
  const track = element("span", "", "track");
  const draw = (kind, from, to) => {
    const part = element("i", "", kind);
    part.style.left = `${(100 * from) / (whole || 1)}%`;
    part.style.width = `${(100 * (to - from)) / (whole || 1)}%`;
    track.append(part);
  };
  draw("stretch", span.started_ms, span.started_ms + span.duration_ms);
  for (const [from, to] of own) draw("stretch own", from, to);
  for (const { after_ms: after } of span.events) draw("event", span.started_ms + after, span.started_ms + after);
  item.append(name, track, element("span", milliseconds(span.duration_ms), "took"));
  return item;
}
