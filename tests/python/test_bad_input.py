"""What is wrong is named, with the way out; nothing hangs, nothing is clipped."""

from __future__ import annotations

import asyncio
import datetime
import re
import threading
import time
from typing import Any

import pytest
import terrace
from servers import RedisServer, free_port


class Thing:
    pass


@pytest.mark.parametrize("key", [Thing(), {"a": 1}, [1], object, {1}, (1, Thing()), "\ud800", bytearray(b"x")], ids=repr)
def test_what_cannot_be_a_key_is_named(key: Any) -> None:
    cache = terrace.Cache("keys")
    if key is object:
        assert cache.get(key) is None  # a class is a key
        return
    for call in (cache.get, cache.delete, lambda k: cache.set(k, 1), lambda k: k in cache, lambda k: cache[k], lambda k: cache.get_or_load(k, int)):
        with pytest.raises(terrace.KeyTypeError, match="use|encode"):
            call(key)


@pytest.mark.parametrize("tags", ["\ud800", ["fine", "\ud800"]], ids=ascii)
def test_a_tag_that_is_no_text_is_named(tags: Any) -> None:
    cache: terrace.Cache[Any] = terrace.Cache("tags")
    memoized = cache.memoize(tags=["of:{x}"])(lambda x: 1)
    calls: list[Any] = [
        lambda: cache.set("k", 1, tags=tags), lambda: cache.get_or_load("k", int, tags=tags), lambda: cache.memoize(tags=tags)(lambda: 1),
        lambda: cache.get_or_load("k", lambda: terrace.Load(1, tags=tags)), lambda: memoized("\ud800"),
        lambda: cache.invalidate(tag="\ud800"), lambda: cache.invalidate(prefix="\ud800"), lambda: cache.invalidate(pattern="\ud800"),
    ]
    for call in calls:
        with pytest.raises(terrace.KeyTypeError, match="lone surrogates.*encode"):
            call()


@pytest.mark.parametrize("tag, named", [("", "is empty"), ("x" * 2000, "xxx.* is longer than 1024 bytes; use a shorter one")],
                         ids=["empty", "too long"])
def test_a_tag_that_cannot_be_fails_the_load(tag: str, named: str, redis_server: RedisServer) -> None:
    for tiers in ([], [redis_server.url]):
        cache: terrace.Cache[Any] = terrace.Cache("load-tags", ttl=60, tiers=tiers)
        for tags in (tag, ["fine", tag]):
            with pytest.raises(terrace.LoaderFailed, match=f"the loader of .k. gave an invalid tag: .*{named}"):
                cache.get_or_load("k", lambda: terrace.Load(1, tags=tags))
        assert cache.stats().load_failures == 2
        assert cache.get_or_load("k", lambda: terrace.Load(2, tags="fine")) == 2


def test_keys_of_other_types_are_other_keys() -> None:
    cache = terrace.Cache("distinct")
    keys = [1, "1", True, b"1", 1.0, (1,), ("1",), None, "None", 0, False, "", "\x01i1", datetime.date(2026, 1, 1), "2026-01-01"]
    for number, key in enumerate(keys):
        cache[key] = number
    assert [cache[key] for key in keys] == list(range(len(keys)))


@pytest.mark.parametrize("value, where", [
    (Thing(), "value"), ({"user": [1, Thing()]}, r"value\['user'\]\[1\]"), ((1, {Thing()}), r"value\[1\]\[0\]"), (lambda: 1, "value"),
    ("\ud800", "surrogates")])
def test_what_tiers_cannot_store_is_named_with_its_place(value: Any, where: str, redis_server: RedisServer) -> None:
    cache = terrace.Cache("values", tiers=[redis_server.url])
    with pytest.raises(terrace.EncodeError, match=where):
        cache["k"] = value
    with pytest.raises(terrace.EncodeError, match=where):
        cache.get_or_load("k", lambda: value)
    assert cache.get("k") is None
    terrace.Cache("memory-takes-anything")["k"] = value


