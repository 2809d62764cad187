"""Is a page or a badge what the host has signed? Needs no network.

In: its bytes, and the host's public key. Out: a Verdict of one line. The page is rendered again from its data and must
be the same to the byte, so no word on it can differ from what was signed.
"""

import html
import json
import re
from dataclasses import dataclass

from workshop.report.keys import KEY_BYTES, SIGNATURE_BYTES, Seal, decoded, text_of
from workshop.report.page import UNSIGNED, Render
from workshop.report.payload import NotAReport, Report

LARGEST = 1_000_000  # bytes
PAYLOAD = re.compile(r'id="payload">([^<]*)<')
SIGNATURE = re.compile(r'id="signature">([^<]*)<')


@dataclass(slots=True, frozen=True)
class Verdict:
    """`good`: signed with the key that was asked for."""

    good: bool
    line: str


def verdict(file: bytes, render: Render, key: bytes | None) -> Verdict:
    """`key`: the host's; without it nothing is good, and the line says what there is."""
    try:
        report, seal = _read(file)
    except NotAReport as reason:
        return Verdict(False, str(reason))
    if render(report, seal).encode() != file:
        return Verdict(False, "changed: its text is not what its data says")
    if seal is None:
        return Verdict(False, f"unsigned: {_said(report)}, as that machine recorded it; nobody else has checked it")
    if not seal.fits(report.canonical):
        return Verdict(False, "forged: the signature is not for this data")
    if key is None:
        which = text_of(seal.key)
        return Verdict(False, f"self-signed, as far as is known here: the key is {which}; name the host's with KEY=")
    if seal.key != key:
        return Verdict(False, f"signed with another key: {text_of(seal.key)}, not {text_of(key)}")
    if report.graded_by != "signer":
        return Verdict(False, "signed, but graded by the attendee's own machine")
    return Verdict(True, f"signed by the host: {_said(report)}, made {report.made}")


def _said(report: Report) -> str:
    return f"{report.name}, {report.score} points in demo {', '.join(str(demo.number) for demo in report.demos)}"


def _read(file: bytes) -> tuple[Report, Seal | None]:
    """Raises NotAReport."""
    if len(file) > LARGEST:
        raise NotAReport("it is too large to be a report")
    try:
        text = file.decode()
    except UnicodeDecodeError:
        raise NotAReport("it is not a report of this workshop") from None
    payload, signature = PAYLOAD.search(text), SIGNATURE.search(text)
    if payload is None or signature is None:
        raise NotAReport("it is not a report of this workshop")
    return Report.read(html.unescape(payload[1]).encode()), _seal(html.unescape(signature[1]))


def _seal(text: str) -> Seal | None:
    if text == UNSIGNED:
        return None
    try:
        document = json.loads(text)
        key, signature = decoded(document["key"], KEY_BYTES), decoded(document["signature"], SIGNATURE_BYTES)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise NotAReport("its signature is damaged") from None
    if key is None or signature is None:
        raise NotAReport("its signature is damaged")
    return Seal(key, signature)
