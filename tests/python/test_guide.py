"""Programs as people write them against hand-made classes run on terrace.patterns with other imports alone: the same calls in the
same order, over real servers, and every result is looked at."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import pathlib
import time
from collections.abc import Iterator
from typing import Any

import pytest
import terrace
from conftest import running
from redis import ConnectionPool as RedisConnectionPool
from servers import RedisServer
from terrace.patterns import (
    AsyncL2Cache,
    CacheDecorator,
    CacheEntry,
    CacheInvalidation,
    CacheMonitoring,
    CacheSharding,
    CacheStrategy,
    CacheWarming,
    ConsistencyLevel,
    DistributedCache,
    L1Cache,
    L2Cache,
    MultiLevelCache,
    setup_caching_strategies,
)


@pytest.fixture
def nodes() -> Iterator[list[str]]:
    """Three servers that nobody has used."""
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(running(RedisServer())) for _ in range(3)]
        yield [f"127.0.0.1:{server.port}" for server in servers]


@pytest.fixture
def redis_pool(redis_server: RedisServer) -> Iterator[RedisConnectionPool]:
    pool = RedisConnectionPool(host="localhost", port=redis_server.port, db=0)
    yield pool
    pool.disconnect()


def test_the_multi_level_example(redis_pool: RedisConnectionPool) -> None:
    """Whether the first cache of the process or a later one, over a pool that was used before or not."""
    computed = []
    for _ in range(3):
        l1_cache = L1Cache(max_size=100, strategy=CacheStrategy.LRU)
        l2_cache = L2Cache(redis_pool, key_prefix="app:")
        multi_cache = MultiLevelCache(l1_cache, l2_cache)
        multi_cache.set("user:1", {"id": 1, "name": "John"}, ttl=3600)
        multi_cache.set("user:2", {"id": 2, "name": "Jane"}, ttl=3600)
        assert multi_cache.get("user:1") == {"id": 1, "name": "John"}

        metrics = multi_cache.get_metrics()
        assert (metrics["l1_hits"], metrics["l2_hits"], metrics["misses"], metrics["writes"]) == (1, 0, 0, 2)
        assert (metrics["l1_hit_rate"], metrics["l2_hit_rate"], metrics["overall_hit_rate"]) == (100.0, 0.0, 100.0)
        assert metrics["l1_metrics"]["hits"] == 1 and metrics["l1_metrics"]["current_size"] == 2
        assert metrics["l1_metrics"]["max_size"] == 100
        assert metrics["l2_metrics"] == {"hits": 0, "misses": 0, "errors": 0, "hit_rate": 0.0}

        cache_decorator = CacheDecorator(multi_cache, ttl=300)

        @cache_decorator
        def expensive_calculation(n: int) -> int:
            computed.append(n)
            return n * n

        assert expensive_calculation(10) == 100
        assert expensive_calculation(10) == 100
        assert computed == [10]

        invalidation = CacheInvalidation(multi_cache)
        invalidation.add_pattern("users", ["user:1", "user:2"])
        assert invalidation.invalidate_by_pattern("users") == 2
        assert multi_cache.get("user:1") is None and multi_cache.get("user:2") is None
        expensive_calculation.invalidate(10)  # type: ignore[attr-defined]
        computed.clear()
        multi_cache.close()
        l2_cache.close()


def test_the_distributed_example(nodes: list[str]) -> None:
    distributed_cache = DistributedCache(nodes, ConsistencyLevel.EVENTUAL)
    assert distributed_cache.set("user:1", {"id": 1, "name": "John"}, ttl=3600) is True  # the first call of fresh nodes
    assert distributed_cache.set("user:2", {"id": 2, "name": "Jane"}, ttl=3600) is True
    assert distributed_cache.get("user:1") == {"id": 1, "name": "John"}
    metrics = distributed_cache.get_metrics()
    assert metrics == {"hits": 1, "misses": 0, "errors": 0, "replications": 4, "hit_rate": 100.0, "overall_hit_rate": 100.0,
                       "nodes": 3, "consistency_level": "eventual"}

    sharded_cache = CacheSharding(nodes)
    assert sharded_cache.set("product:1", {"id": 1, "name": "Laptop"}, ttl=1800) is True
    assert sharded_cache.get("product:1") == {"id": 1, "name": "Laptop"}

    warming = CacheWarming(distributed_cache)
    warming.add_warming_task("popular_users", lambda: [{"id": i, "name": f"User{i}"} for i in range(1, 11)])
    warming.add_warming_task("config", lambda: {"theme": "dark", "language": "en"})
    result = warming.warm_cache()
    assert set(result) == {"warmed_keys", "failed_warms", "warming_time"}
    assert result["warmed_keys"] == 2 and result["failed_warms"] == 0 and isinstance(result["warming_time"], float)

    monitoring = CacheMonitoring(distributed_cache)
    asked: list[tuple[Any, ...]] = []
    monitoring.add_alert(lambda *given: asked.append(given) or distributed_cache.get_metrics().get("overall_hit_rate", 0) < 50,
                         "Low cache hit rate detected")
    health = monitoring.check_cache_health()
    assert health["healthy"] is True and health["issues"] == []
    told = datetime.datetime.fromisoformat(health["timestamp"])
    assert abs(told - datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)) < datetime.timedelta(minutes=1)
    assert monitoring.check_alerts() == [] and asked == [()]  # warming is no user's read, and misses nothing

    assert distributed_cache.get("config") == {"theme": "dark", "language": "en"}
    assert len(distributed_cache.get("popular_users")) == 10
    for part in (monitoring, warming, distributed_cache, sharded_cache):
        part.close()


def test_the_quick_start(redis_pool: RedisConnectionPool, nodes: list[str]) -> None:
    l1_cache = L1Cache(max_size=1000, strategy=CacheStrategy.LRU)
    l2_cache = L2Cache(redis_pool, key_prefix="app:")
    multi_cache = MultiLevelCache(l1_cache, l2_cache)

    cache_decorator = CacheDecorator(multi_cache, ttl=300)

    @cache_decorator
    def expensive_function(n: int) -> int:
        return n * n

    assert expensive_function(7) == 49 and expensive_function(7) == 49

    distributed_cache = DistributedCache(nodes, ConsistencyLevel.EVENTUAL)
    assert distributed_cache.set("key", "value", ttl=3600) is True
    assert distributed_cache.get("key") == "value"

    sharded_cache = CacheSharding(nodes)
    assert sharded_cache.set("key", "value") is True
    assert sharded_cache.get("key") == "value"

    fetched = []
    warming = CacheWarming(multi_cache)
    warming.add_warming_task("data", lambda: fetched.append(1) or {"fetched": len(fetched)})
    assert warming.warm_cache()["warmed_keys"] == 1
    assert l1_cache.get("data") == {"fetched": 1} and l2_cache.get("data") == {"fetched": 1}
    for part in (warming, sharded_cache, distributed_cache, multi_cache, l2_cache):
        part.close()


def test_the_complete_set_up(redis_pool: RedisConnectionPool, redis_server: RedisServer, nodes: list[str]) -> None:
    l1_cache = L1Cache(max_size=1000, strategy=CacheStrategy.LRU)
    l2_cache = L2Cache(redis_pool, key_prefix="app:")
    multi_cache = MultiLevelCache(l1_cache, l2_cache)
    distributed_cache = DistributedCache(nodes, ConsistencyLevel.EVENTUAL)
    sharded_cache = CacheSharding(nodes)
    warming = CacheWarming(multi_cache)
    monitoring = CacheMonitoring(multi_cache)
    assert monitoring.check_cache_health()["healthy"] is True and monitoring.check_alerts() == []
    for part in (monitoring, warming, sharded_cache, distributed_cache, multi_cache, l2_cache):
        part.close()

    assert setup_caching_strategies() is not None
    whole = setup_caching_strategies({"redis": redis_server.url, "nodes": nodes, "shards": nodes})
    assert whole.cache.set("k", 1) and whole.cache.get("k") == 1
    assert whole.distributed_cache.set("k", 2) and whole.sharding.set("k", 3)  # type: ignore[union-attr]
    assert whole.cache.get_metrics()["l1_hits"] == 1
    whole.close()


# --- single effects of the classes' methods ---


@pytest.mark.parametrize("level", list(ConsistencyLevel))
@pytest.mark.parametrize("first", ["set", "get", "delete"])
def test_the_first_call_waits_for_fresh_nodes(level: ConsistencyLevel, first: str, nodes: list[str]) -> None:
    cache = DistributedCache(nodes, level)
    outcome = {"set": lambda: cache.set("k", "v"), "get": lambda: cache.get("k"), "delete": lambda: cache.delete("k")}[first]()
    assert outcome is {"set": True, "get": None, "delete": False}[first]
    assert cache.get_metrics()["errors"] == 0 and cache.get_metrics()["nodes"] == len(nodes)
    cache.close()


def test_what_was_set_or_loaded_is_an_l1_hit_next(redis_server: RedisServer) -> None:
    """The process's own notice from Redis comes at any moment after the write."""
    cache = MultiLevelCache(L1Cache(1000), L2Cache(redis_server.url))
    square = CacheDecorator(cache)(lambda n: n * n)
    for number in range(200):
        assert cache.set(f"k{number}", number) is True
        assert cache.get(f"k{number}") == number
        assert square(number) == number * number
        cache._cache.flush()  # who loads has its answer before Redis has
        assert square(number) == number * number
    cache.set("k0", "again")
    cache.delete("k0")
    cache.set("k0", "and again")
    assert cache.get("k0") == "and again"
    metrics = cache.get_metrics()
    assert metrics["l2_hits"] == 0 and metrics["l1_hits"] == 401
    cache.close()


