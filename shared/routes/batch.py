"""POST /generate/batch: many prompts at once; the reply has an answer or an error for each, in the same order.

Each prompt is a call of its own: it passes the whole stack, counts against the limits, may be cached, and has its line
in the log. At most MAX_CONCURRENT of them run at the same time, so that one batch leaves room for other callers.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import Gauge, Histogram

from shared.http.disconnect import while_connected
from shared.http.json import json_response, read_body
from shared.pipeline.call import EMPTY_REQUEST, Call
from shared.pipeline.errors import InvalidRequest, ServiceError
from shared.pipeline.reply import Completion
from shared.pipeline.validation import parse, validated
from shared.routes.endpoint import documented, open_endpoint, whole
from shared.routes.generate import to_chat
from shared.routes.schemas import BatchRequest, BatchResponse, GenerateRequest

if TYPE_CHECKING:
    from shared.service import Service

active = Gauge("inference_active_batches", "Batches of prompts in progress", multiprocess_mode="livesum")
sizes = Histogram("inference_batch_size", "Prompts per batch", buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000))


def batch_routes(service: Service) -> APIRouter:
    router = APIRouter()
    settings = service.settings

    # Not tagged as a generating route: the gate identifies the caller once, and not a hundred times.
    description = {**documented(BatchRequest, BatchResponse), "tags": []}

    @router.post("/generate/batch", summary="Answer many prompts", **description)
    async def batch(request: Request) -> Response:
        started = time.perf_counter()
        prompts = parse(BatchRequest, await read_body(request, settings.max_body_bytes)).prompts
        if len(prompts) > settings.max_batch:
            raise InvalidRequest(f"{len(prompts)} prompts; a batch has at most {settings.max_batch}", param="prompts")
        calls = [_call(service, request, number, prompt) for number, prompt in enumerate(prompts)]
        sizes.observe(len(calls))
        with active.track_inprogress(), service.together(calls):
            results = await while_connected(request, _answer_all(service, calls, settings.max_concurrent))
        return json_response(
            {
                "request_id": request.state.request_id,
                "results": results,
                "metadata": _totals(calls, results, (time.perf_counter() - started) * 1000),
            }
        )

    return router


def _call(service: Service, request: Request, number: int, prompt: object) -> Call:
    """One prompt as a call: a plain text, or a body of /generate. An invalid prompt refuses only its own call."""
    call = open_endpoint(request)
    call.request_id = f"{call.request_id}.{number}"
    try:
        asked = validated(GenerateRequest, {"prompt": prompt} if isinstance(prompt, str) else prompt)
        call.request = to_chat(service, asked)
    except InvalidRequest as refusal:
        call.request, call.refusal = EMPTY_REQUEST, refusal
    return call


async def _answer_all(service: Service, calls: Sequence[Call], most: int) -> list[dict[str, Any]]:
    """The results in the order of `calls`. At most `most` calls run at the same time."""
    results: list[dict[str, Any]] = [{} for _ in calls]
    waiting = iter(enumerate(calls))

    async def work() -> None:
        for number, call in waiting:
            results[number] = await _answer(service, call)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(most, len(calls))):
            group.create_task(work())
    return results


async def _answer(service: Service, call: Call) -> dict[str, Any]:
    call.started = time.perf_counter()  # its wait for other prompts counts for the batch, not for the call
    try:
        reply = await service.answer(call)
    except ServiceError as error:
        return error.envelope(call.request_id)
    assert isinstance(reply, Completion)
    return whole(call, reply)


def _totals(calls: Sequence[Call], results: Sequence[dict[str, Any]], latency_ms: float) -> dict[str, Any]:
    outcomes = [call.outcome for call in calls if call.outcome is not None]
    failed = sum("error" in result for result in results)
    tokens_in = sum(outcome.usage.input for outcome in outcomes)
    tokens_out = sum(outcome.usage.output for outcome in outcomes)
    return {
        "total": len(results),
        "succeeded": len(results) - failed,
        "failed": failed,
        "tokens": {"input": tokens_in, "output": tokens_out, "total": tokens_in + tokens_out},
        "cost_usd": round(sum(outcome.cost_usd for outcome in outcomes), 6),
        "latency_ms": round(latency_ms, 2),
    }
