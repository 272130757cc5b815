"""terrace.patterns: the hand-written classes' names, arguments and results, and the faults of the usual versions, which these must
not have."""

from __future__ import annotations

import asyncio
import datetime
import inspect
import pathlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis
import redis.asyncio
import terrace
from servers import RedisServer, free_port
from terrace import patterns
from terrace.patterns import (
    AsyncL2Cache,
    CacheDecorator,
    CacheEntry,
    CacheInvalidation,
    CacheLevel,
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
def levels(redis_server: RedisServer, tmp_path: pathlib.Path) -> Iterator[MultiLevelCache]:
    l2 = L2Cache(redis_server.url)
    cache = MultiLevelCache(L1Cache(100), l2, f"sqlite:{tmp_path}/third.db?scope=fleet")
    yield cache
    cache.close()
    l2.close()


def eventually(condition: Any) -> bool:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if condition():
            return True
    return False


# --- names and signatures ---


def test_the_names_and_their_values() -> None:
    assert [level.value for level in CacheLevel] == ["l1", "l2", "l3"]
    assert {s.name for s in CacheStrategy} == {"LRU", "LFU", "TTL", "WRITE_THROUGH", "WRITE_BACK"}
    assert {c.name: c.value for c in ConsistencyLevel} == {"EVENTUAL": "eventual", "STRONG": "strong", "WEAK": "weak"}


@pytest.mark.parametrize("kind, parameters", [
    (L1Cache, "max_size=1000, strategy=LRU"), (L2Cache, "redis_pool, key_prefix='cache:'"), (AsyncL2Cache, "redis_pool, key_prefix='cache:'"),
    (MultiLevelCache, "l1_cache, l2_cache, l3_cache=None, strategy=WRITE_THROUGH"), (CacheDecorator, "cache, ttl=None, key_prefix=''"),
    (CacheInvalidation, "cache"), (DistributedCache, "nodes, consistency_level=EVENTUAL"), (CacheSharding, "shards, shard_key_func=None"),
    (CacheWarming, "cache"), (CacheMonitoring, "cache"), (setup_caching_strategies, "config=None"),
    (CacheEntry, "key, value, created_at, accessed_at, access_count=0, ttl=None, size=0")])
def test_every_part_takes_what_its_counterpart_takes(kind: Any, parameters: str) -> None:
    def text(p: inspect.Parameter) -> str:
        if p.default is p.empty:
            return p.name
        return f"{p.name}={getattr(p.default, 'name', None) or repr(p.default)}"

    found = [text(p) for p in inspect.signature(kind).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert ", ".join(found) == parameters
    assert kind.__name__ in patterns.__all__


# --- entry ---


def test_an_entry_ages_by_the_monotonic_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = CacheEntry("k", 1, time.time(), time.time(), ttl=60)
    forever = CacheEntry("k", 1, datetime.datetime.now(), datetime.datetime.now())
    old = CacheEntry("k", 1, time.time() - 61, time.time(), ttl=60)
    assert not entry.is_expired() and not forever.is_expired() and old.is_expired()
    wall = time.time()
    for step in (3600, -3600):  # the wall clock jumps: nobody is killed, nobody revived
        monkeypatch.setattr(time, "time", lambda step=step: wall + step)
        assert not entry.is_expired() and old.is_expired()
    monotonic = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: monotonic + 61)
    assert entry.is_expired()
    entry.update_access()
    assert entry.access_count == 1 and isinstance(entry.accessed_at, float)


# --- L1 ---


@pytest.mark.parametrize("strategy", [CacheStrategy.LRU, CacheStrategy.LFU, CacheStrategy.TTL])
def test_a_full_l1_makes_room(strategy: CacheStrategy) -> None:
    """With the TTL strategy the usual version loops for ever."""
    cache = L1Cache(max_size=10, strategy=strategy)
    for number in range(1000):
        cache.set(f"k{number}", number, ttl=60 if number % 2 else None)
    metrics = cache.get_metrics()
    assert metrics["current_size"] == 10 and metrics["evictions"] == 990 and metrics["max_size"] == 10
    assert metrics["size"] > 0


def test_lru_and_lfu_keep_what_they_say() -> None:
    lru = L1Cache(2, CacheStrategy.LRU)
    lru.set("a", 1), lru.set("b", 2), lru.get("a"), lru.set("c", 3)
    assert (lru.get("a"), lru.get("b"), lru.get("c")) == (1, None, 3)
    lfu = L1Cache(2, CacheStrategy.LFU)
    lfu.set("a", 1), lfu.get("a"), lfu.get("a"), lfu.set("b", 2), lfu.set("c", 3)
    assert (lfu.get("a"), lfu.get("b")) == (1, None)


def test_l1_counts_and_none_is_a_value() -> None:
    cache = L1Cache(10)
    cache.set("none", None)
    assert cache.get("none") is None and cache.get("absent") is None
    metrics = cache.get_metrics()
    assert (metrics["hits"], metrics["misses"], metrics["hit_rate"]) == (1, 1, 50.0)
    assert cache.delete("none") is True and cache.delete("none") is False
    cache.set("x", 1)
    cache.clear()
    assert cache.get_metrics()["current_size"] == 0


@pytest.mark.parametrize("ttl", [0, -1])
def test_a_ttl_of_nothing_is_an_error_and_not_for_ever(ttl: int, redis_server: RedisServer) -> None:
    for cache in (L1Cache(), L2Cache(redis_server.url)):
        with pytest.raises(ValueError, match="not above 0"):
            cache.set("k", 1, ttl=ttl)
        assert cache.get("k") is None


# --- L2 ---


@pytest.mark.parametrize("make", [
    lambda url: url, lambda url: redis.ConnectionPool.from_url(url), lambda url: redis.Redis.from_url(url),
    lambda url: redis.asyncio.ConnectionPool.from_url(url)], ids=["url", "pool", "client", "asyncio"])
def test_l2_takes_urls_and_pools(make: Any, redis_server: RedisServer) -> None:
    cache = L2Cache(make(redis_server.url))
    assert cache.set("k", {"a": [1, None]}, ttl=60) is True
    assert cache.get("k") == {"a": [1, None]} and cache.get("absent") is None
    with redis.Redis.from_url(redis_server.url) as client:
        assert 0 < client.pttl("cache:k") <= 60_000
    assert cache.delete("k") is True and cache.delete("k") is False
    assert cache.get_metrics() == {"hits": 1, "misses": 1, "errors": 0, "hit_rate": 50.0}
    cache.close()


def test_any_prefix_will_do(redis_server: RedisServer) -> None:
    odd = L2Cache(redis_server.url, key_prefix="app:v1/")
    odd.set("k", 1)
    with redis.Redis.from_url(redis_server.url) as client:
        assert [key for key in client.keys() if key.startswith(b"app:v1/")]
    assert odd.get("k") == 1 and L2Cache(redis_server.url).get("k") is None


def test_a_failure_is_no_miss(caplog: pytest.LogCaptureFixture) -> None:
    cache = L2Cache(f"redis://127.0.0.1:{free_port()}")
    began = time.monotonic()
    assert cache.get("k") is None and cache.set("k", 1) is False and cache.delete("k") is False
    assert time.monotonic() - began < 3 * 0.5
    metrics = cache.get_metrics()
    assert metrics["errors"] == 3 and metrics["misses"] == 0
    assert "redis" in caplog.text and "failed" in caplog.text


def test_the_async_l2(redis_server: RedisServer) -> None:
    async def main() -> None:
        cache = AsyncL2Cache(redis.asyncio.ConnectionPool.from_url(redis_server.url))
        assert await cache.set("k", (1, 2)) is True
        assert await cache.get("k") == (1, 2) and await cache.get("absent") is None
        assert await cache.delete("k") is True
        assert cache.get_metrics()["hit_rate"] == 50.0

    asyncio.run(main())


# --- many levels ---


def test_a_value_goes_to_every_level_and_comes_back_with_what_is_left_of_its_life(levels: MultiLevelCache, redis_server: RedisServer) -> None:
    """Copying L2 to L1, the usual version drops the TTL."""
    assert levels.set("k", "v", ttl=60) is True
    other = MultiLevelCache(L1Cache(10), L2Cache(redis_server.url))
    assert other.get("k") == "v"
    (entry,) = [entry for entry in other._cache._entries() if entry[0] == b"k"]
    assert entry[2] is not None and 0 < entry[2] <= 60


def test_many_levels_tell_their_metrics(levels: MultiLevelCache) -> None:
    levels.set("k", 1)
    for key in ("k", "k", "absent"):
        levels.get(key)
    metrics = levels.get_metrics()
    assert {"l1_hits", "l2_hits", "l3_hits", "misses", "writes", "l1_hit_rate", "l2_hit_rate", "l3_hit_rate", "overall_hit_rate",
            "l1_metrics", "l2_metrics", "l3_metrics"} <= set(metrics)
    assert metrics["l1_hits"] + metrics["l2_hits"] + metrics["l3_hits"] == 2 and metrics["misses"] == 1 and metrics["writes"] == 1
    assert metrics["overall_hit_rate"] == pytest.approx(200 / 3)


def test_the_third_level_is_there(levels: MultiLevelCache, redis_server: RedisServer) -> None:
    levels.set("k", "v")
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
    assert eventually(lambda: levels.l1_cache.get("k") is None)  # memory has heard of it
    assert levels.get("k") == "v"
    assert levels.get_metrics()["l3_hits"] == 1


def test_an_object_is_a_third_level_too() -> None:
    class Store(dict[str, Any]):
        def set(self, key: str, value: Any, ttl: float | None = None) -> None:
            self[key] = value

        def delete(self, key: str) -> bool:
            return self.pop(key, None) is not None

    store = Store(a=1)
    cache = MultiLevelCache(L1Cache(10), None, store)
    assert cache.get("a") == 1 and cache.get("a") == 1 and cache.get("b") is None
    assert cache.set("b", 2) is True and store["b"] == 2
    assert cache.delete("b") is True and "b" not in store and cache.get("b") is None
    assert cache.get_metrics()["l3_hits"] == 1


def test_what_l1_had_goes_along(redis_server: RedisServer) -> None:
    l1 = L1Cache(10)
    l1.set("before", 1, ttl=60)
    cache = MultiLevelCache(l1, L2Cache(redis_server.url))
    assert cache.get("before") == 1 and l1.get("before") == 1


def test_readers_that_miss_together_share_one_load() -> None:
    calls, running, go_on = [], threading.Event(), threading.Event()

    @CacheDecorator(L1Cache(10))
    def slow(x: int) -> int:
        calls.append(x)
        running.set()
        assert go_on.wait(30)
        return x

    threads = [threading.Thread(target=slow, args=(1,)) for _ in range(20)]
    for thread in threads:
        thread.start()
    assert running.wait(30)
    go_on.set()
    for thread in threads:
        thread.join(30)
    assert calls == [1]


def test_a_delete_beats_the_read_in_flight(levels: MultiLevelCache) -> None:
    loading, go_on = threading.Event(), threading.Event()

    def load() -> str:
        loading.set()
        assert go_on.wait(30)
        return "old"

    reader = threading.Thread(target=levels._cache.get_or_load, args=("k", load))
    reader.start()
    assert loading.wait(30)
    levels.delete("k")
    go_on.set()
    reader.join(30)
    assert levels.get("k") is None


def test_other_processes_memory_hears_of_a_change(levels: MultiLevelCache, redis_server: RedisServer) -> None:
    other = MultiLevelCache(L1Cache(10), L2Cache(redis_server.url))
    levels.set("k", "old")
    assert other.get("k") == "old"
    levels.set("k", "new")
    assert eventually(lambda: other.get("k") == "new")


def test_write_back(redis_server: RedisServer, tmp_path: pathlib.Path) -> None:
    cache = MultiLevelCache(L1Cache(10), L2Cache(redis_server.url), strategy=CacheStrategy.WRITE_BACK, journal=str(tmp_path / "journal"))
    for number in range(100):
        assert cache.set("k", number) is True
    assert cache.get("k") == 99
    cache.close()
    assert L2Cache(redis_server.url).get("k") == 99


# --- decorator ---


def test_the_decorator_keeps_arguments_apart_and_remembers_none() -> None:
    calls: list[Any] = []

    @CacheDecorator(L1Cache(100), ttl=300, key_prefix="p:")
    def look(*arguments: Any, **named: Any) -> None:
        calls.append((arguments, named))

    @CacheDecorator(L1Cache(100))
    def other(x: Any) -> str:
        return f"other {x}"

    for _ in range(2):
        for argument in (1, "1", True, 1.0, b"1", (1,), None, frozenset({1})):
            assert look(argument) is None
        look(a=1, b=2)
        look(b=2, a=1)
    assert len(calls) == 9
    assert other(1) == "other 1"
    with pytest.raises(TypeError, match="key"):
        look(object())


def test_the_decorator_on_coroutine_functions() -> None:
    calls = []

    @CacheDecorator(L1Cache(10), ttl=300)
    async def slow(x: int) -> None:
        calls.append(x)
        await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(*[slow(1) for _ in range(100)])
        assert await slow(1) is None
        assert calls == [1]

    asyncio.run(main())


# --- invalidation ---


def test_invalidation_reaches_every_level_and_does_not_hang(levels: MultiLevelCache, redis_server: RedisServer) -> None:
    invalidation = CacheInvalidation(levels)
    for key in ("user:1", "user:2", "page:1", "page:2"):
        levels.set(key, key)
    assert invalidation.invalidate_by_prefix("user:") == 2
    assert levels.get("user:1") is None and L2Cache(redis_server.url).get("user:1") is None
    invalidation.add_pattern("first", ["page:1"])
    assert invalidation.invalidate_by_pattern("first") == 1
    assert levels.get("page:1") is None and levels.get("page:2") == "page:2"
    assert invalidation.invalidate_by_pattern("page:*") == 1  # not registered: a glob
    assert levels.get("page:2") is None


# --- many nodes ---


@pytest.fixture(scope="module")
def nodes() -> Iterator[list[RedisServer]]:
    servers = [RedisServer() for _ in range(3)]
    try:
        for server in servers:
            server.start()
        yield servers
    finally:
        for server in servers:
            server.remove()


def addresses(servers: list[RedisServer]) -> list[str]:
    return [f"127.0.0.1:{server.port}" for server in servers]


@pytest.mark.parametrize("level", list(ConsistencyLevel))
def test_copies_on_several_nodes(level: ConsistencyLevel, nodes: list[RedisServer]) -> None:
    cache = DistributedCache(addresses(nodes), consistency_level=level)
    assert eventually(lambda: cache.set("k", "v", 60))
    assert cache.get("k") == "v" and cache.get_node("k") in addresses(nodes)
    assert cache.delete("k") is True and cache.get("k") is None
    metrics = cache.get_metrics()
    assert {"hits", "misses", "errors", "replications", "hit_rate", "overall_hit_rate", "nodes", "consistency_level"} <= set(metrics)
    assert metrics["nodes"] == len(nodes) and metrics["consistency_level"] == level.value and metrics["replications"] >= 2
    cache.close()


def test_what_was_deleted_while_a_node_was_away_does_not_come_back() -> None:
    servers = [RedisServer() for _ in range(3)]
    try:
        for server in servers:
            server.start()
        cache = DistributedCache(addresses(servers), ConsistencyLevel.STRONG)
        assert eventually(lambda: cache.set("k", "old"))
        assert servers[0].process is not None
        servers[0].process.send_signal(19)  # SIGSTOP
        assert eventually(lambda: cache.delete("k"))
        servers[0].process.send_signal(18)  # SIGCONT
        for _ in range(20):
            assert cache.get("k") is None
        cache.close()
    finally:
        for server in servers:
            if server.process is not None:
                server.process.send_signal(18)
            server.remove()


def test_one_more_shard_moves_only_its_part(nodes: list[RedisServer]) -> None:
    three = CacheSharding({name: f"redis://localhost/{name}" for name in "123"})
    four = CacheSharding({name: f"redis://localhost/{name}" for name in "1234"})
    keys = [f"key{number}" for number in range(4000)]
    moved = sum(three.get_shard(key) != four.get_shard(key) for key in keys)
    assert moved / len(keys) < 1 / 4 + 0.03
    assert all(four.get_shard(key) == "4" for key in keys if three.get_shard(key) != four.get_shard(key))


def test_shards_hold_and_count(nodes: list[RedisServer]) -> None:
    names = addresses(nodes)
    chosen = CacheSharding(names, shard_key_func=lambda key: names[len(key) % len(names)])  # the name of the shard
    assert [chosen.get_shard("k" * length) for length in range(2 * len(names))] == 2 * names
    chosen.close()
    cache = CacheSharding(names, shard_key_func=lambda key: key.split(":")[0])
    assert cache.get_shard("user:1") == cache.get_shard("user:2")
    for number in range(30):
        assert cache.set(f"user{number}:x", number) is True
    assert [cache.get(f"user{number}:x") for number in range(30)] == list(range(30))
    assert cache.delete("user1:x") is True and cache.get("user1:x") is None
    metrics = cache.get_metrics()
    assert metrics["hits"] == 30 and metrics["misses"] == 1 and len(metrics["shards"]) == 3
    assert sum(part["hits"] > 0 for part in metrics["shards"].values()) >= 2
    cache.close()


# --- warming, monitoring, set-up ---


def test_warming_goes_side_by_side_and_tells_why() -> None:
    cache = L1Cache(100)
    warming = CacheWarming(cache)
    together = threading.Barrier(8, timeout=30)  # passes only when eight run at once
    for number in range(8):
        warming.add_warming_task(f"k{number}", lambda: together.wait() >= 0, ttl=60)
    warming.add_warming_task("bad", lambda: 1 / 0)
    told: list[tuple[int, int]] = []
    result = warming.warm_cache(progress=lambda ended, total: told.append((ended, total)))
    assert result["warmed_keys"] == 8 and result["failed_warms"] == 1 and result["warming_time"] >= 0
    assert cache.get("k3") is True
    again = warming.warm_cache()
    metrics = warming.get_warming_metrics()
    assert metrics["warming_time"] == pytest.approx(result["warming_time"] + again["warming_time"]) and "ZeroDivisionError" in metrics["failures"]["bad"]
    assert eventually(lambda: (9, 9) in told)


def test_an_idle_cache_is_healthy_and_a_cold_one_is_not(levels: MultiLevelCache) -> None:
    monitoring = CacheMonitoring(levels)
    health = monitoring.check_cache_health()
    assert health["healthy"] is True and health["issues"] == []
    for number in range(10):
        levels.get(f"nothing{number}")
    health = monitoring.check_cache_health()
    assert health["healthy"] is False and "hit rate" in health["issues"][0]
    monitoring.close()


def test_a_distributed_cache_can_be_healthy(nodes: list[RedisServer]) -> None:
    cache = DistributedCache(addresses(nodes))
    assert eventually(lambda: cache.set("k", 1))
    monitoring = CacheMonitoring(cache)
    assert eventually(lambda: cache.get("k") == 1 and monitoring.check_cache_health()["healthy"])
    monitoring.close()
    cache.close()


def test_an_alert_that_raises_is_told() -> None:
    cache = L1Cache(10)
    monitoring = CacheMonitoring(cache)
    monitoring.add_alert(lambda: cache.get_metrics()["misses"] > 0, "misses")
    monitoring.add_alert(lambda: cache.get_metrics()["no such thing"], "broken")
    monitoring.add_alert(lambda metrics: metrics["misses"] > 0, "misses by the metrics")
    cache.get("x")
    told = monitoring.check_alerts()
    assert told[0] == "misses" and told[1].startswith("broken") and "KeyError" in told[1] and told[2:] == ["misses by the metrics"]
    monitoring.close()


def test_set_up_returns_everything(redis_server: RedisServer, tmp_path: pathlib.Path) -> None:
    setup = setup_caching_strategies({"max_size": 10, "redis": redis_server.url, "database": f"sqlite:{tmp_path}/db?scope=fleet", "ttl": 60,
                                      "nodes": ["127.0.0.1:1"], "shards": {"a": redis_server.url}})
    assert setup.cache.set("k", 1) and setup.cache.get("k") == 1
    for part in (setup.l1_cache, setup.l2_cache, setup.async_l2_cache, setup.decorator, setup.invalidation, setup.warming, setup.monitoring,
                 setup.distributed_cache, setup.sharding):
        assert part is not None
    setup.close()
    plain = setup_caching_strategies()
    plain.cache.set("k", 1)
    assert plain.l2_cache is None and plain.cache.get("k") == 1
    plain.close()
    with pytest.raises(terrace.ConfigError, match="max_sise.*max_size"):
        setup_caching_strategies({"max_sise": 10})