@pytest.mark.parametrize("kind", ["redis and a database", "sharded", "replicated", "write-back"])
def test_so_it_is_over_every_kind_of_level(kind: str, nodes: list[str], tmp_path: pathlib.Path) -> None:
    named = ",".join(f"n{number}=[redis://{node}]" for number, node in enumerate(nodes))
    tiers, options = {
        "redis and a database": ([f"redis://{nodes[0]}", f"sqlite:{tmp_path}/third.db?scope=fleet"], {}),
        "sharded": ([f"sharded:{named}"], {}),
        "replicated": ([f"replicated:{named}"], {}),
        "write-back": ([f"redis://{nodes[0]}"], {"write_mode": "back", "journal": str(tmp_path / "journal")}),
    }[kind]
    cache = terrace.Cache("levels", tiers=tiers, max_staleness=60, tier_timeout=30, **options)  # type: ignore[arg-type]
    assert becomes(lambda: cache.stats().watching and cache.stats().staleness is not None, True)
    for number in range(100):
        cache.set(f"k{number}", number)
        assert cache.lookup(f"k{number}").level == "memory"
        cache.get_or_load(f"l{number}", lambda: "v")
        cache.flush()
        assert cache.lookup(f"l{number}").level == "memory"
    settled(cache)
    assert {cache.lookup(f"k{number}").level for number in range(100)} == {"memory"}
    assert cache.stats().rejected_fills == 0
    cache.close()


