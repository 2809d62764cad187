"""Headers by their names, for requests that come in and for responses that come back."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

NO_HEADERS: Mapping[str, str] = MappingProxyType({})


def by_name(fields: Iterable[tuple[bytes, bytes]]) -> Mapping[str, str]:
    """Names in lower case. A header that is repeated is one list, in the order of its lines (RFC 9110 §5.3)."""
    headers: dict[str, str] = {}
    for name, value in fields:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]},{text}" if key in headers else text
    return headers
