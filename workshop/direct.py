"""HTTP to this machine's own addresses, past any proxy that the environment names.

A company's HTTP_PROXY is for what lies outside: asked for 127.0.0.1, it looks for a service on the proxy's machine. All
that we ask ourselves goes through `urlopen`; programs that we start are told by NO_PROXY, see `past_proxies`.
"""

import http.client
import socket
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy")
OURS = ("localhost", "127.0.0.1", "::1", "[::1]")  # programs differ in how they want an IPv6 address

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def urlopen(asked: str | urllib.request.Request, timeout: float) -> Any:
    """As urllib.request.urlopen, but this machine is asked without a proxy. Raises what that raises."""
    url = asked if isinstance(asked, str) else asked.full_url
    if is_ours(urllib.parse.urlsplit(url).hostname or ""):
        return _direct.open(asked, timeout=timeout)
    return urllib.request.urlopen(asked, timeout=timeout)


def is_ours(host: str) -> bool:
    """Is this a name or an address of this machine? Asks no name server: that could take longer than the answer."""
    if host in {"localhost", socket.gethostname().lower()} or host.endswith(".localhost"):
        return True
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((socket.inet_ntop(probe.family, socket.inet_pton(probe.family, host)), 0))
    except (OSError, ValueError):
        return False
    return True


def silence(url: str, patience: float) -> str:
    """Why `url` does not answer 200 within `patience` seconds, in one line; empty if it does."""
    try:
        with urlopen(url, patience) as response:
            return "" if response.status == 200 else f"{url} answers {response.status}, not 200"
    except urllib.error.HTTPError as refusal:
        return f"{url} answers {refusal.code}, not 200"
    except (OSError, ValueError, http.client.HTTPException) as fault:
        return why(url, fault, patience)


def why(url: str, fault: Exception, patience: float) -> str:
    """What went wrong with a question that nobody answered within `patience` seconds, in one line."""
    reason = getattr(fault, "reason", fault)
    connected = not isinstance(fault, urllib.error.URLError)  # urllib wraps what goes wrong before the answer is read
    if isinstance(reason, TimeoutError) and connected:
        return f"{url}: it took the connection and did not answer within {patience:g} s"
    if isinstance(reason, TimeoutError):
        return f"{url}: no connection within {patience:g} s"
    if isinstance(reason, ConnectionRefusedError):
        return f"{url}: nobody listens there"
    return f"{url}: {getattr(reason, 'strerror', None) or reason or type(reason).__name__}"


def past_proxies(environment: Mapping[str, str], *more: str) -> dict[str, str]:
    """What keeps a program with this environment from asking a proxy for this machine, or for the hosts in `more`.

    Empty if the environment names no proxy.
    """
    if not proxy_in(environment):
        return {}
    listed = [name.strip() for name in _no_proxy(environment).split(",") if name.strip()]
    hosts = ",".join(dict.fromkeys([*listed, *OURS, *more]))
    return {"NO_PROXY": hosts, "no_proxy": hosts}


def proxy_in(environment: Mapping[str, str]) -> str:
    """The first variable that names a proxy; empty if none does."""
    return next((name for name in environment if name.lower() in PROXY_VARIABLES and environment[name]), "")


def reached_directly(environment: Mapping[str, str], host: str) -> bool:
    """Would curl with this environment ask `host` without a proxy?"""
    listed = {name.strip().lstrip(".") for name in _no_proxy(environment).split(",")}
    return not proxy_in(environment) or "*" in listed or host in listed


def _no_proxy(environment: Mapping[str, str]) -> str:
    return environment.get("no_proxy") or environment.get("NO_PROXY") or ""