def test_deep_and_circular_values_are_refused(redis_server: RedisServer) -> None:
    cache = terrace.Cache("deep", tiers=[redis_server.url])
    circle: list[Any] = []
    circle.append(circle)
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    for value in (circle, deep, {"a": circle}):
        with pytest.raises(terrace.EncodeError, match="deep"):
            cache["k"] = value
    while deep:  # freed level by level
        deep = deep.pop()


@pytest.mark.parametrize("ttl", [0, -1, float("nan"), True, "60", datetime.timedelta(0), [1]])
def test_wrong_ttls_are_refused_everywhere(ttl: Any) -> None:
    cache = terrace.Cache("ttls")
    for call in (lambda: terrace.Cache("x", ttl=ttl), lambda: cache.set("k", 1, ttl=ttl), lambda: cache.memoize(ttl=ttl)(len),
                 lambda: cache.warm([terrace.WarmTask("k", int, ttl=ttl)])):
        with pytest.raises(terrace.ConfigError, match="ttl"):
            call()
    if ttl in (0, -1, datetime.timedelta(0)):  # such as max-age=0: it answers, and is not kept
        assert cache.get_or_load("k", lambda: terrace.Load(1, ttl=ttl)) == 1
    else:
        with pytest.raises(terrace.ConfigError, match="ttl"):
            cache.get_or_load("k", lambda: terrace.Load(1, ttl=ttl))
    assert cache.get("k") is None


@pytest.mark.parametrize("options, names", [
    ({"memory": 0}, "memory=0"), ({"memory": "12 parsecs"}, "parsecs"), ({"eviction": "mru"}, "lru"), ({"consistency": "total"}, "eventual"),
    ({"tiers": "redis://localhost"}, r"\["), ({"tiers": ["ftp://x"]}, "sqlite:"), ({"tiers": [5]}, "ConnectionPool"), ({"name": "a b"}, "a b"),
    ({"write_mode": "back"}, "journal|path"), ({"tier_timeout": 0}, "tier_timeout"), ({"max_concurrent_loads": 0}, "max_concurrent_loads"),
    ({"codec": "json"}, "msgpack"), ({"type": object}, "dataclass"), ({"types": [int]}, "dataclass"), ({"ttl_jitter": 2}, "ttl_jitter"),
    ({"soft_load_timeout": 60}, "soft_load_timeout"), ({"key_ring": "/nowhere"}, "/nowhere")])
def test_a_wrong_option_is_named_with_what_would_be_right(options: dict[str, Any], names: str) -> None:
    with pytest.raises(terrace.ConfigError, match=names):
        terrace.Cache(**options)


def test_no_secret_is_in_a_message(redis_server: RedisServer) -> None:
    url = "redis://user:hunter2@127.0.0.1:1"
    cache = terrace.Cache("secret", tiers=[url], memory=None)
    told = [repr(cache), repr(cache.lookup("k").error), str(cache.explain("k"))]
    for wrong in ("redis://user:hunter2@", "foo://user:hunter2@host", "redis://user:hunter2@host:notaport"):
        with pytest.raises(terrace.ConfigError) as error:
            terrace.Cache("secret", tiers=[wrong])
        told.append(str(error.value))
    assert not [text for text in told if "hunter2" in text]


def test_a_closed_cache_says_so() -> None:
    cache = terrace.Cache("shut")
    cache["k"] = 1
    cache.close()
    cache.close()
    for call in (lambda: cache.get("k"), lambda: cache["k"], lambda: "k" in cache, lambda: cache.set("k", 1), lambda: cache.delete("k"),
                 lambda: cache.get_or_load("k", int), lambda: cache.clear(), lambda: cache.invalidate("k"), lambda: cache.explain("k"),
                 lambda: asyncio.run(cache.aget("k")), lambda: cache.warm([]), lambda: cache.memoize(lambda x: x)(1), lambda: terrace.Monitor([cache])):
        with pytest.raises(terrace.Closed, match="shut|closed"):
            call()
    assert cache.stats().closed


