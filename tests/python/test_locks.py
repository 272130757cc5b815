"""Cache.lock: one holder among all processes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import terrace
from terrace.testing import Clock, MemoryTier


@pytest.fixture(params=["memory", "tier", "typed", "redis"])
def caches(request: pytest.FixtureRequest) -> Iterator[tuple[terrace.Cache[Any], terrace.Cache[Any], Callable[[float], None]]]:
    """Two caches of two processes, as it were (in memory one of one process), and a function that lets time pass."""
    clock = Clock()
    options: dict[str, Any] = {"clock": clock}
    if request.param in ("tier", "typed"):
        options["tiers"] = [MemoryTier(clock)]
    if request.param == "typed":
        options["type"] = int
    if request.param == "redis":
        options = {"tiers": [request.getfixturevalue("redis_server").url]}
    first: terrace.Cache[Any] = terrace.Cache("locks", **options)
    second: terrace.Cache[Any] = first if request.param == "memory" else terrace.Cache("locks", **options)
    yield first, second, (lambda seconds: None) if request.param == "redis" else clock.advance
    first.lock("job", 5)._store.clear()
    first.close()
    second.close()



def test_one_holder(caches: Any) -> None:
    a, b, _ = caches
    one, two = a.lock("job", 30), b.lock("job", 30, wait=0)
    assert not one.locked() and not one.owned()
    with one:
        assert one.owned() and two.locked() and not two.owned()
        assert two.acquire(blocking=False) is False and two.acquire(timeout=0.05) is False
        with pytest.raises(terrace.LockTimeout):
            two.__enter__()
        assert b.lock("other", 30).acquire(), "another lock"
        with pytest.raises(terrace.ConfigError, match="reentrant"):
            one.acquire()
    with two:
        assert two.owned() and not one.owned()
    assert not a.get("job"), "a lock is no value of the cache"


def test_only_the_holder_releases_and_renews(caches: Any) -> None:
    a, b, advance = caches
    one, two = a.lock("job", 30), b.lock("job", 30, wait=0)
    for call in (two.release, two.renew):
        with pytest.raises(terrace.LockLost):
            call()
    assert one.acquire()
    with pytest.raises(terrace.LockLost):
        two.release()
    assert one.owned()
    one.renew(60)
    one.release()
    with pytest.raises(terrace.LockLost):
        one.release()


def test_a_lock_ends(caches: Any) -> None:
    a, b, advance = caches
    one, two = a.lock("job", 30), b.lock("job", 30, wait=0)
    assert one.acquire()
    advance(20)
    one.renew()
    advance(20)
    if one._store._clock != (None,):  # on real servers no time has passed
        assert one.owned()
        advance(11)
        assert not one.locked() and two.acquire()
        for call in (one.renew, one.release):
            with pytest.raises(terrace.LockLost):
                one._token = one._token or "mine"
                call()
        assert two.owned()


def test_waiting(caches: Any) -> None:
    a, b, _ = caches
    order: list[str] = []
    one = a.lock("job", 30)
    one.acquire()

    def wait() -> None:
        with b.lock("job", 30):
            order.append("second")

    waiting = threading.Thread(target=wait)
    waiting.start()
    order.append("first")
    one.release()
    waiting.join(10)
    assert order == ["first", "second"]


def test_awaited(caches: Any) -> None:
    a, b, _ = caches
    inside = 0

    async def work(cache: terrace.Cache[Any]) -> None:
        nonlocal inside
        lock = cache.lock("job", 30)
        async with lock:
            inside += 1
            assert inside == 1 and await lock.aowned() and await lock.alocked()
            await lock.arenew()
            await asyncio.sleep(0)
            inside -= 1

    async def all_of_them() -> None:
        await asyncio.gather(*(work(cache) for cache in (a, b) * 5))

    asyncio.run(all_of_them())


def test_a_release_that_failed_can_be_repeated() -> None:
    clock = Clock()
    tier = MemoryTier(clock)
    with terrace.Cache("x", tiers=[tier], clock=clock) as cache:
        lock = cache.lock("job", 30)
        assert lock.acquire()
        tier.away = True
        for call in (lock.release, lock.renew):
            with pytest.raises(terrace.Unavailable):
                call()
        tier.away = False
        lock.release()
        assert not lock.locked()


def test_wrong_arguments() -> None:
    with terrace.Cache("x") as cache:
        for ttl in (None, 0, -1, "soon"):
            with pytest.raises(terrace.ConfigError):
                cache.lock("k", ttl)
        with pytest.raises(terrace.ConfigError):
            cache.lock("k", 5, wait="long")  # type: ignore[arg-type]
        with pytest.raises(terrace.KeyTypeError):
            cache.lock([], 5).acquire()  # type: ignore[arg-type]
        assert repr(cache.lock("k", 5)) == "<terrace.Lock 'k'>"
    with pytest.raises(terrace.Closed):
        cache.lock("k", 5)
