"""The firing alerts, for GET /health, as of the board's last look: a probe costs no database query."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from shared.webhooks.alert_board import AlertBoard

if TYPE_CHECKING:
    from shared.service import Service

MOST = 20  # names


class AlertsCheck:
    """Shows nothing if webhooks are off."""

    def __init__(self, board: AlertBoard) -> None:
        self._board = board

    def checks(self) -> Mapping[str, Any]:
        return {"alerts": {"firing": list(self._board.firing[:MOST])}} if self._board.used else {}


def alerts_check(board: AlertBoard) -> Callable[[Service], AlertsCheck]:
    """For build_service's `checks`."""
    return lambda service: AlertsCheck(board)
