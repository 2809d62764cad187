"""Reads FALLBACKS: the models and upstreams to ask when the primary upstream fails.

In: `[model][@base_url], …` and their keys. Out: the fallbacks in order, or BadSetting, which never shows a key.
A fallback's name consists of a model and a host, so that it may appear in logs and replies.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import SecretStr

from shared.pipeline.call import Target
from shared.settings import BadSetting, Settings
from shared.upstream.address import BadAddress, host_of
from shared.upstream.members import Member, keys_of, numbered, read_upstreams

ENTRY = re.compile(r"(?P<model>[^@]*)(@(?P<url>.*))?")


@dataclass(slots=True, frozen=True)
class Fallback:
    """Another model or upstream. Without a `base_url` it is another model of the primary upstream."""

    name: str  # its name in replies, logs and metrics
    target: Target
    base_url: str = ""
    api_key: SecretStr = field(default_factory=lambda: SecretStr(""))


def read_fallbacks(settings: Settings) -> Sequence[Fallback]:
    """The fallbacks, in the order of FALLBACKS. Raises BadSetting."""
    if not settings.fallbacks.strip():
        return ()
    entries = [entry.strip() for entry in settings.fallbacks.split(",")]
    keys = keys_of(entries, settings.fallback_api_keys, of="FALLBACKS", named="FALLBACK_API_KEYS")
    members = read_upstreams(settings)
    fallbacks: list[Fallback] = []
    for number, (entry, key) in enumerate(zip(entries, keys, strict=True), start=1):
        fallbacks.append(_fallback(number, entry, key, fallbacks, members))
    return tuple(fallbacks)


def _fallback(number: int, entry: str, key: str, before: Sequence[Fallback], members: Sequence[Member]) -> Fallback:
    match = ENTRY.fullmatch(entry)
    assert match is not None
    model, url = match["model"].strip(), (match["url"] or "").strip().rstrip("/")
    if match["url"] is None:
        if not model:
            raise _bad(number, "is empty; it needs a model, an @ and a base URL, or both")
        if key:
            raise BadSetting(f"FALLBACK_API_KEYS: key {number} belongs to an entry of FALLBACKS without a URL")
        return Fallback(model, Target(model=model))
    try:
        host = host_of(url)
    except BadAddress as fault:
        raise _bad(number, str(fault)) from None
    secret = SecretStr(key)
    return Fallback(
        f"{model}@{host}", Target(_upstream(url, secret, host, before, members), model or None), url, secret
    )


def _upstream(url: str, key: SecretStr, host: str, before: Sequence[Fallback], members: Sequence[Member]) -> str:
    """The upstream's name: that of another one with the same URL and key, or the host, numbered if it is taken."""
    known = {(each.base_url, each.api_key): each.name for each in members}
    known |= {(each.base_url, each.api_key): each.target.upstream for each in reversed(before)}
    return known.get((url, key)) or numbered(host, {*known.values()})


def _bad(number: int, reason: str) -> BadSetting:
    return BadSetting(f"FALLBACKS: entry {number} {reason}")
