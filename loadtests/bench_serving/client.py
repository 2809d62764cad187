"""The load: `vllm bench serve`, which asks the workshop's model questions that were not in its training data.

In: the URL of an OpenAI API, how many requests, and how many at a time. Out: a Load. Measurements with the same seed
ask the same questions in the same order, at temperature 0, so every contender has the same answers to generate.
"""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from serving.tiny_model.questions import Corpus
from workshop.processes import ROOT, CannotStart, die_with_parent
from workshop.serving_cluster import PYTHON

TOKENIZER = ROOT / "serving" / "tiny_model" / "weights" / "hf"
LONGEST = 64  # tokens; the model's answers have 38 on average


@dataclass(slots=True, frozen=True)
class Load:
    """The result of one measurement. `ended`: when each good answer was complete, in seconds of the client's clock."""

    requests: int
    failed: int
    seconds: float
    rps: float
    tokens_per_second: float
    first_token_ms: float  # median
    first_token_p99_ms: float
    token_ms: float  # median of the time between two tokens
    latency_ms: float  # median
    latency_p99_ms: float
    errors: list[str]
    ended: list[float]


class Client:
    """Starts on entry. `folder` takes the questions and the client's own log."""

    def __init__(self, model: str, folder: Path) -> None:
        self._model = model
        self._questions = folder / "questions.jsonl"
        self._log = folder / "client.log"

    def __enter__(self) -> Self:
        questions = [json.dumps({"prompt": question.text}) for question in Corpus().questions("held_out")]
        self._questions.write_text("\n".join(questions) + "\n")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [str(PYTHON), "-m", "loadtests.bench_serving.vllm_client"],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                preexec_fn=die_with_parent,
            )
        try:
            self._answer()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def measure(
        self, url: str, requests: int, *, connections: int | None = None, per_second: float | None = None, seed: int = 0
    ) -> Load:
        """`connections` requests at a time, each as soon as one is answered; or `per_second`, at random moments."""
        asked = {
            "--backend": "openai-chat",
            "--endpoint": "/v1/chat/completions",
            "--base-url": url,
            "--model": self._model,
            "--tokenizer": str(TOKENIZER),
            "--dataset-name": "custom",
            "--dataset-path": str(self._questions),
            "--custom-output-len": str(LONGEST),
            "--num-prompts": str(requests),
            "--temperature": "0",
            "--seed": str(seed),
            "--ready-check-timeout-sec": "0",
            "--percentile-metrics": "ttft,tpot,e2el",
            "--metric-percentiles": "50,99",
        }
        if connections is not None:
            asked["--max-concurrency"] = str(connections)
        if per_second is not None:
            asked["--request-rate"] = str(per_second)
        arguments = [part for pair in asked.items() for part in pair]
        arguments += ["--skip-chat-template", "--disable-tqdm", "--save-detailed"]
        assert self._process.stdin is not None
        print(json.dumps(arguments), file=self._process.stdin, flush=True)
        found = self._answer()
        return Load(
            requests=requests,
            failed=requests - found["completed"],
            seconds=found["duration"],
            rps=found["request_throughput"],
            tokens_per_second=found["output_throughput"],
            first_token_ms=found["median_ttft_ms"],
            first_token_p99_ms=found["p99_ttft_ms"],
            token_ms=found["median_tpot_ms"],
            latency_ms=found["median_e2el_ms"],
            latency_p99_ms=found["p99_e2el_ms"],
            errors=found["errors"],
            ended=found["ended"],
        )

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):  # vLLM's log is there too
                answer: dict[str, Any] = json.loads(line)
                return answer
        last_words = self._log.read_text(errors="replace").strip().splitlines()
        raise CannotStart(f"vllm bench serve: {last_words[-1] if last_words else 'it ended'}")
