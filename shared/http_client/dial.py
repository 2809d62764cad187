"""Opens a connection to an origin: directly, or through a proxy.

Of several addresses of a host the first that answers is taken: a second one is tried while the first is silent (RFC
8305, "Happy eyeballs"). Plain HTTP goes to the proxy itself; for HTTPS the proxy opens a tunnel (RFC 9110 §9.3.6).
"""

import asyncio
import base64
import socket
import ssl
from collections.abc import Callable
from functools import cache

import aiohappyeyeballs
from yarl import URL

from shared.http_client.connection import Connection
from shared.http_client.faults import HttpFault, NoConnection

NEXT_ADDRESS_AFTER = 0.25  # seconds

Make = Callable[[], Connection]


async def dial(origin: URL, proxy: URL | None, make: Make) -> Connection:
    """A connection that can take a request. Raises NoConnection, or TimeoutError if the system does."""
    try:
        if proxy is None:
            return await _connect(origin, make)
        if origin.scheme == "http":
            return await _connect(proxy, make)
        return await _tunnel(origin, proxy, make)
    except TimeoutError:
        raise
    except (OSError, ssl.CertificateError, UnicodeError) as fault:  # UnicodeError: a name that no name server can have
        raise NoConnection(f"{type(fault).__name__}: {fault}") from None


def credentials(proxy: URL) -> str:
    """What a proxy asks for, as the value of a header; empty if its URL has no user."""
    if not proxy.user:
        return ""
    return "Basic " + base64.b64encode(f"{proxy.user}:{proxy.password or ''}".encode()).decode()


async def _connect(to: URL, make: Make) -> Connection:
    loop = asyncio.get_running_loop()
    addresses = await loop.getaddrinfo(to.host, to.port, type=socket.SOCK_STREAM)
    plain = await aiohappyeyeballs.start_connection(addresses, happy_eyeballs_delay=NEXT_ADDRESS_AFTER, interleave=1)
    tls = _tls() if to.scheme == "https" else None
    try:
        _, connection = await loop.create_connection(
            make, sock=plain, ssl=tls, server_hostname=to.host if tls is not None else None
        )
    except BaseException:
        plain.close()
        raise
    return connection


async def _tunnel(origin: URL, proxy: URL, make: Make) -> Connection:
    outer = await _connect(proxy, lambda: Connection(lambda _: None))
    place = f"{origin.host_subcomponent}:{origin.port}"
    asked = [f"CONNECT {place} HTTP/1.1", f"Host: {place}"]
    if said := credentials(proxy):
        asked.append(f"Proxy-Authorization: {said}")
    try:
        answer = await outer.send("\r\n".join((*asked, "", "")).encode())
        if answer.status != 200:
            raise NoConnection(f"the proxy answered {answer.status}")
        connection = make()
        transport = await asyncio.get_running_loop().start_tls(
            outer.transport, connection, _tls(), server_hostname=origin.host
        )
    except HttpFault as fault:
        outer.abort()
        raise NoConnection(f"the proxy opened no tunnel: {fault}") from None
    except BaseException:
        outer.abort()
        raise
    assert transport is not None
    connection.connection_made(transport)
    return connection


@cache
def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
