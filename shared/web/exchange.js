// One question and its answer on the page. Text from the model goes in as text nodes only, once a frame, so that it
// stays inert and ten thousand tokens cost a few hundred steps. Knows nothing of the wire.

import { offerCopy } from "./clipboard.js";
import { milliseconds, rate, usd } from "./units.js";

const SHORT_ID = 8; // characters of a request id that are shown; all of it is copied

export class Exchange {
  #pending = "";
  #frame = 0;
  #facts = {};
  #answer;
  text = "";
  usable = false; // is there an answer that the next request may carry?

  constructor(question, body, curl) {
    this.question = question;
    this.body = body;
    this.element = document.querySelector("#exchange-template").content.firstElementChild.cloneNode(true);
    this.#at(".question .text").textContent = question;
    this.#at(".by").textContent = body.model;
    this.#answer = this.#at(".answer .text");
    this.element.classList.add("waiting");
    offerCopy(this.#at(".copy-text"), () => this.text);
    offerCopy(this.#at(".copy-curl"), () => curl(body));
    offerCopy(this.#at(".copy-id"), () => this.#facts.requestId);
  }

  append(text) {
    this.text += text;
    this.#pending += text;
    this.#frame ||= requestAnimationFrame(() => this.#paint());
  }

  // Facts that are null or undefined are not known, and change nothing.
  note(facts) {
    for (const [name, value] of Object.entries(facts)) if (value !== null && value !== undefined) this.#facts[name] = value;
  }

  finish() {
    this.usable = this.text !== "";
    this.#end();
  }

  stop() {
    this.usable = this.text !== "";
    this.#badge("stopped", "warm");
    this.#end();
  }

  // With text: the answer was cut, and what came stays. Without: there is none.
  fail(refusal) {
    this.note({ requestId: refusal.requestId || null });
    if (this.text) this.#badge("cut", "warm");
    const trouble = this.#at(".trouble");
    trouble.textContent = [refusal.status || "", refusal.code, refusal.message].filter(Boolean).join(" · ");
    trouble.hidden = false;
    this.#end();
  }

  #end() {
    cancelAnimationFrame(this.#frame);
    this.#paint();
    this.#answer.normalize();
    this.element.classList.remove("waiting");
    this.#showFacts();
    this.#at(".actions").hidden = false;
    this.#at(".copy-text").hidden = !this.text;
    this.#grown();
  }

  #paint() {
    this.#frame = 0;
    if (this.#pending) this.#answer.append(this.#pending);
    this.#pending = "";
    this.#grown();
  }

  #grown() {
    this.element.dispatchEvent(new CustomEvent("grown", { bubbles: true }));
  }

  #showFacts() {
    const facts = this.#facts;
    if (facts.model) this.#at(".by").textContent = facts.model;
    if (facts.cache && facts.cache !== "bypass") this.#badge(`cache ${facts.cache}`, facts.cache === "miss" ? "" : "good");
    if (facts.fallback) this.#badge(`fallback ${facts.fallback}`, "warm");
    if (facts.finish === "length") this.#badge("max tokens reached", "");
    this.#fact("first token", facts.firstToken, milliseconds);
    this.#fact("speed", facts.speed, rate);
    this.#fact("tokens", facts.input === undefined ? null : `${facts.input} in, ${facts.output} out`);
    this.#fact("cost", facts.cost, usd);
    this.#fact("total", facts.total, milliseconds);
    if (!facts.requestId) return;
    const button = this.#at(".copy-id");
    button.textContent = `id ${facts.requestId.slice(0, SHORT_ID)}`;
    button.setAttribute("aria-label", `Copy request id ${facts.requestId}`);
    button.hidden = false;
  }

  #fact(name, value, show = String) {
    if (value === null || value === undefined) return;
    const group = document.createElement("div");
    for (const [tag, text] of [["dt", name], ["dd", show(value)]]) {
      group.append(Object.assign(document.createElement(tag), { textContent: text }));
    }
    this.#at(".facts").append(group);
  }

  #badge(text, kind) {
    this.#at(".badges").append(Object.assign(document.createElement("span"), { textContent: text, className: `badge ${kind}` }));
  }

  #at(selector) {
    return this.element.querySelector(selector);
  }
}
