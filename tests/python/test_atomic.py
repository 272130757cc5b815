"""Atomic operations: docs/atomic.md. The core has tests of its own (tests/cascade/atomic_test.cpp)."""

from __future__ import annotations

import asyncio
import multiprocessing
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import terrace
from servers import PostgresServer, RedisServer
from terrace.testing import Clock, MemoryTier

Make = Callable[..., "terrace.Cache[Any]"]


@pytest.fixture(params=["memory", "redis", "memory+redis", "sqlite", "postgres", "pickle", "copy"])
def make(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Make]:
    made: list[terrace.Cache[Any]] = []
    kind, ring = request.param, terrace.generate_keys()

    def cache(**options: Any) -> terrace.Cache[Any]:
        if kind in ("redis", "pickle"):
            options |= {"memory": None, "tiers": [request.getfixturevalue("redis_server").url]}
        if kind == "memory+redis":
            options["tiers"] = [request.getfixturevalue("redis_server").url]
        if kind == "sqlite":
            options["tiers"] = [f"sqlite:{tmp_path}/cache.db"]
        if kind == "postgres":
            options["tiers"] = [request.getfixturevalue("postgres_server").url]
        if kind == "pickle":
            options |= {"codec": "pickle", "key_ring": ring}
        if kind == "copy":
            options["copy"] = True
        made.append(terrace.Cache("atomic", **{"ttl_jitter": 0} | options))
        made[-1].clear()
        return made[-1]

    yield cache
    for one in made:
        one.close()


def test_each_operation_does_what_it_says(make: Make) -> None:
    cache = make()
    assert cache.replace("k", 1) is False and cache.touch("k", 60) is False and cache.persist("k") is False
    assert cache.add("k", None) is True and cache.add("k", 2) is False and cache.get("k", "missing") is None
    assert cache.current("k") and cache.current("k").value is None
    assert cache.replace("k", [1]) is True and cache.get("k") == [1]
    assert cache.get_and_set("k", {"a": 1}) == [1] and cache.get_and_set("new", 1, "none") == "none"
    assert cache.set_default("k", 5) == {"a": 1} and cache.set_default("other", 5) == 5
    assert cache.pop("k") == {"a": 1} and cache.pop("k", "gone") == "gone"
    with pytest.raises(KeyError):
        cache.pop("k")
    assert cache.update("k", lambda now: [now is terrace.ABSENT]) == [True]
    assert cache.update("k", lambda now: now + [2]) == [True, 2] == cache["k"]
    assert cache.update("k", lambda now: terrace.ABSENT) is terrace.ABSENT and "k" not in cache
    assert cache.update("k", lambda now: terrace.ABSENT) is terrace.ABSENT


def test_a_revision_is_replaced_once(make: Make) -> None:
    cache = make()
    nothing = cache.current("k")
    assert not nothing and nothing.remaining is None
    assert cache.compare_and_set("k", nothing.revision, "one") and not cache.compare_and_set("k", nothing.revision, "two")
    one = cache.current("k")
    assert one and one.value == "one"
    cache.set("k", "other")
    assert not cache.compare_and_set("k", one.revision, "mine") and not cache.compare_and_erase("k", one.revision)
    assert cache["k"] == "other"
    assert cache.compare_and_erase("k", cache.current("k").revision) and "k" not in cache


def test_counters(make: Make) -> None:
    cache = make(ttl=1000)
    with pytest.raises(KeyError):
        cache.increment("n")
    assert cache.increment("n", initial=10, ttl=500) == 11
    assert cache.increment("n", 4) == 15 and cache.decrement("n", 5) == 10
    assert 490 < (cache.current("n").remaining or 0) <= 500
    assert cache.increment("n", 0.5) == 10.5
    assert cache.increment("big", 1, initial=10**15) == 10**15 + 1
    cache.set("text", "x")
    with pytest.raises(TypeError):
        cache.increment("text")
    assert cache["text"] == "x"


def test_lives(make: Make) -> None:
    cache = make(ttl=1000)
    cache.set("k", 1, ttl=terrace.FOREVER)
    assert cache.current("k").remaining is None and cache.lookup("k").remaining is None
    assert cache.touch("k", 60) and 50 < (cache.current("k").remaining or 0) <= 60
    assert cache.touch("k") and 900 < (cache.current("k").remaining or 0) <= 1000
    assert cache.persist("k") and cache.current("k").remaining is None
    cache.update("k", lambda now: now + 1)
    assert cache.current("k").remaining is None, "an update keeps the life"
    cache.update("k", lambda now: now + 1, ttl=60)
    assert 50 < (cache.current("k").remaining or 0) <= 60
    for life in (0, -1):
        with pytest.raises(terrace.ConfigError):
            cache.touch("k", life)


def test_tags(make: Make) -> None:
    cache = make()
    cache.set("k", 1, tags=["t"])
    cache.increment("k")
    cache.invalidate(tag="t")
    assert "k" not in cache
    assert cache.add("k", 1, tags="u")
    cache.invalidate(tag="u")
    assert cache.add("k", 2) and cache["k"] == 2


