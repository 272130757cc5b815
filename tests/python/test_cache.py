"""Cache: what each call does, blocking and awaited."""

from __future__ import annotations

import asyncio
import datetime
import enum
import pathlib
import threading
from typing import Any

import pytest
import terrace
from servers import RedisServer


def run(coroutine: Any) -> Any:
    return asyncio.run(coroutine)


def test_the_basics() -> None:
    cache: terrace.Cache[Any] = terrace.Cache("basics", ttl=datetime.timedelta(minutes=1))
    cache["a"] = 1
    cache.set("none", None)
    assert cache["a"] == cache.get("a") == 1 and "a" in cache
    assert cache.get("none", "nothing") is None and "none" in cache
    assert cache.get("x") is None and cache.get("x", 5) == cache.get("x", default=5) == 5 and "x" not in cache
    with pytest.raises(KeyError):
        cache["x"]
    del cache["a"]
    with pytest.raises(KeyError):
        del cache["a"]
    cache.set_many({"b": 2, "c": 3})
    assert cache.get_many(["b", "c", "d"]) == {"b": 2, "c": 3}
    assert cache.delete_many(["b", "d"]) == 1
    cache.clear()
    assert cache.get_many(["c", "none"]) == {}


def test_the_basics_awaited(redis_server: RedisServer) -> None:
    async def main() -> None:
        async with terrace.Cache[Any]("awaited", ttl=60, tiers=[redis_server.url]) as cache:
            await cache.aset("a", 1, tags=["t"])
            await cache.aset_many({"b": 2, "c": None})
            assert await cache.aget("a") == 1 and await cache.aget("c", 5) is None and await cache.aget("x", 5) == 5
            assert await cache.aget_many(["a", "b", "x"]) == {"a": 1, "b": 2}
            assert (await cache.alookup("b")).value == 2
            assert await cache.aget_or_load_many(["b", "y"], lambda keys: {k: k for k in keys}) == {"b": 2, "y": "y"}
            assert await cache.ainvalidate(tag="t") == 1 and await cache.aget("a") is None
            assert await cache.adelete("b") is True and await cache.adelete_many(["b", "c"]) == 1
            await cache.aflush()
            assert len((await cache.aexplain("y")).levels) == 2
            await cache.aclear()
            assert await cache.aget("y") is None

    run(main())


def test_loaders_of_every_form() -> None:
    cache: terrace.Cache[Any] = terrace.Cache("forms", ttl=60, negative_ttl=60)
    assert cache.get_or_load("a", lambda: 1) == 1
    assert cache.get_or_load("b", lambda key: key * 2) == "bb"
    assert cache.get_or_load("c", lambda key, context: (key, context.previous, context.stopped())) == ("c", None, False)
    assert cache.get_or_load("d", lambda: terrace.Load(4, ttl=1, tags=[])) == 4
    assert (cache.lookup("d").remaining or 99) <= 1
    assert cache.get_or_load("e", lambda: terrace.Load(5, keep=False)) == 5 and cache.get("e") is None
    assert cache.get_or_load("f", lambda: None) is None and cache.get("f", "nothing") is None

    def nobody(key: str) -> Any:
        raise terrace.NotFound(key)

    for loader in (nobody, lambda: terrace.ABSENT):
        with pytest.raises(terrace.NotFound):
            cache.get_or_load("g", loader)
    loads = cache.stats().loads
    with pytest.raises(terrace.NotFound):
        cache.get_or_load("g", lambda: 1)  # remembered
    assert cache.stats().loads == loads and cache.lookup("g").kind == "negative"
    assert cache.get("g", "default") == "default"


