"""Which alerts fire? For GET /health, as the board's last look has it: a probe costs no question to the database."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from shared.webhooks.alert_board import AlertBoard

if TYPE_CHECKING:
    from shared.service import Service

MOST = 20  # names


class AlertsCheck:
    """Nothing to show where no webhooks are taken."""

    def __init__(self, board: AlertBoard) -> None:
        self._board = board

    def checks(self) -> Mapping[str, Any]:
        return {"alerts": {"firing": list(self._board.firing[:MOST])}} if self._board.used else {}


def alerts_check(board: AlertBoard) -> Callable[[Service], AlertsCheck]:
    """For build_service's `checks`."""
    return lambda service: AlertsCheck(board)
