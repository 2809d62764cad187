"""W3C Trace Context: which trace a request belongs to, read from its headers and written into those we send.

In: `traceparent` and `tracestate`. Out: a Parent, or None if they are missing or malformed.
Knows nothing of spans. https://www.w3.org/TR/trace-context/
"""

import random
import re
from collections.abc import Mapping
from typing import NamedTuple

TRACEPARENT, TRACESTATE = "traceparent", "tracestate"
SAMPLED = 0x01
LONGEST_STATE = 512  # characters; a longer one may be dropped

MOST_MEMBERS = 32

# A version that we do not know may have more fields after these; ours has no more.
FORMAT = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?"
)
MEMBER = re.compile(r"[a-z0-9][a-z0-9_*/@-]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{1,256}")


class Parent(NamedTuple):
    """The span that called us. Ids are in hexadecimal digits, 32 and 16."""

    trace_id: str
    span_id: str
    sampled: bool
    state: str


def read_parent(headers: Mapping[str, str]) -> Parent | None:
    given = headers.get(TRACEPARENT)
    found = FORMAT.fullmatch(given) if given else None
    if found is None or found["version"] == "ff" or (found["version"] == "00" and found["more"]):
        return None
    trace_id, span_id = found["trace"], found["span"]
    if not (trace_id.strip("0") and span_id.strip("0")):
        return None
    return Parent(trace_id, span_id, bool(int(found["flags"], 16) & SAMPLED), _state(headers))


def traceparent(trace_id: str, span_id: str, sampled: bool) -> str:
    return f"00-{trace_id}-{span_id}-{'01' if sampled else '00'}"


def new_trace_id() -> str:
    return random.randbytes(16).hex()


def new_span_id() -> str:
    return random.randbytes(8).hex()


def _state(headers: Mapping[str, str]) -> str:
    """Other systems' notes, to be passed on unchanged. One malformed note discredits them all."""
    state = headers.get(TRACESTATE, "")
    members = [member for part in state.split(",") if (member := part.strip(" \t"))]
    fits = len(state) <= LONGEST_STATE and len(members) <= MOST_MEMBERS
    return ",".join(members) if fits and all(map(MEMBER.fullmatch, members)) else ""
