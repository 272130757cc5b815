"""terrace.testing: time moves when the test says so, and a tier is there or away."""

from __future__ import annotations

import asyncio
import datetime
import threading
from typing import Any

import pytest
import terrace
from programs import fine, run
from servers import RedisServer
from terrace import _core
from terrace.testing import Clock, MemoryTier


def test_lives_end_when_the_clock_is_moved() -> None:
    clock = Clock()
    cache = terrace.Cache[int]("moved", ttl=60, ttl_jitter=0, clock=clock)
    other = terrace.Cache[int]("not-moved", ttl=60)
    cache["a"] = other["a"] = 1
    cache.set("b", 2, ttl=datetime.timedelta(hours=2))
    clock.advance(59)
    assert cache["a"] == 1 and 0 < (cache.lookup("a").remaining or 0) <= 1 and cache.lookup("a").age >= 59
    clock.advance(datetime.timedelta(seconds=1))
    assert "a" not in cache and cache["b"] == 2 and other["a"] == 1
    assert clock.moved == 60
    clock.advance(7200)
    assert cache.get("b") is None


def test_negative_entries_grace_and_early_refreshing_follow_it() -> None:
    clock = Clock()
    cache = terrace.Cache[Any]("moved", ttl=10, ttl_jitter=0, negative_ttl=5, grace=100, retry_after=1, clock=clock)
    loads: list[str] = []

    def load(key: str) -> Any:
        loads.append(key)
        if key == "broken" and len(loads) > 1:
            raise OSError("away")
        return terrace.ABSENT if key == "none" else len(loads)

    assert cache.get_or_load("broken", load) == 1
    clock.advance(11)
    assert cache.get_or_load("broken", load) == 1 and cache.stats().stale_served >= 1  # stale, for loading fails
    for _ in range(2):
        with pytest.raises(terrace.NotFound):
            cache.get_or_load("none", load)
    assert loads.count("none") == 1
    clock.advance(5)
    with pytest.raises(terrace.NotFound):
        cache.get_or_load("none", load)
    assert loads.count("none") == 2

    refreshed = threading.Event()
    eager = terrace.Cache[int]("eager", ttl=100, ttl_jitter=0, eager_refresh=0.5, clock=clock)
    assert eager.get_or_load("k", lambda: 1) == 1
    clock.advance(60)

    def again() -> int:
        refreshed.set()
        return 2

    assert eager.get_or_load("k", again) == 1
    assert refreshed.wait(30)


def test_limits_still_end_by_themselves_and_end_at_once_when_it_is_moved() -> None:
    clock = Clock()
    cache = terrace.Cache[int]("limits", load_timeout=3600, clock=clock)
    begun, ended = threading.Event(), threading.Event()
    raised: list[BaseException] = []

    def load() -> int:
        begun.set()
        ended.wait(30)
        return 1

    def ask() -> None:
        try:
            cache.get_or_load("k", load, timeout=1800)
        except terrace.Timeout as error:
            raised.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    assert begun.wait(30)
    clock.advance(1801)
    asking.join(30)
    assert not asking.is_alive() and len(raised) == 1
    with pytest.raises(terrace.Timeout):
        cache.get_or_load("other", lambda: int(ended.wait(30)), timeout=0.05)
    ended.set()
    _core.service_rest(30)  # threads hold the cache until they have nothing to do


def test_a_memory_tier_is_as_a_server_that_caches_share() -> None:
    clock = Clock()
    tier = MemoryTier(clock)
    one, two = (terrace.Cache[Any]("shared", ttl=60, ttl_jitter=0, tiers=[tier], clock=clock) for _ in range(2))
    one["a"] = {"name": "Ada"}
    assert two["a"] == {"name": "Ada"} and two["a"] is not one["a"]
    assert two.get_or_load("b", lambda: 2) == 2 and one.get_or_load("b", lambda: 3) == 2
    one.set("t", 1, tags="all")
    assert two["t"] == 1
    two.invalidate(tag="all")
    assert one.get("t") is None
    one["a"] = 5
    assert two["a"] == 5  # it was told
    with pytest.raises(terrace.EncodeError):
        one["x"] = object()
    clock.advance(61)
    assert one.get("a") is None and two.get("a") is None
    one["a"] = 1
    tier.clear()
    assert terrace.Cache[int]("shared", memory=None, tiers=[tier], clock=clock).get("a") is None
    assert asyncio.run(two.aget("nothing", 7)) == 7


def test_a_memory_tier_goes_away_and_comes_back() -> None:
    tier = MemoryTier()
    cache = terrace.Cache[int]("away", memory=None, tiers=[tier])
    cache["a"] = 1
    tier.away = True
    assert tier.away and "away" in repr(tier)
    assert cache.get("a", -1) == -1 and cache.lookup("a").kind == "unavailable"
    assert cache.get_or_load("b", lambda: 2) == 2
    with pytest.raises(terrace.WriteError):
        cache["a"] = 2
    tier.away = False
    assert cache.get_or_load("a", lambda: 3) == 3  # what it missed has been erased there
    assert tier.away is False


def test_wrong_arguments_are_named() -> None:
    clock = Clock()
    for wrong in ("x", None, True, float("nan"), [1]):
        with pytest.raises(terrace.ConfigError, match="seconds"):
            clock.advance(wrong)  # type: ignore[arg-type]
    for number in (-1, float("inf"), 1e12):
        with pytest.raises(terrace.ConfigError, match="seconds=.*forward"):
            clock.advance(number)
    for make in (lambda: terrace.Cache("c", clock=5), lambda: MemoryTier(5)):  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="clock=5: give a terrace.testing.Clock"):
            make()
    with pytest.raises(terrace.ConfigError, match="give the cache the same clock="):
        terrace.Cache("c", tiers=[MemoryTier(clock)])
    with pytest.raises(terrace.ConfigError, match="away='yes': give True or False"):
        MemoryTier().away = "yes"  # type: ignore[assignment]


def test_a_clock_beside_a_real_server(redis_server: RedisServer) -> None:
    clock = Clock()
    clock.advance(3600)
    cache = terrace.Cache[int]("real", ttl=60, ttl_jitter=0, tiers=[redis_server.url], clock=clock)
    cache["a"] = 1
    assert cache["a"] == 1
    clock.advance(61)
    assert cache.get("a") is None and cache.get_or_load("a", lambda: 2) == 2


def test_it_lives_through_a_fork() -> None:
    fine(run("""
        import os, terrace
        from terrace.testing import Clock, MemoryTier
        clock = Clock()
        tier = MemoryTier(clock)
        cache = terrace.Cache("forked", ttl=60, ttl_jitter=0, tiers=[tier], clock=clock)
        cache["a"] = 1
        child = os.fork()
        if child == 0:
            assert cache.get("a") is None
            cache["a"] = 2
            clock.advance(59)
            assert cache["a"] == 2
            clock.advance(2)
            assert cache.get("a") is None and cache.get_or_load("b", lambda: 3) == 3
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert cache["a"] == 1
        print("fine")
    """), "fine")
