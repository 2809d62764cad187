"""Reads FALLBACKS: the models and upstreams to ask when the primary upstream fails.

In: `[model][@base_url], …` and their keys. Out: the fallbacks in order, or BadSetting, which never shows a key.
A fallback's name consists of a model and a host, so that it may appear in logs and replies.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import SecretStr
from yarl import URL

from shared.pipeline.call import PRIMARY, Target
from shared.settings import BadSetting, Settings

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
    keys = [key.strip() for key in settings.fallback_api_keys.get_secret_value().split(",")]
    if len(keys) > len(entries):
        raise BadSetting(f"FALLBACK_API_KEYS: has {len(keys)} keys, and FALLBACKS {len(entries)} entries")
    keys += [""] * (len(entries) - len(keys))

    fallbacks: list[Fallback] = []
    for number, (entry, key) in enumerate(zip(entries, keys, strict=True), start=1):
        fallbacks.append(_fallback(number, entry, key, fallbacks))
    return tuple(fallbacks)


def _fallback(number: int, entry: str, key: str, before: Sequence[Fallback]) -> Fallback:
    match = ENTRY.fullmatch(entry)
    assert match is not None
    model, url = match["model"].strip(), (match["url"] or "").strip().rstrip("/")
    if match["url"] is None:
        if not model:
            raise _bad(number, "is empty; it needs a model, an @ and a base URL, or both")
        if key:
            raise BadSetting(f"FALLBACK_API_KEYS: key {number} belongs to an entry of FALLBACKS without a URL")
        return Fallback(model, Target(model=model))
    host = _host(number, url)
    if not key.isascii() or not key.isprintable():
        raise BadSetting(f"FALLBACK_API_KEYS: key {number} has characters that an HTTP header cannot hold")
    secret = SecretStr(key)
    return Fallback(f"{model}@{host}", Target(_upstream(url, secret, host, before), model or None), url, secret)


def _host(number: int, url: str) -> str:
    """The URL's host, with its port unless that is the default."""
    try:
        parts = URL(url)
        said_port = "" if parts.is_default_port() else f":{parts.port}"
    except ValueError:
        raise _bad(number, "has a URL that cannot be read") from None
    if parts.scheme not in ("http", "https") or not parts.host:
        raise _bad(number, "needs a URL after its @ that starts with http:// or https://")
    if parts.user or parts.password:
        raise _bad(number, "has a user or a password in its URL; keys belong in FALLBACK_API_KEYS")
    if parts.query_string or parts.fragment:
        raise _bad(number, "has a URL with a ? or a #; a base URL ends with its path, usually /v1")
    return f"{parts.host}{said_port}"


def _upstream(url: str, key: SecretStr, host: str, before: Sequence[Fallback]) -> str:
    """The upstream's name: that of an earlier entry with the same URL and key, or the host, numbered if it is taken."""
    for fallback in before:
        if (fallback.base_url, fallback.api_key) == (url, key):
            return fallback.target.upstream
    taken = {PRIMARY.upstream, *(fallback.target.upstream for fallback in before)}
    name, number = host, 1
    while name in taken:
        number += 1
        name = f"{host}-{number}"
    return name


def _bad(number: int, reason: str) -> BadSetting:
    return BadSetting(f"FALLBACKS: entry {number} {reason}")
