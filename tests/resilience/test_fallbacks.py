"""The setting FALLBACKS: what it means, and the one-line message if it is malformed."""

import pytest
from pydantic import SecretStr

from shared.pipeline.call import Target
from shared.settings import BadSetting, Settings
from shared.upstream.fallbacks import Fallback, read_fallbacks

SECRET = "sk-4dd1ct"


def read(fallbacks: str, keys: str = "") -> list[Fallback]:
    return list(read_fallbacks(Settings(fallbacks=fallbacks, fallback_api_keys=SecretStr(keys))))


def test_an_empty_setting_means_no_fallbacks() -> None:
    assert read("") == read("  ") == read("", keys=SECRET) == []


def test_a_model_alone_is_another_model_of_the_primary() -> None:
    assert read("workshop-sim") == [Fallback("workshop-sim", Target("primary", "workshop-sim"))]


def test_a_url_alone_is_the_same_model_elsewhere() -> None:
    [fallback] = read("@http://127.0.0.1:8100/v1/")
    assert fallback.name == "@127.0.0.1:8100"
    assert fallback.target == Target("127.0.0.1:8100", None)
    assert fallback.base_url == "http://127.0.0.1:8100/v1"


def test_a_model_and_a_url_are_another_model_elsewhere_with_its_own_key() -> None:
    small, other = read("workshop-sim, vendor/gpt-4o:mini@https://api.openai.com/v1", f",{SECRET}")
    assert small.api_key.get_secret_value() == ""
    assert other.name == "vendor/gpt-4o:mini@api.openai.com"
    assert other.target == Target("api.openai.com", "vendor/gpt-4o:mini")
    assert other.api_key.get_secret_value() == SECRET
    assert SECRET not in repr(other)


def test_an_upstream_is_its_url_and_its_key() -> None:
    same, another_model, another_key, another_path = read(
        "a@http://x.test/v1,b@http://x.test/v1/,c@http://x.test/v1,d@http://x.test/v2", f",,{SECRET}"
    )
    names = [fallback.target.upstream for fallback in (same, another_model, another_key, another_path)]
    assert names == ["x.test", "x.test", "x.test-2", "x.test-3"]


def test_no_upstream_takes_the_primarys_name() -> None:
    [fallback] = read("@http://primary/v1")
    assert fallback.target.upstream == "primary-2"


@pytest.mark.parametrize(
    ("fallbacks", "keys", "complaint"),
    [
        ("a,,b", "", "FALLBACKS: entry 2 is empty; it needs a model, an @ and a base URL, or both"),
        (",", "", "FALLBACKS: entry 1 is empty"),
        ("a,b,", "", "FALLBACKS: entry 3 is empty"),
        ("@", "", "FALLBACKS: entry 1 needs a URL that starts with http:// or https://"),
        ("a@", "", "FALLBACKS: entry 1 needs a URL that starts"),
        ("a@localhost:8100/v1", "", "FALLBACKS: entry 1 needs a URL that starts"),
        ("a@ftp://x.test/v1", "", "FALLBACKS: entry 1 needs a URL that starts"),
        ("a@http://", "", "FALLBACKS: entry 1"),
        ("a@http:///v1", "", "FALLBACKS: entry 1"),
        ("a@http://x.test:99999/v1", "", "FALLBACKS: entry 1 has a URL that cannot be read"),
        ("a@http://x.test:port/v1", "", "FALLBACKS: entry 1 has a URL that cannot be read"),
        ("a@http://[::1/v1", "", "FALLBACKS: entry 1 has a URL that cannot be read"),
        (f"a@http://me:{SECRET}@x.test/v1", "", "FALLBACKS: entry 1 has a user or a password in its URL"),
        (f"a@http://x.test/v1?key={SECRET}", "", r"FALLBACKS: entry 1 has a URL with a \? or a #"),
        ("a@http://x.test/v1#x", "", "FALLBACKS: entry 1 has a URL with"),
        ("a@http://x.test/v1", f"{SECRET},{SECRET}", "FALLBACK_API_KEYS: has 2 keys, and FALLBACKS 1 entries"),
        ("a", SECRET, "FALLBACK_API_KEYS: key 1 belongs to an entry of FALLBACKS without a URL"),
        ("a@http://x.test/v1", "sk-\n-x", "FALLBACK_API_KEYS: key 1 has characters that an HTTP header cannot hold"),
        ("a@http://x.test/v1", "sk-señal", "FALLBACK_API_KEYS: key 1 has characters"),
    ],
)
def test_a_malformed_setting_is_one_line_without_secrets(fallbacks: str, keys: str, complaint: str) -> None:
    with pytest.raises(BadSetting, match=complaint) as bad:
        read(fallbacks, keys)
    assert "\n" not in str(bad.value)
    assert SECRET not in str(bad.value)
