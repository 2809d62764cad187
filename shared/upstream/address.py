"""The address of an upstream: its base URL, a key that fits a header, and the proxy that leads there.

In: what an operator wrote. Out: URLs and headers that can be used as they are, or ValueError in words that follow the
name of the setting. All of it is checked at the start, so that no call fails for it.
"""

import urllib.request

from yarl import URL

from shared.process.this_machine import is_ours
from shared.settings import BadSetting


def endpoint(base_url: str, path: str) -> str:
    """The URL of `path` under the base URL. A query (Azure's api-version) stays at the end."""
    base, question_mark, query = base_url.partition("?")
    return f"{base.rstrip('/')}/{path}{question_mark}{query}"


class BadAddress(ValueError):
    """What is wrong with a URL, in words that follow "entry 2 "."""


def host_of(url: str) -> str:
    """The URL's host, with its port unless that is the default. Raises BadAddress."""
    try:
        parts = URL(url)
        said_port = "" if parts.is_default_port() else f":{parts.port}"
    except ValueError:
        raise BadAddress("has a URL that cannot be read") from None
    if parts.scheme not in ("http", "https") or not parts.host:
        raise BadAddress("needs a URL that starts with http:// or https://")
    if parts.user or parts.password:
        raise BadAddress("has a user or a password in its URL; keys have a setting of their own")
    if parts.query_string or parts.fragment:
        raise BadAddress("has a URL with a ? or a #; a base URL ends with its path, usually /v1")
    return f"{parts.host}{said_port}"


def proxy_for(base_url: str) -> str | None:
    """The proxy for this upstream by HTTP_PROXY, HTTPS_PROXY and NO_PROXY. None for a direct connection.

    This machine is always asked directly. Raises BadSetting for a proxy that cannot be used.
    """
    url = URL(base_url)
    host = url.host or ""
    if is_ours(host) or urllib.request.proxy_bypass(host):
        return None
    proxies = urllib.request.getproxies()
    name = url.scheme if url.scheme in proxies else "all"
    proxy = proxies.get(name)
    if not proxy:
        return None
    if "://" not in proxy:
        proxy = f"http://{proxy}"
    if not proxy.startswith(("http://", "https://")):
        raise BadSetting(f"{name.upper()}_PROXY: upstreams are reached through http:// and https:// proxies only")
    return proxy
