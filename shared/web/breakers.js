// The circuit breakers' state, from GET /health: asked every few seconds, only while somebody can see it, and at once
// after an answer. Health checks are no calls: they count against no limit.

import { call } from "./api.js";

const EVERY = 5000; // milliseconds
const STATES = { closed: "good", half_open: "warm", open: "bad" };

export class Breakers {
  #section = document.querySelector("#breakers");
  #list = document.querySelector("#breakers ul");
  #timer = 0;
  #asking = false;

  constructor() {
    document.addEventListener("visibilitychange", () => this.look());
    this.look();
  }

  async look() {
    clearTimeout(this.#timer);
    if (document.hidden || this.#asking) return;
    this.#asking = true;
    try {
      const { checks } = await (await call("health", "")).json();
      this.#show(Object.entries(checks?.circuit_breakers ?? {}));
    } catch (refusal) {
      this.#show([["the service", { state: refusal.message }]]);
    } finally {
      this.#asking = false;
      this.#timer = setTimeout(() => this.look(), EVERY);
    }
  }

  #show(breakers) {
    const said = JSON.stringify(breakers.map(([name, { state }]) => [name, state]));
    if (said === this.#list.dataset.said) return; // nothing new: leave what a reader may be reading
    this.#list.dataset.said = said;
    this.#section.hidden = breakers.length === 0;
    this.#list.replaceChildren(
      ...breakers.map(([name, { state }]) => {
        const item = document.createElement("li");
        const words = Object.assign(document.createElement("span"), { className: `state ${STATES[state] ?? "bad"}` });
        words.textContent = state.replace("_", "-");
        item.append(`${name} `, words);
        return item;
      }),
    );
  }
}