def test_another_process_still_removes_what_this_one_has_just_set(redis_server: RedisServer) -> None:
    """At once, as far as one can be: the bound on staleness is so long here that it cannot be what removes it."""
    here = terrace.Cache("levels", tiers=[redis_server.url], max_staleness=3600)
    there = terrace.Cache("levels", tiers=[redis_server.url], max_staleness=3600)
    assert becomes(lambda: here.stats().watching and here.stats().staleness is not None, True)
    settled(here)
    for way in ("set", "load", "delete"):
        for number in range(20):
            key = f"{way}{number}"
            if way == "load":
                assert here.get_or_load(key, lambda: "here's") == "here's"
                here.flush()
            else:
                here.set(key, "here's")
            assert here.lookup(key).level == "memory"
            settled(here)
            if way == "delete":
                assert there.delete(key) is True
            else:
                there.set(key, "there's")
            expected = None if way == "delete" else "there's"
            assert becomes(lambda key=key: here.get(key), expected)
    here.close()
    there.close()


def test_the_bound_holds_for_what_was_just_set(redis_server: RedisServer) -> None:
    cache = terrace.Cache("levels", tiers=[redis_server.url], max_staleness=0.5)
    cache.set("k", "v")
    assert cache.lookup("k").level == "memory"
    assert becomes(lambda: cache.lookup("k").level, "redis")
    assert becomes(lambda: cache.lookup("k").level, "memory")
    cache.close()


def settled(cache: terrace.Cache[Any]) -> None:
    """Waits until the cache has heard of its own changes: notices come in their order."""
    received = cache.stats().invalidations_received
    cache.set("a change that is told after them", 1)
    assert becomes(lambda: cache.stats().invalidations_received > received, True)


def becomes(ask: Any, expected: Any) -> bool:
    end = time.monotonic() + 20
    while ask() != expected:
        if time.monotonic() > end:
            return False
    return True


def test_l1_of_many_levels_is_memory_alone(redis_server: RedisServer) -> None:
    l1, l2 = L1Cache(10), L2Cache(redis_server.url)
    cache = MultiLevelCache(l1, l2)
    cache.set("a", 1)
    cache.set("b", 2)
    assert l1.delete("a") is True and l1.delete("a") is False
    assert l1.get("a") is None and l2.get("a") == 1 and cache.get("a") == 1
    l1.clear()
    assert l1.get("b") is None and l1.get_metrics()["current_size"] == 0
    assert cache.get("b") == 2
    cache.close()


