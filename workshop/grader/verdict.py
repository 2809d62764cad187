"""How a check says no: Failed, with a command that shows it; or NotGraded, with a way to make it gradable."""


class Failed(Exception):
    """The service does not behave so. `curl` shows it."""

    def __init__(self, expected: str, got: str, curl: str) -> None:
        super().__init__(f"expected {expected}; got {got}")
        self.expected = expected
        self.got = got
        self.curl = curl


class NotGraded(Exception):
    """Nobody can tell from here. The text says why, and how to change that."""
