"""A request's body, read within limits of size and time, and decompressed.

In: a request. Out: bytes and their media type; or Refused, with the status and the reason. Reads only a few at a time,
so that a crowd of senders takes no more memory than those few.
"""

from __future__ import annotations

import asyncio
import zlib

from starlette.requests import ClientDisconnect, Request

from serving.traces.otlp import JSON, PROTOBUF

LARGEST_BODY = 4 << 20  # bytes, compressed or not
MOST_AT_ONCE = 8
SECONDS = 10.0
GZIP = 16 + zlib.MAX_WBITS


class Refused(Exception):
    """`status` is HTTP's; the text is one line for the sender."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Bodies:
    def __init__(self) -> None:
        self._places = asyncio.Semaphore(MOST_AT_ONCE)

    async def read(self, request: Request) -> tuple[bytes, str]:
        """Raises Refused."""
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type not in (PROTOBUF, JSON):
            raise Refused(415, f"send {PROTOBUF} or {JSON}, not {media_type[:100] or 'nothing'}")
        encoding = request.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("gzip", "identity"):
            raise Refused(415, f"send it as gzip or uncompressed, not as {encoding[:100]}")
        try:
            async with self._places, asyncio.timeout(SECONDS):
                body = await _read(request)
        except TimeoutError:
            raise Refused(408, f"the body did not come within {SECONDS:g} seconds") from None
        except ClientDisconnect:
            raise Refused(400, "the body broke off") from None
        return (_unpacked(body) if encoding == "gzip" else body), media_type


async def _read(request: Request) -> bytes:
    body = bytearray()
    async for block in request.stream():
        body += block
        if len(body) > LARGEST_BODY:
            raise Refused(413, f"the body is larger than {LARGEST_BODY} bytes")
    return bytes(body)


def _unpacked(body: bytes) -> bytes:
    unpacker = zlib.decompressobj(GZIP)
    try:
        unpacked = unpacker.decompress(body, LARGEST_BODY + 1)
    except zlib.error:
        raise Refused(400, "the body is not gzip, though its Content-Encoding says so") from None
    if len(unpacked) > LARGEST_BODY:
        raise Refused(413, f"the body is larger than {LARGEST_BODY} bytes when it is unpacked")
    if not unpacker.eof:
        raise Refused(400, "the gzip data of the body breaks off")
    return unpacked
