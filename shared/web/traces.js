// The page of traces: the list on one side; on the other, the trace that the address names (#id, or #request=id).

import { call, Refusal } from "./api.js";
import { say } from "./language.js";
import { offerPagesOfService } from "./navigation.js";
import { TraceList } from "./trace_list.js";
import { Poll } from "./poll.js";
import { keptToken } from "./session.js";
import { TraceView } from "./trace_view.js";

const EVERY = 2000; // milliseconds
const PATH = "playground/api/traces";
const NONE = say("No trace has arrived yet. Ask the service something: each request becomes a trace.");
const LATE = 8000; // milliseconds that a service may take to send its spans after the answer

const at = (selector) => document.querySelector(selector);
const CHOOSE = at("#hint").textContent;
const get = async (path) => (await call(path, keptToken())).json();
const list = new TraceList();
const view = new TraceView();
let missing = 0; // since when the requested trace has been missing
let shown = { id: "", spans: 0 };

async function look() {
  try {
    const traces = await get(PATH);
    list.show(traces);
    notice("", traces.length ? "" : NONE);
    const line = traces.find(({ trace_id: id }) => id === shown.id);
    if (missing || (line && line.spans !== shown.spans)) await open(); // more of it has arrived
  } catch (refusal) {
    const advice = refusal.status === 401 ? ` ${say("Give a token on the playground.")}` : "";
    notice("bad", `${refusal.message}.${advice}`);
  }
}

// The trace that the address names. Without one: the list.
async function open() {
  const asked = wish();
  document.body.classList.toggle("open", asked !== "");
  if (!asked) return close(CHOOSE);
  try {
    const trace = await get(`${PATH}/${encodeURIComponent(await named(asked))}`);
    if (asked !== wish()) return; // another one was chosen meanwhile
    missing = 0;
    view.show(trace);
    list.mark(trace.trace_id);
    shown = { id: trace.trace_id, spans: trace.spans.length };
    hint("");
  } catch (refusal) {
    missing ||= Date.now();
    const late = refusal.status === 404 && Date.now() - missing < LATE;
    close(late ? say("Waiting for this trace to arrive…") : `${refusal.message}.`);
    if (!late) missing = 0;
  }
}

function wish() {
  const asked = location.hash.slice(1);
  try {
    return decodeURIComponent(asked);
  } catch {
    return asked; // typed by hand, and malformed
  }
}

async function named(asked) {
  if (!asked.startsWith("request=")) return asked;
  const [found] = await get(`${PATH}?request_id=${encodeURIComponent(asked.slice("request=".length))}`);
  if (found) return found.trace_id;
  const why = say("no trace of this request is kept: TRACE_SAMPLE_RATIO sets the share that is kept");
  throw new Refusal({ message: why }, { status: 404, headers: new Headers() });
}

function close(why) {
  view.hide();
  list.mark("");
  shown = { id: "", spans: 0 };
  hint(why);
}

const hint = (text) => Object.assign(at("#hint"), { textContent: text, hidden: !text });
const notice = (kind, text) =>
  Object.assign(at("#notice"), { textContent: text, hidden: !text, className: `notice ${kind}` });

addEventListener("hashchange", () => {
  missing = 0;
  open();
});
open();
offerPagesOfService();
new Poll(look, EVERY).now();
