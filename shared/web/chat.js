// POST /v1/chat/completions, streamed or whole, and what the answer took.
// In: a request body. Out, as it comes: the headers to `heard`; the text in pieces, and facts, to `answer`. Throws
// Refusal, or AbortError when it was stopped. Knows nothing of the page.

import { call, Refusal } from "./api.js";
import { Events } from "./stream.js";

export const PATH = "v1/chat/completions";

export async function ask(body, { token, signal, heard, answer }) {
  const clock = new Clock();
  const response = await call(PATH, token, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    signal,
  });
  const said = response.headers;
  heard(said);
  answer.note({
    requestId: said.get("X-Request-ID"),
    cache: said.get("X-Cache"),
    fallback: said.get("X-Fallback"),
    cost: numberIn(said.get("X-Cost-USD")),
  });
  await (body.stream ? readStream(response, answer, clock) : readWhole(response, answer, clock));
}

async function readWhole(response, answer, clock) {
  const completion = await response.json();
  const choice = completion.choices[0];
  clock.token();
  answer.append(choice.message.content ?? "");
  answer.note({ ...usage(completion.usage), model: completion.model, finish: choice.finish_reason, total: clock.total() });
}

async function readStream(response, answer, clock) {
  const events = new Events();
  const reader = response.body.getReader();
  let done = false;
  let tokens = 0;
  const read = ({ data, comment }) => {
    if (data === "[DONE]") done = true;
    else if (comment?.startsWith("{")) answer.note(metadata(JSON.parse(comment).metadata));
    else if (data) {
      const chunk = JSON.parse(data);
      if (chunk.error) throw new Refusal(chunk.error);
      const choice = chunk.choices?.[0];
      if (choice?.delta?.content) {
        clock.token();
        answer.append(choice.delta.content);
      }
      if (choice?.finish_reason) answer.note({ finish: choice.finish_reason });
      if (chunk.usage) tokens = chunk.usage.completion_tokens;
      answer.note({ ...usage(chunk.usage), model: chunk.model });
    }
  };
  try {
    for (let block = await reader.read(); !block.done; block = await reader.read()) events.feed(block.value).forEach(read);
  } catch (fault) {
    if (fault.name === "AbortError" || fault instanceof Refusal) throw fault;
    throw new Refusal({ message: "the connection broke in the middle of the answer", code: "broken_stream" });
  } finally {
    reader.cancel().catch(() => {}); // nobody reads on after a fault
    answer.note({ firstToken: clock.firstToken(), total: clock.total(), speed: clock.speed(tokens) });
  }
  if (!done) throw new Refusal({ message: "the stream ended before the answer did", code: "broken_stream" });
}

// All times as this page saw them, in milliseconds.
class Clock {
  #started = performance.now();
  #first = null;
  #last = null;

  token() {
    this.#last = performance.now();
    this.#first ??= this.#last;
  }

  firstToken = () => this.#first && this.#first - this.#started;
  total = () => performance.now() - this.#started;

  // Tokens a second after the first one; null if they came at once, or if nobody counted them.
  speed(tokens) {
    const span = this.#last - this.#first;
    return tokens > 1 && span > 1 ? ((tokens - 1) / span) * 1000 : null;
  }
}

const numberIn = (text) => (text === null ? null : Number(text));
const usage = (counted) => counted && { input: counted.prompt_tokens, output: counted.completion_tokens };
const metadata = (said) => ({ cost: said?.cost_usd, input: said?.tokens?.input, output: said?.tokens?.output, fallback: said?.fallback });
