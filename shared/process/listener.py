"""The socket that a service listens on, and in one line what keeps it from being opened: HOST, or PORT.

In: a host's name or address, and a port. Out: a bound socket. Knows nothing of what is served there.
"""

import errno
import socket

RIGHT_HOST = "write HOST=127.0.0.1, or HOST=0.0.0.0 for every interface"
LARGEST_PORT = 65535


class CannotListen(Exception):
    """One line that says what is wrong and what would be right."""


def bound(host: str, port: int, port_name: str = "PORT") -> socket.socket:
    """A socket at `host`, not yet listening. `port_name`: what to change if the port is wrong. Raises CannotListen."""
    if port > LARGEST_PORT:
        raise CannotListen(f"cannot listen on port {port}: the largest is {LARGEST_PORT}; choose another {port_name}")
    try:
        # Of a name with several addresses the IPv4 one, which is what a client tries when it is told localhost.
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
        opened = socket.socket(family, socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "not a name"
        raise CannotListen(f"HOST={host}: is no address of this machine ({reason}); {RIGHT_HOST}") from None
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind(address)
    except OSError as error:
        opened.close()
        raise CannotListen(_why(host, port, port_name, error)) from None
    return opened


def _why(host: str, port: int, port_name: str, error: OSError) -> str:
    if error.errno in {errno.EADDRNOTAVAIL, errno.EINVAL}:  # the latter: fe80::1, which wants an interface, too
        return f"HOST={host}: is no address of this machine ({error.strerror}); {RIGHT_HOST}"
    if error.errno == errno.EACCES:
        return f"cannot listen on {host}:{port}: a port below 1024 takes root's rights; choose another {port_name}"
    return f"cannot listen on {host}:{port}: {error.strerror}; choose another {port_name}"