def test_stale_values_serve_and_are_refreshed_without_a_copy() -> None:
    cache: terrace.Cache[Any] = terrace.Cache("stale", ttl=60, grace=600)
    cache["k"] = "old"
    cache.invalidate("k", soft=True)

    def fails() -> Any:
        raise OSError("origin away")

    assert cache.get_or_load("k", fails) == "old"
    cache["l"] = "kept"
    cache.invalidate("l", soft=True)
    seen = []

    def unchanged(key: str, context: terrace.LoadContext) -> Any:
        seen.append(context.previous)
        return terrace.Load.unchanged(ttl=30)

    assert cache.get_or_load("l", unchanged) == "kept" and seen == ["kept"]
    assert cache.lookup("l").kind == "hit"


def test_eager_refresh_loads_in_the_background() -> None:
    cache: terrace.Cache[int] = terrace.Cache("eager", ttl=3600, eager_refresh=1e-9, ttl_jitter=0)
    loaded = threading.Event()
    cache["k"] = 1

    def load() -> int:
        loaded.set()
        return 2

    assert cache.get_or_load("k", load) == 1
    assert loaded.wait(30)

    async def aload() -> int:
        again.set()
        return 3

    async def main() -> None:
        async def until_refreshed() -> None:
            while not again.is_set():  # the refresh before may still be under way: then none begins
                assert await cache.aget_or_load("k", aload) in (1, 2, 3)
                await asyncio.sleep(0)

        await asyncio.wait_for(until_refreshed(), 30)

    again = asyncio.Event()
    run(main())


def test_a_loader_runs_where_its_caller_is_and_elsewhere_with_a_limit() -> None:
    cache: terrace.Cache[Any] = terrace.Cache("where")
    here = threading.current_thread()
    assert cache.get_or_load("a", threading.current_thread) is here
    assert cache.get_or_load("b", threading.current_thread, timeout=30) is not here


def test_invalidation_of_every_kind(redis_server: RedisServer) -> None:
    cache: terrace.Cache[int] = terrace.Cache("kinds", ttl=60, tiers=[redis_server.url])

    def fill() -> None:
        cache.set_many({f"user:{n}": n for n in range(3)}, tags=["users"])

    fill()
    assert cache.invalidate("user:0", "user:9") == 1
    assert cache.invalidate(prefix="user:") == 2
    fill()
    assert cache.invalidate(pattern="user:[01]") == 2 and cache.get("user:2") == 2
    fill()
    assert cache.invalidate(tag="users") == 1 and cache.get_many([f"user:{n}" for n in range(3)]) == {}
    fill()
    cache.define_group("some", ["user:1", "user:2"])
    assert cache.invalidate(group="some") == 2 and cache.get("user:0") == 0


def test_copies_and_none() -> None:
    shared: terrace.Cache[Any] = terrace.Cache("shared")
    value = {"a": [1]}
    shared["k"] = value
    assert shared["k"] is value
    copied: terrace.Cache[Any] = terrace.Cache("copied", copy=True)
    copied["k"] = value
    value["a"].append(2)
    got = copied["k"]
    assert got == {"a": [1]}
    got["a"].append(3)
    assert copied["k"] == copied.get_or_load("k", dict) == copied.lookup("k").value == {"a": [1]}


def test_memory_bounds(redis_server: RedisServer) -> None:
    few: terrace.Cache[int] = terrace.Cache("few", memory=10)
    small: terrace.Cache[str] = terrace.Cache("small", memory="64KB")
    for number in range(1000):
        few[number] = number
        small[number] = "x" * 1000
    assert few.stats().memory.entries == 10
    assert 0 < (small.stats().memory.bytes or 0) <= 64 << 10 and (small.stats().memory.entries or 0) > 20
    none: terrace.Cache[int] = terrace.Cache("none", memory=None, tiers=[redis_server.url])
    none["k"] = 1
    assert [none.lookup("k").level for _ in range(3)] == ["redis"] * 3


class Colour(enum.Enum):
    RED = 1


