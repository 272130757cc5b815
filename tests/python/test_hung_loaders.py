"""Coroutines that hang while they load: cancelled when the load is given up, so that their turns come back."""

from __future__ import annotations

import asyncio

import pytest

import terrace


def test_coroutines_that_hang_are_cancelled_and_give_their_turns_back() -> None:
    async def main() -> None:
        cancelled = 0
        async with terrace.Cache("hung", load_timeout=0.3, max_concurrent_loads=4) as cache:
            async def hang() -> int:
                nonlocal cancelled
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    cancelled += 1
                    raise
                return 0

            async def made_by_a_plain_function() -> int:
                return await hang()

            async def healthy() -> str:
                return "value"

            loaders = [hang, hang, lambda: hang(), lambda: made_by_a_plain_function()]
            calls = [asyncio.create_task(cache.aget_or_load(number, loader)) for number, loader in enumerate(loaders)]
            for ended in await asyncio.gather(*calls, return_exceptions=True):
                assert isinstance(ended, terrace.TerraceError)
            while True:
                try:
                    assert await cache.aget_or_load("other", healthy) == "value"
                    break
                except terrace.Timeout:
                    continue  # no turn is free yet
            while cancelled < 4 or cache.stats().loads_in_flight > 0:
                await _turn()

    asyncio.run(asyncio.wait_for(main(), 60))


async def _turn() -> None:
    """Lets the loop run its timers."""
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), 0.05)
