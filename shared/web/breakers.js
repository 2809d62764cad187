// The circuit breakers' state, from GET /health: requested every few seconds, only while the page is visible, and at
// once after an answer. Health checks are not calls: they count against no limit.

import { call } from "./api.js";
import { element } from "./element.js";
import { say } from "./language.js";
import { Poll } from "./poll.js";
import { count, seconds } from "./units.js";

const EVERY = 5000; // milliseconds
const EVERY_WHEN_BROKEN = 1000;
const STATES = { closed: [say("closed"), "good"], half_open: [say("half-open"), "warm"], open: [say("open"), "bad"] };

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
      this.#show(breakers.length ? breakers.map(row) : [[say("none yet: the first call makes one"), "", ""]]);
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

function row([name, { state, failures_in_a_row: failed, opens_after: most, half_open_in_s: wait }]) {
  const [word, kind] = STATES[state] ?? [state, ""];
  const closed = [
    ...(failed ? [say("{failed} failed", { failed: count(failed) })] : []),
    // An adaptive breaker says where its threshold is.
    ...(most ? [say("opens after {most}", { most: count(most) })] : []),
  ];
  const more = wait ? [say("{wait} more", { wait: seconds(wait) })] : state === "closed" ? closed : [];
  return [name, [word, ...more].join(", "), kind];
}
