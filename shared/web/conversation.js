// The exchanges so far, on the page and as the messages of the next request. Follows the newest text unless the reader
// has scrolled up.

import { Exchange } from "./exchange.js";

const NEAR = 40; // pixels from the end that still count as being there

export class Conversation {
  #scroller = document.querySelector("#conversation");
  #list = document.querySelector("#exchanges");
  #welcome = document.querySelector("#welcome");
  #exchanges = [];
  #following = true;

  constructor() {
    this.#scroller.addEventListener("scroll", () => (this.#following = this.#atEnd()), { passive: true });
    this.#scroller.addEventListener("grown", () => this.#follow());
  }

  // What was asked and answered before, and then `question`.
  messages(question) {
    const before = this.#exchanges.filter((exchange) => exchange.usable);
    return [
      ...before.flatMap(({ question, text }) => [{ role: "user", content: question }, { role: "assistant", content: text }]),
      { role: "user", content: question },
    ];
  }

  begin(question, body, curl) {
    const exchange = new Exchange(question, body, curl);
    this.#exchanges.push(exchange);
    this.#list.append(exchange.element);
    this.#welcome.hidden = true;
    this.#following = true;
    this.#follow();
    return exchange;
  }

  clear() {
    this.#exchanges = [];
    this.#list.replaceChildren();
    this.#welcome.hidden = false;
  }

  #atEnd() {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight < NEAR;
  }

  #follow() {
    if (this.#following) this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }
}
