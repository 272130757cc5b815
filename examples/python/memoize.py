"""Functions and coroutine functions that remember their results."""

import asyncio

import terrace

cache = terrace.Cache[int]("example-memoize", ttl=60)
calls: list[str] = []


@cache.memoize(key="price:{shop}:{item}", tags=["shop:{shop}"])
def price(shop: str, item: str) -> int:
    calls.append(item)
    return len(item)


assert price("corner", "tea") == price("corner", "tea") == 3
assert calls == ["tea"]
cache.invalidate(tag="shop:corner")
price("corner", "tea")
assert calls == ["tea", "tea"]


@cache.memoize
async def square(x: int) -> int:
    return x * x


async def main() -> None:
    print(await asyncio.gather(square(2), square(2), square(3)))


asyncio.run(main())
