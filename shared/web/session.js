// The token, and whether it is good. Kept in localStorage together with the time of its last check, GET /usage: a check
// is believed for five minutes, then the service is asked again. Without a token the caller is a stranger.

import { call } from "./api.js";
import { clock } from "./units.js";

const KEY = "playground.session";
const BELIEVED = 5 * 60 * 1000; // milliseconds
const SENDABLE = /^[\x21-\x7e]{1,512}$/; // what a header can carry

export class Session {
  #section = document.querySelector("#session");
  #field = document.querySelector("#token");
  #state = document.querySelector("#session-state");
  #kept = { token: "", ...read() };
  #timer = 0;

  // `changed`: called with what GET /usage said, whenever it was asked and has answered well.
  constructor(changed) {
    this.changed = changed;
    this.#section.hidden = false;
    this.#field.value = this.#kept.token;
    document.querySelector("#token-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#keep({ token: this.#field.value.trim() });
      this.check();
    });
  }

  get token() {
    return SENDABLE.test(this.#kept.token) ? this.#kept.token : "";
  }

  // Ask unless the last answer can still be believed.
  async check() {
    clearTimeout(this.#timer);
    const { token, checked, caller } = this.#kept;
    const age = Date.now() - checked;
    if (age >= 0 && age < BELIEVED) {
      this.#say(this.#greeting(caller, checked), "good");
      return this.#askAgainIn(BELIEVED - age);
    }
    if (token !== this.token) return this.#say("This cannot be a token: a token has neither spaces nor accents.", "bad");
    try {
      const usage = await (await call("usage", token)).json();
      if (token !== this.#kept.token) return; // another one was given meanwhile
      this.#keep({ token, checked: Date.now(), caller: usage.caller });
      this.#say(this.#greeting(usage.caller, Date.now()), "good");
      this.#askAgainIn(BELIEVED);
      this.changed(usage);
    } catch (refusal) {
      this.reject(refusal);
    }
  }

  // The service has refused the token, here or anywhere: no earlier check counts any more.
  reject(refusal) {
    this.#keep({ token: this.#kept.token });
    this.#say(`${refusal.message}.`, "bad");
  }

  #greeting(caller, checked) {
    const who = this.token ? `You are ${caller}` : `You ask as a stranger, ${caller}`;
    return `${who}. Checked at ${clock(checked)}.`;
  }

  #say(text, kind) {
    this.#state.textContent = text;
    this.#state.className = kind;
  }

  #askAgainIn(delay) {
    this.#timer = setTimeout(() => this.check(), delay);
  }

  #keep(kept) {
    this.#kept = kept;
    try {
      localStorage.setItem(KEY, JSON.stringify(kept));
    } catch {} // a browser that keeps nothing: then it lasts as long as the page
  }
}

function read() {
  try {
    const { token, checked, caller } = JSON.parse(localStorage.getItem(KEY));
    return { token: String(token ?? ""), checked: Number(checked), caller: String(caller) };
  } catch {
    return {};
  }
}
