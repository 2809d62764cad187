"""Finds processes that the tests have started."""

import psutil


def listening_at(url: str) -> psutil.Process:
    """The process that listens on the port of this URL."""
    port = int(url.rpartition(":")[2])
    children = psutil.Process().children(recursive=True)
    [found] = [each for each in children if any(here.laddr.port == port for here in each.net_connections())]
    return found


def workers_of(pid: int) -> list[psutil.Process]:
    """The live workers of a service's supervisor, without Python's own helper process."""
    return [child for child in psutil.Process(pid).children() if _works(child)]


def _works(child: psutil.Process) -> bool:
    try:
        return not any("resource_tracker" in word for word in child.cmdline())
    except psutil.NoSuchProcess:  # also raised for a zombie
        return False
