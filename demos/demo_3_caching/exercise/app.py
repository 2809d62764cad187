"""Demo 3, your version: the same stack, with a cache of the parts that you write in cache.py.

`make demo-3 SOLUTION=exercise` runs it, `make grade-3 SOLUTION=exercise` grades it.
"""

from fastapi import FastAPI

from demos.demo_3_caching import app as demo_3
from demos.demo_3_caching.exercise.cache import SingleFlight, Store, cache_key
from shared.layers.response_cache import ResponseCache
from shared.settings import Settings
from shared.stores.redis import RedisLink


def build(settings: Settings) -> FastAPI:
    return demo_3.build(settings, title=f"{demo_3.TITLE}, your version", cache=your_cache)


def your_cache(settings: Settings, redis: RedisLink | None) -> ResponseCache:
    return ResponseCache(
        settings,
        redis,
        key=cache_key,  #             task 1
        store=Store,  #               task 2
        flights=SingleFlight(),  #    task 3
    )
