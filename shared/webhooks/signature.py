"""The signatures of webhooks, made and checked, as the Standard Webhooks specification has them.

In: secrets, and the id, time and body of a webhook. Out: the headers that prove them, or UnsignedWebhook. Knows nothing
of what a webhook says, nor of whether it has been here before. https://www.standardwebhooks.com
"""

import base64
import binascii
import hmac
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from shared.pipeline.errors import UnsignedWebhook
from shared.settings import BadSetting

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"

PREFIX = "whsec_"  # what stands behind it is base64
VERSION = "v1,"  # HMAC-SHA256; signatures of other kinds may stand beside ours
SANE_ID = re.compile(r"[!-\-/-~]{1,255}")  # no full stop: it parts what is signed
SECONDS = re.compile(r"[0-9]{1,12}")


@dataclass(slots=True, frozen=True)
class Claim:
    """What the headers of a webhook say, before anybody believes it."""

    id: str
    timestamp: str
    signatures: tuple[bytes, ...]


def sign(key: bytes, id: str, timestamp: str, body: bytes) -> str:
    signed = b".".join((id.encode(), timestamp.encode(), body))
    return VERSION + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def signed_headers(secrets: str, id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """What a sender adds to its request: a signature with each of the secrets. Raises BadSetting."""
    signatures = [sign(key, id, str(timestamp), body) for key in keys(secrets)]
    return {ID: id, TIMESTAMP: str(timestamp), SIGNATURE: " ".join(signatures)}


def keys(secrets: str) -> list[bytes]:
    """The keys that `secrets` stand for, parted by spaces or commas: the new one and the old, while they change.

    Raises BadSetting.
    """
    return [key for secret in re.split(r"[\s,]+", secrets.strip(" ,")) if secret for key in _keys_of(secret)]


def _keys_of(secret: str) -> list[bytes]:
    decoded = _base64(secret.removeprefix(PREFIX))
    if not secret.startswith(PREFIX):
        # A sender of the specification's own libraries would decode it, a script of five lines would not.
        return [secret.encode(), *([decoded] if decoded else [])]
    if not decoded:
        raise BadSetting(
            f"WEBHOOK_HMAC_SECRET: behind {PREFIX} must stand base64, as openssl rand -base64 32 prints it"
        )
    return [decoded]


def _base64(text: str) -> bytes:
    """Empty if it is none."""
    try:
        return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""


class Verifier:
    """Believes what is signed with one of `secrets`, at a time within `window` seconds of ours. Raises BadSetting."""

    def __init__(self, secrets: str, window: float, clock: Callable[[], float] = time.time) -> None:
        self._keys = keys(secrets)
        self._window = window
        self._clock = clock

    def __bool__(self) -> bool:
        """Is there a secret at all?"""
        return bool(self._keys)

    def claim(self, headers: Mapping[str, str]) -> Claim:
        """What the headers say: all that can be refused without reading the body. Raises UnsignedWebhook."""
        id, timestamp, signatures = (headers.get(name, "").strip() for name in (ID, TIMESTAMP, SIGNATURE))
        if not (id and timestamp and signatures):
            raise UnsignedWebhook(f"a webhook carries the headers {ID}, {TIMESTAMP} and {SIGNATURE}")
        if not SANE_ID.fullmatch(id):
            raise UnsignedWebhook(f"{ID} must be at most 255 printable characters of ASCII, no full stop", param=ID)
        if not SECONDS.fullmatch(timestamp):
            raise UnsignedWebhook(f"{TIMESTAMP} must be whole seconds since 1970", param=TIMESTAMP)
        away = int(timestamp) - self._clock()
        if abs(away) > self._window:
            late = "ahead of" if away > 0 else "behind"
            raise UnsignedWebhook(
                f"{TIMESTAMP} is {abs(away):.0f} seconds {late} our clock; at most {self._window:g} are allowed",
                param=TIMESTAMP,
                code="webhook_out_of_time",
            )
        given = [one.encode("latin-1", "replace") for one in signatures.split(" ") if one.startswith(VERSION)]
        if not given:
            raise UnsignedWebhook(f"{SIGNATURE} holds no signature of version 1: v1,… in base64", param=SIGNATURE)
        return Claim(id, timestamp, tuple(given))

    # region: verify
    def verify(self, claim: Claim, body: bytes) -> None:
        """Raises UnsignedWebhook unless one of the keys has signed just this."""
        for key in self._keys:
            expected = sign(key, claim.id, claim.timestamp, body).encode()
            # In constant time: how long we look must not tell how much of a guess was right.
            if any(hmac.compare_digest(expected, given) for given in claim.signatures):
                return
        raise UnsignedWebhook("no signature of this webhook fits its id, its time, its body and our secret")

    # endregion: verify
