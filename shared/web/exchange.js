// One question and its answer on the page. Text from the model goes in as text nodes only, once per frame, so it stays
// inert, and ten thousand tokens cost a few hundred steps. Knows nothing of the wire.

import { offerCopy } from "./clipboard.js";
import { element, fromTemplate } from "./element.js";
import { say } from "./language.js";
import { count, milliseconds, rate, usd } from "./units.js";

const SHORT_ID = 8; // characters of a request id on the page; the copy has all of it

export class Exchange {
  #pending = "";
  #frame = 0;
  #facts = {};
  element = fromTemplate("#exchange-template");
  text = "";
  usable = false; // is there an answer that the next request may carry?

  // `curl`: the request as a command.
  constructor(question, model, curl) {
    this.question = question;
    this.#at(".question .text").textContent = question;
    this.#at(".by").textContent = model;
    offerCopy(this.#at(".copy-text"), () => this.text);
    offerCopy(this.#at(".copy-curl"), () => curl);
    offerCopy(this.#at(".copy-id"), () => this.#facts.requestId);
  }

  append(text) {
    this.text += text;
    this.#pending += text;
    this.#frame ||= requestAnimationFrame(() => this.#paint());
  }

  // Facts that are null or undefined are unknown, and change nothing.
  note(facts) {
    for (const [name, value] of Object.entries(facts)) this.#facts[name] = value ?? this.#facts[name];
  }

  finish(badge = "") {
    if (badge) this.#badge(badge, "warm");
    this.usable = this.text !== "";
    this.#end();
  }

  // With text, the answer was cut and the text stays. Without text, there is no answer.
  fail({ status, code, message, requestId }) {
    this.note({ requestId });
    if (this.text) this.#badge(say("cut"), "warm");
    this.#at(".trouble").textContent = [status, code, message].filter(Boolean).join(" · ");
    this.#at(".trouble").hidden = false;
    this.#end();
  }

  #end() {
    cancelAnimationFrame(this.#frame);
    this.#paint();
    this.#at(".answer .text").normalize();
    this.element.classList.remove("waiting");
    this.#showFacts(this.#facts);
    this.#at(".actions").hidden = false;
    this.#at(".copy-text").hidden = !this.text;
    this.#grown();
  }

  #paint() {
    this.#frame = 0;
    if (this.#pending) this.#at(".answer .text").append(this.#pending);
    this.#pending = "";
    this.#grown();
  }

  #showFacts({ model, cache, fallback, finish, firstToken, speed, input, output, cost, total, requestId }) {
    if (model) this.#at(".by").textContent = model;
    if (cache && cache !== "bypass") this.#badge(say("cache {cache}", { cache }), cache === "miss" ? "" : "good");
    if (fallback) this.#badge(say("fallback {fallback}", { fallback }), "warm");
    if (finish === "length") this.#badge(say("max tokens reached"));
    this.#fact(say("first token"), firstToken, milliseconds);
    this.#fact(say("speed"), speed, rate);
    const both = () => say("{input} in, {output} out", { input: count(input), output: count(output) });
    this.#fact(say("tokens"), input, both);
    this.#fact(say("cost"), cost, usd);
    this.#fact(say("total"), total, milliseconds);
    this.#at(".copy-id").hidden = !requestId;
    this.#at(".copy-id").textContent = `id ${requestId?.slice(0, SHORT_ID)}`;
    this.#at(".copy-id").ariaLabel = say("Copy request id {id}", { id: requestId });
    const traces = `playground/traces${location.search}`;
    if (requestId) this.#at(".trace").href = `${traces}#request=${encodeURIComponent(requestId)}`;
  }

  #fact(name, value, show) {
    if (value === null || value === undefined) return;
    const group = document.createElement("div");
    group.append(element("dt", name), element("dd", show(value)));
    this.#at(".facts").append(group);
  }

  #badge = (text, kind = "") => this.#at(".badges").append(element("span", text, `badge ${kind}`));
  #grown = () => this.element.dispatchEvent(new CustomEvent("grown", { bubbles: true }));
  #at = (selector) => this.element.querySelector(selector);
}
