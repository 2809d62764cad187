// A chart of lines over time. It shows the values where the pointer is, or where the arrow keys have moved to.
// In: lines of numbers, null for a missing one. Out: an SVG as wide as its place, and where the user points.

import { show, ticks } from "./scale.js";
import { svg } from "./svg.js";
import { clock } from "./units.js";

const HEIGHT = 150;
const [LEFT, RIGHT, TOP, BOTTOM] = [58, 10, 8, 20];
const TIME_LABEL = 90; // pixels, at least, for each

export class Chart {
  element = svg("svg", { tabindex: 0, role: "slider", height: HEIGHT });
  #data = { lines: [], times: [] };
  #place = null; // where the user points
  #pointer = svg("g", { class: "pointer" });

  // `told` is called with a place along the lines, or null when the user points at none.
  constructor(title, unit, told) {
    Object.assign(this, { title, unit, told });
    new ResizeObserver(() => this.#paint()).observe(this.element);
    this.element.addEventListener("pointermove", ({ clientX }) => this.#point(this.#under(clientX)));
    this.element.addEventListener("pointerleave", () => this.#point(null));
    this.element.addEventListener("blur", () => this.#point(null));
    this.element.addEventListener("focus", () => this.#point(this.#place ?? this.#last));
    this.element.addEventListener("keydown", (event) => this.#key(event));
  }

  draw(data) {
    this.#data = data;
    this.#paint();
  }

  get #last() {
    return Math.max(0, this.#data.times.length - 1);
  }

  #paint() {
    const width = this.element.clientWidth;
    const { lines, times } = this.#data;
    if (!width || !lines.length) return;
    const values = lines.flatMap(({ values }) => values).filter((value) => value !== null);
    const marks = ticks(Math.max(...values, this.unit.least ?? 0)).filter((mark) => !this.unit.whole || mark % 1 === 0);
    const most = Math.max(...marks, ...values);
    this.x = (place) => LEFT + ((width - LEFT - RIGHT) * place) / (this.#last || 1);
    this.y = (value) => HEIGHT - BOTTOM - ((HEIGHT - TOP - BOTTOM) * value) / most;
    const every = Math.ceil(times.length / Math.max(2, Math.floor(width / TIME_LABEL)));
    this.element.replaceChildren(
      ...marks.flatMap((mark) => [
        svg("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: this.y(mark), y2: this.y(mark) }),
        words(LEFT - 8, this.y(mark) + 4, "end", this.unit.show(mark)),
      ]),
      ...times.flatMap((time, place) =>
        (this.#last - place) % every ? [] : [words(this.x(place), HEIGHT - 4, place ? "end" : "start", clock(time))],
      ),
      ...(lines.length === 1 ? [svg("path", { class: "area line-0", d: this.#area(lines[0].values) })] : []),
      ...lines.map(({ values }, place) => svg("path", { class: `line line-${place}`, d: this.#path(values) })),
      this.#pointer,
    );
    this.#point(this.#place);
  }

  #at = (place, value) => `${this.x(place).toFixed(1)} ${this.y(value).toFixed(1)}`;

  // A missing value makes a gap; a value between two gaps is a dot.
  #path(values) {
    const begins = (place) => (values[place - 1] ?? null) === null;
    const step = (value, place) => (begins(place) ? `M${this.#at(place, value)}h0` : `L${this.#at(place, value)}`);
    return values.map((value, place) => (value === null ? "" : step(value, place))).join("");
  }

  #area(values) {
    const above = values.map((value, place) => this.#at(place, value ?? 0));
    return `M${[this.#at(0, 0), ...above, this.#at(this.#last, 0)].join("L")}Z`;
  }

  #under(clientX) {
    const { left, width } = this.element.getBoundingClientRect();
    const share = (clientX - left - LEFT) / (width - LEFT - RIGHT);
    return Math.round(Math.min(1, Math.max(0, share)) * this.#last);
  }

  #point(place) {
    const { lines, times } = this.#data;
    this.#place = place === null ? null : Math.min(place, this.#last);
    const here = this.#place ?? this.#last;
    this.told(this.#place);
    const said = lines.map(({ label, values: { [here]: value } }) => `${label} ${show(value, this.unit)}`);
    Object.assign(this.element, {
      ariaLabel: this.title,
      ariaValueMin: 0,
      ariaValueMax: this.#last,
      ariaValueNow: here,
      ariaValueText: `${clock(times[here])}: ${said.join(", ")}`,
    });
    if (this.#place === null || !this.x) return this.#pointer.replaceChildren();
    const x = this.x(here);
    const [side, gap] = x > this.element.clientWidth / 2 ? ["end", -6] : ["start", 6];
    this.#pointer.replaceChildren(
      svg("line", { x1: x, x2: x, y1: TOP, y2: HEIGHT - BOTTOM }),
      words(x + gap, TOP + 8, side, clock(times[here], true)),
      ...lines
        .map(({ values }, index) => [values[here], `line-${index}`])
        .filter(([value]) => value !== null)
        .map(([value, line]) => svg("circle", { class: line, cx: x, cy: this.y(value), r: 3.5 })),
    );
  }

  #key(event) {
    const here = this.#place ?? this.#last;
    const to = { ArrowLeft: here - 1, ArrowRight: here + 1, Home: 0, End: this.#last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.#point(Math.max(0, to));
  }
}

const words = (x, y, anchor, text) => svg("text", { x, y, "text-anchor": anchor }, text);
