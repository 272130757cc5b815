"""A str is one element wherever several may be given: never its letters."""

from __future__ import annotations

import asyncio
from typing import Any, Callable

import pytest
import terrace
from terrace.patterns import CacheInvalidation, CacheSharding, DistributedCache, L1Cache


def memoized(cache: terrace.Cache[Any], tags: Any) -> None:
    @cache.memoize(key="k", tags=tags)
    def function() -> int:
        return 1

    function()


def memoized_by_function(cache: terrace.Cache[Any], tags: Any) -> None:
    memoized(cache, lambda: tags)


def warmed(cache: terrace.Cache[Any], tags: Any) -> None:
    report = cache.warm([terrace.WarmTask("k", lambda: 1, tags=tags)])
    assert report.warmed == 1, report


def loaded_with_tags(cache: terrace.Cache[Any], tags: Any) -> None:
    cache.set("known", 1, tags=["layout"])  # tags of a Load count when the cache knows them
    cache.get_or_load("k", lambda: terrace.Load(1, tags=tags))


async def of(value: Any) -> Any:
    return value


FORMS: dict[str, Callable[[terrace.Cache[Any], Any], Any]] = {
    "set": lambda c, tags: c.set("k", 1, tags=tags),
    "set_many": lambda c, tags: c.set_many({"k": 1}, tags=tags),
    "get_or_load": lambda c, tags: c.get_or_load("k", lambda: 1, tags=tags),
    "get_or_load_many": lambda c, tags: c.get_or_load_many(["k"], lambda keys: [1], tags=tags),
    "aset": lambda c, tags: asyncio.run(c.aset("k", 1, tags=tags)),
    "aset_many": lambda c, tags: asyncio.run(c.aset_many({"k": 1}, tags=tags)),
    "aget_or_load": lambda c, tags: asyncio.run(c.aget_or_load("k", lambda: of(1), tags=tags)),
    "aget_or_load_many": lambda c, tags: asyncio.run(c.aget_or_load_many(["k"], lambda keys: of([1]), tags=tags)),
    "memoize": memoized,
    "memoize, tags by a function": memoized_by_function,
    "Load": loaded_with_tags,
    "WarmTask": warmed,
}
every_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())


@every_form
@pytest.mark.parametrize("tags", ["layout", ["layout"], {"layout"}], ids=repr)
def test_a_str_is_one_tag(form: Callable[[terrace.Cache[Any], Any], Any], tags: Any) -> None:
    cache: terrace.Cache[Any] = terrace.Cache("tags")
    form(cache, tags)
    assert cache["k"] == 1
    for letter in "layout":
        cache.invalidate(tag=letter)
    assert cache["k"] == 1
    cache.invalidate(tag="layout")
    assert "k" not in cache
    cache.close()


@every_form
@pytest.mark.parametrize("tags", [b"layout", bytearray(b"x"), [b"layout"], ["a", 1], 5, {"a": 1}, None], ids=repr)
def test_tags_of_other_types_are_refused(form: Callable[[terrace.Cache[Any], Any], Any], tags: Any) -> None:
    cache: terrace.Cache[Any] = terrace.Cache("tags")
    with pytest.raises(TypeError, match="tags="):
        form(cache, tags)
    assert "k" not in cache
    cache.close()


def test_a_template_of_a_tag_may_stand_alone() -> None:
    cache: terrace.Cache[Any] = terrace.Cache("tags")

    @cache.memoize(key="user:{name}", tags="team:{team}")
    def user(name: str, team: str) -> str:
        return name

    user("ada", "navy")
    assert "user:ada" in cache and cache.invalidate(tag="team:navy") == 1 and "user:ada" not in cache


MANY: dict[str, Callable[[terrace.Cache[Any]], Any]] = {
    "get_many": lambda c: c.get_many("abc"),
    "get_many of bytes": lambda c: c.get_many(b"abc"),
    "lookup_many": lambda c: c.lookup_many("abc"),
    "delete_many": lambda c: c.delete_many("abc"),
    "get_or_load_many": lambda c: c.get_or_load_many("abc", lambda keys: keys),
    "set_many": lambda c: c.set_many("abc"),  # type: ignore[arg-type]
    "set_many of pairs": lambda c: c.set_many([("a", 1)]),  # type: ignore[arg-type]
    "aget_many": lambda c: asyncio.run(c.aget_many("abc")),
    "adelete_many": lambda c: asyncio.run(c.adelete_many("abc")),
    "aset_many": lambda c: asyncio.run(c.aset_many("abc")),  # type: ignore[arg-type]
    "define_group": lambda c: c.define_group("g", "abc"),
    "invalidate, several tags": lambda c: c.invalidate(tag=["a", "b"]),  # type: ignore[arg-type]
    "invalidate, several patterns": lambda c: c.invalidate(pattern=["a", "b"]),  # type: ignore[arg-type]
    "invalidate, a prefix of bytes": lambda c: c.invalidate(prefix=b"a"),  # type: ignore[arg-type]
    "ainvalidate": lambda c: asyncio.run(c.ainvalidate(group=("a", "b"))),  # type: ignore[arg-type]
    "add_pattern": lambda c: CacheInvalidation(c).add_pattern("users", "user:1"),
    "tiers": lambda c: terrace.Cache("x", tiers="redis://localhost"),
    "types": lambda c: terrace.Cache("x", types="Point"),  # type: ignore[arg-type]
    "types, one class": lambda c: terrace.Cache("x", types=int),  # type: ignore[arg-type]
    "nodes": lambda c: DistributedCache("localhost:6379"),
    "shards": lambda c: CacheSharding("localhost:6379"),
    "Monitor": lambda c: terrace.Monitor(c),  # type: ignore[arg-type]
    "metrics": lambda c: terrace.metrics(c),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("call", MANY.values(), ids=MANY.keys())
def test_one_where_a_list_is_meant_is_refused(call: Callable[[terrace.Cache[Any]], Any]) -> None:
    cache: terrace.Cache[Any] = terrace.Cache("many")
    with pytest.raises((terrace.ConfigError, TypeError), match="give"):
        call(cache)
    cache.close()


def test_keys_that_are_invalidated_are_whole() -> None:
    cache: terrace.Cache[Any] = terrace.Cache("whole")
    cache.set_many({"abc": 1, "a": 2, "b": 3})
    assert cache.invalidate("abc") == 1 and cache["a"] == 2 and cache["b"] == 3
    level = L1Cache(10)
    level.set("user:1", 1), level.set("u", 2)
    invalidation = CacheInvalidation(level)
    invalidation.add_pattern("users", ["user:1"])
    assert invalidation.invalidate_by_pattern("users") == 1 and level.get("u") == 2
