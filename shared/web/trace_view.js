// One trace as a waterfall: who called whom, when, for how long, and what of it was each one's own time. A tree for the
// keyboard: up and down, left and right to close and open. What a span says of itself stands below.

import { offerCopy } from "./clipboard.js";
import { element } from "./element.js";
import { tell } from "./span_facts.js";
import { lay } from "./span_tree.js";
import { outcome } from "./trace_list.js";
import { milliseconds } from "./units.js";

const at = (selector) => document.querySelector(selector);
const TICKS = 5;
const TONES = 4; // colours for services, see observe.css

export class TraceView {
  #tree = at("#waterfall");
  #rows = [];
  #closed = new Set(); // ids of spans whose children are hidden
  #chosen = "";
  #id = "";

  constructor() {
    this.#tree.addEventListener("click", ({ target }) => this.#choose(this.#of(target)));
    this.#tree.addEventListener("keydown", (event) => this.#key(event));
  }

  hide = () => (at("#trace article").hidden = true);

  show(trace) {
    if (trace.trace_id !== this.#id) [this.#chosen, this.#closed] = ["", new Set()];
    const held = this.#tree.contains(document.activeElement);
    this.#id = trace.trace_id;
    at("#name").textContent = trace.name;
    at("#trace article").hidden = false;
    const services = [...new Set(trace.spans.map(({ service }) => service))];
    this.#sayFacts(trace, services);
    at("#axis p").replaceChildren(
      ...Array.from({ length: TICKS }, (_, tick) => element("span", tickTime((trace.duration_ms * tick) / (TICKS - 1)))),
    );
    this.#rows = lay(trace.spans).map((laid) => ({ ...laid, element: row(laid, trace, services) }));
    this.#tree.replaceChildren(...this.#rows.map(({ element }) => element));
    this.#fold();
    const chosen = this.#rows.find(({ span }) => span.span_id === this.#chosen) ?? this.#worst();
    this.#choose(chosen, held);
  }

  // What somebody who opens a trace looks for: the innermost span that failed, or the first.
  #worst = () => this.#rows.findLast(({ span }) => span.status === "error") ?? this.#rows[0];

  #sayFacts(trace, services) {
    const id = Object.assign(element("button", trace.trace_id, "id"), { type: "button", title: "Copy" });
    offerCopy(id, () => trace.trace_id);
    const state = trace.http_status ?? trace.status;
    const more = trace.left_out ? `, ${trace.left_out} more were left out` : "";
    const facts = {
      status: element("span", state, `state ${outcome(trace)}`),
      took: milliseconds(trace.duration_ms),
      at: new Date(trace.started * 1000).toLocaleTimeString("en-GB"),
      spans: `${trace.spans.length}${more}`,
      ...(services.length > 1 && { services: legend(services) }),
      trace: id,
    };
    at("#facts").replaceChildren(
      ...Object.entries(facts).map(([name, fact]) => {
        const [group, value] = [document.createElement("div"), document.createElement("dd")];
        value.append(fact);
        group.append(element("dt", name), value);
        return group;
      }),
    );
  }

  #of = (target) => this.#rows.find(({ element }) => element === target.closest("[role=treeitem]"));

  #choose(laid, focus = true) {
    if (!laid) return;
    this.#chosen = laid.span.span_id;
    for (const { element } of this.#rows) {
      element.ariaSelected = String(element === laid.element);
      element.tabIndex = element === laid.element ? 0 : -1;
    }
    if (focus) laid.element.focus({ preventScroll: false });
    tell(at("#span"), laid);
  }

  #fold() {
    const hidden = new Set();
    for (const { span, parent, element, children } of this.#rows) {
      element.hidden = hidden.has(parent);
      if (children) element.ariaExpanded = String(!this.#closed.has(span.span_id));
      if (element.hidden || this.#closed.has(span.span_id)) hidden.add(span.span_id);
    }
  }

  #key(event) {
    const open = this.#rows.filter(({ element }) => !element.hidden);
    const here = open.findIndex(({ element }) => element === event.target);
    const laid = open[here];
    const closed = this.#closed.has(laid?.span.span_id);
    const act = {
      ArrowDown: () => this.#choose(open[here + 1]),
      ArrowUp: () => this.#choose(open[here - 1]),
      Home: () => this.#choose(open[0]),
      End: () => this.#choose(open.at(-1)),
      ArrowRight: () => (closed ? this.#turn(laid) : laid.children && this.#choose(open[here + 1])),
      ArrowLeft: () =>
        laid.children && !closed ? this.#turn(laid) : this.#choose(open.find(({ span }) => span.span_id === laid.parent)),
    }[event.key];
    if (!laid || !act) return;
    event.preventDefault();
    act();
  }

  #turn({ span: { span_id: id } }) {
    if (!this.#closed.delete(id)) this.#closed.add(id);
    this.#fold();
  }
}

function row({ span, depth, own, children }, { duration_ms: whole }, services) {
  const item = Object.assign(document.createElement("li"), { role: "treeitem", ariaLevel: String(depth + 1) });
  item.classList.add(`tone-${services.indexOf(span.service) % TONES}`, span.status);
  const name = element("span", "", "name");
  name.style.paddingInlineStart = `${Math.min(depth, 12) * 0.7}rem`;
  name.append(element("i", "", children ? "twig" : "leaf"), element("span", span.name));
  const track = element("span", "", "track");
  const place = (part, start, length) => {
    part.style.left = `${(100 * start) / (whole || 1)}%`;
    part.style.width = `${(100 * length) / (whole || 1)}%`;
    track.append(part);
  };
  place(element("i", "", "bar"), span.started_ms, span.duration_ms);
  for (const [from, to] of own) place(element("i", "", "bar own"), from, to - from);
  for (const { after_ms: after } of span.events) place(element("i", "", "event"), span.started_ms + (after ?? 0), 0);
  item.append(name, track, element("span", milliseconds(span.duration_ms), "took"));
  return item;
}

function legend(services) {
  const shown = document.createElement("span");
  shown.append(...services.map((name, place) => element("span", name, `service tone-${place % TONES}`)));
  return shown;
}

const tickTime = (value) => (value < 10 ? `${Number(value.toFixed(1))} ms` : milliseconds(value));
