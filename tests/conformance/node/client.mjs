// OpenAI's client for Node. Takes orders on stdin and reports on stdout, one line of JSON each; what is in a report
// stands in ../drivers/reports.py. The argument is the folder that holds node_modules.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const { OpenAI } = createRequire(`${process.argv[2]}/`)("openai");

function client({ base_url, key, retries, timeout }) {
  return new OpenAI({ baseURL: base_url, apiKey: key, maxRetries: retries, timeout: timeout * 1000 });
}

// Python's clients take vendors' fields and headers apart; this one takes fields as they are, and headers as an option.
function asked({ body: { extra_body = {}, extra_headers = {}, ...body } }) {
  return [{ ...body, ...extra_body }, { headers: extra_headers }];
}

const usageOf = (usage) => (usage ? [usage.prompt_tokens, usage.completion_tokens, usage.total_tokens] : null);
const tokensOf = (logprobs) => logprobs?.content?.map((token) => token.token) ?? null;

function answer(completion) {
  const choices = completion.choices.map((choice) => ({
    text: choice.message.content,
    finish_reason: choice.finish_reason,
    tool_calls: (choice.message.tool_calls ?? []).map((call) => ({ id: call.id, ...call.function })),
    logprobs: tokensOf(choice.logprobs),
  }));
  const { id, object, model } = completion;
  return { id, object, model, choices, usage: usageOf(completion.usage) };
}

class Gathered {
  pieces = [];
  usages = [];
  ids = new Set();
  choices = [];

  add(chunk) {
    this.ids.add(chunk.id);
    if (chunk.usage) this.usages.push(usageOf(chunk.usage));
    for (const { index, delta, finish_reason, logprobs } of chunk.choices) {
      const one = (this.choices[index] ??= { text: null, finish_reason: null, tool_calls: [], logprobs: null });
      if (delta.content) {
        one.text = (one.text ?? "") + delta.content;
        this.pieces.push(delta.content);
      }
      one.finish_reason = finish_reason ?? one.finish_reason;
      if (logprobs) one.logprobs = [...(one.logprobs ?? []), ...tokensOf(logprobs)];
      for (const piece of delta.tool_calls ?? []) {
        const call = (one.tool_calls[piece.index] ??= { id: piece.id, name: piece.function.name, arguments: "", pieces: 0 });
        call.arguments += piece.function.arguments ?? "";
        call.pieces += 1;
      }
    }
  }

  report(error = null) {
    const { pieces, choices, usages, ids } = this;
    return { pieces, choices, usage: usages.at(-1) ?? null, usages: usages.length, ids: [...ids], error: error && failure(error) };
  }
}

function failure(error) {
  const classes = [];
  for (let kind = error.constructor; kind?.name; kind = Object.getPrototypeOf(kind)) classes.push(kind.name);
  const { status = null, code = null, param = null, type = null, message, requestID = null } = error;
  const headers = Object.fromEntries(error.headers?.entries() ?? []);
  return { classes, status, code, param, type, message, request_id: requestID, headers, trace: [error.stack] };
}

const actions = {
  async whole(order) {
    const { data, response, request_id } = await client(order).chat.completions.create(...asked(order)).withResponse();
    return { ...answer(data), request_id, headers: Object.fromEntries(response.headers.entries()) };
  },

  async stream(order) {
    const [body, options] = asked(order);
    const seen = new Gathered();
    try {
      for await (const chunk of await client(order).chat.completions.create({ ...body, stream: true }, options)) seen.add(chunk);
    } catch (error) {
      if (!seen.ids.size) throw error;
      return seen.report(error);
    }
    return seen.report();
  },

  // Aborts the stream after the first pieces.
  async leave(order) {
    const [body, options] = asked(order);
    const seen = new Gathered();
    const stream = await client(order).chat.completions.create({ ...body, stream: true }, options);
    for await (const chunk of stream) {
      seen.add(chunk);
      if (seen.pieces.length === order.after) stream.controller.abort();
    }
    return seen.report();
  },

  // The helper that turns a stream into events.
  async events(order) {
    const [body, options] = asked(order);
    const helper = client(order).chat.completions.stream(body, options);
    const events = [];
    for (const kind of ["content.delta", "content.done", "tool_calls.function.arguments.delta",
      "tool_calls.function.arguments.done", "logprobs.content.delta"]) helper.on(kind, () => events.push(kind));
    helper.on("chunk", () => events.push("chunk"));
    return { ...answer(await helper.finalChatCompletion()), events };
  },

  async crowd(order) {
    return { reports: await Promise.all(order.bodies.map((body) => actions.stream({ ...order, body }))) };
  },

  async models(order) {
    const models = [];
    for await (const model of client(order).models.list()) models.push(model.id);
    return { models };
  },

  async model(order) {
    const { id, object, created, owned_by } = await client(order).models.retrieve(order.name);
    return { id, object, created, owned_by };
  },
};

console.log("{}"); // ready
for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  const report = await actions[order.do](order).catch((error) => ({ error: failure(error) }));
  console.log(JSON.stringify(report));
}
