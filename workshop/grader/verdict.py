"""How a check says no: Failed, with what it takes to see it oneself; or NotGraded, with what it takes to grade it."""


class Failed(Exception):
    """The behaviour is not there. `curl` shows it."""

    def __init__(self, expected: str, got: str, curl: str) -> None:
        super().__init__(f"expected {expected}; got {got}")
        self.expected = expected
        self.got = got
        self.curl = curl


class NotGraded(Exception):
    """Nobody can tell from here. The text says why, and how to make it gradable."""
