// The language of the page: the reader's choice, or else the first of the browser's languages that the table has.

import { LANGUAGES, STRINGS } from "./strings.js";

const KEPT = "board.language";
const known = (code) => Object.hasOwn(LANGUAGES, code);
let language = [localStorage.getItem(KEPT), ...navigator.languages.map((tag) => tag.slice(0, 2).toLowerCase())]
  .find((code) => code && known(code)) ?? "en";

export const spoken = () => language;

// The text of this name, with its values in place of {names}.
export const say = (name, values = {}) =>
  STRINGS[name][language].replace(/\{(\w+)\}/g, (_, value) => String(values[value]));

// One of several texts by language, such as a title that came from the board.
export const inLanguage = (texts) => texts[language] ?? texts.en;

// Fills `choice` with the languages; `changed` is called after each choice.
export function offerLanguages(choice, changed) {
  choice.append(...Object.entries(LANGUAGES).map(([code, name]) => new Option(name, code, false, code === language)));
  choice.addEventListener("change", () => {
    language = choice.value;
    localStorage.setItem(KEPT, language);
    changed();
  });
}

// The texts that stand in the page itself.
export function sayAll() {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-say]")) element.textContent = say(element.dataset.say);
  for (const element of document.querySelectorAll("[data-label]")) element.ariaLabel = say(element.dataset.label);
}
