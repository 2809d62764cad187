"""The address that identifies a caller without a token.

In: the peer of the connection and the request's headers. Out: `192.0.2.7`, or `2001:db8:1:2::/64`. Anybody can
write X-Forwarded-For: only the part that the proxies in TRUSTED_PROXIES wrote is believed.
"""

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from shared.settings import BadSetting

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

HEADER = "x-forwarded-for"
IPV6_SITE = 64  # bits; a household or a server gets at least this network, and may change the rest with every call
MOST_HOPS = 20  # addresses of a header that are read
REMEMBERED = 10_000  # callers
LONGEST_REMEMBERED = 200  # characters of X-Forwarded-For


def parse_networks(text: str) -> tuple[Network, ...]:
    """TRUSTED_PROXIES: addresses and networks, comma-separated. Raises BadSetting."""
    return tuple(_network(part.strip()) for part in text.split(",") if part.strip())


class ClientAddress:
    """Tells callers apart by their address. Raises BadSetting for malformed `trusted_proxies`."""

    def __init__(self, trusted_proxies: str = "") -> None:
        self._trusted = parse_networks(trusted_proxies)
        self._remembered = lru_cache(maxsize=REMEMBERED)(self._behind)

    def of(self, peer: str, headers: Mapping[str, str]) -> str:
        if not self._trusted:
            return shown(peer)
        forwarded = headers.get(HEADER, "")  # all its lines: the first one may be the caller's own
        # Callers come again, so the result is cached; but a caller must not choose how long a cached header is.
        return (self._remembered if len(forwarded) <= LONGEST_REMEMBERED else self._behind)(peer, forwarded)

    def _behind(self, peer: str, forwarded: str) -> str:
        address = parse(peer)
        if address is None or not self._trusts(address):
            return shown(peer)
        # region: forwarded-for
        # Each proxy appends the address of its peer. From the right, the first one that is
        # not our proxy is the caller. The caller wrote everything to the left of it.
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
    """The address `peer` as written here; `unknown` if it is not an address, as behind a Unix socket."""
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
        return address.ipv4_mapped  # how a dual-stack socket shows an IPv4 peer
    return address


def _shown(address: Address) -> str:
    if address.version == 4:
        return str(address)
    return str(ip_network((address, IPV6_SITE), strict=False))


def _network(text: str) -> Network:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise BadSetting(
            f"TRUSTED_PROXIES: {text!r} is not an address or a network; e.g. 10.0.0.0/8, 192.168.1.5"
        ) from None
