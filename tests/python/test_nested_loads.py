"""Loads within loads: a load that another load waits for never waits for one of the slots that those hold, and loads that wait for
each other are told so."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import functools
import threading
from typing import Any

import pytest
import terrace

CALLERS = 80  # more than a cache loads at a time by default


def in_threads(call: Any) -> list[Any]:
    """What call(number) returned or raised, for as many threads as there are callers."""
    results: list[Any] = [None] * CALLERS

    def run(number: int) -> None:
        try:
            results[number] = call(number)
        except BaseException as raised:
            results[number] = raised

    threads = [threading.Thread(target=run, args=(number,)) for number in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_more_threads_than_slots_load_two_deep() -> None:
    with terrace.Cache("nested", load_timeout=5) as cache:
        together = threading.Barrier(min(CALLERS, 64))  # so many loaders run at once

        def page(number: int) -> int:
            def load() -> int:
                if number < 64:
                    try:
                        together.wait(2)
                    except threading.BrokenBarrierError:
                        pass
                return cache.get_or_load(("user", number), lambda: number)  # type: ignore[no-any-return]

            return cache.get_or_load(("page", number), load)  # type: ignore[no-any-return]

        assert in_threads(page) == list(range(CALLERS))


def test_more_tasks_than_slots_load_two_deep() -> None:
    async def main() -> None:
        async with terrace.Cache("nested", load_timeout=5) as cache:
            async def page(number: int) -> int:
                async def user() -> int:
                    return number

                async def load() -> Any:
                    await asyncio.sleep(0)
                    return await cache.aget_or_load(("user", number), user)

                return await cache.aget_or_load(("page", number), load)  # type: ignore[no-any-return]

            assert await asyncio.gather(*[page(number) for number in range(100)]) == list(range(100))

    asyncio.run(main())


def test_a_memoized_recursion_is_deeper_than_the_slots() -> None:
    with terrace.Cache("nested", load_timeout=5) as cache:
        @cache.memoize
        def fib(n: int) -> int:
            return n if n < 2 else fib(n - 1) + fib(n - 2)  # type: ignore[no-any-return]

        assert fib(100) == 354224848179261915075


def test_bulk_loads_within_loads() -> None:
    with terrace.Cache("nested", load_timeout=5) as cache:
        def page(number: int) -> Any:
            return cache.get_or_load(("page", number), lambda: cache.get_or_load_many([("row", number, i) for i in range(3)],
                                                                                        lambda keys: [key[2] for key in keys]))

        assert [list(rows.values()) for rows in in_threads(page)] == [[0, 1, 2]] * CALLERS


def test_warming_within_loads() -> None:
    with terrace.Cache[Any]("nested", load_timeout=5) as cache:
        together = threading.Barrier(64)

        def page(number: int) -> Any:
            def load() -> Any:
                if number < 64:
                    try:
                        together.wait(2)
                    except threading.BrokenBarrierError:
                        pass
                cache.warm([terrace.WarmTask(("row", number), lambda: number)])
                return cache[("row", number)]

            return cache.get_or_load(("page", number), load)

        assert in_threads(page) == list(range(CALLERS))


def test_a_coroutine_made_by_a_plain_function_is_part_of_its_load() -> None:
    async def main() -> None:
        async with terrace.Cache[Any]("nested", load_timeout=5, max_concurrent_loads=1) as cache:
            async def user() -> str:
                return "user"

            async def page() -> Any:
                return await cache.aget_or_load("user", user)

            assert await cache.aget_or_load("page", lambda: page()) == "user"

            async def own() -> Any:
                return await cache.aget_or_load("own", user)

            with pytest.raises(terrace.LoaderFailed, match="would wait for itself"):
                await cache.aget_or_load("own", lambda: own())

    asyncio.run(main())


# --- how deep ---


def test_a_memoized_function_is_as_deep_as_with_lru_cache() -> None:
    def deepest(decorated: Any) -> int:
        @decorated
        def down(n: int) -> int:
            return 0 if n == 0 else 1 + down(n - 1)  # type: ignore[no-any-return]

        depth = 100
        try:
            while True:
                down.cache_clear()
                down(depth)
                depth += 25
        except RecursionError:
            return depth

    with terrace.Cache[Any]("deep", memory=100_000) as cache:
        assert deepest(cache.memoize) >= deepest(functools.lru_cache) - 50


def test_coroutines_are_as_deep_as_the_limit_of_recursion_and_then_told() -> None:
    async def main() -> None:
        async with terrace.Cache[Any]("deep", load_timeout=60) as cache:
            @cache.memoize
            async def down(n: int) -> int:
                return 0 if n == 0 else 1 + await down(n - 1)  # type: ignore[no-any-return]

            assert await down(900) == 900

            @cache.memoize
            async def endless(n: int) -> int:
                return await endless(n + 1)  # type: ignore[no-any-return]

            with pytest.raises(RecursionError, match="loads within each other: the limit is sys.getrecursionlimit"):
                await endless(0)

    asyncio.run(main())


def test_endless_recursion_is_a_recursion_error() -> None:
    with terrace.Cache[Any]("deep", load_timeout=60) as cache:
        @cache.memoize
        def endless(n: int) -> int:
            return endless(n + 1)  # type: ignore[no-any-return]

        with pytest.raises(RecursionError):
            endless(0)
        assert cache.stats().loads_in_flight == 0

        @cache.memoize(timeout=60)
        def elsewhere(n: int) -> int:
            return elsewhere(n + 1)  # type: ignore[no-any-return]

        with pytest.raises(RecursionError):  # each on a thread of its own
            elsewhere(0)


# --- what a loader leaves behind ---


def test_what_a_loader_leaves_behind_is_no_part_of_it() -> None:
    """A task, a callback, and a copy of its context on another thread, used when the load is over."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        over = asyncio.Event()
        begun: list[Any] = []
        async with terrace.Cache[Any]("left") as cache:
            async def again() -> Any:
                await over.wait()
                await cache.adelete("conf")

                async def load() -> str:
                    return "of what was left behind"

                return await cache.aget_or_load("conf", load)

            def call_back() -> None:
                begun.append(asyncio.ensure_future(again()))

            async def load() -> str:
                begun.append(asyncio.create_task(again()))
                begun.append(contextvars.copy_context())
                loop.call_later(0, call_back)
                return "first"

            assert await cache.aget_or_load("conf", load) == "first"
            await asyncio.sleep(0)
            over.set()
            task, context, *_ = begun
            assert await asyncio.wait_for(task, 30) == "of what was left behind"

            def blocking() -> Any:
                cache.delete("conf")
                return cache.get_or_load("conf", lambda: "of a thread")

            assert await loop.run_in_executor(None, context.run, blocking) == "of a thread"
            while len(begun) < 3:
                await asyncio.sleep(0)
            assert await asyncio.wait_for(begun[2], 30) == "of what was left behind"

    asyncio.run(main())


