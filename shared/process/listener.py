"""The socket that a service listens on. If it cannot be opened, one line says whether HOST or PORT is wrong.

In: a host's name or address, and a port. Out: a bound socket. Knows nothing of the application that is served there.
"""

import errno
import socket

RIGHT_HOST = "write HOST=127.0.0.1, or HOST=0.0.0.0 for every interface"
LARGEST_PORT = 65535


class CannotListen(Exception):
    """One line that says what is wrong and what would be right."""


def bound(host: str, port: int, port_name: str = "PORT") -> socket.socket:
    """A socket at `host`, not yet listening. `port_name`: the setting that holds the port. Raises CannotListen."""
    if port > LARGEST_PORT:
        raise CannotListen(f"cannot listen on port {port}: the largest is {LARGEST_PORT}; choose another {port_name}")
    try:
        # For a name with several addresses, prefer IPv4: clients try it for localhost.
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
        opened = socket.socket(family, socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "not a name"
        raise CannotListen(f"HOST={host}: is not an address of this machine ({reason}); {RIGHT_HOST}") from None
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind(address)
    except OSError as error:
        opened.close()
        raise CannotListen(_why(host, port, port_name, error)) from None
    return opened


def _why(host: str, port: int, port_name: str, error: OSError) -> str:
    if error.errno in {errno.EADDRNOTAVAIL, errno.EINVAL}:  # EINVAL: fe80::1, which needs an interface, too
        return f"HOST={host}: is not an address of this machine ({error.strerror}); {RIGHT_HOST}"
    if error.errno == errno.EACCES:
        return f"cannot listen on {host}:{port}: a port below 1024 needs root rights; choose another {port_name}"
    return f"cannot listen on {host}:{port}: {error.strerror}; choose another {port_name}"
