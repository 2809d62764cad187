// The fault switches of the embedded model server, if this service forwards them: after a click, calls fail in that way
// until the switch is off.

import { call } from "./api.js";
import { element } from "./element.js";
import { say } from "./language.js";
import { count } from "./units.js";

const PATH = "playground/faults";
const PRESETS = {
  [say("Off")]: null,
  [say("Slow by 2 s")]: { latency_ms: 2000 },
  [say("429, retry after 5 s")]: { status: 429, retry_after: 5 },
  [say("Errors 500")]: { status: 500 },
  [say("Cut after 5 tokens")]: { cut_after_tokens: 5 },
  [say("Hang")]: { hang: true },
};

export class Faults {
  #section = document.querySelector("#faults");
  #state = document.querySelector("#fault-state");
  #buttons = new Map(); // by the plan that each sends, as JSON
  #token;

  // `token`: returns the caller's token.
  constructor(token) {
    this.#token = token;
    for (const [name, plan] of Object.entries(PRESETS)) {
      const button = Object.assign(element("button", name), { type: "button" });
      button.addEventListener("click", () => this.#order(plan));
      this.#buttons.set(JSON.stringify(plan), button);
      document.querySelector("#presets").append(button);
    }
  }

  // Show the plan in force. The section is hidden if there is nothing to switch.
  look = () => this.#ask({}).catch(() => (this.#section.hidden = true));

  #order(plan) {
    const put = { method: "PUT", headers: { "Content-Type": "application/json" }, body: JSON.stringify(plan) };
    this.#ask(plan ? put : { method: "DELETE" }).catch((refusal) => (this.#state.textContent = refusal.message));
  }

  async #ask(options) {
    const { sequence, applied } = await (await call(PATH, this.#token(), options)).json();
    const inForce = JSON.stringify(sequence[0] ?? null);
    for (const [plan, button] of this.#buttons) button.ariaPressed = String(plan === inForce);
    const met = sequence.length ? metBy(applied) : "";
    const plan = say("In force: {plan}.", { plan: JSON.stringify(sequence) });
    this.#state.textContent = this.#buttons.has(inForce) ? met : `${plan} ${met}`;
    this.#section.hidden = false;
  }
}

const metBy = (calls) =>
  say(calls === 1 ? "Applied to {calls} call so far." : "Applied to {calls} calls so far.", { calls: count(calls) });
