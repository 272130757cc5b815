"""Loads that hang, or that nobody waits for: their coroutines are cancelled, and their turns are free, whatever they do then."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import terrace

Loader = Callable[[], Awaitable[Any]]


class Hanging:
    """Coroutine functions that hang, and how often they were cancelled."""

    def __init__(self) -> None:
        self.begun = 0
        self.cancelled = 0

    async def obedient(self) -> None:
        self.begun += 1
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    async def stubborn(self) -> None:
        self.begun += 1
        while self.cancelled < 1000:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancelled += 1

    async def turned_into_a_value(self) -> str:
        try:
            await self.obedient()
        except asyncio.CancelledError:
            pass
        return "too late"

    def made_by_a_plain_function(self) -> Awaitable[None]:
        return self.obedient()


FORMS = ["obedient", "stubborn", "turned_into_a_value", "made_by_a_plain_function"]


async def eventually(holds: Callable[[], bool]) -> None:
    while not holds():
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 0.01)


async def value() -> str:
    return "value"


def run(main: Awaitable[None]) -> None:
    async def limited() -> None:
        await asyncio.wait_for(main, 60)

    asyncio.run(limited())


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("ends", ["load_timeout", "timeout=", "cancelled"])
def test_a_coroutine_that_hangs_is_cancelled_and_keeps_no_turn(ends: str, form: str) -> None:
    async def main() -> None:
        hanging = Hanging()
        limit = 0.2 if ends == "load_timeout" else 3600
        async with terrace.Cache[Any]("hung", load_timeout=limit, max_concurrent_loads=4) as cache:
            async def ask(number: int) -> Any:
                call = cache.aget_or_load(number, getattr(hanging, form), timeout=0.2 if ends == "timeout=" else None)
                return await (asyncio.wait_for(call, 0.2) if ends == "cancelled" else call)

            ended = await asyncio.gather(*[ask(number) for number in range(4)], return_exceptions=True)
            assert all(isinstance(one, TimeoutError) for one in ended), ended
            # A turn is free at once.
            assert await cache.aget_or_load("other", value, timeout=10) == "value"
            await eventually(lambda: hanging.cancelled == hanging.begun == 4 and cache.stats().loads_in_flight == 0)
            assert cache.stats().load_failures >= 4
            assert cache.get_many(range(4)) == {}
            hanging.cancelled = 1000

    run(main())


def test_a_load_that_somebody_waits_for_goes_on_without_the_caller_that_began_it() -> None:
    async def main() -> None:
        hanging, go_on = Hanging(), asyncio.Event()
        async with terrace.Cache[Any]("left") as cache:
            async def load() -> str:
                await go_on.wait()
                return "of the first"

            first = asyncio.create_task(cache.aget_or_load("k", load))
            await eventually(lambda: cache.stats().loads == 1)
            second = asyncio.create_task(cache.aget_or_load("k", hanging.obedient))
            blocking = asyncio.create_task(asyncio.to_thread(cache.get_or_load, "k", lambda: "of a thread"))
            await eventually(lambda: len(asyncio.all_tasks()) >= 4)
            first.cancel()
            await asyncio.wait([first])
            go_on.set()
            assert await second in ("of the first", "of a thread")
            assert await blocking in ("of the first", "of a thread")
            assert hanging.begun == 0

    run(main())


def test_who_comes_after_the_last_caller_has_left_loads_itself() -> None:
    async def main() -> None:
        hanging = Hanging()
        async with terrace.Cache[Any]("late") as cache:
            for form in FORMS:
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(cache.aget_or_load(form, getattr(hanging, form)), 0.05)
                assert await cache.aget_or_load(form, value, timeout=10) == "value"
            hanging.cancelled = 1000

    run(main())


def test_many_keys_are_as_one_and_a_broken_off_coroutine_may_still_use_its_job() -> None:
    async def main() -> None:
        hanging = Hanging()

        over: list[bool] = []

        async def many(keys: Any) -> Any:
            await hanging.obedient()

        async def stubborn(keys: Any) -> Any:
            try:
                await hanging.obedient()
            except asyncio.CancelledError:
                return dict.fromkeys(keys, "too late")

        async def with_context(key: int, context: terrace.LoadContext) -> None:
            try:
                await hanging.obedient()
            finally:
                over.append(context.stopped())

        async with terrace.Cache[Any]("many") as cache:
            for loader in (many, stubborn):
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(cache.aget_or_load_many(range(100), loader), 0.05)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(cache.aget_or_load(1, with_context), 0.05)
            await eventually(lambda: hanging.cancelled == 3 and cache.stats().loads_in_flight == 0)
            assert over == [True]
            assert await cache.aget_many(range(100)) == {}

    run(main())


def test_a_refresh_ahead_of_time_is_not_for_a_caller_and_goes_on() -> None:
    async def main() -> None:
        go_on, refreshed = asyncio.Event(), asyncio.Event()

        async def load() -> str:
            await go_on.wait()
            refreshed.set()
            return "new"

        from terrace.testing import Clock

        clock = Clock()
        async with terrace.Cache[Any]("ahead", ttl=60, ttl_jitter=0, eager_refresh=0.5, clock=clock) as cache:
            await cache.aset("k", "old")
            clock.advance(59)
            while cache.stats().refreshes == 0:
                assert await asyncio.wait_for(cache.aget_or_load("k", load), 10) == "old"
            go_on.set()
            await asyncio.wait_for(refreshed.wait(), 10)
            await eventually(lambda: cache.get("k") == "new")

    run(main())


def test_a_plain_function_is_told_that_nobody_waits_and_what_it_returns_is_kept() -> None:
    stopped, release = threading.Event(), threading.Event()

    def load(key: str, context: terrace.LoadContext) -> str:
        while not context.stopped():
            release.wait(0.01)
        stopped.set()
        return "all the same"

    with terrace.Cache[Any]("plain", max_concurrent_loads=1) as cache:
        with pytest.raises(terrace.Timeout):
            cache.get_or_load("k", load, timeout=0.05)
        assert stopped.wait(30)
        assert cache.get_or_load("other", lambda: 1, timeout=10) == 1
        while cache.get("k") is None:
            release.wait(0.01)
        assert cache["k"] == "all the same"


def test_a_thread_that_hangs_has_no_turn_after_load_timeout_and_is_visible() -> None:
    release = threading.Event()
    with terrace.Cache[Any]("thread", load_timeout=0.2, max_concurrent_loads=1) as cache:
        monitor = terrace.Monitor([cache], min_requests=1)
        with pytest.raises(terrace.Timeout):
            cache.get_or_load("k", lambda: release.wait(30), timeout=20)
        assert cache.get_or_load("other", lambda: 1, timeout=10) == 1
        assert cache.stats().loads_overdue == 1
        assert "loads_overdue" in monitor.health()["kinds"]
        release.set()
        monitor.close()


def test_a_closed_cache_ends_its_coroutines_and_says_that_it_is_closed() -> None:
    async def main() -> None:
        hanging = Hanging()
        cache = terrace.Cache[Any]("closed")
        calls = [asyncio.create_task(cache.aget_or_load("k", hanging.obedient)) for _ in range(3)]
        await eventually(lambda: hanging.begun == 1)
        cache.close()
        for ended in await asyncio.gather(*calls, return_exceptions=True):
            assert isinstance(ended, terrace.Closed), ended
        await eventually(lambda: hanging.cancelled == 1)

    run(main())
