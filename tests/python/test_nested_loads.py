"""Loads within loads: a load that another load waits for never waits for one of the slots that those hold."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

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
