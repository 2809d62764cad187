// The token, and whether it is good. Kept in localStorage together with the time of its last check, GET /usage: a check
// is believed for five minutes, then the service is asked again. A caller without a token is a stranger.

import { call } from "./api.js";
import { say } from "./language.js";
import { clock } from "./units.js";

const KEY = "playground.session";
const BELIEVED = 5 * 60 * 1000; // milliseconds
const UNSENDABLE = say("This cannot be a token: tokens have no spaces and no accents.");
const SENDABLE = /^[\x21-\x7e]{1,512}$/; // what a header can carry

export class Session {
  #field = document.querySelector("#token");
  #state = document.querySelector("#session-state");
  #kept = read();
  #timer = 0;

  // `admitted`: called whenever the caller is known, with the reply of GET /usage if there was a check.
  constructor(admitted) {
    this.admitted = admitted;
    document.querySelector("#session").hidden = false;
    this.#field.value = this.#kept.token;
    document.querySelector("#token-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#keep({ token: this.#field.value.trim() });
      this.check();
    });
  }

  get token() {
    return sendable(this.#kept);
  }

  // Ask the service, unless the last answer can still be believed.
  async check() {
    clearTimeout(this.#timer);
    const { token, checked } = this.#kept;
    const age = Date.now() - checked;
    if (age >= 0 && age < BELIEVED) return this.#believe(BELIEVED - age);
    if (token !== this.token) return this.#show(UNSENDABLE, "bad");
    try {
      const usage = await (await call("usage", token)).json();
      if (token !== this.#kept.token) return; // another token was given meanwhile
      this.#keep({ token, checked: Date.now(), caller: usage.caller });
      this.#believe(BELIEVED, usage);
    } catch (refusal) {
      this.reject(refusal);
    }
  }

  // The service has refused the token, here or anywhere: no earlier check counts any more.
  reject(refusal) {
    this.#keep({ token: this.#kept.token });
    this.#show(`${refusal.message}.`, "bad");
  }

  #believe(milliseconds, usage) {
    const { caller, checked } = this.#kept;
    const who = say(this.token ? "You are {caller}." : "You ask as a stranger, {caller}.", { caller });
    this.#show(`${who} ${say("Checked at {time}.", { time: clock(checked) })}`);
    this.#timer = setTimeout(() => this.check(), milliseconds);
    this.admitted(usage);
  }

  #show = (text, kind = "") => Object.assign(this.#state, { textContent: text, className: kind });

  #keep(kept) {
    this.#kept = kept;
    try {
      localStorage.setItem(KEY, JSON.stringify(kept));
    } catch {} // a browser that keeps nothing: the token lasts as long as the page
  }
}

// The token that was given on the playground, for the other pages.
export const keptToken = () => sendable(read());
const sendable = ({ token }) => (SENDABLE.test(token) ? token : "");

function read() {
  try {
    const { token, checked, caller } = JSON.parse(localStorage.getItem(KEY));
    return { token: String(token ?? ""), checked: Number(checked), caller: String(caller) };
  } catch {
    return { token: "" };
  }
}
