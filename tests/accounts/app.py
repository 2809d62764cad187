"""The smallest service with accounts: what tests/accounts starts as a process of its own."""

from typing import Any

from fastapi import FastAPI

from shared.accounts.address import ClientAddress
from shared.accounts.authenticator import Authenticator
from shared.accounts.database import Database
from shared.accounts.tokens import Tokens
from shared.accounts.usage import UsageLedger
from shared.asgi.gate import gate
from shared.call import Caller
from shared.layers.account_usage import AccountUsage
from shared.layers.authenticate import Authenticate
from shared.layers.budget import Budget
from shared.layers.input_guard import InputGuard
from shared.layers.request_log import RequestLog
from shared.layers.timeout import Timeout
from shared.routes.tokens import token_routes
from shared.routes.usage import usage_routes
from shared.service import build_service
from shared.settings import Settings


def build(settings: Settings) -> FastAPI:
    database = Database(settings.database_url)
    ledger = UsageLedger(database, settings.usage_flush_seconds)
    authenticator = Authenticator(
        Tokens(database),
        ClientAddress(settings.trusted_proxies),
        required=settings.api_keys_required,
        cache_ttl=settings.token_cache_ttl,
    )
    return build_service(
        settings,
        title="Accounts",
        resources=[database, ledger, authenticator],
        gate=gate(authenticator),
        layers=[
            RequestLog(settings.log_file),
            Authenticate(authenticator),
            Budget(ledger),
            AccountUsage(ledger),
            InputGuard(settings.max_chars),
            Timeout(settings.timeout),
        ],
        routes=[
            usage_routes(ledger, _limits),
            token_routes(authenticator),
        ],
    )


async def _limits(caller: Caller) -> dict[str, Any]:
    return {"of": caller.id}
