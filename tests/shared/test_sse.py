"""Server-sent events, wherever the bytes are split, and events that never end."""

import pytest

from shared.upstream.event_parser import LONGEST_EVENT, Events, EventTooLong
from shared.upstream.sse import comment, event


def fed(wire: bytes, size: int) -> list[bytes]:
    """The payloads of `wire`, which arrives in blocks of `size` bytes."""
    events = Events()
    return [payload for start in range(0, len(wire), size) for payload in events.feed(wire[start : start + size])]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_events_are_found_however_the_bytes_are_cut(size: int) -> None:
    wire = (
        b": comment\n\nevent: x\ndata: one\n\ndata:two\r\ndata: more\r\n\r\n"
        + event("ñ".encode())
        + comment(b"keep-alive")
        + b"data: unfinished"
    )
    assert fed(wire, size) == [b"one", b"two\nmore", "ñ".encode()]


@pytest.mark.parametrize("payload", [b"{}", b"two\nlines", b"\n", b""])
def test_a_written_event_is_read_back_as_one(payload: bytes) -> None:
    assert fed(event(payload) + event(b"next"), 1000) == [payload, b"next"]
    assert fed(event(payload), 1000) == [payload]


@pytest.mark.parametrize("endless", [b"x", b"data: x\n", b"data:\n", b"\0"])
@pytest.mark.parametrize("size", [1000, 65536])
def test_an_endless_event_is_an_error(endless: bytes, size: int) -> None:
    with pytest.raises(EventTooLong):
        fed(b"data: " + endless * (LONGEST_EVENT + 10), size)


def test_lines_without_data_are_not_kept() -> None:
    events = Events()
    for _ in range(100):
        assert events.feed(b": " + b"x" * (LONGEST_EVENT // 10) + b"\n") == []
