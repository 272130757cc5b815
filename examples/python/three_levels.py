"""Memory over Redis over SQLite: one load, and every level has it."""

import os

import terrace

REDIS = os.environ.get("TERRACE_EXAMPLE_REDIS", "redis://localhost")

# scope=fleet: every process of this cache opens this one file, on one machine.
with terrace.Cache("example-three", ttl=60, tiers=[REDIS, "sqlite:three_levels.db?scope=fleet"]) as cache:
    cache.clear()
    print(cache.get_or_load("answer", lambda: {"value": 42}))
    cache.flush()
    print(cache.explain("answer"))
    # Redis and the file; the first level is memory.
    assert [level.kind for level in cache.explain("answer").levels][1:] == ["hit", "hit"]
    assert cache.stats().loads == 1
