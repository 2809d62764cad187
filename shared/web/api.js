// One request to the service that this page comes from, with the caller's token if there is one.
// Out: the response if it is good; otherwise a Refusal with the content of the error envelope.

import { say } from "./language.js";

export class Refusal extends Error {
  // `error`: the object inside the envelope. `response`: the reply it came in, if it has one of its own.
  constructor(error, response = null) {
    super(error.message || say("the service answered {status}", { status: response?.status }));
    this.code = error.code || "";
    this.status = response?.status ?? 0;
    this.headers = response?.headers ?? new Headers();
    this.requestId = error.request_id || this.headers.get("X-Request-ID");
    this.retryAfter = Number.parseFloat(this.headers.get("Retry-After")) || 0; // seconds; 0 without the header
  }
}

// Relative to this file, and not at the root: a proxy may have put the service below a path.
export const SERVICE = new URL("../", import.meta.url);

// No `cache` option: browsers turn it into a Cache-Control header, which the service's own response cache obeys.
export async function call(path, token, options = {}) {
  const headers = token ? { ...options.headers, Authorization: `Bearer ${token}` } : options.headers;
  const response = await fetch(new URL(path, SERVICE), { credentials: "omit", ...options, headers }).catch((fault) => {
    if (fault.name === "AbortError") throw fault;
    throw new Refusal({ message: say("the service does not answer"), code: "unreachable" });
  });
  if (response.ok) return response;
  const body = await response.json().catch(() => null); // a proxy between us may answer in HTML
  throw new Refusal(body?.error ?? {}, response);
}
