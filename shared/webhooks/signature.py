"""Makes and checks the signatures of webhooks, as the Standard Webhooks specification defines them.

In: secrets, and the id, time and body of a webhook. Out: the headers that prove them, or UnsignedWebhook. Knows nothing
of a webhook's content, nor of whether it has come before. https://www.standardwebhooks.com
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

PREFIX = "whsec_"  # base64 follows
VERSION = "v1,"  # HMAC-SHA256; a webhook may carry other kinds of signatures too
SANE_ID = re.compile(r"[!-\-/-~]{1,255}")  # no full stop: it separates the signed parts
SECONDS = re.compile(r"[0-9]{1,12}")


@dataclass(slots=True, frozen=True)
class Claim:
    """The headers of a webhook, read but not verified."""

    id: str
    timestamp: str
    signatures: tuple[bytes, ...]


def sign(key: bytes, id: str, timestamp: str, body: bytes) -> str:
    signed = b".".join((id.encode(), timestamp.encode(), body))
    return VERSION + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def signed_headers(secrets: str, id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers that a sender adds to its request, with one signature per secret. Raises BadSetting."""
    signatures = [sign(key, id, str(timestamp), body) for key in keys(secrets)]
    return {ID: id, TIMESTAMP: str(timestamp), SIGNATURE: " ".join(signatures)}


def keys(secrets: str) -> list[bytes]:
    """The keys of `secrets`, separated by spaces or commas: the new one and the old, during a rotation.

    Raises BadSetting.
    """
    return [key for secret in re.split(r"[\s,]+", secrets.strip(" ,")) if secret for key in _keys_of(secret)]


def _keys_of(secret: str) -> list[bytes]:
    decoded = _base64(secret.removeprefix(PREFIX))
    if not secret.startswith(PREFIX):
        # A sender with the specification's own libraries decodes it; a five-line script does not.
        return [secret.encode(), *([decoded] if decoded else [])]
    if not decoded:
        raise BadSetting(
            f"WEBHOOK_HMAC_SECRET: {PREFIX} must be followed by base64, as openssl rand -base64 32 prints it"
        )
    return [decoded]


def _base64(text: str) -> bytes:
    """Empty if `text` is not base64."""
    try:
        return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""


class Verifier:
    """Accepts webhooks signed with one of `secrets`, at a time within `window` seconds of ours. Raises BadSetting."""

    def __init__(self, secrets: str, window: float, clock: Callable[[], float] = time.time) -> None:
        self._keys = keys(secrets)
        self._window = window
        self._clock = clock

    def __bool__(self) -> bool:
        """Is there a secret at all?"""
        return bool(self._keys)

    def claim(self, headers: Mapping[str, str]) -> Claim:
        """Read the headers, and refuse all that can be refused without the body. Raises UnsignedWebhook."""
        id, timestamp, signatures = (headers.get(name, "").strip() for name in (ID, TIMESTAMP, SIGNATURE))
        if not (id and timestamp and signatures):
            raise UnsignedWebhook(f"a webhook must carry the headers {ID}, {TIMESTAMP} and {SIGNATURE}")
        if not SANE_ID.fullmatch(id):
            raise UnsignedWebhook(f"{ID} must be at most 255 printable ASCII characters, without a full stop", param=ID)
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
        """Raises UnsignedWebhook unless one of the keys has signed exactly this."""
        for key in self._keys:
            expected = sign(key, claim.id, claim.timestamp, body).encode()
            # In constant time: the time taken must not tell how much of a guess was right.
            if any(hmac.compare_digest(expected, given) for given in claim.signatures):
                return
        raise UnsignedWebhook("no signature matches this webhook's id, time and body and our secret")

    # endregion: verify