@pytest.mark.parametrize("key", [1, "1", True, b"1", 1.0, (1, "1"), None, Colour.RED, datetime.date(2026, 1, 1), 2**80, -5, frozenset({1, 2})], ids=repr)
def test_keys_of_many_types_work_in_tiers(key: Any, redis_server: RedisServer) -> None:
    cache: terrace.Cache[Any] = terrace.Cache("types", memory=None, tiers=[redis_server.url])
    cache[key] = repr(key)
    assert cache[key] == repr(key) and cache.get_or_load(key, int) == repr(key) and cache.delete(key)


def test_one_load_among_threads_loops_and_processes(redis_server: RedisServer) -> None:
    caches: list[terrace.Cache[int]] = [terrace.Cache("one", ttl=60, tiers=[redis_server.url]) for _ in range(4)]
    loads: list[int] = []
    ready = threading.Barrier(24, timeout=30)

    def load() -> int:
        loads.append(1)
        return 7

    async def aload() -> int:
        return load()

    found: list[int] = []

    def ask(number: int) -> None:
        cache = caches[number % 4]
        ready.wait()
        if number % 2:
            found.append(run(cache.aget_or_load("k", aload)))
        else:
            found.append(cache.get_or_load("k", load))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == [7] * 24 and len(loads) == 1


def test_a_thousand_tasks_one_load_and_the_cancelled_one_leaves_it_to_the_others() -> None:
    cache: terrace.Cache[int] = terrace.Cache("tasks")
    loads = 0

    async def main() -> None:
        nonlocal loads
        go_on = asyncio.Event()

        async def load() -> int:
            nonlocal loads
            loads += 1
            await go_on.wait()
            return 1

        first = asyncio.create_task(cache.aget_or_load("k", load))
        while loads == 0:
            await asyncio.sleep(0)
        others = [asyncio.create_task(cache.aget_or_load("k", load)) for _ in range(999)]
        await asyncio.sleep(0)
        first.cancel()
        go_on.set()
        assert await asyncio.gather(*others) == [1] * 999
        with pytest.raises(asyncio.CancelledError):
            await first

    run(main())
    assert loads == 1


def test_a_loop_that_is_closed_leaves_nobody_waiting() -> None:
    cache: terrace.Cache[int] = terrace.Cache("closed-loop", load_timeout=5)

    async def never() -> int:
        await asyncio.get_running_loop().create_future()
        return 1

    async def main() -> None:
        asyncio.create_task(cache.aget_or_load("k", never))
        for _ in range(5):
            await asyncio.sleep(0)

    run(main())
    assert cache.get_or_load("other", lambda: 2) == 2
    assert cache.get_or_load("k", lambda: 3) == 3  # its load was cancelled with the loop, and said so


def test_the_gil_is_free_while_a_server_is_waited_for(own_redis: RedisServer) -> None:
    cache: terrace.Cache[int] = terrace.Cache("gil", memory=None, tiers=[own_redis.url], tier_timeout=30)
    cache["k"] = 1
    assert own_redis.process is not None
    own_redis.process.send_signal(19)  # SIGSTOP
    waiting = threading.Event()

    def read() -> None:
        waiting.set()
        cache.get("k")

    reader = threading.Thread(target=read)
    reader.start()
    assert waiting.wait(30)
    counted = sum(1 for _ in range(1_000_000))  # this thread goes on
    assert counted == 1_000_000 and reader.is_alive()
    own_redis.process.send_signal(18)  # SIGCONT
    reader.join(30)
    assert not reader.is_alive()


def test_a_file_of_configuration(tmp_path: pathlib.Path, redis_server: RedisServer) -> None:
    file = tmp_path / "terrace.toml"
    file.write_text(f'[tiers.redis]\nurl = "{redis_server.url}"\n[caches.users]\ntiers = ["redis"]\nttl = "10m"\n[caches.pages]\nmax_entries = 5\n')
    with terrace.open_caches(file) as caches:
        assert set(caches) == {"users", "pages"} and caches["pages"].max_entries == 5
        caches["users"]["k"] = 1
        assert 500 < (caches["users"].lookup("k").remaining or 0) <= 600
    file.write_text("[caches.users]\nttl = 'soon'\n")
    with pytest.raises(terrace.ConfigError, match="terrace.toml:2"):
        terrace.open_caches(file)


