"""Each sentence of demo 6's exercise is a promise. A mutant or a wrong number that breaks it loses points."""

from importlib.util import find_spec, module_from_spec
from types import ModuleType

from tests.demo_6.test_dry_run import STARTER, WRONG
from tests.demo_6.test_mutants import MUTANTS
from tests.promises import Promises, comments, docstrings


def unread(name: str) -> ModuleType:
    """A module that only knows where its source is, because its code needs Ray and vLLM, which are not here."""
    spec = find_spec(name)
    assert spec is not None
    return module_from_spec(spec)


PROMISES = Promises(
    docstrings(unread("demos.demo_6_ray_serve_vllm.exercise.deployment")) | comments(STARTER),
    broken_by={
        # Task 2
        "The whole conversation,": ["HearsTheLastTurnAlone"],
        "in the form that the model was trained on: `self.tokenizer` has its template.": ["LeavesTheTemplateOut"],
        "The request's temperature,": ["IsAlwaysSure", "IsNeverSure"],
        "max_tokens,": ["AnswersAtAnyLength"],
        "stop,": ["StopsAtNothing"],
        "seed,": ["ForgetsTheSeed"],
        "n …:": ["HasOneChoice"],
        "every field of the request that vLLM knows, also those that OpenAI's API lacks, like top_k.": [
            "KnowsOpenAIsAlone"
        ],
        "Without max_tokens, the answer may fill the context: `arguments.max_model_len` holds prompt and answer.": [
            "SaysSoMuchAndNoMore"
        ],
        "A request that does not fit gets a 400,": ["CutsWhatIsTooLong", "BreaksAtWhatIsTooLong"],
        "and a request for another model a 404.": ["HasEveryModel"],
        # Task 4
        "Each event has the text that is new since the one before,": ["RepeatsItself"],
        "as soon as it is there.": ["HoldsItsStreamBack", "StreamsInGulps"],
        "The first has the role,": ["HasNoRole"],
        "the last its `finish_reason`;": ["NeverSaysWhyItEnded", "SaysWhyItEndsAllAlong"],
        "with `stream_options.include_usage` one more follows,": [
            "TellsNobodyTheUsage",
            "TellsEverybodyTheUsage",
        ],
        "without choices,": ["TellsTheUsageTooEarly"],
        "with the usage.": ["CountsChunks"],
        "Then comes `data: [DONE]`.": ["IsNeverDone"],
        "A failure before the first token gets an honest error status, and no 200 whose stream breaks.": [
            "PromisesTooEarly"
        ],
        "When a client leaves, its request leaves the engine.": ["WorksForWhoHasLeft"],
        "Many streams are under way at once: none waits for the end of another.": ["TakesOneAtATime"],
        # Task 3
        "The engine is a process of its own, and may die alone: then this raises,": ["IsAlwaysWell"],
        "and a new replica comes.": ["KeepsItFromServe"],
        "GET /health does not say that all is well, either.": ["SaysItIsWell"],
        "A request that comes meanwhile gets an error of the 500s (503 fits best), and no made-up answer.": [
            "AnswersWithoutAnEngine"
        ],
        # Task 5
        "Ready means warm:": ["StartsCold"],
        "Before this returns, the engine has finished a few.": ["StartsCold", "WarmsUpOnce"],
        # Task 1
        "Keep the promise that the dry run holds you to,": [
            "never grows",
            "grows for a billion requests at once",
            "grows when a replica is full",
            "waits for a minute before it grows",
            "looks back for two minutes",
        ],
        "with as few replica-seconds as you can:": [
            "never shrinks",
            "waits ten minutes before it shrinks",
            "grows for each request",
        ],
    },
    explains=[
        "vLLM under Ray Serve: a deployment for you to write. As it stands it answers, but badly.",
        "Each docstring with a task says what must be true,",
        "and which checks of `make grade-6 SOLUTION=exercise` test it. The rest of the HTTP code is given. serve.yaml "
        "beside this file deploys it, in the environment that has Ray and vLLM (.venv-serving). Stuck? HINTS.md has "
        "three hints per task.",
        "One replica: one engine, and the HTTP around it.",
        "Give the engine exactly what the caller asked.",
        "Stream as OpenAI does.",
        "`output_kind` of the sampling selects what the engine yields: all text so far (the default), only the new "
        "text, or only the end.",
        "The whole answer, from an engine that yields all text so far, or only the end.",
        "Report a dead engine: Serve calls this every few seconds, and an exception ends the replica.",
        "Serve sends requests as soon as this returns.",
        "An engine's first answers take seconds.",
        "(Make them of different lengths, several of them at the same time, with a stream among them.)",
        "Your deployment, and its number of replicas for you to tune. As it stands there is always one, and everybody "
        "waits.",
        "`replicas` decides who waits and what it costs.",
        ".venv-serving/bin/python -m serving.ray_serve.dry_run demos/demo_6_ray_serve_vllm/exercise/serve.yaml",
        "It plays a day of traffic to Ray's own autoscaler, in a moment and without a cluster.",
    ],
)


def test_every_sentence_of_the_exercise_is_a_promise_that_a_mutant_breaks() -> None:
    numbers = {name: {promise} for name, (_, promise) in WRONG.items()}
    assert PROMISES.faults(MUTANTS | numbers) == []
