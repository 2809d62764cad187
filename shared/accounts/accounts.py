"""The accounts of one service: its database, who is calling, and what they used, wired together from the settings.

A demo puts its parts where they belong: the authenticator and the ledger into layers, `resources` and `gate` into the
service. Knows nothing of limits, caches or models.
"""

from starlette.types import ASGIApp

from shared.accounts.address import ClientAddress
from shared.accounts.authenticator import Authenticator
from shared.accounts.database import Database
from shared.accounts.tokens import Tokens
from shared.accounts.usage import UsageLedger
from shared.asgi.gate import gate
from shared.pipeline import Resource
from shared.settings import Settings


class Accounts:
    """Raises BadSetting."""

    def __init__(self, settings: Settings) -> None:
        self.database = Database(settings.database_url)
        self.ledger = UsageLedger(self.database, settings.usage_flush_seconds)
        self.authenticator = Authenticator(
            Tokens(self.database),
            ClientAddress(settings.trusted_proxies),
            required=settings.api_keys_required,
            cache_ttl=settings.token_cache_ttl,
        )

    @property
    def resources(self) -> list[Resource]:
        """The database first: it is opened before what uses it, and closed after."""
        return [self.database, self.ledger, self.authenticator]

    def gate(self, app: ASGIApp) -> ASGIApp:
        """Asks who is calling before the routes that do not go through the layers."""
        return gate(self.authenticator)(app)
