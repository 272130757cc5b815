"""Hits in memory: terrace against functools, caches of Python and of Rust, asyncio caches, and the hand-written classes."""

from __future__ import annotations

import asyncio
import functools
import importlib
import threading
import time
from typing import Any

import by_hand
import terrace
from terrace.patterns import CacheDecorator, L1Cache
from turns import Contestant, Table, medians, quick

TIMES, ROUNDS = (2_000, 3) if quick() else (100_000, 15)
KEY = "user:12345"


def imported(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        print(f"| {name} | not here: {error} | | | |")
        return None


def getter(get: Any) -> Any:
    """get(KEY), so often, with as little around it as there can be."""

    def run(times: int) -> None:
        key = KEY
        for _ in range(times):
            get(key)

    return run


def locked(cache: Any) -> Any:
    """As the documentation of cachetools has it for threads."""
    lock = threading.Lock()

    def run(times: int) -> None:
        key = KEY
        for _ in range(times):
            with lock:
                cache.get(key)

    return run


def subscript(cache: Any) -> Any:
    def run(times: int) -> None:
        key = KEY
        for _ in range(times):
            cache[key]

    return run


def hits() -> None:
    cache: terrace.Cache[int] = terrace.Cache("bench", ttl=3600)
    cache[KEY] = 1

    @functools.lru_cache(maxsize=1000)
    def cached(key: str) -> int:
        return 1

    cached(KEY)
    contestants = [Contestant("terrace get", getter(cache.get)), Contestant("terrace []", subscript(cache)),
                   Contestant("functools.lru_cache", getter(cached))]
    table = Table("A hit in memory")
    if cachetools := imported("cachetools"):
        lru, ttl = cachetools.LRUCache(1000), cachetools.TTLCache(1000, 3600)
        lru[KEY] = ttl[KEY] = 1
        contestants += [Contestant("cachetools LRUCache", getter(lru.get)), Contestant("cachetools TTLCache", getter(ttl.get)),
                        Contestant("cachetools LRUCache, with a lock", locked(lru)), Contestant("cachetools TTLCache, with a lock", locked(ttl))]
    if theine := imported("theine"):
        other = theine.Cache(1000)
        other.set(KEY, 1)
        contestants.append(Contestant("theine", getter(other.get)))
    if cachebox := imported("cachebox"):
        box = cachebox.LRUCache(1000)
        box[KEY] = 1
        contestants.append(Contestant("cachebox LRUCache", getter(box.get)))
    if dogpile := imported("dogpile.cache"):
        region = dogpile.make_region().configure("dogpile.cache.memory", expiration_time=3600)
        region.set(KEY, 1)
        contestants.append(Contestant("dogpile.cache memory", getter(region.get)))
    if diskcache := imported("diskcache"):
        disk = diskcache.Cache()
        disk[KEY] = 1
        contestants.append(Contestant("diskcache (a file)", lambda times: getter(disk.get)(max(1, times // 100))))
    by_name = medians(contestants, TIMES, ROUNDS)
    ours, lru_ns = by_name["terrace get"], by_name["functools.lru_cache"]
    table.line("functools.lru_cache", lru_ns)
    table.at_most("terrace get", ours, lru_ns, 1.5)
    table.at_most("terrace []", by_name["terrace []"], lru_ns, 1.5)
    for name, ns in by_name.items():
        if name == "diskcache (a file)":
            ns *= TIMES / max(1, TIMES // 100)
        if name.startswith(("terrace", "functools")):
            continue
        table.at_least(name, ns, ours, 10 if name.startswith("cachetools") else None)


def memoized() -> None:
    cache: terrace.Cache[int] = terrace.Cache("bench-memoize", ttl=3600)

    def plain(key: str) -> int:
        return 1

    ours, templated, theirs = cache.memoize(plain), cache.memoize(key="user:{key}")(lambda key: 1), functools.lru_cache(maxsize=1000)(plain)
    for function in (ours, templated, theirs):
        function(KEY)
    by_name = medians([Contestant("ours", getter(ours)), Contestant("template", getter(templated)), Contestant("lru", getter(theirs))], TIMES, ROUNDS)
    table = Table("A memoized call")
    table.line("functools.lru_cache", by_name["lru"])
    table.at_most("terrace memoize", by_name["ours"], by_name["lru"], 2)
    table.at_most("terrace memoize, with a template", by_name["template"], by_name["lru"], 2)


def hand_written() -> None:
    cache: terrace.Cache[int] = terrace.Cache("bench-hand", ttl=3600)
    pattern, theirs = L1Cache(1000), by_hand.L1(1000)
    cache[KEY] = 1
    pattern.set(KEY, 1, 3600)
    theirs.set(KEY, 1, 3600)

    def plain(key: str) -> int:
        return 1

    ours_f, theirs_f = CacheDecorator(L1Cache(1000), ttl=3600)(plain), by_hand.decorator(by_hand.L1(1000), 3600)(plain)
    ours_f(KEY), theirs_f(KEY)
    by_name = medians(
        [Contestant("ours", getter(cache.get)), Contestant("pattern", getter(pattern.get)), Contestant("hand", getter(theirs.get)),
         Contestant("ours f", getter(ours_f)), Contestant("hand f", getter(theirs_f))], TIMES // 2, ROUNDS)
    table = Table("The hand-written classes, in memory")
    table.line("terrace get", by_name["ours"])
    table.at_least("L1Cache by hand, against terrace get", by_name["hand"], by_name["ours"], 10)
    table.line("terrace.patterns.L1Cache", by_name["pattern"])
    table.at_least("L1Cache by hand, against terrace.patterns", by_name["hand"], by_name["pattern"], 10)
    table.line("terrace.patterns.CacheDecorator", by_name["ours f"])
    table.at_least("CacheDecorator by hand", by_name["hand f"], by_name["ours f"], 10)


async def awaited() -> None:
    cache: terrace.Cache[int] = terrace.Cache("bench-async", ttl=3600)
    cache[KEY] = 1
    gets: dict[str, Any] = {"terrace aget": cache.aget}
    if aiocache := imported("aiocache"):
        other = aiocache.SimpleMemoryCache()
        await other.set(KEY, 1)
        gets["aiocache memory"] = other.get
    if cashews := imported("cashews"):
        third = cashews.Cache()
        third.setup("mem://")
        await third.set(KEY, 1)
        gets["cashews memory"] = third.get
    seen: dict[str, list[float]] = {name: [] for name in gets}
    for _ in range(ROUNDS):
        for name, get in gets.items():
            times = TIMES // 20
            began = time.perf_counter()
            for _ in range(times):
                await get(KEY)
            seen[name].append((time.perf_counter() - began) / times * 1e9)
    by_name = {name: sorted(figures)[len(figures) // 2] for name, figures in seen.items()}
    table = Table("A hit in memory, awaited")
    table.line("terrace aget", by_name["terrace aget"])
    for name in list(by_name)[1:]:
        table.at_least(name, by_name[name], by_name["terrace aget"], 20)


async def stampede() -> None:
    cache: terrace.Cache[str] = terrace.Cache("bench-stampede", ttl=3600)
    loads = 0

    async def load() -> str:
        nonlocal loads
        loads += 1
        await asyncio.sleep(0.001)
        return "value"

    began = time.perf_counter()
    await asyncio.gather(*[cache.aget_or_load("k", load) for _ in range(1000)])
    print(f"\n1,000 tasks on one missing key: {loads} load, {(time.perf_counter() - began) * 1e3:.0f} ms (goal: 1 load)")


if __name__ == "__main__":
    hits()
    memoized()
    hand_written()
    asyncio.run(awaited())
    asyncio.run(stampede())
