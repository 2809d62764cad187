"""GET /usage: the caller's usage today and this month, and what remains of the limits and the budget."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from shared.accounts.money import to_usd
from shared.accounts.usage import UsageLedger
from shared.accounts.usage_table import Count
from shared.http.auth_gate import caller_of
from shared.http.json import json_response
from shared.pipeline.call import Caller

if TYPE_CHECKING:
    from shared.service import Routes, Service

Limits = Callable[[Caller], Awaitable[Mapping[str, Any]]]


def usage_routes(ledger: UsageLedger, limits: Limits | None = None) -> Routes:
    """For build_service's `routes`. `limits` gives a caller's limits, and what remains of them."""

    def routes(service: Service) -> APIRouter:
        router = APIRouter()

        @router.get("/usage", summary="The caller's usage, limits and budget")
        async def usage(request: Request) -> Response:
            caller = caller_of(request)
            used = await ledger.used(caller.id)
            return json_response(
                {
                    "caller": caller.id,
                    "role": caller.role,
                    "today": _shown(used.today),
                    "month": _shown(used.month),
                    "budget": _budget(caller, used.month, ledger.today().month_ends),
                    "limits": await limits(caller) if limits else None,
                }
            )

        return router

    return routes


def _shown(count: Count) -> dict[str, Any]:
    return {
        "requests": count.requests,
        "tokens": {
            "input": count.tokens_input,
            "output": count.tokens_output,
            "total": count.tokens_input + count.tokens_output,
        },
        "cost_usd": to_usd(count.cost_micro_usd),
    }


def _budget(caller: Caller, month: Count, month_ends: float) -> dict[str, Any] | None:
    """US dollars; `resets_at` in seconds since 1970."""
    if caller.budget_usd is None:
        return None
    spent = to_usd(month.cost_micro_usd)
    remaining = round(max(0.0, caller.budget_usd - spent), 6)
    return {"limit_usd": caller.budget_usd, "spent_usd": spent, "remaining_usd": remaining, "resets_at": month_ends}
