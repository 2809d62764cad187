// After a 429, nothing is sent until the Retry-After is over. Counts the seconds, and ends on its own.

export class Hold {
  #until = 0;
  #timer = 0;

  // `changed` is called each second while it lasts, and when it ends.
  constructor(changed) {
    this.changed = changed;
  }

  // Seconds left; 0 when nothing is held.
  get left() {
    return Math.max(0, this.#until - Date.now()) / 1000;
  }

  start(wait) {
    this.#until = Date.now() + wait * 1000;
    this.#tick();
  }

  #tick() {
    clearTimeout(this.#timer);
    this.changed();
    // At each whole second, so that each is shown once.
    if (this.left) this.#timer = setTimeout(() => this.#tick(), (this.left % 1 || 1) * 1000);
  }
}
