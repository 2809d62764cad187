"""Signatures: we accept those of others, others accept ours, and nothing else is accepted."""

import random
import time
from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook

from shared.pipeline.errors import UnsignedWebhook
from shared.settings import BadSetting
from shared.webhooks.signature import Verifier, keys, sign, signed_headers
from tests.webhooks.sender import SECRET, by_hand, headers

BODY = '{"test": 2432232314}'
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
AT = 1614265330
WINDOW = 300


def believes(verifier: Verifier, given: dict[str, str], body: str = BODY) -> bool:
    try:
        verifier.verify(verifier.claim(given), body.encode())
    except UnsignedWebhook:
        return False
    return True


def verifier(secrets: str = SECRET, now: float = AT) -> Verifier:
    return Verifier(secrets, WINDOW, clock=lambda: now)


def test_the_specifications_own_example_has_the_signature_that_it_says() -> None:
    assert sign(keys(SECRET)[0], ID, str(AT), BODY.encode()) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("secret", [SECRET, SECRET.removeprefix("whsec_")], ids=["whsec_", "bare base64"])
def test_signatures_of_the_specifications_package_are_accepted(secret: str) -> None:
    assert believes(verifier(secret), headers(BODY, id=ID, at=AT, secret=secret))


@pytest.mark.parametrize("secret", [SECRET, SECRET.removeprefix("whsec_")], ids=["whsec_", "bare base64"])
def test_the_specifications_package_accepts_our_signatures(secret: str) -> None:
    signed = signed_headers(secret, ID, int(time.time()), BODY.encode())
    assert Webhook(secret).verify(BODY, signed) == {"test": 2432232314}


@pytest.mark.parametrize("secret", ["your-secret", "password", "ñandú", "!!!!####aGk="])
def test_a_plain_secret_is_used_as_the_key_unchanged(secret: str) -> None:
    assert believes(verifier(secret), by_hand(secret.encode(), ID, AT, BODY))


def test_a_plain_secret_is_not_shortened_to_the_part_of_it_that_would_be_base64() -> None:
    """Python's decoder skips unknown characters: two letters of this secret would remain, which anybody can guess."""
    assert keys("-----!!!!!#####a$$$$g") == [b"-----!!!!!#####a$$$$g"]


@pytest.mark.parametrize("secrets", ["new {}", "{} new", "new,{}", " new , {} ,"])
def test_during_a_rotation_each_of_the_two_secrets_is_valid(secrets: str) -> None:
    both = verifier(secrets.format(SECRET))
    assert believes(both, by_hand(b"new", ID, AT, BODY))
    assert believes(both, headers(BODY, id=ID, at=AT))
    assert not believes(both, by_hand(b"newer", ID, AT, BODY))


def test_one_signature_of_several_is_enough() -> None:
    good = headers(BODY, id=ID, at=AT)
    others = [
        "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw==",
        by_hand(b"old", ID, AT, BODY)["webhook-signature"],
        "v2,x",
        "v1,",
        "",
        "v1",
    ]
    for count in range(len(others) + 1):
        mixed = [*others[:count], good["webhook-signature"], *others[count:]]
        assert believes(verifier(), good | {"webhook-signature": " ".join(mixed)})
    assert not believes(verifier(), good | {"webhook-signature": " ".join(others)})


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_without_one_of_its_headers_nothing_is_accepted(name: str) -> None:
    given = headers(BODY, id=ID, at=AT)
    assert not believes(verifier(), {key: value for key, value in given.items() if key != name})
    assert not believes(verifier(), given | {name: " "})


@pytest.mark.parametrize("away", [-WINDOW - 1, WINDOW + 1, -86_400, 10**10])
def test_a_time_outside_of_the_window_is_refused_on_either_side(away: int) -> None:
    given = headers(BODY, id=ID, at=AT)
    assert believes(verifier(now=AT), given)
    assert not believes(verifier(now=AT - away), given)
    with pytest.raises(UnsignedWebhook) as refused:
        verifier(now=AT - away).claim(given)
    assert refused.value.error_code == "webhook_out_of_time"


@pytest.mark.parametrize("away", [-WINDOW, WINDOW])
def test_a_time_at_the_edge_of_the_window_is_accepted(away: int) -> None:
    assert believes(verifier(now=AT - away), headers(BODY, id=ID, at=AT))


@pytest.mark.parametrize("text", ["", "x", "1.5", "-1", "1e9", "NaN", "inf", "١٦١٤", "9" * 400, "0x10", "16 14", "+1"])
def test_a_time_that_is_not_a_whole_number_of_seconds_is_refused(text: str) -> None:
    given = headers(BODY, id=ID, at=AT) | {"webhook-timestamp": text}
    assert not believes(verifier(), given)


@pytest.mark.parametrize("id", ["a.b", "x" * 256, "ñ", "a b", "\x7f", "a\x00"])
def test_an_id_with_a_full_stop_or_worse_is_refused_even_if_signed(id: str) -> None:
    given = by_hand(keys(SECRET)[0], id, AT, BODY)
    assert not believes(verifier(), given)


def test_any_change_of_any_byte_breaks_the_signature() -> None:
    random.seed(5)
    good = headers(BODY, id=ID, at=AT)
    for _ in range(500):
        name = random.choice([*good, "body"])
        text = BODY if name == "body" else good[name]
        at, letter = random.randrange(len(text)), chr(random.randrange(33, 127))
        changed = text[:at] + letter + text[at + 1 :]
        if changed == text:
            continue
        given = good if name == "body" else good | {name: changed}
        assert not believes(verifier(), given, changed if name == "body" else BODY), (name, changed)


def test_a_signed_message_cannot_be_split_in_another_way() -> None:
    """The id "a" at 17 with the body "18.{}" has the same bytes to sign as the id "a.17" at 18 with the body "{}"."""
    moved = by_hand(keys(SECRET)[0], "a", AT, f"{AT + 1}.{BODY}")
    moved |= {"webhook-id": f"a.{AT}", "webhook-timestamp": str(AT + 1)}
    assert not believes(verifier(), moved)


@pytest.mark.parametrize("secret", ["whsec_", "whsec_!", "whsec_a", f"{SECRET} whsec_not-base64"])
def test_a_secret_that_is_not_valid_base64_is_one_line_without_the_secret(secret: str) -> None:
    with pytest.raises(BadSetting) as bad:
        Verifier(secret, WINDOW)
    assert str(bad.value).startswith("WEBHOOK_HMAC_SECRET: ")
    assert "not-base64" not in str(bad.value)
    assert SECRET not in str(bad.value)
    assert "\n" not in str(bad.value)


@pytest.mark.parametrize("nothing", ["", " ", ",", " , "])
def test_without_a_secret_nothing_is_accepted(nothing: str) -> None:
    assert not verifier(nothing)
    assert not believes(verifier(nothing), by_hand(b"", ID, AT, BODY))


def test_the_time_is_utc_wherever_the_sender_lives() -> None:
    signed = Webhook(SECRET).sign(ID, datetime.fromtimestamp(AT, UTC), BODY)
    assert signed == headers(BODY, id=ID, at=AT)["webhook-signature"]
