"""An upstream's replies, byte for byte: good replies, and ways to corrupt them.

In: the text of the answer, and a random generator. Out: the bytes of a whole HTTP response.
"""

import json
import random
from collections.abc import Iterable, Sequence
from typing import Any

JSON = "application/json"
EVENTS = "text/event-stream"
MODEL = "raw"

# Each of these, inserted somewhere, has broken a parser.
TOKENS = (
    *(b"null", b"[]", b"{}", b'""', b"0", b"-1", b"1e999", b"true", b"NaN", b"9" * 400, b"[" * 3000),
    *(b"\r", b"\n", b"\r\n", b"\n\n", b"\r\n\r\n", b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80", b'"\\ud800"'),
    *(b"data:", b"data: [DONE]\n\n", b": ", b"event: x\n", b'{"error":', b'"error":{"message":', b"choices", b"delta"),
    *(b"chunked", b"gzip", b"100", b"204", b"304", b"0\r\n\r\n", b"FFFFFFFFFFFFFFFF", b"Content-Length: 5\r\n"),
)


def http(
    body: bytes,
    *,
    status: str = "200 OK",
    kind: str = JSON,
    length: object = None,
    headers: Sequence[str] = (),
) -> bytes:
    """A response with the true Content-Length, or with `length` instead; with none if `length` is empty."""
    said = [] if length == "" else [f"Content-Length: {len(body) if length is None else length}"]
    head = [f"HTTP/1.1 {status}", *([f"Content-Type: {kind}"] if kind else []), *said, *headers, "", ""]
    return "\r\n".join(head).encode("latin-1") + body


def chunked(pieces: Iterable[bytes], *, kind: str = JSON, headers: Sequence[str] = ()) -> bytes:
    body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return http(body + b"0\r\n\r\n", kind=kind, length="", headers=["Transfer-Encoding: chunked", *headers])


def stream(body: bytes, *, headers: Sequence[str] = ()) -> bytes:
    """Server-sent events that end with the connection."""
    return http(body, kind=EVENTS, length="", headers=headers)


def completion(text: str, **changed: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": MODEL,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12},
        **changed,
    }


def chunk(delta: Any, reason: str | None = None, **changed: Any) -> dict[str, Any]:
    choices = [{"index": 0, "delta": delta, "finish_reason": reason}]
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": MODEL, "choices": choices, **changed}


def event(document: Any) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\n\n"


ROLE = event(chunk({"role": "assistant", "content": ""}))
END = event(chunk({}, "stop"))
USAGE = event(chunk({}) | {"choices": [], "usage": completion("")["usage"]})
DONE = b"data: [DONE]\n\n"


def word(text: str) -> bytes:
    return event(chunk({"content": text}))


def events(text: str) -> bytes:
    """A good stream with one word per event."""
    words = text.split(" ")
    said = [word(part if place == 0 else f" {part}") for place, part in enumerate(words)]
    return ROLE + b"".join(said) + END + USAGE + DONE


def good(text: str, *, streams: bool) -> bytes:
    if streams:
        return chunked([part + b"\n\n" for part in events(text).split(b"\n\n")[:-1]], kind=EVENTS)
    return http(json.dumps(completion(text)).encode())


def spoilt(reply: bytes, chance: random.Random) -> bytes:
    """A good reply with one to four random changes; in half of the cases only in the body, with correct framing."""
    head, _, body = reply.partition(b"\r\n\r\n")
    if chance.random() < 0.5:  # changes only the body: a wrong head would hide its faults
        for _ in range(chance.randint(1, 4)):
            body = _with_one_change(body, chance)
        if b"chunked" in head:
            return stream(body)
        return http(body)
    for _ in range(chance.randint(1, 4)):
        reply = _with_one_change(reply, chance)
    return reply


def _with_one_change(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data) + 1)
    end = min(len(data), start + chance.choice((1, 1, 2, 4, 8, 32)))
    match chance.randrange(6):
        case 0:
            return data[:start]
        case 1:
            return data[:start] + data[end:]
        case 2:
            return data[:end] + data[start:]
        case 3:
            return data[:start] + chance.randbytes(end - start) + data[end:]
        case 4:
            return data[:start] + chance.choice(TOKENS) + data[start:]
        case _:
            return data[:start] + chance.choice(TOKENS) + data[end:]
