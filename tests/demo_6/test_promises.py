"""Each sentence of demo 6's exercise is a promise, and a mutant that breaks it, or a wrong number, loses points."""

from importlib.util import find_spec, module_from_spec
from types import ModuleType

from tests.demo_6.test_dry_run import STARTER, WRONG
from tests.demo_6.test_mutants import MUTANTS
from tests.promises import Promises, comments, docstrings


def unread(name: str) -> ModuleType:
    """A module that knows where its source is: its code wants Ray and vLLM, which are not here."""
    spec = find_spec(name)
    assert spec is not None
    return module_from_spec(spec)


PROMISES = Promises(
    docstrings(unread("demos.demo_6_ray_serve_vllm.exercise.deployment")) | comments(STARTER),
    broken_by={
        # Task 1
        "The whole conversation,": ["HearsTheLastTurnAlone"],
        "in the form that the model was trained on: `self.tokenizer` has its template.": ["LeavesTheTemplateOut"],
        "The request's temperature,": ["IsAlwaysSure", "IsNeverSure"],
        "max_tokens,": ["AnswersAtAnyLength"],
        "stop,": ["StopsAtNothing"],
        "seed,": ["ForgetsTheSeed"],
        "n …:": ["HasOneChoice"],
        "all that vLLM knows and the request says, also what OpenAI's API lacks, like top_k.": ["KnowsOpenAIsAlone"],
        "Without max_tokens, as much as still fits: `arguments.max_model_len` holds the prompt and the answer.": [
            "SaysSoMuchAndNoMore"
        ],
        "What does not fit is a 400,": ["CutsWhatIsTooLong", "BreaksAtWhatIsTooLong"],
        "and another model than ours a 404.": ["HasEveryModel"],
        # Task 2
        "Each event has what is new since the one before,": ["RepeatsItself"],
        "as soon as it is there.": ["HoldsItsStreamBack", "StreamsInGulps"],
        "The first has the role,": ["HasNoRole"],
        "the last its `finish_reason`;": ["NeverSaysWhyItEnded", "SaysWhyItEndsAllAlong"],
        "with `stream_options.include_usage` one more follows,": [
            "TellsNobodyTheUsage",
            "TellsEverybodyTheUsage",
        ],
        "without choices,": ["TellsTheUsageTooEarly"],
        "with the usage.": ["CountsChunks"],
        "Then `data: [DONE]`.": ["IsNeverDone"],
        "What fails before the first token is an honest status, and no 200 whose stream breaks.": ["PromisesTooEarly"],
        "A client that leaves takes its request out of the engine.": ["WorksForWhoHasLeft"],
        "Many streams are under way at once: none waits for the end of another.": ["TakesOneAtATime"],
        # Task 3
        "The engine is a process of its own, and may end without this one: then this raises,": ["IsAlwaysWell"],
        "and a new replica comes.": ["KeepsItFromServe"],
        "GET /health does not say that all is well, either.": ["SaysItIsWell"],
        "Who asks for an answer meanwhile hears an error of the 500s (503 says best which), and no made-up answer.": [
            "AnswersWithoutAnEngine"
        ],
        # Task 4
        "Ready is warm:": ["StartsCold"],
        "Before this returns, it has finished a few.": ["StartsCold", "WarmsUpOnce"],
        # Task 5
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
        "vLLM under Ray Serve: a deployment, yours to write. As it stands it answers, in a way.",
        "Each docstring with a task says what must be true,",
        "and which checks of `make grade-6 SOLUTION=exercise` look whether it is. What a page of HTTP needs besides is "
        "given. serve.yaml beside this file deploys it, where Ray and vLLM are (.venv-serving). Stuck? HINTS.md has "
        "three hints a task.",
        "One replica: one engine, and the HTTP around it.",
        "Give the engine what was asked, and as it was asked.",
        "Stream, as OpenAI does it.",
        "`output_kind` of the sampling says what the engine gives out: all so far (the default), what is new, or the "
        "end alone.",
        "The whole answer, of an engine that gives out all so far, or the end alone.",
        "Say so when you are ill: Serve asks every few seconds, and what this raises ends the replica.",
        "Serve sends people as soon as this returns.",
        "An engine's first answers take seconds.",
        "(Let them be of different lengths, several of them at the same time, with a stream among them.)",
        "Your deployment, and how many of it, yours to tune. As it stands there is always one, and everybody waits for "
        "it.",
        "`replicas` decides who waits and what it costs.",
        ".venv-serving/bin/python -m serving.ray_serve.dry_run demos/demo_6_ray_serve_vllm/exercise/serve.yaml",
        "It plays a day of traffic to Ray's own autoscaler, in a moment and without a cluster.",
    ],
)


def test_every_sentence_of_the_exercise_is_a_promise_that_a_mutant_breaks() -> None:
    numbers = {name: {promise} for name, (_, promise) in WRONG.items()}
    assert PROMISES.faults(MUTANTS | numbers) == []
