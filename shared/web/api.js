// One request to the service that this page comes from, with the caller's token if there is one.
// Out: the response if it is good; otherwise a Refusal that says what the error envelope says.

export class Refusal extends Error {
  // `error`: the object inside the envelope. `retryAfter`: seconds, null if nobody said.
  constructor(error, status = 0, retryAfter = null) {
    super(error.message || `the service answered ${status}`);
    this.code = error.code || "";
    this.requestId = error.request_id || "";
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

// Paths are relative to the page: a proxy may have put the service below one. No `cache` option: browsers turn it into
// a Cache-Control header, which the service's own response cache obeys.
export async function call(path, token, options = {}) {
  const headers = { ...options.headers };
  if (token) headers.Authorization = `Bearer ${token}`;
  const response = await fetch(path, { credentials: "omit", ...options, headers }).catch((fault) => {
    if (fault.name === "AbortError") throw fault;
    throw new Refusal({ message: "the service does not answer", code: "unreachable" });
  });
  if (response.ok) return response;
  throw await refusalOf(response);
}

async function refusalOf(response) {
  const body = await response.json().catch(() => null); // a proxy between us may answer in HTML
  const error = { request_id: response.headers.get("X-Request-ID"), ...body?.error };
  const seconds = Number.parseFloat(response.headers.get("Retry-After"));
  const refusal = new Refusal(error, response.status, Number.isFinite(seconds) ? seconds : null);
  refusal.headers = response.headers;
  return refusal;
}
