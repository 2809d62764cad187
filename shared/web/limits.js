// What the caller may still do: from the x-ratelimit-* headers of every reply, or from GET /usage. Counts the seconds
// until a limit is whole again.

import { count, seconds } from "./units.js";

const KINDS = ["requests", "tokens"];
const SIZES = { h: 3600, m: 60, s: 1, ms: 0.001 };
const LOW = 0.25; // of a limit

export class Limits {
  #section = document.querySelector("#limits");
  #shown = new Map();
  #timer = 0;

  constructor() {
    for (const kind of KINDS) {
      const element = document.querySelector("#limit-template").content.firstElementChild.cloneNode(true);
      element.querySelector(".bar").ariaLabel = `${kind} left`;
      this.#shown.set(kind, { element });
    }
  }

  readHeaders(headers) {
    for (const kind of KINDS) {
      const limit = headers.get(`x-ratelimit-limit-${kind}`);
      if (limit === null) continue;
      const remaining = headers.get(`x-ratelimit-remaining-${kind}`);
      this.#note(kind, Number(limit), Number(remaining), duration(headers.get(`x-ratelimit-reset-${kind}`)));
    }
    this.#show();
  }

  readUsage({ limits }) {
    for (const kind of KINDS) {
      const part = limits?.[kind];
      if (part) this.#note(kind, part.limit, part.remaining, part.reset_seconds);
    }
    this.#show();
  }

  #note(kind, limit, remaining, reset) {
    Object.assign(this.#shown.get(kind), { limit, remaining, whole: Date.now() + reset * 1000 });
  }

  #show() {
    clearTimeout(this.#timer);
    let counting = false;
    for (const [kind, { element, limit, remaining, whole }] of this.#shown) {
      if (limit === undefined) continue;
      const wait = (whole - Date.now()) / 1000;
      const left = wait > 0 ? remaining : limit;
      counting ||= wait > 0;
      const bar = element.querySelector(".bar");
      Object.assign(bar, { ariaValueMax: limit, ariaValueNow: left });
      bar.firstElementChild.style.width = `${(100 * left) / limit}%`;
      bar.classList.toggle("low", left < limit * LOW);
      element.querySelector(".left").textContent = `${count(left)} of ${count(limit)} ${kind}`;
      element.querySelector(".reset").textContent = wait > 0 ? `whole in ${seconds(wait)}` : "";
      if (!element.isConnected) this.#section.append(element);
      this.#section.hidden = false;
    }
    if (counting) this.#timer = setTimeout(() => this.#show(), 1000);
  }
}

// Seconds of `6m0s`, `1.5s`, `20ms`, as OpenAI writes them.
export function duration(text) {
  const parts = [...(text ?? "").matchAll(/([\d.]+)(ms|h|m|s)/g)];
  return parts.reduce((total, [, number, unit]) => total + Number(number) * SIZES[unit], 0);
}
