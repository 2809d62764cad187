"""Undoes the Content-Encoding of a body, a bounded piece at a time: a megabyte of gzip can hold a gigabyte."""

import zlib

from shared.http_client.faults import NotHttp

ACCEPTED = "gzip, deflate"
LARGEST_PIECE = 1 << 16  # bytes
GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS  # zlib finds out which of them it is


class Decoder:
    """Raises NotHttp, here or later, for what it cannot decode."""

    def __init__(self, encoding: str) -> None:
        if encoding.strip().lower() not in ("gzip", "x-gzip", "deflate"):
            raise NotHttp(f"the body has the Content-Encoding {encoding[:100]!r}")
        self._inflate = zlib.decompressobj(GZIP_OR_ZLIB)
        self._encoded = b""

    def feed(self, data: bytes) -> None:
        self._encoded += data

    def piece(self) -> bytes:
        """The next decoded bytes; empty if more encoded ones are needed first."""
        while self._encoded:
            if self._inflate.eof:  # gzip may come in several members, one after the other
                self._inflate = zlib.decompressobj(GZIP_OR_ZLIB)
            try:
                decoded = self._inflate.decompress(self._encoded, LARGEST_PIECE)
            except zlib.error as fault:
                raise NotHttp(f"the body cannot be decoded: {fault}") from None
            self._encoded = self._inflate.unconsumed_tail or self._inflate.unused_data
            if decoded:
                return decoded
        return b""

    def end(self) -> None:
        """Raises NotHttp if the body ends in the middle."""
        if not self._inflate.eof:
            raise NotHttp("the encoded body ended in the middle")
