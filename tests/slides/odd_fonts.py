"""A machine with one odd font: fontconfig knows a single folder, with a bold, slanted, fixed-width face.

The face comes from the packages of the decks' own fonts, so that the test needs no font of this machine.
"""

import os
import struct
from pathlib import Path

from slides.woff import tables

ODD_FACE = "node_modules/@fontsource/dejavu-mono/files/dejavu-mono-latin-700-italic.woff"
FAMILY = "DejaVu Sans Mono"
_CONFIGURATION = """\
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig><dir>{folder}/fonts</dir><cachedir>{folder}/cache</cachedir></fontconfig>
"""


def environment(folder: Path, modules: Path) -> dict[str, str]:
    """The environment of a program that sees only this font. It is unpacked, because Chromium does not read WOFF."""
    (folder / "fonts").mkdir(parents=True)
    (folder / "fonts" / "odd.ttf").write_bytes(_unpacked((modules / ODD_FACE).read_bytes()))
    configuration = folder / "fonts.conf"
    configuration.write_text(_CONFIGURATION.format(folder=folder))
    return {**os.environ, "FONTCONFIG_FILE": str(configuration)}


def _unpacked(woff: bytes) -> bytes:
    """The TrueType file in a WOFF 1.0 file, without checksums, which its readers here ignore."""
    held = tables(woff)
    power = 1 << (len(held).bit_length() - 1)
    header = struct.pack(">4H", len(held), power * 16, power.bit_length() - 1, (len(held) - power) * 16)
    directory, data = b"", b""
    for tag, table in held.items():
        at = 12 + 16 * len(held) + len(data)
        directory += struct.pack(">4s3I", tag.encode("ascii"), 0, at, len(table))
        data += table + bytes(-len(table) % 4)
    return woff[4:8] + header + directory + data
