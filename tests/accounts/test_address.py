"""The caller's address: the peer's, or a forwarded one if our own proxies wrote it."""

from collections.abc import Mapping

import pytest
from starlette.requests import Request

from shared.accounts.address import ClientAddress
from shared.http_client.headers import by_name
from shared.routes.endpoint import open_endpoint
from shared.settings import BadSetting

PROXIES = "10.0.0.0/8, 192.168.1.5, fd00::/8"


def forwarded(*values: str) -> Mapping[str, str]:
    return by_name([(b"x-forwarded-for", value.encode("latin-1")) for value in values])


@pytest.mark.parametrize("header", ["1.2.3.4", "10.0.0.1", "", "garbage"])
def test_a_forwarded_address_is_believed_from_nobody_by_default(header: str) -> None:
    assert ClientAddress().of("203.0.113.9", forwarded(header)) == "203.0.113.9"


def test_a_forwarded_address_is_not_believed_from_a_stranger() -> None:
    assert ClientAddress(PROXIES).of("203.0.113.9", forwarded("1.2.3.4")) == "203.0.113.9"


@pytest.mark.parametrize(
    ("headers", "caller"),
    [
        (["1.2.3.4"], "1.2.3.4"),
        (["6.6.6.6, 1.2.3.4"], "1.2.3.4"),  # the caller wrote the left one
        (["6.6.6.6, 1.2.3.4, 10.1.1.1, 192.168.1.5"], "1.2.3.4"),
        (["6.6.6.6", "1.2.3.4"], "1.2.3.4"),  # two headers are one list
        (["1.2.3.4", "10.9.9.9"], "1.2.3.4"),
        (["1.2.3.4:50123"], "1.2.3.4"),
        (["[2001:db8:1:2::9]:443"], "2001:db8:1:2::/64"),
        (["::ffff:1.2.3.4"], "1.2.3.4"),
        (["10.2.2.2, 10.3.3.3"], "10.2.2.2"),  # the caller is one of our proxies
        (["1.2.3.4, <script>"], "10.0.0.7"),  # no address from our proxy: the proxy itself is the caller
        (["' OR 1=1 --, 10.1.1.1"], "10.1.1.1"),
        (["unknown"], "10.0.0.7"),
        ([""], "10.0.0.7"),
        ([], "10.0.0.7"),
    ],
)
def test_behind_our_proxies_the_caller_is_the_rightmost_address_that_is_not_a_proxy(
    headers: list[str], caller: str
) -> None:
    assert ClientAddress(PROXIES).of("10.0.0.7", forwarded(*headers)) == caller


def test_a_thousand_hops_cost_no_more_than_a_few() -> None:
    hops = ", ".join(["1.2.3.4", *["10.0.0.1"] * 1000])
    assert ClientAddress(PROXIES).of("10.0.0.7", forwarded(hops)) == "10.0.0.1"


def test_callers_of_one_ipv6_network_are_one_caller() -> None:
    addresses = ClientAddress()
    assert addresses.of("2001:db8:1:2:aaaa::1", {}) == addresses.of("2001:db8:1:2:bbbb::2", {}) == "2001:db8:1:2::/64"
    assert addresses.of("2001:db8:1:3::1", {}) == "2001:db8:1:3::/64"


@pytest.mark.parametrize(("peer", "shown"), [("::ffff:192.0.2.1", "192.0.2.1"), ("fe80::1%eth0", "fe80::/64")])
def test_one_peer_has_one_name(peer: str, shown: str) -> None:
    assert ClientAddress().of(peer, {}) == shown


def test_a_peer_without_an_address_is_unknown() -> None:
    assert ClientAddress().of("", {}) == ClientAddress(PROXIES).of("", forwarded("1.2.3.4")) == "unknown"


@pytest.mark.parametrize("proxies", ["10.0.0.0/33", "localhost", "10.0.0.1;10.0.0.2", "*"])
def test_malformed_proxies_are_a_bad_setting(proxies: str) -> None:
    with pytest.raises(BadSetting, match=r"TRUSTED_PROXIES: .* is not an address or a network"):
        ClientAddress(proxies)


def test_a_generating_route_reads_every_line_of_a_forwarded_address() -> None:
    lines = [(b"x-forwarded-for", b"6.6.6.6"), (b"x-forwarded-for", b"1.2.3.4")]  # the caller's, and our proxy's
    scope = {
        "type": "http",
        "path": "/generate",
        "headers": lines,
        "client": ("10.0.0.7", 1),
        "state": {"request_id": "1"},
    }
    call = open_endpoint(Request(scope))
    assert ClientAddress(PROXIES).of(call.peer, call.headers) == "1.2.3.4"
