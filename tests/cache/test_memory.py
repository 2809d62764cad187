"""The store in memory: the order of eviction, the time to live, and the bounds."""

import random
import tracemalloc

import pytest

from shared.cache.memory import ENTRY_OVERHEAD, MemoryStore

KEY = 64  # characters of a real key


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def keys(store: MemoryStore, *names: str) -> list[str]:
    """Those of `names` that are in the store. Looking does not change their order."""
    return [name for name in names if name in store._entries]


def test_get_returns_the_stored_value(clock: Clock) -> None:
    store = MemoryStore(10, 10_000, clock)
    assert store.put("a", b"one", ttl=60)
    assert store.get("a") == b"one"
    assert store.get("b") is None


def test_the_least_recently_used_goes_first(clock: Clock) -> None:
    store = MemoryStore(3, 10_000, clock)
    for name in "abc":
        store.put(name, b"", ttl=60)
    store.get("a")
    store.put("d", b"", ttl=60)
    assert keys(store, "a", "b", "c", "d") == ["a", "c", "d"]
    store.put("c", b"again", ttl=60)
    store.put("e", b"", ttl=60)
    assert keys(store, "a", "c", "d", "e") == ["c", "d", "e"]
    assert store.evictions == 2


def test_an_entry_expires(clock: Clock) -> None:
    store = MemoryStore(10, 10_000, clock)
    store.put("a", b"one", ttl=60)
    clock.now += 59.9
    assert store.get("a") == b"one"
    clock.now += 0.1
    assert store.get("a") is None
    assert (len(store), store.bytes, store.expirations) == (0, 0, 1)


def test_reading_an_entry_does_not_prolong_its_life(clock: Clock) -> None:
    store = MemoryStore(10, 10_000, clock)
    store.put("a", b"one", ttl=60)
    for _ in range(6):
        clock.now += 10
        last = store.get("a")
    assert last is None


def test_each_entry_has_its_own_time_to_live(clock: Clock) -> None:
    store = MemoryStore(10, 10_000, clock)
    store.put("short", b"", ttl=1)
    store.put("long", b"", ttl=100)
    clock.now += 2
    assert store.get("short") is None
    assert store.get("long") == b""


def test_storing_again_restarts_the_time_to_live(clock: Clock) -> None:
    store = MemoryStore(10, 10_000, clock)
    store.put("a", b"old", ttl=10)
    clock.now += 8
    store.put("a", b"new", ttl=10)
    clock.now += 8
    store.drop_expired()
    assert store.get("a") == b"new"
    assert store.expirations == 0


def test_expired_entries_free_their_bytes_and_make_room_before_living_ones_do(clock: Clock) -> None:
    store = MemoryStore(3, 10_000, clock)
    store.put("living", b"x", ttl=100)  # the least recently used
    store.put("dead", b"x" * 1000, ttl=1)
    store.put("dead too", b"x" * 1000, ttl=1)
    clock.now += 2
    store.put("new", b"x", ttl=100)
    assert keys(store, "living", "dead", "dead too", "new") == ["living", "new"]
    assert store.bytes == 2 * (ENTRY_OVERHEAD + 1) + len("living") + len("new")
    assert (store.evictions, store.expirations) == (0, 2)


def test_bytes_count_keys_and_values_and_overwriting_counts_once(clock: Clock) -> None:
    store = MemoryStore(10, 10_000, clock)
    store.put("é", b"12345", ttl=60)
    assert store.bytes == ENTRY_OVERHEAD + 2 + 5
    store.put("é", b"1", ttl=60)
    assert store.bytes == ENTRY_OVERHEAD + 2 + 1
    store.discard("é")
    assert store.bytes == 0


def test_a_value_larger_than_the_bound_is_refused_and_evicts_nobody(clock: Clock) -> None:
    store = MemoryStore(10, 2000, clock)
    store.put("a", b"one", ttl=60)
    assert not store.put("b", b"x" * 2000, ttl=60)
    assert (store.get("a"), store.get("b"), store.evictions) == (b"one", None, 0)


def test_a_refused_value_does_not_leave_an_older_one_in_its_place(clock: Clock) -> None:
    store = MemoryStore(10, 2000, clock)
    store.put("a", b"old", ttl=60)
    assert not store.put("a", b"x" * 2000, ttl=60)
    assert store.get("a") is None


def test_a_value_that_fits_exactly_is_kept(clock: Clock) -> None:
    store = MemoryStore(10, ENTRY_OVERHEAD + 1 + 100, clock)
    assert store.put("a", b"x" * 100, ttl=60)
    assert not store.put("a", b"x" * 101, ttl=60)


def test_trimming_keeps_the_most_recently_used(clock: Clock) -> None:
    store = MemoryStore(10, 10_000, clock)
    for name in "abcd":
        store.put(name, b"", ttl=60)
    store.get("a")
    store.trim(max_entries=2, max_bytes=10_000)
    assert keys(store, "a", "b", "c", "d") == ["a", "d"]


def test_replacing_an_entry_for_ever_does_not_grow_the_queue_of_expiries(clock: Clock) -> None:
    store = MemoryStore(10, 10_000, clock)
    for _ in range(10_000):
        store.put("a", b"one", ttl=3600)
    assert len(store._expiries) < 100
    clock.now += 3600
    store.drop_expired()
    assert (len(store), store.expirations) == (0, 1)


@pytest.mark.prove
def test_a_million_random_puts_never_pass_the_bounds(clock: Clock) -> None:
    bound, most = 500_000, 700
    store = MemoryStore(most, bound, clock)
    chance = random.Random(3)
    values = [b"x" * chance.randrange(3000) for _ in range(97)]
    names = [f"{number:0{KEY}d}" for number in range(5000)]
    worst = 0
    for number in range(1_000_000):
        store.put(names[int(chance.random() * 5000)], values[number % 97], ttl=number % 11)
        clock.now += 0.01
        if store.bytes > worst:
            worst = store.bytes
        assert len(store) <= most
    assert bound * 0.9 < worst <= bound
    assert store.bytes == sum(entry.size for entry in store._entries.values())
    clock.now += 100
    store.drop_expired()
    assert (len(store), store.bytes) == (0, 0)


@pytest.mark.parametrize("length", [0, 100, 1000])
def test_the_bytes_counted_are_at_least_those_that_python_allocates(length: int) -> None:
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    store = MemoryStore(100_000, 1_000_000_000)
    for number in range(20_000):
        store.put(f"{number:0{KEY}d}", bytes(length), ttl=60)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert store.bytes * 0.6 < after - before <= store.bytes


def test_shedding_frees_a_share_of_all_bytes_least_recently_used_first(clock: Clock) -> None:
    store = MemoryStore(100, 1_000_000, clock)
    for name in "abcd":
        store.put(name, b"x" * 100, ttl=60)
    store.get("a")
    size = store.bytes
    assert store.shed(0.5) == (2, size // 2)
    assert keys(store, "a", "b", "c", "d") == ["a", "d"]
    assert store.shed(1.0) == (2, size // 2)
    assert (len(store), store.bytes, store.evictions) == (0, 0, 4)
    assert not store._expiries
    assert store.put("e", b"", ttl=60)
