// The caller's remaining limits: from the x-ratelimit-* headers of every reply, or from GET /usage. Counts the seconds
// until a limit is full again.

import { fromTemplate } from "./element.js";
import { say } from "./language.js";
import { count, seconds } from "./units.js";

const KINDS = ["requests", "tokens"];
const NAMES = { requests: say("requests left"), tokens: say("tokens left") };
const LEFT = {
  requests: (numbers) => say("{left} of {limit} requests", numbers),
  tokens: (numbers) => say("{left} of {limit} tokens", numbers),
};
const SIZES = { h: 3600, m: 60, s: 1, ms: 0.001 };
const LOW = 0.25; // of a limit

export class Limits {
  #known = new Map(); // by kind: its element, its limit, what remains of it, and when it is full again
  #timer = 0;

  readHeaders(headers) {
    for (const kind of KINDS) {
      const said = (name) => headers.get(`x-ratelimit-${name}-${kind}`);
      if (said("limit")) this.#note(kind, Number(said("limit")), Number(said("remaining")), duration(said("reset")));
    }
    this.#show();
  }

  readUsage({ limits }) {
    for (const kind of limits ? KINDS : []) {
      const { limit, remaining, reset_seconds: reset } = limits[kind];
      this.#note(kind, limit, remaining, reset);
    }
    this.#show();
  }

  #note(kind, limit, remaining, reset) {
    const element = this.#known.get(kind)?.element ?? fromTemplate("#limit-template");
    this.#known.set(kind, { element, limit, remaining, whole: Date.now() + reset * 1000 });
    document.querySelector("#limits").append(element);
  }

  #show() {
    this.#timer = clearTimeout(this.#timer);
    document.querySelector("#limits").hidden = !this.#known.size;
    for (const [kind, { element, limit, remaining, whole }] of this.#known) {
      const wait = (whole - Date.now()) / 1000;
      const left = wait > 0 ? remaining : limit;
      const [said, reset, bar] = ["left", "reset", "bar"].map((name) => element.querySelector(`.${name}`));
      said.textContent = LEFT[kind]({ left: count(left), limit: count(limit) });
      reset.textContent = wait > 0 ? say("full in {wait}", { wait: seconds(wait) }) : "";
      Object.assign(bar, { ariaLabel: NAMES[kind], ariaValueMax: limit, ariaValueNow: left });
      bar.classList.toggle("low", left < limit * LOW);
      bar.firstElementChild.style.width = `${(100 * left) / limit}%`;
      if (wait > 0) this.#timer ||= setTimeout(() => this.#show(), 1000);
    }
  }
}

// Seconds of `6m0s`, `1.5s`, `20ms`, as OpenAI writes them.
const duration = (text) =>
  [...(text ?? "").matchAll(/([\d.]+)(ms|h|m|s)/g)].reduce((sum, [, number, unit]) => sum + number * SIZES[unit], 0);
