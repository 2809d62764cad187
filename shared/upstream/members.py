"""Reads UPSTREAMS: several upstreams for the same models, among which the load is balanced.

In: `base_url [weight=N], …` and their keys. Out: the members in order, or BadSetting, which never shows a key. The name
of a member is its host, so that it may appear in logs and replies.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import SecretStr

from shared.pipeline.call import PRIMARY
from shared.settings import BadSetting, Settings
from shared.upstream.address import BadAddress, host_of

ENTRY = re.compile(r"(?P<url>\S+)(\s+weight=(?P<weight>\d{1,4}))?")


@dataclass(slots=True, frozen=True)
class Member:
    """One of several upstreams; one with twice the weight gets twice the calls."""

    name: str
    base_url: str
    api_key: SecretStr = field(default_factory=lambda: SecretStr(""))
    weight: int = 1


def read_upstreams(settings: Settings) -> Sequence[Member]:
    """The members, in the order of UPSTREAMS; none if it is empty. Raises BadSetting."""
    entries = [entry.strip() for entry in re.split(r"[,\n]", settings.upstreams) if entry.strip()]
    keys = keys_of(entries, settings.upstream_api_keys, of="UPSTREAMS", named="UPSTREAM_API_KEYS")
    members: list[Member] = []
    for number, (entry, key) in enumerate(zip(entries, keys, strict=True), start=1):
        match = ENTRY.fullmatch(entry)
        if match is None:
            raise BadSetting(f"UPSTREAMS: entry {number} is not a base URL, with weight=N after it or without")
        url, weight = match["url"].rstrip("/"), int(match["weight"] or 1)
        try:
            name = host_of(url)
        except BadAddress as fault:
            raise BadSetting(f"UPSTREAMS: entry {number} {fault}") from None
        if weight == 0:
            raise BadSetting(f"UPSTREAMS: entry {number} has the weight 0; leave it out instead")
        secret = SecretStr(key) if key else settings.openai_api_key
        members.append(Member(numbered(name, {each.name for each in members}), url, secret, weight))
    return members


def keys_of(entries: Sequence[str], given: SecretStr, *, of: str, named: str) -> list[str]:
    """A key for each entry of the setting `of`, in the order of the setting `named`; empty where it has none.

    Raises BadSetting.
    """
    keys = [key.strip() for key in given.get_secret_value().split(",") if entries]
    if len(keys) > len(entries):
        raise BadSetting(f"{named}: has {len(keys)} keys, and {of} {len(entries)} entries")
    for number, key in enumerate(keys, start=1):
        if not key.isascii() or not key.isprintable():
            raise BadSetting(f"{named}: key {number} has characters that an HTTP header cannot hold")
    return keys + [""] * (len(entries) - len(keys))


def numbered(name: str, taken: set[str]) -> str:
    """The name, or the first of `name-2`, `name-3` … that is not taken."""
    taken = taken | {PRIMARY.upstream}
    free, number = name, 1
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    return free
