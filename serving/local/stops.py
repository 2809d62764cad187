"""Watches an answer for stop strings, and never lets a part of one slip out.

In: pieces of text. Out: the text that is certainly not part of a stop string, and whether one was found.
"""

from __future__ import annotations


class StopScanner:
    def __init__(self, stops: tuple[str, ...]) -> None:
        self._stops = stops
        self._held = ""

    def feed(self, text: str) -> tuple[str, bool]:
        """Returns what may be sent now, and True if a stop string was found; the stop string itself is never sent."""
        if not self._stops:
            return text, False
        held = self._held + text
        hits = [place for stop in self._stops if (place := held.find(stop)) >= 0]
        if hits:
            self._held = ""
            return held[: min(hits)], True
        keep = max(_overlap(held, stop) for stop in self._stops)
        self._held = held[len(held) - keep :]
        return held[: len(held) - keep], False

    def rest(self) -> str:
        """The text that was held back and turned out to be no stop string."""
        rest, self._held = self._held, ""
        return rest


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of `text` with which `stop` begins."""
    return next((n for n in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:n])), 0)
