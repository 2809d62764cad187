// The page: its parts put together. One question is under way at a time.

import { call } from "./api.js";
import { Breakers } from "./breakers.js";
import { ask } from "./chat.js";
import { Conversation } from "./conversation.js";
import { curl } from "./curl.js";
import { Faults } from "./faults.js";
import { Hold } from "./hold.js";
import { Limits } from "./limits.js";
import { Session } from "./session.js";
import { seconds } from "./units.js";

const at = (selector) => document.querySelector(selector);
const prompt = at("#prompt");
const SPOKEN = 1000; // characters of an answer that a screen reader is given by itself

const conversation = new Conversation();
const limits = new Limits();
const breakers = new Breakers();
const hold = new Hold(showSend);
let session = null; // stays so where the service knows no callers
let faults = null;
let underWay = null; // AbortController

// --- asking ---------------------------------------------------------------------------------------------------------

function bodyOf(question) {
  return {
    model: at("#model").value,
    messages: at("#history").checked ? conversation.messages(question) : [{ role: "user", content: question }],
    temperature: at("#temperature").valueAsNumber,
    max_tokens: at("#max-tokens").valueAsNumber || undefined,
  };
}

// The same request, streamed or whole, as the page is set now.
function inTheWaySet({ stream, stream_options, ...body }) {
  return at("#stream").checked ? { ...body, stream: true, stream_options: { include_usage: true } } : body;
}

async function send(question, asked = bodyOf(question)) {
  if (underWay || hold.left) return;
  const body = inTheWaySet(asked);
  const exchange = conversation.begin(question, body, () => curl(body, Boolean(session?.token)));
  exchange.element.querySelector(".again").addEventListener("click", () => send(question, body));
  underWay = new AbortController();
  const { signal } = underWay;
  showSend();
  announce("Answering.");
  try {
    await ask(body, { token: session?.token, signal, heard: (headers) => limits.readHeaders(headers), answer: exchange });
    exchange.finish();
    announce(exchange.text.slice(0, SPOKEN));
  } catch (fault) {
    if (signal.aborted) {
      exchange.stop();
      announce("Stopped.");
    } else {
      exchange.fail(fault);
      refused(fault);
    }
  }
  underWay = null;
  showSend();
  breakers.look();
  faults?.look();
}

function refused(refusal) {
  announce(refusal.message);
  if (refusal.headers) limits.readHeaders(refusal.headers);
  if (refusal.status === 401) session?.reject(refusal);
  if (refusal.status === 429 && refusal.retryAfter) hold.start(refusal.retryAfter);
}

function stop() {
  if (!underWay) return;
  underWay.abort();
  prompt.focus(); // the button that had the focus is about to go
}

function sendPrompt() {
  const question = prompt.value.trim();
  if (!question || underWay || hold.left) return;
  prompt.value = "";
  send(question);
}

// --- what is shown --------------------------------------------------------------------------------------------------

function showSend() {
  const button = at("#send");
  at("#stop").hidden = !underWay;
  button.textContent = hold.left ? `Wait ${seconds(hold.left)}` : "Send";
  for (const way of [button, ...document.querySelectorAll(".again")]) way.disabled = Boolean(underWay || hold.left);
}

function announce(text) {
  at("#announcement").textContent = text;
}

function showTemperature() {
  at("#temperature-shown").textContent = at("#temperature").valueAsNumber.toFixed(1);
}

function offerModels(names) {
  const chosen = at("#model").value;
  at("#model").replaceChildren(...names.map((name) => new Option(name, name, false, name === chosen)));
}

// --- keys and buttons -----------------------------------------------------------------------------------------------

at("#composer").addEventListener("submit", (event) => {
  event.preventDefault();
  sendPrompt();
});
prompt.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  sendPrompt();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") stop();
});
at("#stop").addEventListener("click", stop);
at("#clear").addEventListener("click", () => {
  stop();
  conversation.clear();
  prompt.focus();
});
for (const button of document.querySelectorAll("#suggestions button")) {
  button.addEventListener("click", () => send(button.textContent));
}
at("#temperature").addEventListener("input", showTemperature);
at("#open-panel").addEventListener("click", () => {
  const open = at("#panel").classList.toggle("open");
  at("#open-panel").setAttribute("aria-expanded", String(open));
});
at("#token-form").addEventListener("submit", () => hold.end()); // somebody else may ask again at once

// --- start ----------------------------------------------------------------------------------------------------------

async function start() {
  showTemperature();
  const { title, model, routes } = await (await call("./", "")).json();
  document.title = `Playground · ${title}`;
  at("#service").textContent = title;
  offerModels([model]);
  if (routes.includes("GET /usage")) {
    session = new Session((usage) => limits.readUsage(usage));
    await session.check();
  }
  if (routes.includes("GET /playground/faults")) {
    faults = new Faults(() => session?.token);
    faults.look();
  }
  const { data } = await (await call("v1/models", session?.token)).json();
  offerModels([...new Set([model, ...data.map(({ id }) => id)])]);
}

start().catch((refusal) => announce((at("#service").textContent ||= refusal.message)));
