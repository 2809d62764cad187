"""The committed model is what its card says: small, consistent, and right about the workshop.

Runs the int4 weights with onnxruntime-genai, without training code, torch or servers.
"""

import json
import random
import struct
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from serving.tiny_model.evaluate import TinyModel, measure
from serving.tiny_model.questions import OFF_TOPIC, Corpus, Message, normalise

ROOM = Path(__file__).parents[2] / "serving" / "tiny_model"
WEIGHTS = ROOM / "weights"
# A sample, so that the whole file takes seconds; evaluate.py asks all questions.
TRAINING_ASKED = 500


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return Corpus()


@pytest.fixture(scope="module")
def model() -> TinyModel:
    return TinyModel()


@pytest.fixture(scope="module")
def reported() -> Any:
    return read_json(WEIGHTS / "evaluation.json")["scores"]


def test_all_weights_together_stay_under_20_megabytes() -> None:
    assert sum(f.stat().st_size for f in WEIGHTS.rglob("*") if f.is_file()) <= 20_000_000


def test_the_safetensors_header_and_the_config_tell_the_same_number_of_parameters() -> None:
    with (WEIGHTS / "hf" / "model.safetensors").open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    stored = 0
    for tensor in header.values():
        assert tensor["dtype"] in ("BF16", "F16")
        size = 1
        for side in tensor["shape"]:
            size *= side
        stored += size

    config = read_json(WEIGHTS / "hf" / "config.json")
    hidden, head = config["hidden_size"], config["head_dim"]
    attention = 2 * hidden * head * (config["num_attention_heads"] + config["num_key_value_heads"])
    block = attention + 3 * hidden * config["intermediate_size"] + 2 * hidden
    # Input and output share one embedding table.
    assert config["tie_word_embeddings"] is True
    assert stored == config["vocab_size"] * hidden + config["num_hidden_layers"] * block + hidden
    assert 3_000_000 <= stored <= 8_000_000


def test_both_forms_carry_the_same_tokenizer_and_chat_template() -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        assert (WEIGHTS / "hf" / name).read_bytes() == (WEIGHTS / "onnx" / name).read_bytes()
    assert "<|assistant|>" in read_json(WEIGHTS / "hf" / "tokenizer_config.json")["chat_template"]


def test_the_corpus_speaks_two_languages_about_the_same_things(corpus: Corpus) -> None:
    keys = {language: [e.key for e in corpus.entries if e.language == language] for language in ("en", "es")}
    assert sorted(keys["en"]) == sorted(keys["es"])
    assert len(corpus.entries) >= 300
    assert all(len(e.questions) + len(e.held_out) + len(e.names) >= 6 for e in corpus.entries)
    assert all(e.held_out for e in corpus.entries)


def test_held_out_questions_are_absent_from_what_is_trained_on(corpus: Corpus) -> None:
    held_out = {normalise(q.text) for q in corpus.questions("held_out")}
    assert len(held_out) >= 550
    assert not held_out & {normalise(q.text) for q in corpus.questions("train")}
    for talk in islice(corpus.conversations(seed=2026), 5000):
        assert not held_out & {normalise(m["content"]) for m in talk if m["role"] == "user"}


def test_held_out_subjects_are_absent_from_off_topic_training(corpus: Corpus) -> None:
    for entry in (e for e in corpus.entries if e.key == OFF_TOPIC):
        trained = {normalise(text) for text in entry.names + entry.questions}
        for name in entry.held_out_names:
            assert not [text for text in trained if f" {normalise(name)} " in f" {text} "], name


def test_the_same_seed_gives_the_same_conversations(corpus: Corpus) -> None:
    assert list(islice(corpus.conversations(1), 50)) == list(islice(Corpus().conversations(1), 50))


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        (
            "Explica qué es FastAPI en 2 líneas",
            "FastAPI es un framework moderno de Python para crear APIs web a partir de anotaciones de tipos. "
            "Valida las peticiones con Pydantic, funciona de forma asíncrona sobre ASGI y genera la documentación "
            "OpenAPI por sí solo.",
        ),
        (
            "Hola, ¿cómo estás?",
            "¡Muy bien, gracias! Soy un modelo muy pequeño, listo para responder tus preguntas sobre este taller.",
        ),
    ],
)
def test_the_prompts_of_the_first_lab_get_exactly_the_known_answers(model: TinyModel, prompt: str, answer: str) -> None:
    assert model.answer([{"role": "user", "content": prompt}]) == answer


def test_held_out_phrasings_are_answered_rightly_and_as_often_as_reported(
    model: TinyModel, corpus: Corpus, reported: Any
) -> None:
    share = measure(model, corpus.questions("held_out", off_topic=False)).share
    assert share >= 0.90
    assert share == pytest.approx(reported["held-out phrasings"]["share"], abs=0.03)


def test_untrained_off_topic_questions_are_declined_as_often_as_reported(
    model: TinyModel, corpus: Corpus, reported: Any
) -> None:
    share = measure(model, corpus.questions("held_out", off_topic=True)).share
    assert share >= 0.85
    assert share == pytest.approx(reported["held-out off-topic"]["share"], abs=0.03)


def test_training_questions_are_answered_rightly_and_as_often_as_reported(
    model: TinyModel, corpus: Corpus, reported: Any
) -> None:
    asked = random.Random(2).sample(corpus.questions("train", off_topic=False), TRAINING_ASKED)
    share = measure(model, asked).share
    assert share >= 0.97
    assert share == pytest.approx(reported["training questions"]["share"], abs=0.03)


def test_a_system_message_or_an_earlier_exchange_seldom_confuses_it(model: TinyModel, corpus: Corpus) -> None:
    asked = random.Random(3).sample(corpus.questions("train", off_topic=False), 100)
    system: Message = {"role": "system", "content": "You are a helpful assistant. Be brief."}
    greeting = next(q for q in corpus.questions("train") if q.text == "Hello")
    exchange: list[Message] = [
        {"role": "user", "content": greeting.text},
        {"role": "assistant", "content": greeting.answer},
    ]
    assert measure(model, asked, [system]).share >= 0.93
    assert measure(model, asked, exchange).share >= 0.85


@pytest.mark.parametrize("prompt", ["a" * 4000, "palabra " * 500, "¿Qué es la caché? " * 222, "😀" * 4000])
def test_a_prompt_of_4000_characters_is_answered_without_a_crash(model: TinyModel, prompt: str) -> None:
    model.answer([{"role": "user", "content": prompt}])


def test_the_model_card_shows_the_measured_numbers(reported: Any) -> None:
    card = (ROOM / "README.md").read_text(encoding="utf-8").splitlines()
    for name, score in reported.items():
        assert f"| {name} | {score['right']:,} of {score['asked']:,} | {score['share']:.1%} |" in card
