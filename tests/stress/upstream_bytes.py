"""Named things that an upstream may do, each with the reply that the client must get.

In: nothing. Out: Cases by name, for whole answers and for streams. `expected` are statuses; for a stream that has
begun, it is 200, and the other fields say how it ends.
"""

import functools
import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.stress.raw_upstream import Peer, Play, bytes_play
from tests.stress.replies import DONE, END, EVENTS, ROLE, chunk, chunked, completion, event, events, http, word
from tests.stress.replies import stream as sse

MB = 1 << 20
TEXT = "so it is said"


@dataclass(slots=True, frozen=True)
class Case:
    """`says`: the text that must arrive; None for any. `cut`: whether a stream ends with an error; None for either."""

    play: Play
    expected: frozenset[int]
    says: str | None = None
    cut: bool | None = False


def _fails(data: bytes | Play, *statuses: int) -> Case:
    return Case(bytes_play(data) if isinstance(data, bytes) else data, frozenset(statuses or {502}))


def _says(data: bytes | Play, text: str | None = TEXT) -> Case:
    return Case(bytes_play(data) if isinstance(data, bytes) else data, frozenset({200}), text)


def _cut(data: bytes | Play, text: str | None = None) -> Case:
    return Case(bytes_play(data) if isinstance(data, bytes) else data, frozenset({200}), text, cut=True)


def _either(data: bytes) -> Case:
    """Bad bytes directly after good ones: the way the network splits them decides which are seen first."""
    return Case(bytes_play(data), frozenset({200, 502}), None, cut=None)


def _document(**changed: Any) -> bytes:
    return json.dumps(completion(TEXT, **changed)).encode()


def _choice(**changed: Any) -> bytes:
    return _document(choices=[completion(TEXT)["choices"][0] | changed])


def _each(*values: Any) -> tuple[Any, ...]:
    return values


def _pieces(data: bytes, size: int = 1) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


# --- plays ----------------------------------------------------------------------------------------------------------


async def says_nothing(peer: Peer) -> None:
    await peer.gone()


async def hangs_up(peer: Peer) -> None: ...


async def resets(peer: Peer) -> None:
    peer.reset()


def dribbled(data: bytes, size: int = 1) -> Play:
    async def play(peer: Peer) -> None:
        await peer.send_in(_pieces(data, size))

    return play


def then_silence(data: bytes) -> Play:
    async def play(peer: Peer) -> None:
        await peer.send(data)
        await peer.gone()

    return play


def then_reset(data: bytes) -> Play:
    async def play(peer: Peer) -> None:
        await peer.send(data)
        peer.reset()

    return play


def for_ever(data: bytes, again: bytes, pause: float = 0.0) -> Play:
    async def play(peer: Peer) -> None:
        await peer.send(data)

        def endless() -> Iterator[bytes]:
            while not peer.writer.transport.is_closing():
                yield again

        await peer.send_in(endless(), pause)

    return play


@functools.cache
def bomb(megabytes: int) -> bytes:
    """A good completion inside a gzip whose content is a thousand times larger."""
    packer = zlib.compressobj(9, wbits=31)
    blank = b" " * MB
    packed = b"".join(packer.compress(blank) for _ in range(megabytes))
    return packed + packer.compress(_document()) + packer.flush()


# --- cases for both -------------------------------------------------------------------------------------------------

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
GZIP = ["Content-Encoding: gzip"]

