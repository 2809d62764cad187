// The page, put together from its parts. One question is in progress at a time.

import { call } from "./api.js";
import { Breakers } from "./breakers.js";
import { ask } from "./chat.js";
import { Conversation } from "./conversation.js";
import { curl } from "./curl.js";
import { Exchange } from "./exchange.js";
import { Faults } from "./faults.js";
import { Hold } from "./hold.js";
import { say } from "./language.js";
import { Limits } from "./limits.js";
import { offerPages } from "./navigation.js";
import { Session } from "./session.js";
import { oneDigit, seconds } from "./units.js";

const at = (selector) => document.querySelector(selector);
const on = (selector, kind, act) => at(selector).addEventListener(kind, act);
const prompt = at("#prompt");
const SPOKEN = 1000; // characters of an answer that a screen reader reads unasked

let session = null; // stays null if the service knows no callers
let faults = null; // stays null if there are none to switch
let underWay = null; // AbortController
let tracesAreKept = false;
const conversation = new Conversation();
const limits = new Limits();
const breakers = new Breakers();
const hold = new Hold(showSend);

function bodyOf(question) {
  const before = at("#history").checked ? conversation.messages : [];
  return {
    model: at("#model").value,
    messages: [...before, { role: "user", content: question }],
    temperature: at("#temperature").valueAsNumber,
    max_tokens: at("#max-tokens").valueAsNumber || undefined,
  };
}

// The same request, streamed or whole, as the page is set now.
function inTheWaySet({ stream, stream_options, ...body }) {
  return at("#stream").checked ? { ...body, stream: true, stream_options: { include_usage: true } } : body;
}

async function send(question, asked = null) {
  if (underWay || hold.left) return;
  underWay = new AbortController(); // set even while the model's name is loading: one question at a time
  showSend();
  await started;
  asked ??= bodyOf(question);
  const token = session?.token;
  const body = inTheWaySet(asked);
  const exchange = new Exchange(question, body.model, curl(body, Boolean(token)));
  exchange.element.querySelector(".again").addEventListener("click", () => send(question, body));
  conversation.add(exchange);
  const { signal } = underWay;
  announce(say("Answering."));
  try {
    await ask(body, { token, signal, heard: (headers) => limits.readHeaders(headers), answer: exchange });
    exchange.finish();
    announce(exchange.text.slice(0, SPOKEN));
  } catch (fault) {
    if (!signal.aborted) refused(fault, exchange);
    else {
      exchange.finish(say("stopped"));
      announce(say("Stopped."));
    }
  }
  underWay = null;
  const trace = exchange.element.querySelector(".trace");
  trace.hidden = !tracesAreKept || !trace.href;
  showSend();
  breakers.look();
  faults?.look();
}

function refused(refusal, exchange) {
  exchange.fail(refusal);
  announce(refusal.message);
  if (refusal.headers) limits.readHeaders(refusal.headers);
  if (refusal.status === 401) session?.reject(refusal);
  if (refusal.status === 429 && refusal.retryAfter) hold.start(refusal.retryAfter);
}

function stop() {
  if (!underWay) return;
  underWay.abort();
  prompt.focus(); // the button that had the focus is about to disappear
}

function sendPrompt(event) {
  event.preventDefault();
  const question = prompt.value.trim();
  if (!question || underWay || hold.left) return;
  prompt.value = "";
  send(question);
}

function showSend() {
  at("#stop").hidden = !underWay;
  at("#send").textContent = hold.left ? say("Wait {wait}", { wait: seconds(hold.left) }) : say("Send");
  for (const way of document.querySelectorAll("#send, .again")) way.disabled = Boolean(underWay || hold.left);
}

const announce = (text) => (at("#announcement").textContent = text);
const showTemperature = () => (at("output").textContent = oneDigit(at("#temperature").valueAsNumber));

function offerModels(names) {
  const chosen = at("#model").value;
  at("#model").replaceChildren(...names.map((name) => new Option(name, name, false, name === chosen)));
}

on("#composer", "submit", sendPrompt);
on("#prompt", "keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) sendPrompt(event);
});
on("body", "keydown", ({ key }) => key === "Escape" && stop());
on("#stop", "click", stop);
on("#clear", "click", () => {
  stop();
  conversation.clear();
  prompt.focus();
});
on("#suggestions", "click", ({ target }) => target.matches("button") && send(target.textContent));
on("#temperature", "input", showTemperature);
on("#open-panel", "click", ({ target }) => (target.ariaExpanded = String(at("#panel").classList.toggle("open"))));
on("#token-form", "submit", () => hold.start(0)); // another caller may ask at once

async function start() {
  showTemperature();
  const { title, model, routes } = await (await call("./", "")).json();
  document.title = `${say("Playground")} · ${title}`;
  at("#service").textContent = title;
  offerModels([model]);
  offerPages(routes);
  tracesAreKept = routes.includes("GET /playground/api/traces");
  if (routes.includes("GET /playground/faults")) faults = new Faults(() => session?.token);
  if (!routes.includes("GET /usage")) return admitted(model);
  session = new Session((usage) => admitted(model, usage));
  session.check();
}

// The caller is known: now the page can show more.
async function admitted(model, usage = {}) {
  limits.readUsage(usage);
  faults?.look();
  const response = await call("v1/models", session?.token).catch(() => null); // the service may be back soon
  const { data } = (await response?.json()) ?? { data: [] };
  offerModels([...new Set([model, ...data.map(({ id }) => id)])]);
}

const started = start().catch((refusal) => (at("#service").textContent = refusal.message));
