// The attendee's progress: the points, what is next, and the tasks of each demo. The workshop's commands write it, in
// every language, and this page shows it again when it has changed.

import { call } from "./api.js";
import { offerCopy } from "./clipboard.js";
import { element, fromTemplate } from "./element.js";
import { language, say } from "./language.js";
import { offerPagesOfService } from "./navigation.js";
import { Poll } from "./poll.js";
import { keptToken } from "./session.js";
import { count, day } from "./units.js";

const EVERY = 2000; // milliseconds
const MARKS = {
  passed: ["✓", "good", say("passes")],
  lost: ["✗", "warm", say("does not pass yet")],
  not_graded: ["–", "", say("cannot be graded on this machine")],
};

const at = (selector) => document.querySelector(selector);
let shown = "";

async function look() {
  try {
    const text = await (await call("playground/api/progress", keptToken())).text();
    if (text !== shown) show(JSON.parse(text)[language]);
    shown = text;
    notice("");
  } catch (refusal) {
    notice(`${refusal.message}.${refusal.status === 401 ? ` ${say("Give a token on the playground.")}` : ""}`);
  }
}

function show({ earned, total, next, demos }) {
  at("#now").hidden = false;
  at("#score").replaceChildren(element("b", count(earned)), ` ${say("of {total} points", { total: count(total) })}`);
  at("#next h2").textContent = next.says;
  at("#next ul").replaceChildren(...next.commands.map(command));
  at("#demos").replaceChildren(...demos.map((demo) => card(demo, demo.number === next.demo)));
}

function command({ command, says }) {
  const item = fromTemplate("#command-template");
  item.querySelector("code").textContent = command;
  item.querySelector(".says").textContent = says;
  offerCopy(item.querySelector("button"), () => command);
  return item;
}

function card({ number, title, earned, total, graded, done, left, tasks }, isNext) {
  const item = fromTemplate("#demo-template");
  const part = (name) => item.querySelector(`.${name}`);
  if (isNext) item.ariaCurrent = "step";
  part("number").textContent = number;
  part("title").textContent = title;
  const points = { earned: count(earned), total: count(total) };
  item.querySelector(".points b").textContent = graded ? say("{earned} of {total}", points) : "–";
  part("left").textContent = done ? `✓ ${day(Date.parse(done))}` : left;
  Object.assign(part("bar"), { ariaLabel: say("points"), ariaValueMax: total, ariaValueNow: earned });
  part("bar").firstElementChild.style.width = `${(100 * earned) / total}%`;
  part("tasks").replaceChildren(...tasks.map(task));
  return item;
}

function task({ title, state, hints }) {
  const [sign, kind, meaning] = MARKS[state];
  const mark = Object.assign(element("b", sign, kind), { role: "img", ariaLabel: meaning, title: meaning });
  const item = document.createElement("li");
  item.append(mark, element("span", title), element("small", hints));
  return item;
}

// While there is no answer, the old points stay, and look old.
function notice(text) {
  Object.assign(at("#notice"), { textContent: text, hidden: !text });
  document.body.classList.toggle("stale", text !== "");
}

offerPagesOfService();
new Poll(look, EVERY).now();