def test_l2_counts_what_is_asked_through_many_levels(redis_server: RedisServer) -> None:
    l2 = L2Cache(redis_server.url)
    cache = MultiLevelCache(L1Cache(10), l2)
    l2.set("k", 1)
    assert cache.get("k") == 1 and cache.get("absent") is None and l2.get("k") == 1
    expected = {"hits": 2, "misses": 1, "errors": 0, "hit_rate": pytest.approx(200 / 3)}
    assert l2.get_metrics() == cache.get_metrics()["l2_metrics"] == expected
    cache.close()


def test_warming_sets_each_time() -> None:
    """A function that takes nothing is called with nothing, whatever it may say of itself."""
    cache = L1Cache(100)
    warming = CacheWarming(cache)
    values = iter(range(100))
    warming.add_warming_task("count", lambda: next(values))
    for kind in (dict, list, set, int, str):
        warming.add_warming_task(kind.__name__, kind)
    warming.add_warming_task("with a default", lambda name="x": name)
    warming.add_warming_task("asks for its key", lambda key: key.upper())
    assert warming.warm_cache()["warmed_keys"] == 8 and cache.get("count") == 0
    assert [cache.get(kind.__name__) for kind in (dict, list, set, int, str)] == [{}, [], set(), 0, ""]
    assert cache.get("with a default") == "x" and cache.get("asks for its key") == "ASKS FOR ITS KEY"
    misses = cache.get_metrics()["misses"]
    assert warming.warm_cache()["warmed_keys"] == 8 and cache.get("count") == 1
    assert cache.get_metrics()["misses"] == misses == 0
    with pytest.raises(terrace.ConfigError, match="value_func"):
        warming.add_warming_task("k", 5)  # type: ignore[arg-type]

    async def load() -> int:
        return 1

    with pytest.raises(terrace.ConfigError, match="plain function"):
        warming.add_warming_task("k", load)
    warming.close()


def test_warming_shards_and_servers_that_are_away(nodes: list[str]) -> None:
    shards = CacheSharding(nodes)
    warming = CacheWarming(shards)
    warming.add_warming_task("k", lambda: "v", ttl=60)
    assert warming.warm_cache()["warmed_keys"] == 1 and shards.get("k") == "v"
    away = L2Cache("redis://127.0.0.1:1")
    failing = CacheWarming(away)
    failing.add_warming_task("k", lambda: "v")
    assert failing.warm_cache()["failed_warms"] == 1
    assert "stored" in failing.get_warming_metrics()["failures"]["k"]
    for part in (warming, failing, shards, away):
        part.close()
    with pytest.raises(terrace.ConfigError):
        CacheWarming(object())
    with pytest.raises(terrace.ConfigError, match="AsyncL2Cache is awaited.*give an L2Cache"):
        CacheWarming(AsyncL2Cache("redis://127.0.0.1:1"))


def test_health_counts_what_was_before_it_was_watched() -> None:
    cold, warm = L1Cache(10), L1Cache(10)
    warm.set("k", 1)
    for _ in range(10):
        assert cold.get("absent") is None and warm.get("k") == 1
    for cache, healthy in ((cold, False), (warm, True)):
        monitoring = CacheMonitoring(cache)
        assert monitoring.check_cache_health()["healthy"] is healthy
        monitoring.close()


def test_health_is_of_the_last_minute_after_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = L1Cache(10)
    for _ in range(10):
        assert cache.get("absent") is None
    monitoring = CacheMonitoring(cache)
    assert monitoring.check_cache_health()["healthy"] is False
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 61)
    assert monitoring.check_cache_health()["healthy"] is True  # nothing was asked for since it is watched
    assert cache.get("absent") is None
    assert monitoring.check_cache_health()["healthy"] is False
    monitoring.close()


def test_alerts_are_asked_without_arguments() -> None:
    cache = L1Cache(10)
    monitoring = CacheMonitoring(cache)
    for condition in (lambda: True, lambda *given: not given, lambda metrics=None: metrics is None, list, int):
        monitoring.add_alert(condition, "told")
    assert monitoring.check_alerts() == ["told"] * 3
    with pytest.raises(terrace.ConfigError, match="condition"):
        monitoring.add_alert(True, "no function")  # type: ignore[arg-type]
    monitoring.close()


class Rows(list[int]):
    pass


