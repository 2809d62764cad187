"""Which hosts are this machine. Needs only the standard library."""

import socket


def is_ours(host: str) -> bool:
    """Is this a name or an address of this machine? Asks no name server, which could take longer than the answer."""
    if host in {"localhost", socket.gethostname().lower()} or host.endswith(".localhost"):
        return True
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((socket.inet_ntop(probe.family, socket.inet_pton(probe.family, host)), 0))
    except (OSError, ValueError):
        return False
    return True
