"""Which of the processes that the tests have started is it?"""

import psutil


def listening_at(url: str) -> psutil.Process:
    """The one that listens on the port of this URL."""
    port = int(url.rpartition(":")[2])
    children = psutil.Process().children(recursive=True)
    [found] = [each for each in children if any(here.laddr.port == port for here in each.net_connections())]
    return found


def workers_of(pid: int) -> list[psutil.Process]:
    """The workers that a service's supervisor has, without those that have ended, and without Python's own helper."""
    return [child for child in psutil.Process(pid).children() if _works(child)]


def _works(child: psutil.Process) -> bool:
    try:
        return not any("resource_tracker" in word for word in child.cmdline())
    except psutil.NoSuchProcess:  # a zombie, too
        return False