def test_servers_that_are_away_cost_no_more_than_the_limit() -> None:
    cache = terrace.Cache("away", tiers=[f"redis://127.0.0.1:{free_port()}"], tier_timeout=0.2)
    began = time.monotonic()
    assert cache.get("k", "default") == "default"
    assert cache.lookup("k").kind == "unavailable"
    assert cache.get_or_load("k", lambda: 1) == 1
    with pytest.raises(terrace.WriteError, match="redis"):
        cache["k"] = 2
    assert time.monotonic() - began < 4 * (0.2 + 0.5)


def test_everybody_who_waits_gets_what_the_loader_raised() -> None:
    cache = terrace.Cache("raises")
    running, go_on = threading.Event(), threading.Event()

    class Broken(Exception):
        pass

    def load() -> int:
        running.set()
        assert go_on.wait(30)
        raise Broken("on fire")

    raised: list[BaseException] = []

    def ask() -> None:
        try:
            cache.get_or_load("k", load)
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=ask) for _ in range(5)]
    threads[0].start()
    assert running.wait(30)
    for thread in threads[1:]:
        thread.start()
    go_on.set()
    for thread in threads:
        thread.join(30)
    assert [type(error) for error in raised] == [Broken] * 5
    assert cache.get("k") is None


def test_loaders_that_do_what_they_must_not() -> None:
    cache = terrace.Cache("loaders")

    async def coroutine() -> int:
        return 1

    with pytest.raises(terrace.LoaderFailed, match="aget_or_load"):
        cache.get_or_load("k", coroutine)
    with pytest.raises(terrace.LoaderFailed, match="aget_or_load"):
        cache.get_or_load("k", lambda: coroutine())
    with pytest.raises(terrace.LoaderFailed, match="the key that it is loading"):
        cache.get_or_load("k", lambda: cache.get_or_load("k", int))
    with pytest.raises(terrace.LoaderFailed, match="2 values for 1"):
        cache.get_or_load_many(["k"], lambda keys: [1, 2])
    with pytest.raises(terrace.LoaderFailed, match="return a dict"):
        cache.get_or_load_many(["k"], lambda keys: 5)  # type: ignore[arg-type, return-value]
    with pytest.raises(TypeError, match="give a function"):
        cache.get_or_load("k", 5)  # type: ignore[arg-type]
    # Another key, and another cache, are fine.
    assert cache.get_or_load("k", lambda: cache.get_or_load("other", lambda: 1) + 1) == 2


def test_calls_of_invalidate_that_say_too_little_or_too_much() -> None:
    cache = terrace.Cache("selections")
    for options in ({}, {"prefix": "a", "tag": "b"}):
        with pytest.raises(terrace.ConfigError, match="one of prefix"):
            cache.invalidate(**options)
    with pytest.raises(terrace.ConfigError, match="nobody"):
        cache.invalidate(group="nobody")
    with pytest.raises(terrace.ConfigError, match="clear"):
        cache.invalidate(prefix="")


@pytest.mark.parametrize("template, names", [
    ("user:{nobody}", "nobody"), ("{a}{b}", "between"), ("{a!r}", "only"), ("{a:>3}", "only"), ("{a", "brace|expected")])
def test_templates_that_cannot_be(template: str, names: str) -> None:
    with pytest.raises(terrace.ConfigError, match=names):
        terrace.Cache("templates").memoize(key=template)(lambda a, b: a)


def test_the_words_of_errors_are_the_cores(redis_server: RedisServer) -> None:
    cache = terrace.Cache("timeouts")
    with pytest.raises(terrace.Timeout, match="50 ms") as error:
        cache.get_or_load("k", lambda: threading.Event().wait(2), timeout=0.05)
    assert error.value.code == "timed_out" and isinstance(error.value, TimeoutError)
    assert re.match(r"[a-z_]+$", error.value.code)
