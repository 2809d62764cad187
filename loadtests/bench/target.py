"""The target of a benchmark's requests: the URL of a chat route, the headers that it needs, and a name for people."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from loadtests.bench.static import MODEL


@dataclass(slots=True, frozen=True)
class Target:
    name: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or 80


def body(prompt: str, *, stream: bool = False) -> str:
    """A request as the SDKs send it. It sets no temperature, so that no cache may keep the sampled answer, and every
    request goes to the upstream.
    """
    asked = {"model": MODEL, "messages": [{"role": "user", "content": prompt}], "max_tokens": 100}
    return json.dumps({**asked, "stream": True} if stream else asked)
