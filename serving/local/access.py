"""The optional key in front of /v1 and /admin.

In: an Authorization header. Out: nothing, or ApiError 401. If no key is set, everybody may come in.
"""

from __future__ import annotations

import hmac

from serving.local.errors import unauthorized


class Access:
    def __init__(self, key: str) -> None:
        self._expected = f"Bearer {key}".encode() if key else None

    def check(self, authorization: str | None) -> None:
        if self._expected is None:
            return
        # Compared in constant time, so that the key cannot be guessed letter by letter.
        if not hmac.compare_digest(self._expected, (authorization or "").encode()):
            raise unauthorized()
