"""The smallest service with accounts, which tests/accounts starts as a separate process."""

from typing import Any

from fastapi import FastAPI

from shared.accounts.accounts import Accounts
from shared.app import build_service
from shared.http.auth_gate import auth_gate
from shared.layers.account_usage import AccountUsage
from shared.layers.authenticate import Authenticate
from shared.layers.budget import Budget
from shared.layers.input_guard import InputGuard
from shared.layers.request_log import RequestLog
from shared.layers.timeout import Timeout
from shared.pipeline.call import Caller
from shared.routes.tokens import token_routes
from shared.routes.usage import usage_routes
from shared.settings import Settings
from shared.upstream.pools import Upstreams


def build(settings: Settings) -> FastAPI:
    accounts = Accounts(settings)
    return build_service(
        settings,
        title="Accounts",
        upstreams=Upstreams(settings),
        resources=accounts.resources,
        gate=auth_gate(accounts.authenticator),
        layers=[
            RequestLog(settings.log_file),
            Authenticate(accounts.authenticator),
            Budget(accounts.ledger),
            AccountUsage(accounts.ledger),
            InputGuard(settings.max_chars),
            Timeout(settings.timeout),
        ],
        routes=[
            usage_routes(accounts.ledger, _limits),
            token_routes(accounts.authenticator),
        ],
    )


async def _limits(caller: Caller) -> dict[str, Any]:
    return {"of": caller.id}
