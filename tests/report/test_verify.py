"""A page or badge is good only if the host has signed it, and nothing of it was changed."""

import html
import json
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.report.conftest import demo, report
from workshop.report import keys
from workshop.report.keys import Seal
from workshop.report.page import RENDERED, Render, badge, page
from workshop.report.payload import Ended, Report
from workshop.report.verify import LARGEST, Verdict, verdict

BOTH = pytest.mark.parametrize("render", RENDERED.values(), ids=RENDERED)


def key_of(private: Ed25519PrivateKey) -> bytes:
    return keys.sign(private, b"").key


def signed(render: Render, host: Ed25519PrivateKey, made: Report | None = None) -> str:
    made = made or report()
    return render(made, keys.sign(host, made.canonical))


def judged(text: str, render: Render, host: Ed25519PrivateKey | None) -> Verdict:
    return verdict(text.encode(), render, key_of(host) if host else None)


@BOTH
def test_what_the_host_has_signed_is_good(render: Render, host: Ed25519PrivateKey) -> None:
    found = judged(signed(render, host), render, host)
    assert found == Verdict(True, "signed by the host: Ana, 1/3 points in demo 1, made 2026-11-30T12:00:00+00:00")


@BOTH
def test_an_unsigned_one_says_so_and_so_does_the_verdict(render: Render, host: Ed25519PrivateKey) -> None:
    text = render(report(graded_by="attendee"), None)
    assert "unsigned" in text.lower().partition('id="payload"')[0] + text.lower().rpartition("</metadata>")[2]
    found = judged(text, render, host)
    assert not found.good
    assert found.line.startswith("unsigned: Ana, 1/3 points in demo 1, as that machine recorded it")


@BOTH
def test_another_key_is_not_the_hosts(render: Render, host: Ed25519PrivateKey) -> None:
    attendee = Ed25519PrivateKey.generate()
    text = signed(render, attendee)
    found = judged(text, render, host)
    assert not found.good
    assert found.line.startswith("signed with another key: ")
    weak = render(report(), Seal(bytes(32), bytes(64)))  # some signatures fit anything, with a key that nobody makes
    assert not judged(weak, render, host).good
    unknown = judged(text, render, None)
    assert not unknown.good
    assert unknown.line.startswith("self-signed, as far as is known here")


@BOTH
def test_the_hosts_key_beside_the_signature_of_another_is_forged(render: Render, host: Ed25519PrivateKey) -> None:
    made = report()
    other = keys.sign(Ed25519PrivateKey.generate(), made.canonical)
    for seal in (Seal(key_of(host), other.signature), Seal(key_of(host), bytes(64))):
        found = judged(render(made, seal), render, host)
        assert found == Verdict(False, "forged: the signature is not for this data")


@BOTH
def test_other_data_under_the_same_signature_is_forged(render: Render, host: Ed25519PrivateKey) -> None:
    seal = keys.sign(host, report().canonical)
    better = report("Ana", "signer", demo(1, Ended.PASSED, Ended.PASSED))
    assert not judged(render(better, seal), render, host).good
    assert judged(render(better, seal), render, host).line.startswith("forged")
    assert judged(render(report("Bea"), seal), render, host).line.startswith("forged")


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("1 of 3 points", "3 of 3 points"),
        ("✗ failed", "✓ passed"),
        ("<bdi>Ana</bdi>", "<bdi>Bea</bdi>"),
        ("sentence 1", "sentence 2"),
        ("</body>", "<script>alert(1)</script></body>"),
        ("default-src 'none'", "default-src *"),
        ("</html>\n", "</html>"),
        (">Signed<", ">Signed by the host<"),
    ],
)
def test_no_word_of_a_signed_page_can_be_changed(was: str, becomes: str, host: Ed25519PrivateKey) -> None:
    text = signed(page, host)
    assert was in text
    assert judged(text.replace(was, becomes, 1), page, host).line == "changed: its text is not what its data says"


def test_no_word_of_a_signed_badge_can_be_changed(host: Ed25519PrivateKey) -> None:
    text = signed(badge, host)
    assert "· 1/3 points" in text
    assert judged(text.replace("· 1/3 points", "· 3/3 points"), badge, host).line.startswith("changed")


@BOTH
def test_a_second_payload_changes_nothing(render: Render, host: Ed25519PrivateKey) -> None:
    """Whichever of the two is read, the whole file must be what it says."""
    good, forged = signed(render, host), html.escape(report("Bea").canonical.decode())
    for text in (f'{good}<pre id="payload">{forged}</pre>', f'<pre id="payload">{forged}</pre>{good}'):
        assert judged(text, render, host).line.startswith("changed")


@BOTH
def test_what_the_hosts_key_signs_must_be_graded_by_the_host(render: Render, host: Ed25519PrivateKey) -> None:
    found = judged(signed(render, host, report(graded_by="attendee")), render, host)
    assert found == Verdict(False, "signed, but graded by the attendee's own machine")


def with_payload(change: Callable[[str], str]) -> str:
    text = page(report(), None)
    payload = html.escape(report().canonical.decode())
    assert payload in text
    return text.replace(payload, html.escape(change(html.unescape(payload))))


def with_signature(signature: str) -> str:
    text = page(report(), None)
    was = 'id="signature">unsigned'
    assert was in text
    return text.replace(was, f'id="signature">{html.escape(signature)}')


@pytest.mark.parametrize(
    ("file", "line"),
    [
        (b"", "it is not a report of this workshop"),
        (b"\xff\xfe\x00", "it is not a report of this workshop"),
        (b"<html></html>", "it is not a report of this workshop"),
        (b"x" * (LARGEST + 1), "it is too large to be a report"),
        (with_payload(lambda text: "").encode(), "it is not a report of this workshop"),
        (with_payload(lambda text: "[" * 100_000).encode(), "it is not a report of this workshop"),
        (with_payload(lambda text: text[:-10]).encode(), "its data is damaged"),
        (with_payload(lambda text: text.replace(":", ": ")).encode(), "it is not a report of this workshop"),
        (with_payload(lambda text: text.replace('"points":1', '"points":"1"')).encode(), "its data is damaged"),
        (with_payload(lambda text: text.replace('"points":1', '"points":-1')).encode(), "its data is damaged"),
        (with_payload(lambda text: text.replace('"points":1', '"points":NaN')).encode(), "its data is damaged"),
        (with_payload(lambda text: text.replace('"Ana"', '"\\ud800"')).encode(), "its data is damaged"),
        (with_payload(lambda text: text.replace('"Ana"', '"A\\u202ena"')).encode(), "its data is damaged"),
        (with_payload(lambda text: text.replace("{", '{"more":1,', 1)).encode(), "its data is damaged"),
        (
            with_payload(lambda text: text.replace("report/1", "report/2")).encode(),
            "its format is 2: verify it with that version of the workshop",
        ),
        (with_signature("").encode(), "its signature is damaged"),
        (with_signature("[]").encode(), "its signature is damaged"),
        (with_signature("[" * 100_000).encode(), "its signature is damaged"),
        (with_signature(json.dumps({"key": "AAAA", "signature": "AAAA"})).encode(), "its signature is damaged"),
        (with_signature(json.dumps({"key": 1, "signature": None})).encode(), "its signature is damaged"),
    ],
)
def test_a_corrupt_file_is_one_line(file: bytes, line: str, host: Ed25519PrivateKey) -> None:
    assert verdict(file, page, key_of(host)) == Verdict(False, line)


def test_a_badge_is_no_page(host: Ed25519PrivateKey) -> None:
    assert judged(signed(badge, host), page, host).line.startswith("changed")
