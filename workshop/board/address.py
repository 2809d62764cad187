"""Where the room finds the board: this machine's addresses in its networks, and a QR code.

In: a port. Out: URLs, the likeliest first. Asks no name server, and sends nothing.
"""

import contextlib
import io
import ipaddress
import socket

import psutil
import segno

from workshop.urls import reached_at

ELSEWHERE = ("192.0.2.1", 9)  # RFC 5737: an address of no network, so the way to it is the default route


def urls(port: int) -> list[str]:
    """At least one: that of this machine for itself, if it is in no network."""
    return [reached_at(address, port) for address in _addresses()] or [reached_at("127.0.0.1", port)]


def _addresses() -> list[str]:
    up = {name for name, stats in psutil.net_if_stats().items() if stats.isup}
    listed = [
        one.address
        for name, addresses in psutil.net_if_addrs().items()
        for one in addresses
        if name in up and one.family == socket.AF_INET
    ]
    found = [address for address in dict.fromkeys([_of_the_default_route(), *listed]) if address]
    return [address for address in found if _reachable(ipaddress.ip_address(address))]


def _of_the_default_route() -> str:
    """The address from which this machine asks the world outside; empty without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.connect(ELSEWHERE)  # UDP: chooses a route, and sends nothing
        return str(probe.getsockname()[0])
    return ""


def _reachable(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return not (address.is_loopback or address.is_link_local or address.is_unspecified)


def in_terminal(url: str) -> str:
    """The QR code of a URL in half blocks, two rows in each line."""
    drawn = io.StringIO()
    _code(url).terminal(out=drawn, border=2, compact=True)
    return drawn.getvalue()


def svg(url: str) -> bytes:
    """The QR code of a URL as a picture, black on white in every theme: scanners want it so."""
    drawn = io.BytesIO()
    _code(url).save(drawn, kind="svg", border=2, light="#fff", xmldecl=False, omitsize=True)
    return drawn.getvalue()


def _code(url: str) -> segno.QRCode:
    return segno.make_qr(url, error="m")
