"""The fair queue alone: whose turn it is, and which waiter makes room."""

import random
from collections import Counter, deque

import pytest

from shared.resilience.fair_queue import FairQueue


def line_of(callers: str) -> FairQueue[str]:
    """A queue in which waiters are named by caller and number: a0, a1, b0 …"""
    line, numbers = FairQueue[str](), Counter[str]()
    for caller in callers:
        line.join(caller, f"{caller}{numbers[caller]}")
        numbers[caller] += 1
    return line


@pytest.mark.parametrize(
    ("callers", "turns"),
    [
        ("aaa", "a0 a1 a2"),
        ("abc", "a0 b0 c0"),
        ("aaabc", "a0 b0 c0 a1 a2"),
        ("aabbab", "a0 b0 a1 b1 a2 b2"),
    ],
)
def test_callers_take_turns_and_each_callers_order_is_kept(callers: str, turns: str) -> None:
    line = line_of(callers)
    assert [line.pop() for _ in callers] == turns.split()
    assert len(line) == 0


@pytest.mark.parametrize(
    ("callers", "newcomer", "makes_room"),
    [
        ("", "a", None),
        ("aa", "b", "a1"),
        ("aab", "c", "a1"),
        ("aaab", "b", "a2"),
        ("aab", "b", None),  # they would only swap places
        ("ab", "c", None),
        ("aaa", "a", None),
    ],
)
def test_the_greediest_makes_room_for_the_less_greedy(callers: str, newcomer: str, makes_room: str | None) -> None:
    line = line_of(callers)
    assert line.give_way(newcomer) == makes_room
    assert len(line) == len(callers) - (makes_room is not None)


def test_a_waiter_that_left_is_not_called_and_may_leave_again() -> None:
    line = line_of("aab")
    line.leave("a", "a0")
    line.leave("a", "a0")
    line.leave("x", "x0")
    assert [line.pop(), line.pop()] == ["a1", "b0"]


@pytest.mark.parametrize("seed", range(10))
def test_in_random_runs_every_waiter_is_called_exactly_once(seed: int) -> None:
    chance, line = random.Random(seed), FairQueue[int]()
    waiting, gone = dict[int, str](), deque[int]()
    for number in range(500):
        what = chance.random()
        if what < 0.5:
            waiting[number] = chance.choice("abc")
            line.join(waiting[number], number)
        elif what < 0.6 and waiting:
            who = chance.choice(list(waiting))
            line.leave(waiting.pop(who), who)
        elif what < 0.7:
            made_room = line.give_way("d")
            if made_room is not None:
                del waiting[made_room]
        elif len(line):
            gone.append(line.pop())
            del waiting[gone[-1]]
        assert len(line) == len(waiting)
    assert len(set(gone)) == len(gone)
