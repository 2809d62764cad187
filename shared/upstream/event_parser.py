"""Reads server-sent events from a stream of bytes.

In: blocks of bytes, cut anywhere. Out: the payloads of complete events. Knows nothing of models or of HTTP.
Source: https://html.spec.whatwg.org/multipage/server-sent-events.html.
"""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # one may come before a stream, and is not part of it
LINE = 64  # bytes that a line takes in memory besides its own
LONGEST_EVENT = 16 << 20  # bytes, for images too; an event that never ends would otherwise fill the memory


class EventTooLong(ValueError):
    """An event of a stream is longer than LONGEST_EVENT."""


class Events:
    """Takes bytes, cut anywhere, even inside a character; returns the payloads of the complete events.

    Lines end in LF, CR LF or CR. Comments and fields other than `data` are dropped.
    """

    def __init__(self) -> None:
        self._pending: list[bytes] = []  # a line without its end
        self._data: list[bytes] = []  # an event without its end
        self._held = 0  # bytes of both, plus LINE per line
        self._after_cr = False  # the block before ended in CR: an LF now belongs to it
        self._at_start = True

    def feed(self, block: bytes) -> list[bytes]:
        """The payload of each event that ends in `block`. Raises EventTooLong."""
        whole = block.startswith(b"data: ") and block.endswith(b"\n\n") and block.count(b"\n") == 2
        if whole and not self._held and b"\r" not in block:
            return [block[6:-2]]  # one event, the usual case
        if self._after_cr and block.startswith(b"\n"):
            block = block[1:]
        if b"\r" in block:
            self._after_cr = block.endswith(b"\r")
            block = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        elif block:
            self._after_cr = False
        payloads: list[bytes] = []
        if b"\n" in block:
            *lines, rest = b"".join((*self._pending, block)).split(b"\n")
            self._held -= sum(map(len, self._pending))
            for line in lines:
                self._read(line, payloads)
            self._pending = [rest]
            self._held += len(rest)
        else:  # not joined yet: a long line in small pieces would be copied once per piece
            self._pending.append(block)
            self._held += len(block)
        if self._held > LONGEST_EVENT:
            raise EventTooLong
        return payloads

    def _read(self, line: bytes, payloads: list[bytes]) -> None:
        if self._at_start:
            line, self._at_start = line.removeprefix(BYTE_ORDER_MARK), False
        if line.startswith(b"data:"):
            self._data.append(line[5:].removeprefix(b" "))
            self._held += len(self._data[-1]) + LINE
        elif not line and self._data:
            payloads.append(b"\n".join(self._data))
            self._data, self._held = [], 0
