// The circuit breakers' state, from GET /health: requested every few seconds, only while the page is visible, and at
// once after an answer. Health checks are not calls: they count against no limit.

import { call } from "./api.js";
import { element } from "./element.js";
import { Poll } from "./poll.js";
import { seconds } from "./units.js";

const EVERY = 5000; // milliseconds
const EVERY_WHEN_BROKEN = 1000;
const STATES = { closed: "good", half_open: "warm", open: "bad" };

export class Breakers {
  #section = document.querySelector("#breakers");
  #list = document.querySelector("#breakers ul");
  #poll = new Poll(() => this.#ask(), EVERY);
  look = () => this.#poll.now();

  constructor() {
    this.look();
  }

  async #ask() {
    this.#poll.every = EVERY;
    try {
      const { checks } = await (await call("health", "")).json();
      const breakers = Object.entries(checks?.circuit_breakers?.breakers ?? {});
      this.#section.hidden = !checks?.circuit_breakers;
      this.#show(breakers.length ? breakers.map(row) : [["none yet: the first call makes one", "", ""]]);
      if (breakers.some(([, { state }]) => state !== "closed")) this.#poll.every = EVERY_WHEN_BROKEN;
    } catch (refusal) {
      this.#show([[refusal.message, "", ""]]);
    }
  }

  // Rows: a name, its state, the state's colour. Equal rows stay, as somebody may be reading, or selecting, them.
  #show(rows) {
    const said = JSON.stringify(rows);
    if (said === this.#list.dataset.said) return;
    this.#list.dataset.said = said;
    this.#list.replaceChildren(...rows.map(([name]) => element("li", name)));
    rows.forEach(([, state, kind], place) => this.#list.children[place].append(element("span", state, kind)));
  }
}

function row([name, { state, failures_in_a_row: failures, opens_after: most, half_open_in_s: wait }]) {
  const failed = failures ? `, ${failures} failed` : "";
  const closed = failed + (most ? `, opens after ${most}` : ""); // an adaptive breaker says where its threshold is
  const more = wait ? `, ${seconds(wait)} more` : state === "closed" ? closed : "";
  return [name, state.replace("_", "-") + more, STATES[state] ?? ""];
}