# --- memoize ---


class Tenant:
    def __init__(self, name: str) -> None:
        self.name = name
        self.__terrace_key__ = name


CACHE: terrace.Cache[Any] = terrace.Cache("memoized", ttl=60)


class Shop:
    def __init__(self, name: str) -> None:
        self.name = name
        self.calls = 0

    @CACHE.memoize(key="price:{self.name}:{item}", tags=["shop:{self.name}"])
    def price(self, item: str) -> int:
        self.calls += 1
        return len(item)

    @staticmethod
    @CACHE.memoize
    def fixed(x: int) -> int:
        return x + 1

    @classmethod
    @CACHE.memoize
    def of_class(cls, x: int) -> str:
        return f"{cls.__name__}{x}"


def test_methods() -> None:
    one, two = Shop("one"), Shop("two")
    assert one.price("tea") == one.price(item="tea") == 3 and two.price("tea") == 3
    assert (one.calls, two.calls) == (1, 1)
    CACHE.invalidate(tag="shop:one")
    one.price("tea"), two.price("tea")
    assert (one.calls, two.calls) == (2, 1)
    assert Shop.price.invalidate(two, "tea") is True  # type: ignore[attr-defined]
    assert Shop.fixed(1) == 2 and Shop.of_class(1) == "Shop1"

    @CACHE.memoize
    def by_tenant(tenant: Tenant) -> str:
        return tenant.name

    assert by_tenant(Tenant("a")) == "a" and by_tenant(Tenant("b")) == "b"


def test_templates_keep_arguments_apart() -> None:
    @CACHE.memoize(key="pair:{a}:{b}")
    def pair(a: str, b: str) -> tuple[str, str]:
        return a, b

    for arguments in (("a:b", "c"), ("a", "b:c"), ("a%3Ab", "c"), ("", "a:b:c")):
        assert pair(*arguments) == arguments
    assert pair.key("x", "y") == b"pair:x:y" and pair.key("a:b", "c") == b"pair:a%3Ab:c"  # type: ignore[attr-defined]


def test_memoize_knows_calls_by_their_arguments_however_they_are_given() -> None:
    calls: list[Any] = []

    @CACHE.memoize
    def call(a: Any, b: Any = 2, *rest: Any, c: Any = 3, **named: Any) -> int:
        calls.append(1)
        return len(calls)

    assert call(1) == call(1, 2) == call(a=1) == call(1, c=3) == 1
    assert call(1, 2, 4) == 2 and call(1, d=5, e=6) == call(1, e=6, d=5) == 3
    assert call("x" * 5000) == call("x" * 5000) == 4 and call("x" * 5001) == 5
    with pytest.raises(TypeError):
        call()


def test_what_a_condition_refuses_is_not_kept() -> None:
    calls = []

    @CACHE.memoize(condition=lambda result: result > 10)
    def grow(x: int) -> int:
        calls.append(x)
        return x

    for _ in range(2):
        grow(5), grow(50)
    assert calls == [5, 50, 5]


def test_coroutine_functions() -> None:
    calls = []

    @CACHE.memoize(ttl=5, key="twice:{x}")
    async def twice(x: int) -> int:
        calls.append(x)
        await asyncio.sleep(0)
        return 2 * x

    async def main() -> None:
        assert await asyncio.gather(*[twice(2) for _ in range(50)]) == [4] * 50
        assert await twice(2) == 4 and calls == [2]
        assert await twice.invalidate(2) is True  # type: ignore[attr-defined]
        assert await twice(2) == 4 and calls == [2, 2]

    run(main())
    assert asyncio.iscoroutinefunction(twice)
