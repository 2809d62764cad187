"""A new audit keeps everything that it has seen, forever: see demos/demo_5_observability/audit.py."""

from workshop.drills.drill import Drill
from workshop.drills.questions import Alert, Choice, Number, times

ALERTS = frozenset({"MemoryPressure"})

LEAK = Drill(
    name="leak",
    complaint="“Each new release of yours runs well for some minutes. Then somebody in operations gets nervous, and "
    "restarts it, and it runs well again, for some minutes.”",
    build="demos.demo_5_observability.audit:build",
    settings={"MEMORY_THRESHOLD_MB": "200", "MEMORY_EMERGENCY_MB": "600", "MEMORY_CHECK_SECONDS": "0.25"},
    alerts=ALERTS,
    besides=frozenset({"MemoryEmergency", "MemoryGrows", "CacheHitRateCollapsed", "ErrorBudgetBurnsFast"}),
    questions=[
        Choice(
            "What grows?",
            (
                "the response cache",
                "the number of requests in flight",
                "the embedded model server",
                "something in the gateway, not a cache, that keeps a piece of each request",
            ),
            right=3,
            why="process_memory_bytes grows with inference_requests_total, while the caches hold little (GET "
            "/cache/stats), inference_active_connections does not grow, and a cleanup frees almost nothing",
        ),
        Number(
            "By how many megabytes per minute did process_memory_worst_bytes grow, at its fastest? (half as much or "
            "twice as much is right)",
            "max_over_time((deriv(process_memory_worst_bytes[1m]) * 60 / 1e6)[10m:5s])",
            times(2),
        ),
        Alert(ALERTS | {"MemoryEmergency"}, why="MemoryGrows would fire later: it looks at half an hour"),
        Choice(
            "What do you do first?",
            (
                "raise MEMORY_THRESHOLD_MB",
                "restart it every night",
                "go back to the previous release, then find out what holds on to memory (tracemalloc)",
                "lower CACHE_MAX_MEMORY_MB",
            ),
            right=2,
            why="a larger limit and a restart only postpone it, and the caches are small; the leak is in what this "
            "release added",
        ),
    ],
)
