// One panel: its words, its chart, and below it the same numbers as a table, for readers who cannot see the lines.

import { Chart } from "./chart.js";
import { element, fromTemplate } from "./element.js";
import { say, sayIfKnown } from "./language.js";
import { show, UNITS } from "./scale.js";
import { clock } from "./units.js";

export class Panel {
  element = fromTemplate("#panel-template");
  #chart;
  #data = null;

  constructor({ name, title, unit, says }) {
    this.unit = UNITS[unit] ?? UNITS.count;
    this.element.id = `panel-${name}`;
    this.#at("h2").textContent = say(title);
    this.#at(".says").textContent = say(says);
    this.#chart = new Chart(say(title), this.unit, (place) => this.#tell(place));
    this.#at(".chart").append(this.#chart.element);
    this.#at(".numbers").addEventListener("toggle", () => this.#fillTable());
  }

  draw({ lines: given, queries }, { started, step }) {
    const lines = given.map(({ label, values }) => ({ label: sayIfKnown(label), values })); // many labels are data
    const times = lines[0]?.values.map((_, place) => (started + place * step) * 1000) ?? [];
    this.#data = { lines, times };
    this.#at(".none").hidden = lines.length > 0;
    this.#at(".chart").hidden = this.#at(".numbers").hidden = !lines.length;
    this.#at(".queries div").replaceChildren(...queries.map((query) => element("code", query)));
    this.#at(".legend").replaceChildren(
      ...lines.map(({ label }, place) => {
        const entry = element("li", "", `line-${place}`);
        entry.append(element("i", ""), element("span", label), element("b", ""));
        return entry;
      }),
    );
    this.#chart.draw(this.#data);
    this.#fillTable();
  }

  // The values at one place, shown in the legend; the latest ones if the user points nowhere.
  #tell(place) {
    const { lines } = this.#data;
    this.element.querySelectorAll(".legend b").forEach((value, index) => {
      const { values } = lines[index];
      value.textContent = show(values[place ?? values.findLastIndex((each) => each !== null)], this.unit);
    });
  }

  #fillTable() {
    if (!this.#at(".numbers").open || !this.#data) return;
    const { lines, times } = this.#data;
    const rows = times.map((time, place) => [
      clock(time, true),
      ...lines.map(({ values }) => show(values[place], this.unit)),
    ]);
    const table = document.createElement("table");
    table.append(
      element("caption", this.#at("h2").textContent, "unseen"),
      row([say("time"), ...lines.map(({ label }) => label)], "th"),
      ...rows.reverse().map((cells) => row(cells, "td")),
    );
    this.#at(".numbers div").replaceChildren(table);
  }

  #at = (selector) => this.element.querySelector(selector);
}

function row(cells, tag) {
  const made = document.createElement("tr");
  made.append(...cells.map((cell) => element(tag, cell)));
  return made;
}
