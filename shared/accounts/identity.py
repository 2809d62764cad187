"""Who is calling, as a type: what the layers and the gate need to know a caller. Ours is in authenticator.py."""

from collections.abc import Mapping
from typing import Protocol

from shared.pipeline.call import Caller


class Identity(Protocol):
    """Identifies callers, and decides who may call without a token."""

    async def identify(self, headers: Mapping[str, str], peer: str) -> Caller:
        """The caller, who may be a stranger. Raises Unauthorized, DatabaseUnavailable."""

    def admit(self, caller: Caller) -> None:
        """Raises Unauthorized for a stranger if a token is required."""
