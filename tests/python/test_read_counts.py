"""What reads count in memory: tests/cascade/reads.csv says it for C++ and Python; tests/cascade/read_counts_test.cpp is the same test
there."""

from __future__ import annotations

import asyncio
import csv
import pathlib
from typing import Any, Callable

import pytest
import terrace
from servers import RedisServer

READS = pathlib.Path(__file__).resolve().parents[1] / "cascade/reads.csv"
EXPECTED = {row["call"]: (int(row["there"]), int(row["absent"]))
            for row in csv.DictReader(READS.open()) if row["languages"] != "c++"}


def load() -> str:
    return "v"


async def aload() -> str:
    return "v"


def load_all(keys: Any) -> dict[Any, str]:
    return dict.fromkeys(keys, "v")


def plain(key: str) -> str:
    return "v"


async def coroutine(key: str) -> str:
    return "v"


def subscript(cache: terrace.Cache[Any], key: str) -> Any:
    try:
        return cache[key]
    except KeyError:
        return None


Read = Callable[[Any, str], Any]

BLOCKING: dict[str, Read] = {
    "get": lambda c, k: c.get(k),
    "subscript": subscript,
    "contains": lambda c, k: k in c,
    "lookup": lambda c, k: c.lookup(k),
    "get_or_load": lambda c, k: c.get_or_load(k, load),
    "memoized": lambda c, k: c.memoize(key="{key}")(plain)(k),
    "get_many": lambda c, k: c.get_many([k]),
    "lookup_many": lambda c, k: c.lookup_many([k]),
    "get_or_load_many": lambda c, k: c.get_or_load_many([k], load_all),
    "explain": lambda c, k: c.explain(k),
    "warm": lambda c, k: c.warm([terrace.WarmTask(k)]),
}
AWAITED: dict[str, Read] = {
    "async_get": lambda c, k: c.aget(k),
    "async_lookup": lambda c, k: c.alookup(k),
    "async_get_or_load": lambda c, k: c.aget_or_load(k, aload),
    "async_memoized": lambda c, k: c.memoize(key="{key}")(coroutine)(k),
    "async_get_many": lambda c, k: c.aget_many([k]),
    "async_lookup_many": lambda c, k: c.alookup_many([k]),
    "async_get_or_load_many": lambda c, k: c.aget_or_load_many([k], load_all),
    "async_explain": lambda c, k: c.aexplain(k),
}


def read(name: str, cache: terrace.Cache[Any], key: str, times: int = 1) -> None:
    if name in BLOCKING:
        for _ in range(times):
            BLOCKING[name](cache, key)
        return

    async def main() -> None:
        for _ in range(times):
            await AWAITED[name](cache, key)

    asyncio.run(main())


def counts(cache: terrace.Cache[Any]) -> tuple[int, int]:
    memory = cache.stats().memory
    return memory.hits, memory.misses


def test_the_table_has_every_read() -> None:
    assert set(EXPECTED) == set(BLOCKING) | set(AWAITED)
    forms = {name for name in dir(terrace.Cache) if not name.startswith("_")}
    readers = {name for name in forms if name.startswith(("get", "lookup", "aget", "alookup", "explain", "aexplain", "warm", "memoize"))}
    readers -= {"get_and_set", "aget_and_set"}  # atomic operations count as writes
    told = {name.replace("async_", "a").replace("memoized", "memoize") for name in EXPECTED} - {"subscript", "contains", "amemoize"}
    assert readers == told


@pytest.mark.parametrize("options", [{}, {"eager_refresh": 0.9, "ttl": 3600}, {"copy": True}, {"soft_load_timeout": 5}, {"eviction": "lru"}],
                         ids=["plain", "eager", "copy", "soft", "lru"])
@pytest.mark.parametrize("tiers", [False, True], ids=["memory", "redis"])
@pytest.mark.parametrize("name", list(EXPECTED))
def test_reads_count_what_the_table_says(name: str, tiers: bool, options: dict[str, Any], redis_server: RedisServer) -> None:
    cache = terrace.Cache("counts", tiers=[redis_server.url] if tiers else [], **options)
    cache.set("k", "v")
    there, absent = EXPECTED[name]
    before = counts(cache)
    for _ in range(3):
        read(name, cache, "k")
    after = counts(cache)
    assert (after[0] - before[0], after[1] - before[1]) == (3 * there, 0)
    assert cache.stats().loads == 0
    read(name, cache, "absent")
    last = counts(cache)
    assert (last[0] - after[0], last[1] - after[1]) == (0, absent)
    cache.close()


def test_each_key_of_many_counts(redis_server: RedisServer) -> None:
    for tiers in ([], [redis_server.url]):
        cache = terrace.Cache("counts", tiers=tiers)
        cache.set_many({"a": 1, "b": 2})
        assert cache.get_many(["a", "b", "c", "a"]) == {"a": 1, "b": 2}
        assert counts(cache) == (2, 1)
        assert cache.get_or_load_many(["a", "b", "c"], load_all) == {"a": 1, "b": 2, "c": "v"}
        assert counts(cache) == (4, 2)
        cache.close()


@pytest.mark.parametrize("eviction", ["lru", "s3fifo", "lfu"])
@pytest.mark.parametrize("name", [name for name, (there, _) in EXPECTED.items() if there])
def test_what_counts_keeps_a_key_in_memory(name: str, eviction: str) -> None:
    """The key that is read most outlives a stream of others, whatever call reads it."""
    cache = terrace.Cache("hot", ttl=3600, memory=100, eviction=eviction)
    cache["hot"] = "v"
    for number in range(300):
        read(name, cache, "hot")
        cache[f"c{number}"] = number
    assert "hot" in cache
    assert cache.stats().memory.hits >= 300
    cache.close()


def test_health_and_metrics_see_reads_of_many() -> None:
    cache = terrace.Cache("seen")
    monitor = terrace.Monitor([cache], min_requests=1)
    for number in range(20):
        cache.get_many([f"absent{number}"])
    assert any("hit rate" in issue for issue in monitor.health()["issues"])
    assert 'terrace_misses_total{cache="seen",level="memory"} 20' in terrace.metrics([cache])
    monitor.close()
    cache.close()