def test_what_was_left_behind_takes_turns_like_others() -> None:
    context: list[contextvars.Context] = []
    with terrace.Cache[Any]("left", max_concurrent_loads=1) as cache:
        cache.get_or_load("k", lambda: context.append(contextvars.copy_context()))
        release, holds = threading.Event(), threading.Event()

        def hold() -> None:
            holds.set()
            release.wait(30)

        holder = threading.Thread(target=cache.get_or_load, args=("holder", hold))
        holder.start()
        assert holds.wait(30)
        with pytest.raises(terrace.Timeout):
            context[0].run(lambda: cache.get_or_load("other", lambda: 1, timeout=0.1))
        release.set()
        holder.join()


def test_while_the_load_runs_its_tasks_are_part_of_it() -> None:
    async def main() -> None:
        async with terrace.Cache[Any]("part") as cache:
            async def own() -> Any:
                return await cache.aget_or_load("k", lambda: 1)

            async def load() -> Any:
                return (await asyncio.gather(own()))[0]

            with pytest.raises(terrace.LoaderFailed, match="would wait for itself"):
                await asyncio.wait_for(cache.aget_or_load("k", load), 30)

    asyncio.run(main())


# --- loads that wait for each other ---

NEVER = "loads that wait for each other never end"


def told(raised: BaseException, *ways: str) -> None:
    assert isinstance(raised, terrace.LoaderFailed), raised
    assert any(f"{way}: {NEVER}" in str(raised) for way in ways), raised


