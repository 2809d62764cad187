"""HTTP to this machine's own addresses, past any proxy that the environment names.

A company's HTTP_PROXY is for the world outside: asked for 127.0.0.1, it looks for a service on the proxy's own machine.
Our own requests all go through `urlopen`; programs that we start are told by NO_PROXY, see `past_proxies`.
"""

import http.client
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

from shared.process.this_machine import is_ours

HTTP_VARIABLES = ("http_proxy", "all_proxy")  # the variables that apply to http://
PROXY_VARIABLES = (*HTTP_VARIABLES, "https_proxy")
OURS = ("localhost", "127.0.0.1", "::1", "[::1]")  # programs differ in how they write an IPv6 address

_NO_PROXY = urllib.request.ProxyHandler({})


class _StayHere(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer like any other, which urllib raises as an HTTPError."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def urlopen(
    asked: str | urllib.request.Request, timeout: float, *, redirects: bool = True, proxies: bool = True
) -> Any:
    """Like urllib.request.urlopen, but without a proxy for this machine. Raises what that raises.

    Without `redirects`, none is followed; without `proxies`, none is asked.
    """
    url = asked if isinstance(asked, str) else asked.full_url
    handlers: list[urllib.request.BaseHandler] = [] if redirects else [_StayHere()]
    if not proxies or is_ours(urllib.parse.urlsplit(url).hostname or ""):
        handlers.append(_NO_PROXY)
    # A new opener: urllib.request.urlopen keeps the proxies that it found in the environment at its first call.
    return urllib.request.build_opener(*handlers).open(asked, timeout=timeout)


def silence(url: str, patience: float) -> str:
    """Why `url` does not answer 200 within `patience` seconds, worded to follow its name; empty if it does."""
    try:
        with urlopen(url, patience) as response:
            return "" if response.status == 200 else f"it answers {response.status}"
    except urllib.error.HTTPError as refusal:
        return f"it answers {refusal.code}"
    except (OSError, ValueError, http.client.HTTPException) as fault:
        return reason(fault, patience)


def why(url: str, fault: Exception, patience: float) -> str:
    """Why a service did not answer within `patience` seconds: one line that begins with its URL."""
    return f"{url}: {reason(fault, patience)}"


def reason(fault: Exception, patience: float) -> str:
    """The same, worded to follow the service's name."""
    cause = getattr(fault, "reason", fault)
    # urllib wraps errors that happen before the request is sent, and none after that.
    if isinstance(cause, TimeoutError) and cause is fault:
        return f"it took the connection and did not answer within {patience:g} s"
    if isinstance(cause, TimeoutError):
        return f"no connection within {patience:g} s"
    if isinstance(cause, ConnectionRefusedError):
        return "nobody listens there"
    return str(getattr(cause, "strerror", None) or cause or type(cause).__name__)


def past_proxies(environment: Mapping[str, str], *more: str) -> dict[str, str]:
    """The variables that keep a program from asking a proxy for this machine, or for the hosts in `more`.

    Empty if the environment names no proxy.
    """
    if not _set(environment, PROXY_VARIABLES):
        return {}
    listed = [name.strip() for name in _no_proxy(environment).split(",") if name.strip()]
    hosts = ",".join(dict.fromkeys([*listed, *OURS, *more]))
    return {"NO_PROXY": hosts, "no_proxy": hosts}


def proxy_for(environment: Mapping[str, str], host: str) -> str:
    """The variable that makes a client ask a proxy for http://`host`; empty if the client asks `host` directly."""
    listed = {name.strip().lstrip(".") for name in _no_proxy(environment).split(",")}
    return "" if listed & {"*", host} else _set(environment, HTTP_VARIABLES)


def _set(environment: Mapping[str, str], variables: tuple[str, ...]) -> str:
    """The first of these variables, in upper or lower case, that has a value; empty if none does."""
    return next((name for name in environment if name.lower() in variables and environment[name]), "")


def _no_proxy(environment: Mapping[str, str]) -> str:
    return environment.get("no_proxy") or environment.get("NO_PROXY") or ""
