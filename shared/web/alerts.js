// The alerts that Prometheus holds: the firing ones, and the pending ones, which fire if their condition lasts.

import { element } from "./element.js";
import { say } from "./language.js";
import { seconds } from "./units.js";

export class Alerts {
  #section = document.querySelector("#alerts");
  #list = document.querySelector("#alerts ul");

  show(alerts) {
    const said = JSON.stringify(alerts);
    if (said === this.#section.dataset.said) return this.#age(alerts);
    this.#section.dataset.said = said;
    const firing = alerts.filter(({ state }) => state === "firing").length;
    this.#section.hidden = false;
    this.#section.className = firing ? "firing" : alerts.length ? "pending" : "quiet";
    this.#section.querySelector("h2").textContent = headline(firing, alerts.length - firing);
    this.#list.replaceChildren(...alerts.map(line));
    this.#age(alerts);
  }

  #age(alerts) {
    const times = this.#list.querySelectorAll("time");
    const age = ({ since }) => seconds(Math.max(0, Date.now() / 1000 - since));
    alerts.forEach((alert, place) => (times[place].textContent = say("for {age}", { age: age(alert) })));
  }
}

function headline(firing, pending) {
  if (firing) return say(firing === 1 ? "{firing} alert fires" : "{firing} alerts fire", { firing });
  return say(pending ? "No alert fires yet, but some are pending" : "No alert fires");
}

function line({ name, severity, state, summary }) {
  const [word, kind] = state === "firing" ? [severity || say("fires"), "bad"] : [say("pending"), "warm"];
  const item = document.createElement("li");
  const said = [element("b", name), element("span", word, `state ${kind}`), element("span", summary)];
  item.append(...said, element("time", ""));
  return item;
}
