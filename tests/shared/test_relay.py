"""A relay does not judge: whatever a lenient reader takes arrives to the byte, wherever the network cut it."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

import pytest

from shared.pipeline.errors import UpstreamBadReply
from shared.pipeline.outcome import Usage
from shared.pipeline.reply import Chunk
from shared.upstream.event_parser import Events
from shared.upstream.lenient_json import Unreadable, read, well_formed
from shared.upstream.openai_wire import Frames, completion, joined
from shared.upstream.sse import event
from tests.shared.conftest import make_call

REQUEST = make_call(stream=True).request


def frame(delta: Any, **more: Any) -> bytes:
    return json.dumps({"choices": [{"index": 0, "delta": delta}], **more}).encode()


# Deltas of today's APIs, and of none yet.
DELTAS: Sequence[bytes] = (
    frame({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "so"}]}]}),
    frame({"content": [{"type": "text", "text": "hola"}, {"type": "image_url", "image_url": {"url": "data:,x"}}]}),
    frame({"function_call": {"name": "f", "arguments": ""}}),
    frame({"audio": {"id": "a", "data": "AAAA", "transcript": "hola"}}),
    frame({"reasoning_content": "so", "content": None}),
    frame({"x_not_yet_invented": {"deep": [["hola"]]}}),
    frame({"tool_calls": [{"index": 0, "function": None}, 5, None]}),
    b'{"choices":[{"index":0,"delta":{"content":"\\ud83d"}}]}',
    b'{"choices":[{"index":0,"delta":{"content":"a"},"logprobs":{"content":[{"logprob":-Infinity},{"logprob":NaN}]}}]}',
    b'{"choices":[{"index":0,"delta":{"content":"caf\xe9"}}]}',
    b'{"choices":[],"prompt_filter_results":[]}',
    b'{"no_choices":true}',
    b'{"choices":"none"}',
    b'{"choices":[null,5,{"index":0}]}',
    b'{"n":' + b"9" * 5000 + b"}",
    b"[1,2]",
    b"5",
    b'{"half":',
    b"not JSON at all",
)
END = b'{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'


def relayed(wire: bytes, cuts: Sequence[int]) -> tuple[Frames, Chunk]:
    """What becomes of a stream whose bytes arrive in blocks that end at `cuts`."""
    events, frames, chunks = Events(), Frames(REQUEST), []
    for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True):
        chunk, broken = frames.read(events.feed(wire[start:end]))
        assert broken is None
        if chunk is not None:
            chunks.append(chunk)
    return frames, joined(chunks)


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("seed", range(40))
def test_any_frames_arrive_to_the_byte_wherever_they_are_cut(seed: int, line_end: bytes) -> None:
    chance = random.Random(seed)
    sent = [*chance.choices(DELTAS, k=chance.randint(1, 8)), END]
    pieces = [
        chance.choice((b"data: ", b"data:")) + payload + 2 * line_end + chance.choice((b"", b": wait" + 2 * line_end))
        for payload in sent
    ]
    wire = chance.choice((b"", b"\xef\xbb\xbf")) + b"".join(pieces)
    last = chance.choice((b"data: [DONE]" + 2 * line_end, b"data:  [DONE] " + 2 * line_end))
    cuts = sorted(chance.choices(range(len(wire + last)), k=chance.randint(0, 30)))
    frames, came = relayed(wire + last, cuts)
    assert came.wire == b"".join(map(event, sent))
    assert (frames.done, frames.finished) == (True, True)


@pytest.mark.parametrize("payload", DELTAS[:9], ids=range(9))
def test_anything_but_a_role_is_a_first_token(payload: bytes) -> None:
    chunk, _ = Frames(REQUEST).read([payload])
    assert chunk is not None
    assert chunk.carries


@pytest.mark.parametrize("delta", [{"role": "assistant", "content": ""}, {"role": "assistant", "refusal": None}, {}])
def test_a_role_alone_is_no_first_token(delta: Any) -> None:
    chunk, _ = Frames(REQUEST).read([frame(delta)])
    assert chunk is not None
    assert not chunk.carries


def test_an_emoji_that_is_split_over_frames_is_whole_in_the_text() -> None:
    frames = Frames(REQUEST)
    halves = (b'{"choices":[{"delta":{"content":"a\\ud83d"}}]}', b'{"choices":[{"delta":{"content":"\\ude00b"}}]}')
    texts = [chunk.text for half in halves if (chunk := frames.read([half])[0])]
    assert texts == ["a", "😀b"]


@pytest.mark.parametrize(
    ("wire", "whole"), [(b"data:\n\n", False), (b"data: \n\n", False), (b"data: [DONE]\n\n", True)]
)
def test_heartbeats_are_dropped_and_an_end_without_frames_is_no_answer(wire: bytes, whole: bool) -> None:
    frames = Frames(REQUEST)
    assert frames.read(Events().feed(wire)) == (None, None)
    assert (frames.done, frames.finished) == (whole, False)


def answer(message: Any, **more: Any) -> bytes:
    return json.dumps({"choices": [{"message": message, "finish_reason": "stop"}], **more}).encode()


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (answer({"content": [{"type": "thinking", "thinking": "so"}, {"type": "text", "text": "hola"}]}), "hola"),
        (answer({"content": None, "audio": {"data": "AAAA"}}), ""),
        (answer({"content": 5}), ""),
        (b"\xef\xbb\xbf" + answer({"content": "hola"}), "hola"),
        (answer({"content": "hola"}, score=float("nan")), "hola"),
        (answer({"content": "hola"}).replace(b"hola", b"\\ud83d"), "�"),
        (answer({"content": "hola"}).replace(b"hola", b"\\ud83d\\ude00"), "😀"),
        (answer({"content": "hola"}).replace(b"hola", b"caf\xe9"), "caf�"),
        (answer({"content": "hola"}, n=10**400), "hola"),
    ],
)
def test_a_whole_answer_is_kept_to_the_byte_and_its_text_can_be_written(raw: bytes, text: str) -> None:
    reply = completion(raw, REQUEST)
    assert (reply.raw, reply.text) == (raw, text)
    assert reply.text.encode().decode() == text


@pytest.mark.parametrize("raw", [b"", b"<html>", b"5", b"[]", b"{}", b'{"choices":"none"}', b'{"choices":[{}]}'])
def test_bytes_that_are_no_answer_are_an_error(raw: bytes) -> None:
    with pytest.raises(UpstreamBadReply):
        completion(raw, REQUEST)


@pytest.mark.parametrize(
    ("reported", "usage"),
    [
        ({"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}, Usage(5, 3)),
        ({"prompt_tokens": 32, "completion_tokens": 9, "total_tokens": 135}, Usage(32, 103)),  # xAI
        ({"prompt_tokens": 32, "completion_tokens": 103, "total_tokens": 9}, Usage(32, 103)),
        (
            {"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}},
            Usage(9, 3, cache_read=4),
        ),
        ({"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12, "prompt_cache_hit_tokens": 99},
         Usage(9, 3, cache_read=9)),  # DeepSeek
        (
            {"prompt_tokens": 9, "completion_tokens": 3, "cache_read_input_tokens": 4, "cache_write_tokens": 2},
            Usage(9, 3, cache_read=4, cache_write=2),
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": 3, "completion_tokens_details": {"audio_tokens": 2}},
            Usage(9, 3, audio_output=2),
        ),
        ({"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": "many"}, Usage(9, 3)),
    ],
)  # fmt: skip
def test_usage_in_every_dialect(reported: Any, usage: Usage) -> None:
    assert completion(answer({"content": "x"}, usage=reported), REQUEST).usage == usage


@pytest.mark.parametrize("raw", [b"", b"{", b'{"a":' * 100_000, b"NULL", b'{"a":"\x00"}'])
def test_what_no_lenient_reader_takes_is_unreadable(raw: bytes) -> None:
    with pytest.raises(Unreadable):
        read(raw)


@pytest.mark.parametrize(("text", "whole"), [("é", "é"), ("\ud83d\ude00", "😀"), ("\ude00", "�"), ("a\ud83d", "a�")])
def test_well_formed_text_can_be_written(text: str, whole: str) -> None:
    assert well_formed(text) == whole
