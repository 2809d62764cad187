"""The tables of a WOFF 1.0 file, and the characters that a font can draw.

In: the bytes of a font file. Out: tables by tag, or code points. Source: https://www.w3.org/TR/WOFF/ and the OpenType
specification of the table `cmap`, of which web fonts use the formats 4 and 12.
Knows nothing about decks.
"""

import struct
import zlib
from collections.abc import Iterator


def tables(woff: bytes) -> dict[str, bytes]:
    """Each table, unpacked, in the order of the file's directory."""
    (count,) = struct.unpack_from(">H", woff, 12)
    entries = [struct.unpack_from(">4s3I", woff, 44 + 20 * index) for index in range(count)]
    return {tag.decode("ascii"): _table(woff[at : at + packed], length) for tag, at, packed, length in entries}


def characters(woff: bytes) -> set[str]:
    """Every character for which the font has a glyph."""
    cmap = tables(woff)["cmap"]
    (count,) = struct.unpack_from(">H", cmap, 2)
    subtables = [cmap[struct.unpack_from(">4xI", cmap, 4 + 8 * index)[0] :] for index in range(count)]
    readers = {4: _in_segments, 12: _in_groups}
    known = [(readers[kind], table) for table in subtables if (kind := struct.unpack_from(">H", table)[0]) in readers]
    return {chr(code) for read, table in known for code in read(table)}


def _table(data: bytes, length: int) -> bytes:
    return zlib.decompress(data) if len(data) < length else data


def _in_segments(table: bytes) -> Iterator[int]:
    """Format 4: ranges of code points below 65536; each has a shift, or an offset into a list of glyphs."""
    size = struct.unpack_from(">H", table, 6)[0]
    ends, starts, shifts, offsets = (
        struct.unpack_from(f">{size // 2}H", table, at) for at in (14, 16 + size, 16 + 2 * size, 16 + 3 * size)
    )
    for index, (start, end) in enumerate(zip(starts, ends, strict=True)):
        for code in range(start, min(end, 0xFFFE) + 1):
            glyph = code + shifts[index]
            if offsets[index]:
                (glyph,) = struct.unpack_from(
                    ">H", table, 16 + 3 * size + 2 * index + offsets[index] + 2 * (code - start)
                )
            if glyph & 0xFFFF:
                yield code


def _in_groups(table: bytes) -> Iterator[int]:
    """Format 12: ranges of code points, of any size."""
    (count,) = struct.unpack_from(">I", table, 12)
    for index in range(count):
        start, end = struct.unpack_from(">II", table, 16 + 12 * index)
        yield from range(start, end + 1)
