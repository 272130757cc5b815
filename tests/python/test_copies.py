"""copy=True: what a program holds and what a cache holds are two things, whichever way a value went in or came out."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, Callable

import pytest
import terrace


def cache_of(**options: Any) -> terrace.Cache[Any]:
    return terrace.Cache("copies", copy=True, **options)


def loader(value: Any) -> Callable[[], Any]:
    return lambda: value


async def awaited(value: Any) -> Any:
    return value


def by_memoize(cache: terrace.Cache[Any], value: Any) -> None:
    cache.memoize(key="k{n}")(lambda n: value)("")


def by_coroutine(cache: terrace.Cache[Any], value: Any) -> None:
    async def loads(n: str) -> Any:
        return value

    asyncio.run(cache.memoize(key="k{n}")(loads)(""))


INTO: dict[str, Callable[[terrace.Cache[Any], Any], Any]] = {
    "set": lambda cache, value: cache.set("k", value),
    "item": lambda cache, value: cache.__setitem__("k", value),
    "set_many": lambda cache, value: cache.set_many({"k": value, "l": value}),
    "aset": lambda cache, value: asyncio.run(cache.aset("k", value)),
    "aset_many": lambda cache, value: asyncio.run(cache.aset_many({"k": value})),
    "get_or_load": lambda cache, value: cache.get_or_load("k", loader(value)),
    "Load": lambda cache, value: cache.get_or_load("k", loader(terrace.Load(value, ttl=50))),
    "timeout": lambda cache, value: cache.get_or_load("k", loader(value), timeout=20),
    "aget_or_load": lambda cache, value: asyncio.run(cache.aget_or_load("k", lambda: awaited(value))),
    "aget_or_load, plain": lambda cache, value: asyncio.run(cache.aget_or_load("k", loader(value))),
    "get_or_load_many": lambda cache, value: cache.get_or_load_many(["k"], lambda keys: {"k": value}),
    "get_or_load_many, list": lambda cache, value: cache.get_or_load_many(["k"], lambda keys: [value]),
    "aget_or_load_many": lambda cache, value: asyncio.run(cache.aget_or_load_many(["k"], lambda keys: {"k": value})),
    "memoize": by_memoize,
    "memoize, coroutine": by_coroutine,
    "warm": lambda cache, value: cache.warm([terrace.WarmTask("k", loader(value))]),
}
OUT: dict[str, Callable[[terrace.Cache[Any]], Any]] = {
    "get": lambda cache: cache.get("k"),
    "item": lambda cache: cache["k"],
    "aget": lambda cache: asyncio.run(cache.aget("k")),
    "get_many": lambda cache: cache.get_many(["k"])["k"],
    "lookup": lambda cache: cache.lookup("k").value,
    "get_or_load": lambda cache: cache.get_or_load("k", list),
    "aget_or_load": lambda cache: asyncio.run(cache.aget_or_load("k", lambda: awaited([]))),
    "get_or_load_many": lambda cache: cache.get_or_load_many(["k"], lambda keys: [])["k"],
    "memoize": lambda cache: cache.memoize(key="k{n}")(lambda n: [])(""),
}


@pytest.mark.parametrize("tiers", [False, True])
@pytest.mark.parametrize("way", INTO)
def test_what_went_in_may_change_afterwards(way: str, tiers: bool, tmp_path: Any) -> None:
    with cache_of(tiers=[f"sqlite:{tmp_path / 'c.db'}"] if tiers else ()) as cache:
        value = [{"a": [1]}]
        given = INTO[way](cache, value)
        value[0]["a"].append(2)
        assert cache["k"] == [{"a": [1]}]
        if isinstance(given, list):  # what the caller got of the load
            given.append(3)
        if isinstance(given, dict):
            given["k"].append(3)
        assert cache["k"] == [{"a": [1]}]


@pytest.mark.parametrize("way", OUT)
def test_what_came_out_may_change(way: str) -> None:
    with cache_of() as cache:
        cache["k"] = [1]
        OUT[way](cache).append(2)
        assert cache["k"] == [1]


@pytest.mark.parametrize("way", [way for way in INTO if way != "warm"])
def test_what_cannot_be_copied_is_refused_when_it_goes_in(way: str) -> None:
    with cache_of() as cache:
        with pytest.raises(terrace.EncodeError, match="copy=True: this list cannot be copied.*__deepcopy__") as refused:
            INTO[way](cache, [threading.Lock()])
        assert isinstance(refused.value.__cause__, TypeError)
        assert cache.get("k", "nothing") == "nothing"


def test_warming_tells_what_cannot_be_copied() -> None:
    with cache_of() as cache:
        report = INTO["warm"](cache, [threading.Lock()])
        assert report.failed == 1 and isinstance(report.failures[0].error, terrace.EncodeError)


def test_what_a_loader_is_told_of_the_former_value_may_change() -> None:
    with cache_of(ttl=60, grace=600) as cache:
        cache["k"] = [1]
        cache.invalidate("k", soft=True)
        held: list[Any] = []

        def load(key: str, context: terrace.LoadContext) -> Any:
            held.append(context.previous)
            context.previous.append(2)
            raise OSError("the origin is away")

        assert cache.get_or_load("k", load) == [1]
        assert held == [[1, 2]]


def test_a_value_that_is_only_handed_on_is_copied_too() -> None:
    with cache_of() as cache:
        value = [1]
        got = cache.get_or_load("k", lambda: terrace.Load(value, keep=False))
        value.append(2)
        assert got == [1]
