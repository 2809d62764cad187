// The page in its reader's language: the one chosen on the page, or else the first of the browser's that we have.
// In: an English phrase, with {names} for what differs each time. Out: the same in that language. phrases/es.js has the
// Spanish phrases by their English ones; a further language is one more file there, and one more name here.

const LANGUAGES = { en: "English", es: "Español" };
const KEY = "playground.language"; // in localStorage
const IN_ADDRESS = "language"; // for browsers that keep nothing
const READ_ALOUD = ["aria-label", "placeholder", "title"]; // attributes that are words

const codeOf = (tag) => tag.slice(0, 2).toLowerCase();
const asked = new URLSearchParams(location.search).get(IN_ADDRESS) ?? "";
const wanted = [asked, kept(), ...navigator.languages].map(codeOf);

export const language = wanted.find((code) => Object.hasOwn(LANGUAGES, code)) ?? "en";
// For numbers and times: es-MX writes 0.5 where es-ES writes 0,5.
export const locale = navigator.languages.find((tag) => codeOf(tag) === language) ?? language;
const phrases = language === "en" ? null : await load();

// The phrase in the page's language, or in English, with a warning that the tests see.
export function say(phrase, values = {}) {
  if (phrases && !phrases.has(phrase)) console.warn(`${language}: no phrase for: ${phrase}`);
  return sayIfKnown(phrase).replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

// For words of which some are ours, and some are names that came with the data.
export const sayIfKnown = (text) => phrases?.get(text) ?? text;

async function load() {
  const { PHRASES } = await import(`./phrases/${language}.js`);
  return new Map(Object.entries(PHRASES));
}

function kept() {
  try {
    return localStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

// --- what stands in the HTML ---

function translate(root) {
  const accept = (node) => (node.translate === false ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT);
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT, accept);
  for (let node = walker.currentNode; node; node = walker.nextNode()) {
    if (node.nodeType === Node.TEXT_NODE) node.data = node.data.replace(/\S(.*\S)?/s, inWords);
    if (node instanceof HTMLTemplateElement) translate(node.content);
    for (const name of READ_ALOUD) if (node.hasAttribute?.(name)) node.setAttribute(name, say(node.getAttribute(name)));
  }
}

const inWords = (text) => (/\p{L}/u.test(text) ? say(text.replace(/\s+/g, " ")) : text);

function offer() {
  const choice = Object.assign(document.createElement("select"), { id: "language", ariaLabel: say("Language") });
  choice.append(...Object.entries(LANGUAGES).map(([code, name]) => new Option(name, code, false, code === language)));
  for (const option of choice.options) option.lang = option.value;
  choice.addEventListener("change", () => choose(choice.value));
  document.querySelector("header").append(choice);
}

function choose(code) {
  const address = new URL(location.href);
  address.searchParams.delete(IN_ADDRESS);
  try {
    localStorage.setItem(KEY, code);
  } catch {
    address.searchParams.set(IN_ADDRESS, code);
  }
  history.replaceState(null, "", address);
  location.reload();
}

document.documentElement.lang = language;
if (phrases) translate(document.documentElement);
for (const link of document.querySelectorAll("nav a")) link.search = location.search;
offer();
