"""`make drill-answer`: questions about the running drill, and a score. Answers are checked against its metrics now.

In: answers, typed or all at once. Out: for each answer whether it is right, and why. Text that cannot be an answer gets
one line: a typed one is asked for again; of those given all at once, none is judged. Exit status 1 then, and if no
drill runs.
"""

import argparse
import shlex
import sys
from collections.abc import Callable, Sequence

from shared.settings import BadSetting, load_settings
from workshop.drills.catalogue import DRILLS
from workshop.drills.evidence import Evidence, NoEvidence
from workshop.drills.questions import Question
from workshop.drills.running import NoDrill, find
from workshop.translation.phrases import say


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make drill-answer")
    parser.add_argument("--answers", help="all of them, in order, separated by spaces")
    options = parser.parse_args(arguments)
    try:
        running = find(load_settings().port)
        questions = DRILLS[running.drill].questions
        given = None if options.answers is None else _read(options.answers, len(questions))
        _check(questions, given or ())
        take(questions, running.evidence, _typed if given is None else _said(given))
    except (NoDrill, BadSetting, ValueError) as reason:
        print(reason, file=sys.stderr)
        return 1
    except (EOFError, KeyboardInterrupt):
        print("\n" + say("take another look, and come back"), file=sys.stderr)
        return 1
    return 0


def take(questions: Sequence[Question], evidence: Evidence, answer: Callable[[Question], str]) -> int:
    """Ask them all, print what is right, and return the score."""
    score = 0
    for number, question in enumerate(questions, 1):
        print(f"\n{number}. {question.text}")
        given = answer(question)
        try:
            verdict = question.judge(given, evidence)
        except NoEvidence as reason:
            print("   " + say("cannot tell: {reason}", reason=reason))
            continue
        score += verdict.right
        print("   " + say("right. {why}" if verdict.right else "wrong. {why}", why=verdict.why))
    print("\n" + say("Score: {earned}/{total}", earned=score, total=len(questions)))
    return score


def _typed(question: Question) -> str:
    while misfit := question.misfit(answer := input("   > ")):
        print("   " + say("{misfit}; try again", misfit=misfit))
    return answer


def _check(questions: Sequence[Question], answers: Sequence[str]) -> None:
    """Raises ValueError for the first answer that cannot be one."""
    for number, (question, answer) in enumerate(zip(questions, answers, strict=False), 1):
        if misfit := question.misfit(answer):
            raise ValueError(say("answer {number}: {misfit}", number=number, misfit=misfit))


def _said(answers: Sequence[str]) -> Callable[[Question], str]:
    rest = iter(answers)

    def next_one(_: Question) -> str:
        answer = next(rest)
        print(f"   > {answer}")
        return answer

    return next_one


def _read(answers: str, wanted: int) -> list[str]:
    words = shlex.split(answers)
    if len(words) != wanted:
        raise ValueError(
            say(
                "{given} answers for {wanted} questions; quote an answer of two words: {example}",
                given=len(words),
                wanted=wanted,
                example="ANSWERS=\"a 'two words' 3\"",
            )
        )
    return words


if __name__ == "__main__":
    sys.exit(main())
