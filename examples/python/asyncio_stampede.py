"""A thousand tasks want one key that nobody has: one load."""

import asyncio
import os

import terrace

REDIS = os.environ.get("TERRACE_EXAMPLE_REDIS", "redis://localhost")
loads = 0


async def load() -> str:
    global loads
    loads += 1
    await asyncio.sleep(0.01)
    return "value"


async def main() -> None:
    async with terrace.Cache[str]("example-stampede", ttl=60, tiers=[REDIS]) as cache:
        await cache.aclear()
        values = await asyncio.gather(*[cache.aget_or_load("key", load) for _ in range(1000)])
        assert set(values) == {"value"}
        print(f"{len(values)} tasks, {loads} load")
        assert loads == 1


asyncio.run(main())
