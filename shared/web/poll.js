// Does something repeatedly, but only while the page is visible, and never twice at the same time.

export class Poll {
  #timer = 0;
  #busy = false;
  #again = false;

  // `act` may wait; `every` is the pause after it, in milliseconds.
  constructor(act, every) {
    Object.assign(this, { act, every });
    document.addEventListener("visibilitychange", () => this.now());
  }

  async now() {
    clearTimeout(this.#timer);
    if (document.hidden) return;
    this.#again = this.#busy; // called while the last run is in progress: run once more after it
    if (this.#busy) return;
    this.#busy = true;
    await this.act();
    this.#busy = false;
    this.#timer = setTimeout(() => this.now(), this.#again ? 0 : this.every);
  }
}
