"""The cache of tokens: entries expire, and their number is bounded."""

from shared.accounts.token_cache import TokenCache


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def key(number: int) -> bytes:
    return number.to_bytes(32)


def test_an_entry_lives_for_its_time_and_hits_do_not_prolong_it() -> None:
    clock = Clock()
    cache: TokenCache[str] = TokenCache(ttl=300, size=10, clock=clock)
    cache.put(key(1), "ana")
    clock.now = 299.9
    assert cache.get(key(1)) == "ana"
    clock.now = 300.0
    assert cache.get(key(1)) is None


def test_the_sweep_drops_expired_entries_and_nothing_else() -> None:
    clock = Clock()
    cache: TokenCache[str] = TokenCache(ttl=300, size=10, clock=clock)
    cache.put(key(1), "ana")
    cache.put(key(2), "bob")
    clock.now = 200.0
    cache.put(key(1), "ana")  # verified again
    clock.now = 350.0
    cache.sweep()
    assert len(cache) == 1
    assert cache.get(key(1)) == "ana"


def test_the_oldest_entry_makes_room() -> None:
    cache: TokenCache[int] = TokenCache(ttl=300, size=100)
    for number in range(10_000):
        cache.put(key(number), number)
    assert len(cache) == 100
    assert cache.get(key(9_899)) is None
    assert cache.get(key(9_900)) == 9_900


def test_a_time_of_zero_remembers_nothing() -> None:
    cache: TokenCache[str] = TokenCache(ttl=0, size=10)
    cache.put(key(1), "ana")
    assert cache.get(key(1)) is None
    assert len(cache) == 0
