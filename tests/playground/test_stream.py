"""The page's reader of server-sent events, in a browser, fed byte by byte."""

import pytest

from tests.playground.visit import Visit

READ = """async (blocks) => {
  const { Events } = await import("/playground/stream.js");
  const events = new Events();
  return blocks.flatMap((block) => events.feed(new Uint8Array(block)));
}"""
STREAM = 'data: {"a":"ñ€😀"}\n\n: {"metadata":1}\n\ndata: two\ndata:  lines\nid: 7\n\ndata\n\ndata: [DONE]\n\n'
READ_RIGHT = [
    {"data": '{"a":"ñ€😀"}'},
    {"comment": '{"metadata":1}'},
    {"data": "two\n lines"},
    {"data": ""},
    {"data": "[DONE]"},
]


def read(visit: Visit, blocks: list[bytes]) -> object:
    return visit.page.evaluate(READ, [list(block) for block in blocks])


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_a_stream_reads_the_same_wherever_its_bytes_are_split(visit: Visit, end: str) -> None:
    stream = STREAM.replace("\n", end).encode()
    assert read(visit, [stream]) == READ_RIGHT
    for at in range(len(stream)):
        assert read(visit, [stream[:at], stream[at:]]) == READ_RIGHT, f"cut at byte {at}"
    assert read(visit, [bytes([byte]) for byte in stream]) == READ_RIGHT


def test_an_incomplete_event_is_ignored(visit: Visit) -> None:
    assert read(visit, [b"data: whole\n\ndata: half\n"]) == [{"data": "whole"}]


def test_a_line_of_a_megabyte_in_small_pieces_is_one_event(visit: Visit) -> None:
    lengths = visit.page.evaluate(
        """async () => {
          const { Events } = await import("/playground/stream.js");
          const events = new Events();
          const feed = (text) => events.feed(new TextEncoder().encode(text));
          feed("data: ");
          for (let piece = 0; piece < 10_000; piece++) feed("x".repeat(100));
          return feed("\\n\\n").map(({ data }) => data.length);
        }"""
    )
    assert lengths == [1_000_000]


def test_a_byte_order_mark_is_not_part_of_the_first_line(visit: Visit) -> None:
    assert read(visit, [b"\xef", b"\xbb\xbfdata: x\n\n"]) == [{"data": "x"}]
