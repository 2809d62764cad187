"""Keys are equal for the same question by the same caller, and only then."""

import random
from dataclasses import replace
from typing import Any

import pytest

from shared.cache.key import cache_key
from shared.pipeline.call import ChatRequest

ASKED = ChatRequest(
    model="workshop-tiny",
    messages=({"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hola"}),
    temperature=0.0,
    max_tokens=100,
    extra={"top_p": 0.5, "stop": ["\n"], "response_format": {"type": "json_object", "strict": True}},
)


def key(request: ChatRequest = ASKED, **other: Any) -> str:
    identity: dict[str, Any] = {"cache": "responses", "owner": ("caller", "ana"), "upstream": "http://a/v1"}
    return cache_key(request, **(identity | other))


def test_the_same_question_has_the_same_key() -> None:
    assert key() == key(replace(ASKED))
    assert len(key()) == 64


@pytest.mark.parametrize(
    "changed",
    [
        replace(ASKED, model="workshop-sim"),
        replace(ASKED, messages=ASKED.messages[::-1]),
        replace(ASKED, messages=ASKED.messages[1:]),
        replace(ASKED, messages=({"role": "user", "content": "Be brief."}, {"role": "user", "content": "Hola"})),
        replace(ASKED, messages=({"role": "user", "content": "Be brief.\nHola"},)),
        replace(ASKED, messages=(ASKED.messages[0], {"role": "user", "content": "hola"})),
        replace(ASKED, messages=(ASKED.messages[0], {"role": "user", "content": "Hola "})),
        replace(ASKED, messages=(ASKED.messages[0], {"role": "user", "content": "Hola", "name": "ana"})),
        replace(ASKED, temperature=0.1),
        replace(ASKED, temperature=None),
        replace(ASKED, max_tokens=101),
        replace(ASKED, max_tokens=None),
        replace(ASKED, stream=True),
        replace(ASKED, instructions="Summarize."),
        replace(ASKED, extra={**ASKED.extra, "seed": 1}),
        replace(ASKED, extra={**ASKED.extra, "top_p": 0.6}),
        replace(ASKED, extra={**ASKED.extra, "response_format": {"type": "text", "strict": True}}),
        replace(ASKED, extra={}),
    ],
)
def test_everything_that_changes_the_answer_changes_the_key(changed: ChatRequest) -> None:
    assert key(changed) != key()


@pytest.mark.parametrize(
    "other",
    [
        {"owner": ("caller", "bob")},
        {"owner": ("address", "ana")},
        {"owner": ("shared",)},
        {"cache": "summaries"},
        {"upstream": "http://b/v1"},
    ],
)
def test_the_owner_the_cache_and_the_upstream_change_the_key(other: dict[str, Any]) -> None:
    assert key(**other) != key()


def test_no_callers_name_can_forge_another_callers_key() -> None:
    names = ["ana", 'ana"', 'ana","bob', "ana\n", '["shared"]', "shared", "", "Ana", "añá", "\\u0061na"]
    assert len({key(owner=("caller", name)) for name in names}) == len(names)


def test_every_spelling_of_zero_has_the_same_key() -> None:
    assert key(replace(ASKED, temperature=0)) == key()


def test_every_field_changes_the_key_but_their_order_does_not() -> None:
    chance = random.Random(11)
    seen: dict[str, str] = {}
    for _ in range(500):
        extra = {f"field_{chance.randrange(6)}": _anything(chance, depth=2) for _ in range(4)}
        asked = replace(ASKED, extra=extra)
        shuffled = replace(ASKED, extra=_shuffled(chance, extra))
        assert key(asked) == key(shuffled)
        canonical = repr(_ordered(extra))
        assert seen.setdefault(key(asked), canonical) == canonical
    assert len(seen) > 400


def _anything(chance: random.Random, depth: int) -> Any:
    kind = chance.randrange(6 if depth else 4)
    if kind == 4:
        return [_anything(chance, depth - 1) for _ in range(chance.randrange(4))]
    if kind == 5:
        return {chance.choice("abcd"): _anything(chance, depth - 1) for _ in range(chance.randrange(4))}
    return [chance.randrange(100), chance.choice(["", "a", "ñ", '"']), None, chance.random() < 0.5][kind]


def _shuffled(chance: random.Random, value: Any) -> Any:
    if isinstance(value, list):
        return [_shuffled(chance, item) for item in value]
    if not isinstance(value, dict):
        return value
    names = list(value)
    chance.shuffle(names)
    return {name: _shuffled(chance, value[name]) for name in names}


def _ordered(value: Any) -> Any:
    if isinstance(value, list):
        return [_ordered(item) for item in value]
    if isinstance(value, dict):
        return {name: _ordered(value[name]) for name in sorted(value)}
    return value
