"""Which of the processes that the tests have started is it?"""

import psutil


def listening_at(url: str) -> psutil.Process:
    """The one that listens on the port of this URL."""
    port = int(url.rpartition(":")[2])
    children = psutil.Process().children(recursive=True)
    [found] = [each for each in children if any(here.laddr.port == port for here in each.net_connections())]
    return found