@pytest.mark.parametrize("tiers", [False, True], ids=["memory", "levels"])
def test_decorated_functions_take_lists_and_dicts(tiers: bool, redis_server: RedisServer) -> None:
    """By their content at the time of the call."""
    cache: Any = MultiLevelCache(L1Cache(100), L2Cache(redis_server.url)) if tiers else L1Cache(100)
    calls = []

    def look(*given: Any, **named: Any) -> str:
        calls.append((given, named))
        return repr((given, named))

    async def alook(*given: Any, **named: Any) -> str:
        return look(*given, **named)

    decorated, awaited = CacheDecorator(cache, ttl=60)(look), CacheDecorator(cache, ttl=60)(alook)
    arguments: list[Any] = [
        [1, 2], (1, 2), [2, 1], [1, "2"], [True, 2], [], (), {}, set(), {"a": 1}, {"a": [1]}, {"a": (1,)}, {"a": {"b": [1]}},
        {1: 2}, {"1": 2}, {1, 2}, frozenset({1, 2}), (1, [2]), [[1], 2], [[1, 2]], Rows([1, 2]), ["builtins.list", 1, 2]]
    for function in (decorated, lambda *given, **named: asyncio.run(awaited(*given, **named))):
        calls.clear()
        for _ in range(2):
            for argument in arguments:
                assert function(argument) == repr(((argument,), {}))
                assert function(5, by_name=argument) == repr(((5,), {"by_name": argument}))
        assert len(calls) == 2 * len(arguments)
        assert function({"b": 1, "a": 2}) == function({"a": 2, "b": 1}) == repr((({"b": 1, "a": 2},), {}))
    changing = [1]
    assert decorated(changing) == "(([1],), {})"
    changing.append(2)
    assert decorated(changing) == "(([1, 2],), {})" and decorated([1]) == "(([1],), {})"
    calls.clear()
    assert decorated.invalidate([1]) is True and decorated.key([1]) != decorated.key([1, 2])
    assert decorated([1]) == "(([1],), {})" and len(calls) == 1
    for bad in (object(), [object()], {"a": {"b": object()}}):
        with pytest.raises(terrace.KeyTypeError, match="object cannot be"):
            decorated(bad)
    one = CacheDecorator(cache)(lambda x: x)
    with pytest.raises(TypeError, match="missing a required argument"):
        one()
    cache.close() if tiers else cache.clear()


def test_a_call_by_content_counts_like_any_other() -> None:
    cache = L1Cache(10)
    square = CacheDecorator(cache)(lambda numbers: [number**2 for number in numbers])
    assert square([1, 2]) == square([1, 2]) == square([1, 2]) == [1, 4]
    assert (cache.get_metrics()["hits"], cache.get_metrics()["misses"]) == (2, 1)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_an_entrys_times_without_a_zone_are_utc(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        now = datetime.datetime.now(datetime.timezone.utc)
        for told in (now, now.replace(tzinfo=None), now.timestamp()):
            later = datetime.timedelta(seconds=61) if isinstance(told, datetime.datetime) else 61
            young, old = CacheEntry("k", 1, told, told, ttl=60), CacheEntry("k", 1, told - later, told, ttl=60)  # type: ignore[operator]
            assert not young.is_expired() and old.is_expired()
            young.update_access()
            assert type(young.accessed_at) is type(told) and young.access_count == 1
            assert abs(young.accessed_at - told) < (datetime.timedelta(minutes=1) if later != 61 else 60)  # type: ignore[operator]
    finally:
        monkeypatch.undo()
        time.tzset()


def test_what_the_constructors_were_given_can_be_read(nodes: list[str], redis_pool: RedisConnectionPool) -> None:
    l1, l2 = L1Cache(max_size=7, strategy=CacheStrategy.LFU), L2Cache(redis_pool, key_prefix="app:")
    cache = MultiLevelCache(l1, l2)
    distributed, shards = DistributedCache(nodes, ConsistencyLevel.WEAK), CacheSharding(nodes)
    assert (l1.max_size, l1.strategy, l2.redis_pool, l2.key_prefix) == (7, CacheStrategy.LFU, redis_pool, "app:")
    assert cache.l1_cache is l1 and cache.l2_cache is l2
    decorator = CacheDecorator(cache, ttl=300, key_prefix="p")
    assert (decorator.cache, decorator.ttl, decorator.key_prefix) == (cache, 300, "p")
    monitoring, warming = CacheMonitoring(cache), CacheWarming(cache)
    assert all(part.cache is cache for part in (CacheInvalidation(cache), warming, monitoring))
    assert (distributed.nodes, distributed.consistency_level, shards.shards) == (nodes, ConsistencyLevel.WEAK, nodes)
    assert distributed.initialize_connections() is None and shards.initialize_shards() is None  # type: ignore[func-returns-value]
    for part in (monitoring, warming, distributed, shards, cache, l2):
        part.close()
