"""Measure the exported model, question by question, at temperature 0.

    python -m serving.tiny_model.evaluate [--wrong]

In: the corpus and `weights/onnx/`. Out: a table, and `weights/evaluation.json`. Needs only onnxruntime-genai and numpy.
An answer counts as right if its letters and digits are those of the corpus, whatever its case, accents and punctuation;
"exact" compares every character.
"""

import argparse
import json
import os
import platform
import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import onnxruntime_genai as og

from serving.tiny_model.questions import Corpus, Message, Question, normalise

WEIGHTS = Path(__file__).parent / "weights"
CONTEXT = 2048
LONGEST_ANSWER = 120
SAMPLE = 300
SEED = 7


class TinyModel:
    """The int4 model behind its chat template, greedy."""

    def __init__(self, folder: Path = WEIGHTS / "onnx") -> None:
        self._model: Any = og.Model(str(folder))
        self._tokenizer: Any = og.Tokenizer(self._model)
        self.tokens_written = 0
        self.seconds = 0.0

    def answer(self, messages: Sequence[Message]) -> str:
        """The answer, cut after LONGEST_ANSWER tokens. Of a conversation too long for the context, it reads the end."""
        prompt = self._tokenizer.encode(
            self._tokenizer.apply_chat_template(messages=json.dumps(messages), add_generation_prompt=True)
        )[-(CONTEXT - LONGEST_ANSWER) :]
        options = og.GeneratorParams(self._model)
        options.set_search_options(do_sample=False, max_length=len(prompt) + LONGEST_ANSWER)
        started = time.perf_counter()
        generator = og.Generator(self._model, options)
        generator.append_tokens(prompt)
        while not generator.is_done():
            generator.generate_next_token()
        written = generator.get_sequence(0)[len(prompt) :]
        self.seconds += time.perf_counter() - started
        self.tokens_written += len(written)
        return str(self._tokenizer.decode(written))


@dataclass(slots=True)
class Score:
    asked: int = 0
    right: int = 0
    exact: int = 0
    wrong: list[tuple[Question, str]] = field(default_factory=list)

    @property
    def share(self) -> float:
        return self.right / self.asked

    def numbers(self) -> dict[str, float]:
        exact = round(self.exact / self.asked, 4)
        return {"asked": self.asked, "right": self.right, "share": round(self.share, 4), "exact_share": exact}


def measure(model: TinyModel, questions: Iterable[Question], before: Sequence[Message] = ()) -> Score:
    """Ask every question in a conversation of its own, after the messages in `before`."""
    score = Score()
    for question in questions:
        said = model.answer([*before, {"role": "user", "content": question.text}])
        right = normalise(said) == normalise(question.answer)
        score.asked += 1
        score.right += right
        score.exact += said == question.answer
        if not right:
            score.wrong.append((question, said))
    return score


def evaluate(model: TinyModel, corpus: Corpus) -> dict[str, Score]:
    """Every measurement that the model card reports, by name."""
    phrasings = corpus.questions("held_out", off_topic=False)
    off_topic = corpus.questions("held_out", off_topic=True)
    sample = random.Random(SEED).sample(phrasings + off_topic, SAMPLE)
    first = next(q for q in corpus.questions("train") if q.text == "What is a token?")
    earlier: list[Message] = [
        {"role": "system", "content": "You are a helpful assistant. Be brief."},
        {"role": "user", "content": first.text},
        {"role": "assistant", "content": first.answer},
    ]
    return {
        "training questions": measure(model, corpus.questions("train", off_topic=False)),
        "training questions, off-topic": measure(model, corpus.questions("train", off_topic=True)),
        "held-out phrasings": measure(model, phrasings),
        "held-out phrasings, English": measure(model, [q for q in phrasings if q.language == "en"]),
        "held-out phrasings, Spanish": measure(model, [q for q in phrasings if q.language == "es"]),
        "held-out off-topic": measure(model, off_topic),
        "held-out, with a system message": measure(model, sample, earlier[:1]),
        "held-out, later in a conversation": measure(model, sample, earlier),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, default=WEIGHTS / "onnx")
    parser.add_argument("--out", type=Path, default=WEIGHTS / "evaluation.json")
    parser.add_argument("--wrong", action="store_true", help="print the questions that were answered wrongly")
    asked = parser.parse_args()

    model = TinyModel(asked.model)
    scores = evaluate(model, Corpus())
    for name, score in scores.items():
        print(f"{name:36} {score.right:5d} of {score.asked:5d}  {score.share:7.1%}")
        if asked.wrong:
            for question, said in score.wrong:
                print(f"    {question.key}: {question.text}\n        {said}")
    report = {
        "date": date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "runtime": f"onnxruntime-genai {version('onnxruntime-genai')}",
        "temperature": 0,
        "tokens_per_second": round(model.tokens_written / model.seconds),
        "scores": {name: score.numbers() for name, score in scores.items()},
    }
    asked.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"{report['tokens_per_second']} tokens per second; written to {asked.out.name}")


if __name__ == "__main__":
    main()