ANY: Mapping[str, Case] = {
    "hangs up at once": _fails(hangs_up, 503),
    "resets the connection": _fails(resets, 503),
    "never answers": _fails(says_nothing, 504),
    "random bytes": _fails(bytes(range(256)) * 40),
    "a TLS alert": _fails(b"\x15\x03\x01\x00\x02\x02\x46"),
    "half a status line": _fails(b"HTTP/1.1 20", 502, 503),
    "half a head": _fails(HEAD, 502, 503),
    "half a head, then silence": _fails(then_silence(HEAD), 504),
    "a head that never ends": _fails(for_ever(HEAD, b"X-More: " + b"a" * 1000 + b"\r\n"), 502, 503),
    "a header that never ends": _fails(for_ever(HEAD + b"X-More: ", b"a" * 65536), 502, 503),
    "ten thousand headers": _fails(http(_document(), headers=[f"X-{n}: {n}" for n in range(10_000)])),
    "one header of a megabyte": _fails(http(_document(), headers=["X-Large: " + "a" * MB])),
    "a header without a colon": _fails(HEAD + b"no colon\r\n\r\n{}"),
    "HTTP/0.9": _fails(b"<html>hello</html>\r\n\r\n"),
    "HTTP/9.9": _fails(b"HTTP/9.9 200 OK\r\nContent-Length: 2\r\n\r\n{}", 502, 503),
    "status 1": _fails(http(b"{}", status="1 Odd"), 502),
    "status 999": _fails(http(b"{}", status="999 Odd"), 502),
    "status 99999999999": _fails(http(b"{}", status="99999999999 Odd"), 502),
    "status -200": _fails(http(b"{}", status="-200 Odd"), 502),
    "100, then nothing": _fails(then_silence(b"HTTP/1.1 100 Continue\r\n\r\n"), 504),
    "100 for ever": _fails(for_ever(b"", b"HTTP/1.1 100 Continue\r\n\r\n", pause=0.005), 502, 503, 504),
    "101": _fails(http(b"", status="101 Switching Protocols", headers=["Upgrade: x", "Connection: Upgrade"])),
    "103, then hangs up": _fails(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", 502, 503),
    "204": _fails(http(b"", status="204 No Content", length="")),
    "206": _fails(http(_document(), status="206 Partial Content")),
    "301": _fails(http(b"", status="301 Moved", headers=["Location: http://127.0.0.1:9/"])),
    "302 to itself": _fails(http(b"", status="302 Found", headers=["Location: /v1/chat/completions"])),
    "304": _fails(http(b"", status="304 Not Modified", length="")),
    "400 with a giant code": _fails(
        http(
            json.dumps({"error": {"message": "m" * MB, "code": "c" * MB, "param": "p" * MB}}).encode(), status="400 No"
        ),
        400,
    ),
    "400 with an error of nulls": _fails(
        http(b'{"error":{"message":null,"code":null,"param":null}}', status="400 No"), 400
    ),
    "400 with an error of numbers": _fails(http(b'{"error":{"message":1,"code":400,"param":2}}', status="400 No"), 400),
    "400 with an empty error": _fails(http(b'{"error":{"message":"","code":"","param":""}}', status="400 No"), 400),
    "400 in UTF-16": _fails(http('{"error":"é"}'.encode("utf-16"), status="400 No"), 400),
    "401": _fails(http(b'{"error":{"message":"bad key sk-123"}}', status="401 No"), 502),
    "404 with an array": _fails(http(b"[]", status="404 No"), 404),
    "418": _fails(http(b"teapot", status="418 Teapot"), 502),
    "422 without a body": _fails(http(b"", status="422 No"), 422),
    "429 that asks for eternity": _fails(http(b"", status="429 No", headers=["Retry-After: 9e999"]), 429),
    "429 that asks for nan": _fails(http(b"", status="429 No", headers=["Retry-After: nan"]), 429),
    "429 with a negative wait": _fails(http(b"", status="429 No", headers=["Retry-After: -5"]), 429),
    "429 with Arabic digits": _fails(
        http(b"", status="429 No", headers=["Retry-After: ٣".encode().decode("latin-1")]), 429
    ),
    "429 until the year 9999": _fails(
        http(b"", status="429 No", headers=["Retry-After: Fri, 31 Dec 9999 23:59:59 GMT"]), 429
    ),
    "429 until no year": _fails(http(b"", status="429 No", headers=["Retry-After: Fri, 99 Foo 99999 0:0:0"]), 429),
    "429 with malformed limits": _fails(
        http(b"", status="429 No", headers=["X-RateLimit-Remaining: 0", f"X-RateLimit-Reset: {'9' * 300}"]), 429
    ),
    "500 with a page of 20 MB": _fails(http(b"<p>" * (7 * MB), status="500 No", kind="text/html"), 502),
    "500 that never ends": _fails(
        for_ever(http(b"", status="500 No", kind="text/html", length=""), b"<p>" * 10_000), 502, 504
    ),
    "500, then silence": _fails(then_silence(http(b"half", status="500 No", length=500)), 502, 504),
    "599": _fails(http(b"\x00\xff", status="599 No"), 502),
    "200 with nothing": _fails(http(b"")),
    "200 with HTML": _fails(http(b"<html>It works!</html>", kind="text/html")),
    "200 with a type in Latin-1": _fails(http(b"{}", kind="text/\xff\xfe; charset=\xff")),
    "200 with a type of control characters": _fails(http(b"{}", kind="text/\x01\x02"), 502),
    "two lengths that disagree": _fails(http(_document(), headers=["Content-Length: 3"])),
    "a negative length": _fails(http(_document(), length=-5)),
    "a length that is not a number": _fails(http(_document(), length="five")),
    "a length of 400 digits": _fails(http(_document(), length="9" * 400), 502, 503),
    "a length of an exabyte": _fails(http(_document(), length=1 << 60), 502, 503),
    "chunks of a bad size": _fails(http(b"zz\r\n{}\r\n0\r\n\r\n", length="", headers=["Transfer-Encoding: chunked"])),
    "chunks of a negative size": _fails(
        http(b"-2\r\n{}\r\n0\r\n\r\n", length="", headers=["Transfer-Encoding: chunked"])
    ),
    "a chunk of an exabyte": _fails(
        http(b"FFFFFFFFFFFFFFF\r\n{}", length="", headers=["Transfer-Encoding: chunked"]), 502, 503
    ),
    "a chunk size that never ends": _fails(
        for_ever(http(b"", length="", headers=["Transfer-Encoding: chunked"]), b"0" * 65536), 502, 503, 504
    ),
    "chunk extensions that never end": _fails(
        for_ever(http(b"2;", length="", headers=["Transfer-Encoding: chunked"]), b"x" * 65536), 502, 503, 504
    ),
    "trailers that never end": _fails(
        for_ever(http(b"0\r\n", length="", headers=["Transfer-Encoding: chunked"]), b"X: a\r\n" * 1000),
        *(502, 503, 504),
    ),
    "an unknown transfer encoding": _fails(http(_document(), headers=["Transfer-Encoding: rot13"]), 502),
    "not gzip at all": _fails(http(_document(), headers=GZIP), 502, 503),
    "gzip cut in half": _fails(http(gzip.compress(_document())[:40], headers=GZIP), 502, 503),
    "gzip with a wrong sum": _fails(http(gzip.compress(b"x" * 500)[:-8] + b"\0" * 8, headers=GZIP), 502, 503),
    "a bomb of 300 MB": _fails(http(bomb(300), headers=GZIP)),
    "a bomb of 300 MB in chunks": _fails(chunked(_pieces(bomb(300), 10_000), headers=GZIP)),
    "an unknown content encoding": _fails(http(b"\x01\x02", headers=["Content-Encoding: rot13"])),
    "cookies": _fails(http(b"{}", headers=[f"Set-Cookie: c{n}=\xff; Domain=127.0.0.1" for n in range(50)])),
}

# --- whole answers --------------------------------------------------------------------------------------------------

WHOLE: Mapping[str, Case] = {
    **ANY,
    "good": _says(http(_document())),
    "good, in chunks of a byte": _says(chunked(_pieces(_document()))),
    "good, a byte at a time": _says(dribbled(http(_document()))),
    "good, in gzip": _says(http(gzip.compress(_document()), headers=GZIP)),
    "good, and more than was promised": _either(http(_document() + b"trailing", length=len(_document()))),
    "good, after a hundred 103s": _says(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100 + http(_document())),
    "good, until the connection ends": _says(http(_document(), length="")),
    "less than was promised": _fails(http(_document(), length=len(_document()) + 1), 502, 503),
    "less than was promised, then silence": _fails(then_silence(http(_document(), length=9999)), 504),
    "half, then a reset": _fails(then_reset(http(_document()[:50], length=len(_document()))), 502, 503),
    "20 MB": _fails(http(_document(padding="x" * 20 * MB))),
    "20 MB in chunks": _fails(chunked(_pieces(_document(padding="x" * 20 * MB), 65536))),
    "no end": _fails(for_ever(http(b"", length=""), b" " * 65536)),
    "good, 15 MB": _says(http(_document(padding="x" * 15 * MB))),
    "events": _fails(sse(events(TEXT))),
    "a BOM": _says(http(b"\xef\xbb\xbf" + _document())),
    "UTF-16": _says(http(_document().decode().encode("utf-16"))),
    "Latin-1": _says(http(json.dumps(completion("é"), ensure_ascii=False).encode("latin-1")), "\ufffd"),
    "a lone surrogate": _says(http(_document().replace(b"so it", b"\\ud800")), None),
    "a surrogate in UTF-8": _says(http(_document().replace(b"so it", b"\xed\xa0\x80")), None),
    "NUL bytes": _fails(http(_document().replace(b"so it", b"\x00"))),
    "NUL, escaped": _says(http(_document().replace(b"so it", b"\\u0000")), "\x00 is said"),
    "NaN": _says(http(_document(n=float("nan")))),
    "a number of 400 digits": _says(http(_document(n=int("9" * 400)))),
    "nested ten thousand deep": _fails(http(b'{"a":' * 10_000 + b"}" * 10_000)),
    "nested a thousand deep": _says(http(_document().replace(b'"chatcmpl-1"', b"[" * 1000 + b"]" * 1000))),
    "two documents": _fails(http(_document() + _document())),
    "the same key twice": _says(http(b'{"choices":null,' + _document()[1:])),
    **{f"{value!r} alone": _fails(http(json.dumps(value).encode())) for value in _each(None, [], {}, "x", 1, True)},
    **{
        f"choices {value!r}": _fails(http(_document(choices=value)))
        for value in _each(None, [], {}, "none", 5, [None], [[]], [5], [{}], [{"message": None}], [{"message": "x"}])
    },
    **{
        f"content {value!r}": _says(http(_choice(message={"content": value})), None)
        for value in _each(5, ["x"], {"a": 1}, True)
    },
    **{
        f"content {value!r}": _says(http(_choice(message={"content": value})), "")
        for value in _each(None, "", [], {}, 0)
    },
    **{f"usage {value!r}": _says(http(_document(usage=value))) for value in _each(None, [], {}, "many", 5, True)},
    **{
        f"tokens {value!r}": _says(http(_document(usage={"prompt_tokens": value, "completion_tokens": 5})))
        for value in _each(None, -1, 1.5, "5", True, [], 10**15, 10**30)
    },
    **{f"model {value!r:.20}": _says(http(_document(model=value))) for value in _each(None, 5, [], "", {}, "é\x00")},
    "a model's name of a megabyte": _says(http(_document(model="m" * MB))),
    **{f"reason {value!r}": _says(http(_choice(finish_reason=value))) for value in _each(None, 5, [], "", "because")},
}

# --- streams --------------------------------------------------------------------------------------------------------

BEGUN = ROLE + word("so it is said")

STREAMED: Mapping[str, Case] = {
    **ANY,
    "good": _says(sse(events(TEXT))),
    "good, a byte at a time": _says(dribbled(sse(events(TEXT)))),
    "good, in chunks of three bytes": _says(chunked(_pieces(events(TEXT), 3), kind=EVENTS)),
    "good, with CRLF": _says(sse(events(TEXT).replace(b"\n", b"\r\n"))),
    "good, with CRLF, a byte at a time": _says(dribbled(sse(events(TEXT).replace(b"\n", b"\r\n")))),
    "good, without spaces": _says(sse(events(TEXT).replace(b"data: ", b"data:"))),
    "good, with comments": _says(sse(events(TEXT).replace(b"\n\n", b"\n\n: hello\n:\n\n"))),
    "good, with other fields": _says(sse(events(TEXT).replace(b"data:", b"event: x\nid: 5\nretry: 1\nodd\ndata:"))),
    "good, over several data lines": _says(sse(events(TEXT).replace(b', "model"', b',\ndata: "model"'))),
    "good, in gzip": _says(sse(gzip.compress(events(TEXT)), headers=GZIP)),
    "good, without usage": _says(sse(BEGUN + END + DONE)),
    "good, without a role": _says(sse(word(TEXT) + END + DONE)),
    "[DONE] twice": _says(sse(events(TEXT) + DONE)),
    "words after [DONE]": _says(sse(events(TEXT) + word("more"))),
    "[DONE], then silence": _says(then_silence(sse(events(TEXT)))),
    "[DONE], then no end": _says(for_ever(sse(events(TEXT)), b": still here\n\n")),
    "[DONE] with spaces": _says(sse(BEGUN + END + b"data: [DONE] \n\n")),
    "usage in every frame": _says(
        sse(ROLE + event(chunk({"content": TEXT}, usage=completion("")["usage"])) + END + DONE)
    ),
    **{
        f"usage {value!r}": _says(sse(BEGUN + END + event({"choices": [], "usage": value}) + DONE))
        for value in _each(
            [], "many", 5, {}, {"prompt_tokens": -1, "completion_tokens": 1e300}, {"prompt_tokens": True}
        )
    },
    "an error at once": _fails(sse(event({"error": {"message": "out of memory", "code": 500}})), 502),
    "an error at once, then [DONE]": _fails(sse(event({"error": {"message": "out of memory"}}) + DONE), 502),
    "an error at once, of the request": _fails(sse(event({"error": {"message": "no", "code": 400}}) + DONE), 400),
    "an error of null": _says(sse(ROLE + event(chunk({"content": TEXT}, error=None)) + END + DONE)),
    "[DONE] at once": _fails(sse(DONE)),
    "nothing but a role": _says(sse(ROLE + DONE), ""),
    "nothing at all": _fails(sse(b""), 502, 503),
    "nothing but comments, for ever": _fails(for_ever(sse(b""), b": wait\n\n", pause=0.001), 504),
    "nothing but roles, for ever": _fails(for_ever(sse(b""), ROLE), 502, 504),
    "a line of 20 MB": _fails(sse(b"data: " + b"x" * (20 * MB) + b"\n\n")),
    "a line that never ends": _fails(for_ever(sse(b"data: "), b"x" * 65536)),
    "a comment that never ends": _fails(for_ever(sse(b": "), b"x" * 65536)),
    "an event of lines that never ends": _fails(for_ever(sse(b""), b"data: x\n" * 1000)),
    "a word of 20 MB": _fails(sse(ROLE + word("x" * (20 * MB)) + END + DONE)),
    "CR alone": _says(sse(events(TEXT).replace(b"\n", b"\r"))),
    "CR alone, a byte at a time": _says(dribbled(sse(events(TEXT).replace(b"\n", b"\r")))),
    "a JSON answer": _fails(http(_document())),
    "UTF-16": _fails(sse(events(TEXT).decode().encode("utf-16")), 502, 503),
    "a BOM": _says(sse(b"\xef\xbb\xbf" + events(TEXT))),
    "a bomb": _fails(sse(bomb(300), headers=GZIP)),
    **{
        f"a frame of {value!r}": _says(sse(event(value) + events(TEXT)))
        for value in _each(
            None, [], "x", 5, True, {"choices": 5}, {"choices": "x"}, {"choices": {"a": 1}}, {"choices": [5]}
        )
    },
    **{
        f"choices {value!r}": _says(sse(event({"choices": value}) + events(TEXT)))
        for value in _each(None, [], {}, "", 0)
    },
    "an empty object": _says(sse(event({}) + events(TEXT))),
    "a delta of null": _says(sse(event(chunk(None)) + events(TEXT))),
    "a delta of text": _says(sse(event(chunk("x")) + events(TEXT))),
    "content of numbers": _says(sse(event(chunk({"content": 5})) + events(TEXT))),
    "tool calls of numbers": _says(sse(event(chunk({"tool_calls": [5]})) + events(TEXT))),
    "tool calls of nulls": _says(sse(event(chunk({"tool_calls": [{"function": None}]})) + events(TEXT))),
    "a lone surrogate": _says(sse(event(chunk({"content": "\ud800"})) + events(TEXT)), None),
    "a pair of surrogates in two frames": _says(sse(word("\ud83d") + word("\ude00") + END + DONE), "\U0001f600"),
    "NUL bytes": _says(sse(events(TEXT).replace(b"so", b"\x00")), None),
    "cut after a word": _cut(sse(BEGUN), TEXT),
    "reset after a word": _cut(then_reset(sse(BEGUN))),
    "silent after a word": _cut(then_silence(sse(BEGUN)), TEXT),
    "nothing but comments after a word, for ever": _cut(for_ever(sse(BEGUN), b": wait\n\n", pause=0.01), TEXT),
    "nothing but blank lines after a word, for ever": _cut(for_ever(sse(BEGUN), b"\n\n", pause=0.01), TEXT),
    "[DONE] without a finish reason": _says(sse(BEGUN + DONE)),
    "a finish reason without [DONE]": _says(sse(BEGUN + END)),
    "[DONE] without its last line end": _says(sse(BEGUN + END + DONE[:-1])),
    "[DONE] without any line end": _says(sse(BEGUN + END + DONE[:-2])),
    "garbage after a word": _says(sse(BEGUN + b"data: {\n\n" + END + DONE)),
    "garbage after a word, then the end": _cut(sse(BEGUN + b"data: {\n\n"), TEXT),
    "random bytes after a word": _cut(sse(BEGUN + bytes(range(256)) * 10), TEXT),
    "an error after a word": _cut(sse(BEGUN + event({"error": {"message": "died", "code": 500}})), TEXT),
    "an error after a word, then [DONE]": _cut(sse(BEGUN + event({"error": "died"}) + DONE), TEXT),
    "a line of 20 MB after a word": _cut(sse(BEGUN + b"data: " + b"x" * (20 * MB) + END + DONE), TEXT),
    "a bad chunk after a word": _either(
        http(
            b"%x\r\n%s\r\nzz\r\n" % (len(BEGUN), BEGUN), kind=EVENTS, length="", headers=["Transfer-Encoding: chunked"]
        )
    ),
    "less than was promised": _cut(http(BEGUN, kind=EVENTS, length=len(BEGUN) + 10), TEXT),
}
