// The exchanges so far, on the page and as the messages of the next request. Scrolls to the newest text unless the
// reader has scrolled up.

const NEAR = 40; // pixels from the end that still count as the end

export class Conversation {
  #scroller = document.querySelector("#conversation");
  #list = document.querySelector("#exchanges");
  #welcome = document.querySelector("#welcome");
  #exchanges = [];
  #following = true;

  constructor() {
    this.#scroller.addEventListener("scroll", () => this.#look(), { passive: true });
    this.#scroller.addEventListener("grown", () => this.#follow());
  }

  // The earlier questions and answers.
  get messages() {
    const answered = this.#exchanges.filter(({ usable }) => usable);
    return answered.flatMap(({ question, text }) => [
      { role: "user", content: question },
      { role: "assistant", content: text },
    ]);
  }

  add(exchange) {
    this.#exchanges.push(exchange);
    this.#list.append(exchange.element);
    this.#welcome.hidden = true;
    this.#following = true;
    this.#follow();
  }

  clear() {
    this.#exchanges = [];
    this.#list.replaceChildren();
    this.#welcome.hidden = false;
  }

  #look({ scrollHeight, scrollTop, clientHeight } = this.#scroller) {
    this.#following = scrollHeight - scrollTop - clientHeight < NEAR;
  }

  #follow() {
    if (this.#following) this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }
}
