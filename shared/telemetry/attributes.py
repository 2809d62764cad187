"""The span attributes of a settled call, named by OpenTelemetry's conventions; `gateway.*` are our own.

In: a Call and its Outcome. Out: attributes. They hold no word of a prompt or an answer, nor an error's text.
https://opentelemetry.io/docs/specs/semconv/http/http-spans/
https://github.com/open-telemetry/semantic-conventions-genai
"""

from collections.abc import Mapping, Sequence
from typing import Any

from yarl import URL

from shared.pipeline.call import Call
from shared.pipeline.outcome import Ending, Outcome
from shared.telemetry.trace import UpstreamTime

LONGEST = 200  # characters of what a client or an upstream chose
OPERATION = "chat"
PROVIDER = "openai"  # all upstreams speak its API, and the conventions ask for the API
STATUS = "http.response.status_code"
FIRST_TOKEN = "time_to_first_token_ms"  # in the log line of a stream that began
TOLD = ("cache", "fallback")  # fields that layers note for the log line, and that a trace shows too


def root_name(call: Call) -> str:
    return f"POST {call.endpoint}"


def request_attributes(call: Call) -> dict[str, Any]:
    """The request in HTTP's terms. Every call comes by POST, and no path of ours has a parameter."""
    headers = call.headers
    host, port = _host(headers.get("host", ""))
    return _said(
        {
            "http.request.method": "POST",
            "http.route": call.endpoint,
            "url.path": call.endpoint,
            "url.scheme": "http",
            "server.address": host,
            "server.port": port,
            "client.address": call.peer,
            "user_agent.original": headers.get("user-agent", "")[:LONGEST],
        }
    )


def call_attributes(call: Call, outcome: Outcome) -> dict[str, Any]:
    """The caller, and the end of the call."""
    return _said(
        {
            "gateway.request_id": call.request_id,
            "gateway.tenant": call.caller.user or "anonymous",
            "gateway.outcome": str(outcome.ending),
            "gateway.retries": call.retries,
            "gateway.cost_usd": outcome.cost_usd,
            **{f"gateway.{name}": call.log_fields.get(name) for name in TOLD},
        }
    )


def response_attributes(call: Call, outcome: Outcome) -> dict[str, Any]:
    """The status that the client got, unless it left before. A stream that breaks, or is left, has already sent 200."""
    if outcome.ending is Ending.CUT or (outcome.ending is Ending.LEFT and FIRST_TOKEN in call.log_fields):
        return {STATUS: 200}
    return {} if outcome.ending is Ending.LEFT else {STATUS: outcome.status}


def batch_attributes(calls: Sequence[Call], outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """A batch is answered with 200, whatever happens to its prompts."""
    left = len(outcomes) < len(calls) or any(outcome.ending is Ending.LEFT for outcome in outcomes)
    return {
        "gateway.batch.size": len(calls),
        "gateway.batch.failed": sum(outcome.error is not None for outcome in outcomes),
        "gateway.outcome": str(Ending.LEFT if left else Ending.FINISHED),
    } | ({} if left else {STATUS: 200})


def model_of(call: Call, asked: UpstreamTime) -> str:
    return (asked.target.model or call.request.model)[:LONGEST]


def upstream_attributes(call: Call, asked: UpstreamTime, outcome: Outcome | None) -> dict[str, Any]:
    """One model call, by the GenAI conventions. Without an `outcome`, the answer did not come from it."""
    request, url = call.request, URL(asked.base_url)
    attributes: dict[str, Any] = {
        "gen_ai.operation.name": OPERATION,
        "gen_ai.provider.name": PROVIDER,
        "gen_ai.request.model": model_of(call, asked),
        "gen_ai.request.temperature": request.temperature,
        "gen_ai.request.max_tokens": request.max_tokens,
        "gen_ai.request.stream": request.stream or None,
        "server.address": url.host,
        "server.port": url.port,
        "gateway.upstream": asked.target.upstream,
        "error.type": asked.error,
    }
    if asked.first_chunk:
        attributes["gen_ai.response.time_to_first_chunk"] = asked.first_chunk - asked.tries[0].started
    if outcome is not None:
        attributes |= {
            "gen_ai.response.model": outcome.model[:LONGEST],
            "gen_ai.response.finish_reasons": [outcome.finish_reason[:LONGEST]] if outcome.finish_reason else None,
            "gen_ai.usage.input_tokens": outcome.usage.input,
            "gen_ai.usage.output_tokens": outcome.usage.output,
        }
    return _said(attributes)


def _said(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Without the values that are not known."""
    return {name: value for name, value in attributes.items() if value is not None and value != ""}


def _host(header: str) -> tuple[str, int | None]:
    name, _, port = header[:LONGEST].rpartition(":")
    return (name, int(port)) if name and port.isdecimal() and len(port) <= 5 else (header[:LONGEST], None)
