"""The address of an upstream: its URLs, its key, and the proxy that leads there."""

from __future__ import annotations

import socket

import pytest

from shared.settings import BadSetting, load_settings
from shared.upstream.address import endpoint, proxy_for

PROXY = "http://proxy.example.com:3128"


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("http://x.test/v1", "http://x.test/v1/chat/completions"),
        ("http://x.test/v1/?a=1", "http://x.test/v1/chat/completions?a=1"),
        (
            "https://x.test/openai/deployments/d?api-version=2024-10-21",
            "https://x.test/openai/deployments/d/chat/completions?api-version=2024-10-21",
        ),
    ],
)
def test_a_query_stays_behind_the_path(base_url: str, url: str) -> None:
    assert endpoint(base_url, "chat/completions") == url


@pytest.fixture
def proxies(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


@pytest.mark.parametrize(
    ("variables", "base_url", "proxy"),
    [
        ({}, "https://x.test/v1", None),
        ({"HTTPS_PROXY": PROXY}, "https://x.test/v1", PROXY),
        ({"https_proxy": PROXY}, "https://x.test/v1", PROXY),
        ({"HTTPS_PROXY": PROXY}, "http://x.test/v1", None),
        ({"HTTP_PROXY": PROXY}, "http://x.test/v1", PROXY),
        ({"ALL_PROXY": PROXY}, "https://x.test/v1", PROXY),
        ({"HTTPS_PROXY": "proxy.example.com:3128"}, "https://x.test/v1", PROXY),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "x.test"}, "https://x.test/v1", None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": ".test"}, "https://x.test/v1", None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "*"}, "https://x.test/v1", None),
        ({"HTTP_PROXY": PROXY}, "http://127.0.0.1:8100/v1", None),
        ({"HTTP_PROXY": PROXY}, "http://[::1]:8100/v1", None),
        ({"HTTP_PROXY": PROXY}, "http://localhost:8100/v1", None),
        ({"HTTP_PROXY": PROXY}, f"http://{socket.gethostname()}:8100/v1", None),
    ],
)
def test_outside_upstreams_are_reached_through_the_proxy_and_this_machine_never_is(
    variables: dict[str, str], base_url: str, proxy: str | None, proxies: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        proxies.setenv(name, value)
    assert proxy_for(base_url) == proxy


def test_a_proxy_that_cannot_be_used_is_named_at_the_start(proxies: pytest.MonkeyPatch) -> None:
    proxies.setenv("HTTPS_PROXY", "socks5://secret@proxy.example.com:1080")
    with pytest.raises(BadSetting, match="HTTPS_PROXY: ") as bad:
        proxy_for("https://x.test/v1")
    assert "secret" not in str(bad.value)


@pytest.mark.parametrize("key", ["sk-x\n", "sk-x\r\n", " sk-x "])
def test_blanks_around_a_key_are_not_part_of_it(key: str) -> None:
    assert load_settings(openai_api_key=key).openai_api_key.get_secret_value() == "sk-x"


@pytest.mark.parametrize("key", ["sk\n-x", "sk-ñ", "sk-\x00", "sk-\u2028x"])
def test_a_key_that_no_header_can_hold_is_one_line_without_it(key: str) -> None:
    with pytest.raises(BadSetting, match=r"^OPENAI_API_KEY: has characters that an HTTP header cannot hold$"):
        load_settings(openai_api_key=key)
