// POST /v1/chat/completions, streamed or whole, and the time and cost of the answer.
// In: a request body. Out, as they arrive: the headers to `heard`; the text in pieces, and facts, to `answer`. Throws
// Refusal, or AbortError when it was stopped. Knows nothing of the page.

import { call, Refusal } from "./api.js";
import { say } from "./language.js";
import { Events } from "./stream.js";

export const PATH = "v1/chat/completions";

export async function ask(body, { token, signal, heard, answer }) {
  const clock = new Clock();
  const headers = { "Content-Type": "application/json" };
  const response = await call(PATH, token, { method: "POST", headers, body: JSON.stringify(body), signal });
  const said = (name) => response.headers.get(name);
  heard(response.headers);
  answer.note({ requestId: said("X-Request-ID"), cache: said("X-Cache"), fallback: said("X-Fallback") });
  if (said("X-Cost-USD")) answer.note({ cost: Number(said("X-Cost-USD")) });
  await (body.stream ? readStream(response, answer, clock) : readWhole(response, answer, clock));
}

async function readWhole(response, answer, clock) {
  const { choices, model, usage } = await response.json();
  answer.append(choices[0].message.content ?? "");
  answer.note({ ...tokens(usage), model, finish: choices[0].finish_reason, total: clock.total() });
}

async function readStream(response, answer, clock) {
  const events = new Events();
  const reader = response.body.getReader();
  let done = false;
  const read = ({ data, comment }) => {
    if (data === "[DONE]") done = true;
    else if (comment?.startsWith("{")) noteMetadata(JSON.parse(comment).metadata, answer);
    else if (data) readChunk(JSON.parse(data), answer, clock);
  };
  try {
    let block;
    while (!(block = await reader.read()).done) events.feed(block.value).forEach(read);
  } catch (fault) {
    if (fault.name === "AbortError" || fault instanceof Refusal) throw fault;
    throw new Refusal({ message: say("the connection broke in the middle of the answer"), code: "broken_stream" });
  } finally {
    reader.cancel().catch(() => {}); // after a fault nothing reads on
    answer.note({ firstToken: clock.firstToken(), total: clock.total(), speed: clock.speed() });
  }
  if (!done) throw new Refusal({ message: say("the stream ended before the answer did"), code: "broken_stream" });
}

function readChunk({ error, choices, model, usage }, answer, clock) {
  if (error) throw new Refusal(error);
  const { delta, finish_reason: finish } = choices?.[0] ?? {};
  if (delta?.content) {
    clock.token();
    answer.append(delta.content);
  }
  if (usage) clock.tokens = usage.completion_tokens;
  answer.note({ ...tokens(usage), model, finish });
}

const tokens = (usage) => usage && { input: usage.prompt_tokens, output: usage.completion_tokens };
const noteMetadata = ({ cost_usd: cost, tokens, fallback }, answer) => answer.note({ cost, ...tokens, fallback });

// All times as this page saw them, in milliseconds.
class Clock {
  #started = performance.now();
  #first = null;
  #last = null;
  tokens = 0;

  token() {
    this.#last = performance.now();
    this.#first ??= this.#last;
  }

  firstToken = () => this.#first && this.#first - this.#started;
  total = () => performance.now() - this.#started;

  // Tokens per second after the first one; null if they came all at once, or if they were not counted.
  speed() {
    const span = this.#last - this.#first;
    return this.tokens > 1 && span > 1 ? ((this.tokens - 1) / span) * 1000 : null;
  }
}