def test_threads_lose_nothing(make: Make) -> None:
    cache = make()

    def work() -> None:
        for _ in range(50):
            cache.increment("n", initial=0)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache.current("n").value == 200


def test_awaited(make: Make) -> None:
    cache = make()

    async def work() -> None:
        await asyncio.gather(*(cache.aincrement("n", initial=0) for _ in range(50)))
        assert (await cache.acurrent("n")).value == 50
        assert await cache.aadd("n", 1) is False and await cache.apop("n") == 50 and await cache.apop("n", None) is None
        assert await cache.aupdate("k", lambda now: 1) == 1 and await cache.areplace("k", 2) and await cache.atouch("k", 5)
        assert await cache.aget_and_set("k", 3) == 2 and await cache.aset_default("k", 4) == 3 and await cache.apersist("k")
        now = await cache.acurrent("k")
        assert await cache.acompare_and_set("k", now.revision, 9) and not await cache.acompare_and_erase("k", now.revision)
        assert await cache.adecrement("k") == 8

    asyncio.run(work())


def test_wrong_arguments_are_named(make: Make) -> None:
    cache = make()
    for wrong in (lambda: cache.add("k", terrace.ABSENT), lambda: cache.update("k", lambda now: terrace.Load(1))):
        with pytest.raises(terrace.EncodeError):
            wrong()
    with pytest.raises(terrace.KeyTypeError):
        cache.increment([])  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        cache.compare_and_set("k", b"rubbish", 1)
    with pytest.raises(TypeError, match=r"Cache\.add\(\)"):
        cache.add("k")  # type: ignore[call-arg]
    with pytest.raises(terrace.ConfigError):
        cache.add("k", 1, timeout="soon")  # type: ignore[arg-type]
    with pytest.raises(terrace.Timeout):
        cache.add("k", 1, timeout=0)


def test_keys_of_memory(redis_server: RedisServer) -> None:
    with terrace.Cache("x") as cache:
        cache.set_many({"user:1": 1, "user:2": 2, "other": 3, 5: 4, ("user:3",): 5})
        assert set(cache.keys()) == {"user:1", "user:2", "other"} and set(cache.keys("user:")) == {"user:1", "user:2"}

        async def awaited() -> set[str]:
            return {key async for key in cache.akeys("user:")}

        assert asyncio.run(awaited()) == {"user:1", "user:2"}
    with terrace.Cache("x", tiers=[redis_server.url]) as cache, pytest.raises(terrace.ConfigError, match="tiers"):
        cache.keys()


def test_what_cannot_decide_is_refused(redis_server: RedisServer, tmp_path: Any) -> None:
    with terrace.Cache("x", memory=None, tiers=[redis_server.url], write_mode="around") as around:
        for call in (lambda: around.add("k", 1), lambda: around.lock("k", 5).acquire()):
            with pytest.raises(terrace.ConfigError, match="write_mode"):
                call()
    with terrace.Cache("x", memory=None) as nothing, pytest.raises(terrace.ConfigError, match="no level"):
        nothing.add("k", 1)


def test_a_level_that_is_away() -> None:
    clock = Clock()
    tier = MemoryTier(clock)
    with terrace.Cache("x", tiers=[tier], clock=clock) as cache:
        cache.set("n", 1)
        tier.away = True
        with pytest.raises(terrace.Unavailable):
            cache.increment("n")
        tier.away = False
        assert cache.increment("n") == 2


def _race(url: str, turns: Any, ended: Any) -> None:
    with terrace.Cache("race", memory=None, tiers=[url], tier_timeout=10) as cache:
        won, second, acquired = [], [], []

        def work() -> None:
            for _ in range(100):
                cache.increment("n", initial=0)
            won.extend(key for key in range(60) if cache.add(key, 1))
            for _ in range(40):
                while not cache.add("lock", 1):
                    pass
                if cache.increment("inside", initial=0) != 1:
                    second.append(1)
                cache.decrement("inside")
                acquired.append(1)
                cache.delete("lock")

        threads = [threading.Thread(target=work) for _ in range(4)]
        turns.wait()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    ended.put((len(won), len(second), len(acquired)))


def test_two_processes_with_four_threads_each(redis_server: RedisServer) -> None:
    processes = multiprocessing.get_context("spawn")
    turns, ended = processes.Barrier(2), processes.Queue()
    racers = [processes.Process(target=_race, args=(redis_server.url, turns, ended)) for _ in range(2)]
    for racer in racers:
        racer.start()
    results = [ended.get(timeout=100) for _ in racers]
    for racer in racers:
        racer.join()
    with terrace.Cache("race", memory=None, tiers=[redis_server.url]) as cache:
        assert cache.current("n").value == 800
    assert sum(won for won, _, _ in results) == 60
    assert sum(second for _, second, _ in results) == 0
    assert sum(acquired for _, _, acquired in results) == 320
