"""The address that a caller without a token goes by.

In: the peer of the connection and the request's headers. Out: `192.0.2.7`, or `2001:db8:1:2::/64`. X-Forwarded-For is
anybody's to write: it is believed only from the proxies in TRUSTED_PROXIES, and only as far as those wrote it.
"""

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from shared.settings import BadSetting

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

HEADER = "x-forwarded-for"
IPV6_SITE = 64  # bits; a household or a server gets at least so much, and may change the rest with every call
MOST_HOPS = 20  # addresses of a header that are looked at
REMEMBERED = 10_000  # callers
LONGEST_REMEMBERED = 200  # characters of X-Forwarded-For


def parse_networks(text: str) -> tuple[Network, ...]:
    """TRUSTED_PROXIES: addresses and networks, comma-separated. Raises BadSetting."""
    return tuple(_network(part.strip()) for part in text.split(",") if part.strip())


class ClientAddress:
    """Tells callers apart by their address. Raises BadSetting for `trusted_proxies` that are no addresses."""

    def __init__(self, trusted_proxies: str = "") -> None:
        self._trusted = parse_networks(trusted_proxies)
        self._remembered = lru_cache(maxsize=REMEMBERED)(self._behind)

    def of(self, peer: str, headers: Mapping[str, str]) -> str:
        if not self._trusted:
            return shown(peer)
        forwarded = _forwarded(headers)
        # Each caller comes more than once; but what is remembered must not be as long as a caller likes.
        return (self._remembered if len(forwarded) <= LONGEST_REMEMBERED else self._behind)(peer, forwarded)

    def _behind(self, peer: str, forwarded: str) -> str:
        address = parse(peer)
        if address is None or not self._trusts(address):
            return shown(peer)
        # region: forwarded-for
        # Each proxy appends the one that it talked to: from the right, the first that is no
        # proxy of ours is the caller. What stands left of it was written by the caller.
        for hop in reversed(forwarded.split(",")[-MOST_HOPS:]):
            before = parse(hop.strip())
            if before is None:
                break  # not an address: the last one that we could read is the caller
            address = before
            if not self._trusts(address):
                break
        return _shown(address)
        # endregion: forwarded-for

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


@lru_cache(maxsize=REMEMBERED)
def shown(peer: str) -> str:
    """How the address `peer` is called here; `unknown` if it is none, as behind a Unix socket."""
    address = parse(peer)
    return "unknown" if address is None else _shown(address)


def parse(text: str) -> Address | None:
    """An address as proxies write it: alone, with a port, in brackets, with a zone."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped  # what a socket that listens on both shows of an IPv4 peer
    return address


def _shown(address: Address) -> str:
    if address.version == 4:
        return str(address)
    return str(ip_network((address, IPV6_SITE), strict=False))


def _forwarded(headers: Mapping[str, str]) -> str:
    # A header that came twice is one list: taking the first alone would let the caller write the last word.
    return ",".join([value for name, value in headers.items() if name == HEADER])


def _network(text: str) -> Network:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise BadSetting(
            f"TRUSTED_PROXIES: {text!r} is no address and no network; e.g. 10.0.0.0/8, 192.168.1.5"
        ) from None
