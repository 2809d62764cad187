// The page of dashboards: the last minutes of every panel, and the alerts above them, while the page is visible.

import { Alerts } from "./alerts.js";
import { call } from "./api.js";
import { say } from "./language.js";
import { offerPagesOfService } from "./navigation.js";
import { Panel } from "./panel.js";
import { Poll } from "./poll.js";
import { keptToken } from "./session.js";
import { clock } from "./units.js";

const EVERY = 3000; // milliseconds

const at = (selector) => document.querySelector(selector);
const alerts = new Alerts();
const panels = new Map(); // by name
let settled = false; // the time shown is the user's choice, or has data

async function look() {
  const minutes = at("#minutes").value;
  try {
    const seen = await (await call(`playground/api/series?minutes=${minutes}`, keptToken())).json();
    if (minutes !== at("#minutes").value) return poll.now(); // the user has chosen another time meanwhile
    if (!settled && widen(seen)) return poll.now();
    notice("");
    alerts.show(seen.alerts);
    for (const panel of seen.panels) show(panel, seen, "#charts");
    at("#engine").hidden = !seen.engine.length;
    for (const panel of seen.engine) show(panel, seen, "#engine .charts");
    at("#updated").textContent = say("as of {time}", { time: clock(Date.now(), true) });
  } catch (refusal) {
    const advice = refusal.status === 401 ? ` ${say("Give a token on the playground.")}` : "";
    notice(`${refusal.message}.${advice}`);
  }
}

function show(panel, seen, where) {
  if (!panels.has(panel.name)) {
    panels.set(panel.name, new Panel(panel));
    at(where).append(panels.get(panel.name).element);
  }
  panels.get(panel.name).draw(panel, seen);
}

// At first the shortest time that has data is shown, or the shortest of all if there is no data yet.
function widen(seen) {
  const lines = seen.panels.find((panel) => panel.name === "rate").lines;
  settled = lines.some((line) => line.values.some((value) => value > 0));
  if (settled) return false;
  const times = at("#minutes");
  settled = times.selectedIndex === times.length - 1;
  times.selectedIndex = settled ? 0 : times.selectedIndex + 1;
  return true;
}

// While there is no answer, the old data stays, and looks old.
function notice(text) {
  Object.assign(at("#notice"), { textContent: text, hidden: !text });
  document.body.classList.toggle("stale", text !== "");
}

const poll = new Poll(look, EVERY);
at("#minutes").addEventListener("change", () => {
  settled = true;
  poll.now();
});
offerPagesOfService();
poll.now();
