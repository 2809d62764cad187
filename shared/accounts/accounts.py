"""The accounts of one service: its database, its authenticator and its usage ledger, wired together from the settings.

A demo takes its parts: layers get the authenticator and the ledger; the service gets `resources` and a gate made from
the authenticator. Knows nothing of limits, caches or models.
"""

from shared.accounts.address import ClientAddress
from shared.accounts.authenticator import Authenticator
from shared.accounts.tokens import Tokens
from shared.accounts.usage import UsageLedger
from shared.pipeline.layer import Resource
from shared.settings import Settings
from shared.stores.database import Database


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
        """The database first: it opens before the parts that use it, and closes after them."""
        return [self.database, self.ledger, self.authenticator]