def test_two_threads_whose_loads_need_each_other() -> None:
    with terrace.Cache[Any]("circle", load_timeout=3600) as one, terrace.Cache[Any]("other", load_timeout=3600) as other:
        for second in (one, other):
            both = threading.Barrier(2)

            def ask(mine: Any, cache: Any, needs: Any, of: Any) -> Any:
                def load() -> Any:
                    both.wait(30)
                    return of.get_or_load(needs, lambda: "never asked")

                try:
                    return cache.get_or_load(mine, load)
                except BaseException as raised:
                    return raised

            with concurrent.futures.ThreadPoolExecutor(2) as threads:
                ends = list(threads.map(ask, ["A", "B"], [one, second], ["B", "A"], [second, one]))
            for end in ends:
                if second is one:
                    told(end, 'the load of "A" waits for "B", which waits for "A"', 'the load of "B" waits for "A", which waits for "B"')
                else:
                    told(end, 'the load of "A" of cache circle waits for "B" of cache other, which waits for "A" of cache circle',
                         'the load of "B" of cache other waits for "A" of cache circle, which waits for "B" of cache other')
            assert one.get_or_load("A", lambda: 1) == 1
            one.delete("A")


def test_coroutines_whose_loads_need_each_other_in_a_circle_of_three() -> None:
    async def main() -> None:
        async with terrace.Cache[Any]("circle", load_timeout=3600) as cache:
            begun = 0

            async def ask(mine: str, needs: str) -> Any:
                async def load() -> Any:
                    nonlocal begun
                    begun += 1
                    while begun < 3:
                        await asyncio.sleep(0)
                    return await cache.aget_or_load(needs, lambda: "never asked")

                return await cache.aget_or_load(mine, load)

            calls = [ask("A", "B"), ask("B", "C"), ask("C", "A")]
            for end in await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 30):
                told(end, *[f'the load of "{a}" waits for "{b}", which waits for "{c}", which waits for "{a}"'
                            for a, b, c in ("ABC", "BCA", "CAB")])

    asyncio.run(main())


mutual: dict[str, Any] = {}


def even(n: int) -> Any:
    mutual["both"].wait(30)
    return mutual["odd"](n)


def odd(n: int) -> Any:
    mutual["both"].wait(30)
    return mutual["even"](n)


def test_memoized_functions_that_need_each_other() -> None:
    with terrace.Cache[Any]("circle", load_timeout=3600) as cache:
        mutual.update(both=threading.Barrier(2), even=cache.memoize(even), odd=cache.memoize(odd))

        def ends(function: Any) -> Any:
            try:
                return function(1)
            except BaseException as raised:
                return raised

        with concurrent.futures.ThreadPoolExecutor(2) as threads:
            for end in threads.map(ends, [mutual["even"], mutual["odd"]]):
                assert isinstance(end, terrace.LoaderFailed) and NEVER in str(end)
                assert "even(1)" in str(end) and "odd(1)" in str(end), end
                assert "~" not in str(end), end


def test_bulk_loads_with_a_limit_that_need_each_other() -> None:
    with terrace.Cache[Any]("circle", load_timeout=3600) as cache:
        both = threading.Barrier(2)

        def ask(mine: Any, needs: Any) -> Any:
            def load(keys: Any) -> Any:
                both.wait(30)
                return cache.get_or_load_many(needs, lambda keys: {}, timeout=3000)

            try:
                return cache.get_or_load_many(mine, load, timeout=3000)
            except BaseException as raised:
                return raised

        with concurrent.futures.ThreadPoolExecutor(2) as threads:
            for end in threads.map(ask, [["a", "b"], ["c", "d"]], [["x", "c"], ["y", "b"]]):
                assert isinstance(end, terrace.LoaderFailed) and NEVER in str(end)


def test_a_read_that_has_left_is_no_part_of_a_circle() -> None:
    async def main() -> None:
        async with terrace.Cache[Any]("left", load_timeout=3600) as cache:
            begun, left = 0, asyncio.Event()

            async def meet() -> None:
                nonlocal begun
                begun += 1
                while begun < 2:
                    await asyncio.sleep(0)

            async def load_a() -> str:
                await meet()
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(cache.aget_or_load("B", lambda: "never asked"), 0.05)
                left.set()
                return "a, without B"

            async def load_b() -> str:
                await meet()
                await left.wait()
                return await cache.aget_or_load("A", lambda: "never asked") + ", and b"

            calls = asyncio.gather(cache.aget_or_load("A", load_a), cache.aget_or_load("B", load_b))
            assert await asyncio.wait_for(calls, 30) == ["a, without B", "a, without B, and b"]

    asyncio.run(main())
