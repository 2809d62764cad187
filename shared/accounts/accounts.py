"""The accounts of one service: its database, who is calling, and what they used, wired together from the settings.

A demo puts its parts where they belong: the authenticator and the ledger into layers, `resources` and a gate of the
authenticator into the service. Knows nothing of limits, caches or models.
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
        """The database first: it is opened before what uses it, and closed after."""
        return [self.database, self.ledger, self.authenticator]
