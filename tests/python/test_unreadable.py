"""What a loader for many keys says of them, and values that nobody can read: they are loaded, in every form of reading."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import terrace
from servers import RedisServer

Many = Callable[[terrace.Cache[Any], list[Any], Any], Any]


async def awaited(cache: terrace.Cache[Any], keys: list[Any], loader: Any) -> Any:
    return await cache.aget_or_load_many(keys, loader)


def of_coroutine(cache: terrace.Cache[Any], keys: list[Any], loader: Any) -> Any:
    async def load(missing: Any) -> Any:
        return loader(missing)

    return asyncio.run(awaited(cache, keys, load))


FORMS: dict[str, Many] = {
    "plain": lambda cache, keys, loader: cache.get_or_load_many(keys, loader),
    "with a limit": lambda cache, keys, loader: cache.get_or_load_many(keys, loader, timeout=30),
    "awaited": lambda cache, keys, loader: asyncio.run(awaited(cache, keys, loader)),
    "of a coroutine": of_coroutine,
}


@pytest.fixture(params=list(FORMS))
def many(request: pytest.FixtureRequest) -> Many:
    return FORMS[request.param]


@dataclasses.dataclass
class User:
    id: int


@pytest.fixture(params=["memory", "no memory"])
def spoiled(request: pytest.FixtureRequest, redis_server: RedisServer) -> Iterator[terrace.Cache[Any]]:
    """A cache whose tier has users, which it does not know, under u and v, and 5 under whole."""
    memory = 100 if request.param == "memory" else None
    with terrace.Cache[Any]("un", tiers=[redis_server.url], types=[User]) as writer:
        writer.set_many({"u": User(1), "v": User(2), "whole": 5})
    with terrace.Cache[Any]("un", memory=memory, tiers=[redis_server.url]) as made:
        yield made


def test_not_found_of_a_bulk_loader_makes_no_key_absent(many: Many) -> None:
    def load(keys: Any) -> Any:
        raise terrace.NotFound("b")

    with terrace.Cache[Any]("bulk", negative_ttl=60) as cache:
        cache["there"] = 1
        with pytest.raises(terrace.LoaderFailed, match="leave those out") as failed:
            many(cache, ["a", "b", "there"], load)
        assert isinstance(failed.value.__cause__, terrace.NotFound)
        assert cache.lookup("a").kind == cache.lookup("b").kind == "miss"
        assert many(cache, ["a", "b", "there"], lambda keys: {"a": 2}) == {"a": 2, "there": 1}
        assert cache.lookup("b").kind == "negative"


def test_what_cannot_be_read_is_loaded_with_many(many: Many, spoiled: terrace.Cache[Any]) -> None:
    asked: list[Any] = []

    def load(keys: Any) -> Any:
        asked.extend(keys)
        return {key: key.upper() for key in keys if key != "gone"}

    keys = ["u", "fresh", "whole", "v", "gone"]
    for _ in range(2):
        assert many(spoiled, keys, load) == {"u": "U", "fresh": "FRESH", "whole": 5, "v": "V"}
        spoiled.flush()
    assert sorted(set(asked)) == ["fresh", "gone", "u", "v"] and asked.count("u") == asked.count("v") == 1
    assert spoiled.stats().unreadable_values == 2


def test_a_failed_load_of_what_cannot_be_read_reaches_the_caller(many: Many, spoiled: terrace.Cache[Any]) -> None:
    with pytest.raises(ZeroDivisionError):
        many(spoiled, ["u", "whole"], lambda keys: 1 / 0)


def test_warming_loads_what_cannot_be_read(spoiled: terrace.Cache[Any]) -> None:
    def fail() -> Any:
        raise ZeroDivisionError

    tasks = [terrace.WarmTask("u", lambda: "U"), terrace.WarmTask("whole", lambda: 6), terrace.WarmTask("new", lambda: 7)]
    report = spoiled.warm([*tasks, terrace.WarmTask("v", fail)], attempts=1)
    assert (report.total, report.warmed, report.present, report.failed) == (4, 2, 1, 1)
    assert [failure.key for failure in report.failures] == ["v"]
    spoiled.flush()
    assert spoiled.get_many(["u", "whole", "new", "v"]) == {"u": "U", "whole": 5, "new": 7}
    assert spoiled.warm(tasks).present == 3


@pytest.mark.parametrize("keep", [True, False])
def test_an_absence_is_remembered_unless_the_loader_says_not_to_keep_it(keep: bool, many: Many) -> None:
    for ttl in (None, 30):
        with terrace.Cache[Any]("absent", negative_ttl=60) as cache:
            with pytest.raises(terrace.NotFound):
                cache.get_or_load("k", lambda: terrace.Load(terrace.ABSENT, ttl=ttl, keep=keep))
            assert many(cache, ["j"], lambda keys: [terrace.Load(terrace.ABSENT, ttl=ttl, keep=keep)]) == {}
            assert cache.lookup("k").kind == cache.lookup("j").kind == ("negative" if keep else "miss")


class Interrupted:
    """A codec whose loads() raises what it is told to."""

    name = "interrupted"
    raised: BaseException | None = None

    def dumps(self, value: Any) -> bytes:
        return repr(value).encode()

    def loads(self, stored: bytes) -> Any:
        if self.raised is not None:
            raise self.raised
        return eval(stored)


READS: dict[str, Callable[[terrace.Cache[Any]], Any]] = {
    "get": lambda cache: cache.get("k"),
    "[]": lambda cache: cache["k"],
    "in": lambda cache: "k" in cache,
    "lookup": lambda cache: cache.lookup("k"),
    "lookup_many": lambda cache: cache.lookup_many(["j", "k"]),
    "get_many": lambda cache: cache.get_many(["j", "k"]),
    "get_or_load": lambda cache: cache.get_or_load("k", lambda: 2),
    "get_or_load_many": lambda cache: cache.get_or_load_many(["j", "k"], lambda keys: {}),
    "aget": lambda cache: asyncio.run(cache.aget("k")),
    "alookup": lambda cache: asyncio.run(cache.alookup("k")),
    "aget_many": lambda cache: asyncio.run(cache.aget_many(["j", "k"])),
    "aget_or_load": lambda cache: asyncio.run(cache.aget_or_load("k", lambda: 2)),
    "aget_or_load_many": lambda cache: asyncio.run(cache.aget_or_load_many(["k"], lambda keys: {})),
    "warm": lambda cache: cache.warm([terrace.WarmTask("k", lambda: 2)]),
}


@pytest.mark.parametrize("memory", [100, None])
@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("form", list(READS))
def test_an_interrupt_while_a_value_is_read_is_the_callers(
    form: str, kind: type[BaseException], memory: int | None, redis_server: RedisServer
) -> None:
    codec = Interrupted()
    with terrace.Cache[Any]("interrupted", memory=None, tiers=[redis_server.url], codec=codec) as writer:
        writer["k"] = 1
    with terrace.Cache[Any]("interrupted", memory=memory, tiers=[redis_server.url], codec=codec) as cache:
        codec.raised = kind()
        with pytest.raises(kind):
            READS[form](cache)
        codec.raised = None
        assert cache["k"] == 1 and cache.stats().unreadable_values == 0
