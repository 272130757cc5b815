"""terrace.django.TerraceCache does what Django expects of a backend. Django's own tests of backends, and those of django-redis, run in
make test-peers; here are the promises beyond them."""

from __future__ import annotations

import asyncio
import datetime
import decimal
import inspect
import logging
import math
import pickle
import threading
from typing import Any, Callable

import django_settings  # noqa: F401
import pytest
from django.contrib.auth.models import User
from django.core.cache import caches
from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache, CacheKeyWarning
from django.http import HttpResponse
from django.test import override_settings
from django.utils.safestring import SafeString, mark_safe
from servers import RedisServer
import terrace
from terrace import Unavailable, WriteError
from terrace.django import TerraceCache
from terrace.testing import Clock

Make = Callable[..., TerraceCache]
BACKEND = "terrace.django.TerraceCache"
made = 0


def unique() -> str:
    """A name that no other test has."""
    global made
    made += 1
    return f"test-{made}"


@pytest.fixture(params=["memory", "redis", "memory+redis"])
def make(request: pytest.FixtureRequest, redis_server: RedisServer) -> Make:
    """Makes backends over the same levels; all of one test share them."""
    name = unique()

    def backend(**params: Any) -> TerraceCache:
        options = {"namespace": name, **params.pop("OPTIONS", {})}
        if request.param == "redis":
            options["memory"] = None
        location = name if request.param == "memory" else redis_server.url
        return TerraceCache(location, {**params, "OPTIONS": options})

    return backend


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def timed(clock: Clock) -> TerraceCache:
    """In memory, on the clock."""
    return TerraceCache(unique(), {"OPTIONS": {"clock": clock}})


class Pointed:
    """A class as programs have them."""

    def __init__(self, x: int) -> None:
        self.x = x

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pointed) and other.x == self.x


VALUES: list[Any] = [
    0, -5, 2**63, -(2**200), True, False, None, 1.5, math.inf, "", "text", "clé", "\ud800", b"", b"bytes\0", [1, [2]], {"a": {1: (2, 3)}},
    {1, 2}, frozenset("ab"), (), decimal.Decimal("1.10"), datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc), mark_safe("<b>"),
    Pointed(3), User(pk=5, username="ada"), range(3), 10**5000,
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_comes_back_equal_and_of_its_type(make: Make, value: Any) -> None:
    backend = make()
    backend.set("k", value)
    for reader in (backend, make(OPTIONS={"max_staleness": 2})):  # the second has a memory of its own
        if reader.terrace is not backend.terrace and not backend.terrace._tiers:
            continue
        found = reader.get("k")
        assert found == value and type(found) is type(value)
        assert reader.get_many(["k"]) == {"k": value}


def test_a_response_is_a_value(make: Make) -> None:
    backend = make()
    backend.set("page", HttpResponse(b"hello", headers={"X-A": "b"}))
    found = backend.get("page")
    assert found.content == b"hello" and found["X-A"] == "b"


def test_every_reader_gets_its_own_copy(make: Make) -> None:
    backend, value = make(), {"cart": [1]}
    backend.set("session", value)
    value["cart"].append(2)
    backend.get("session")["cart"].append(3)
    backend.get_many(["session"])["session"]["cart"].append(4)
    backend.get_or_set("session", None)["cart"].append(5)
    assert backend.get("session") == {"cart": [1]}


def test_a_value_whose_class_is_gone_counts_as_missing(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    global Pointed
    backend, kept = make(), Pointed
    backend.set("k", Pointed(1))
    try:
        del Pointed
        with caplog.at_level(logging.WARNING, "terrace.django"):
            assert backend.get("k", "default") == "default"
        assert "cannot be read" in caplog.text
        assert backend.get_many(["k"]) == {}
        assert backend.get_or_set("k", lambda: "new") == "new" and backend.get("k") == "new"
    finally:
        Pointed = kept  # type: ignore[misc]


def test_what_pickle_refuses_is_its_error(make: Make) -> None:
    backend = make()
    for refused in (lambda: 1, threading.Lock(), (n for n in "ab")):
        with pytest.raises((pickle.PickleError, AttributeError, TypeError)) as ours:
            backend.set("k", refused)
        with pytest.raises(type(ours.value)):
            pickle.dumps(refused)
    assert "k" not in backend


# --- timeouts ---


def test_timeouts_are_as_exact_as_django_says(timed: TerraceCache, clock: Clock) -> None:
    timed.set("default", 1)
    timed.set("ten", 1, 10)
    timed.set("delta", 1, datetime.timedelta(seconds=20))
    timed.set("none", 1, None)
    assert (timed.ttl("default"), timed.ttl("ten"), timed.ttl("delta"), timed.ttl("none")) == (300, 10, 20, None)
    clock.advance(9.9)
    assert "ten" in timed and 0 < timed.pttl("ten") <= 100  # real time passes as well
    clock.advance(0.1)
    assert "ten" not in timed and timed.ttl("ten") == 0 and "delta" in timed
    clock.advance(1e8)
    assert timed.get_many(["default", "delta", "none"]) == {"none": 1}


@pytest.mark.parametrize("timeout", [0, -1, -0.5])
def test_a_timeout_that_is_over_deletes_at_once(make: Make, timeout: float) -> None:
    backend = make()
    backend.set_many({"a": 1, "b": 2, "c": 3})
    backend.set("a", 9, timeout)
    backend.set_many({"b": 9}, timeout)
    assert backend.touch("c", timeout) is True and backend.touch("nothing", timeout) is False
    assert backend.add("new", 1, timeout) is True
    assert backend.get_or_set("made", lambda: 5, timeout) == 5
    assert backend.get_many(["a", "b", "c", "new", "made"]) == {}
    backend.set("kept", 1)
    assert backend.add("kept", 2, timeout) is False and backend.get("kept") == 1


def test_touch_and_incr_leave_what_they_do_not_change(timed: TerraceCache, clock: Clock) -> None:
    timed.set("n", 1, 100)
    clock.advance(40)
    assert timed.incr("n", 2) == 3 and timed.ttl("n") == 60
    assert timed.touch("n", 10) is True and timed.get("n") == 3 and timed.ttl("n") == 10
    assert timed.touch("n", None) is True and timed.ttl("n") is None
    assert timed.touch("n") is True and timed.ttl("n") == 300
    assert timed.incr_version("n") == 2 and timed.ttl("n", version=2) == 300 and "n" not in timed
    timed.default_timeout = None
    assert timed.touch("n", version=2) is True and timed.ttl("n", version=2) is None


def test_the_extras_about_expiry(timed: TerraceCache, clock: Clock) -> None:
    timed.set("k", 1, 5)
    assert timed.persist("k") is True and timed.ttl("k") is None and timed.persist("no") is False
    assert timed.expire("k", 7) is True and timed.ttl("k") == 7 and timed.expire("no", 7) is False
    assert timed.pexpire("k", 1500) is True and timed.pttl("k") == 1500
    soon = datetime.datetime.now() + datetime.timedelta(hours=1)
    assert timed.expire_at("k", soon) is True and timed.ttl("k") in (3599, 3600)
    assert timed.pexpire_at("k", int(soon.timestamp() * 1000)) is True and timed.ttl("k") in (3599, 3600)
    assert timed.expire_at("k", 1) is True and "k" not in timed


# --- numbers and conditions ---


def test_numbers(make: Make) -> None:
    backend = make()
    with pytest.raises(ValueError, match="'n' not found"):
        backend.incr("n")
    with pytest.raises(ValueError):
        backend.decr("n")
    assert backend.incr("n", 3, ignore_key_check=True) == 3 and backend.ttl("n") is None
    assert backend.incr("n") == 4 and backend.decr("n", 6) == -2
    backend.set("n", 2**63 - 1)
    assert backend.incr("n") == 2**63
    backend.set("n", 1.5)
    assert backend.incr("n", 0.25) == 1.75
    for no_number in ("text", None, [1]):
        backend.set("n", no_number)
        with pytest.raises(TypeError):
            backend.incr("n")
        assert backend.get("n") == no_number


def test_conditions(make: Make) -> None:
    backend = make()
    assert backend.set("k", [1], nx=True) is True and backend.set("k", [2], nx=True) is False
    assert backend.set("k", [3], xx=True) is True and backend.set("no", 1, xx=True) is False and "no" not in backend
    assert backend.add("k", 4) is False and backend.get("k") == [3]
    assert backend.delete("k") is True and backend.delete("k") is False
    backend.set_many({"a": 1, "b": 2})
    assert backend.delete_many(key for key in "abc") == 2 and backend.delete_many([]) is None


def test_get_or_set_shares_one_call(make: Make) -> None:
    backend = make()
    started, go, calls = threading.Event(), threading.Event(), []

    def load() -> list[int]:
        calls.append(1)
        started.set()
        assert go.wait(20)
        return [1]

    results: list[Any] = []
    threads = [threading.Thread(target=lambda: results.append(backend.get_or_set("k", load))) for _ in range(4)]
    threads[0].start()
    assert started.wait(20)
    for thread in threads[1:]:
        thread.start()
    go.set()
    for thread in threads:
        thread.join()
    assert results == [[1]] * 4 and len(calls) == 1
    assert len({id(one) for one in results}) == 4


def test_the_exception_of_a_default_comes_out(make: Make) -> None:
    backend = make()
    with pytest.raises(ZeroDivisionError):
        backend.get_or_set("k", lambda: 1 // 0)
    assert backend.get_or_set("k", None, 60) is None and backend.get("k", "default") is None


# --- keys ---


def lists(backend: TerraceCache) -> bool:
    """Whether the backend lists its keys. Tiers do not, and the error says so."""
    if backend.terrace._has_tiers:
        with pytest.raises(terrace.ConfigError, match="tiers do not list"):
            backend.keys("*")
        return False
    return True


def test_prefix_version_and_key_function(make: Make) -> None:
    plain, prefixed, second = make(), make(KEY_PREFIX="p"), make(VERSION=2)
    own = make(KEY_FUNCTION=lambda key, prefix, version: f"own.{prefix}.{version}.{key}", REVERSE_KEY_FUNCTION=lambda key: key.split(".", 3)[3])
    for number, backend in enumerate((plain, prefixed, second, own)):
        backend.set("k", number)
    assert [backend.get("k") for backend in (plain, prefixed, second, own)] == [0, 1, 2, 3]
    assert plain.get("k", version=2) == 2
    if lists(plain):
        assert [backend.keys("*") for backend in (plain, prefixed, second, own)] == [["k"]] * 4
    assert plain.clear() is None and [backend.get("k") for backend in (plain, prefixed, second, own)] == [None] * 4


def test_a_subclass_may_make_and_check_keys_itself(make: Make) -> None:
    class Own(TerraceCache):
        def make_key(self, key: Any, version: Any = None) -> str:
            return f"made:{key}"

        def validate_key(self, key: Any) -> None:
            if "bad" in key:
                raise ValueError(key)

    name = unique()
    backend = Own(name, {})
    backend.set("k", 1)
    assert TerraceCache(name, {"KEY_FUNCTION": lambda key, *_: f"made:{key}"}).get("k") == 1
    with pytest.raises(ValueError):
        backend.get("bad")
    with pytest.warns(CacheKeyWarning):
        make().get("with space")


@pytest.mark.filterwarnings("ignore::django.core.cache.CacheKeyWarning")
def test_patterns_are_those_of_redis(make: Make) -> None:
    backend = make(KEY_PREFIX="a*[b]\\")
    other = make(KEY_PREFIX="aXb")
    names = ["user:1", "user:2", "user:10", "user:x", "u*er", "[u]", "clé", "a.b", "a-b", "line\nbreak"]
    backend.set_many(dict.fromkeys(names, 1))
    other.set_many(dict.fromkeys(["user:1"], 1))
    found = {
        "user:?": ["user:1", "user:2", "user:x"], "user:[0-9]": ["user:1", "user:2"], "user:[^0-9]": ["user:x"],
        "user:[12x]*": ["user:1", "user:10", "user:2", "user:x"], r"u\*er": ["u*er"], r"\[u\]": ["[u]"], "cl??": ["clé"], "a.b": ["a.b"],
        "a[-.]b": ["a-b", "a.b"], "no*": [], "*k": ["line\nbreak"]}
    if lists(backend):
        assert {pattern: sorted(backend.keys(pattern)) for pattern in found} == found
        assert sorted(other.iter_keys("*", itersize=1)) == ["user:1"]
    left = set(names)
    for pattern, matching in found.items():
        assert backend.delete_pattern(pattern) == len(left & set(matching)), pattern
        left -= set(matching)
        assert {name for name in names if name in backend} == left
    assert other.get("user:1") == 1


# --- one cache for all threads ---


def test_all_threads_share_one_cache() -> None:
    setting = {"BACKEND": BACKEND, "LOCATION": unique(), "OPTIONS": {"memory": 50}}
    with override_settings(CACHES={"default": setting, "again": {**setting, "KEY_PREFIX": "p", "TIMEOUT": 1}, "other": {**setting, "LOCATION": unique()},
                                   "small": {**setting, "OPTIONS": {"memory": 5}}}):
        seen: list[Any] = []
        threads = [threading.Thread(target=lambda: seen.append((caches["default"], caches["again"]))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({id(backend) for pair in seen for backend in pair}) == 8  # Django makes one for each thread
        assert len({id(backend.terrace) for pair in seen for backend in pair}) == 1
        assert caches["other"].terrace is not caches["default"].terrace is not caches["small"].terrace
        caches["default"].set("k", 1)
        caches.close_all()
        assert caches["default"].get("k") == 1


def test_max_entries_bounds_memory() -> None:
    backend = TerraceCache(unique(), {"OPTIONS": {"MAX_ENTRIES": 30, "CULL_FREQUENCY": 3}})
    for number in range(100):
        backend.set(f"k{number}", number)
    assert 20 <= len(backend.keys("*")) <= 30


# --- a server that is away ---


def test_an_unreachable_server(own_redis: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    options = {"namespace": unique(), "memory": None}
    strict = TerraceCache(own_redis.url, {"OPTIONS": options})
    lenient = TerraceCache(own_redis.url, {"OPTIONS": {**options, "IGNORE_EXCEPTIONS": True}})
    silent = TerraceCache(own_redis.url, {"OPTIONS": {**options, "IGNORE_EXCEPTIONS": True, "LOG_IGNORED_EXCEPTIONS": False}})
    assert strict.terrace is lenient.terrace
    strict.set("k", 1)
    own_redis.stop()
    for backend in (strict, lenient):
        assert backend.get("k", "default") == "default" and backend.get_many(["k"]) == {} and "k" not in backend
        assert backend.get_or_set("k", lambda: 7) == 7
    for call in (lambda: strict.set("k", 2), lambda: strict.add("k", 2), lambda: strict.incr("k"), lambda: strict.touch("k", 5), lambda: strict.delete("k"),
                 lambda: strict.set_many({"k": 2}), lambda: strict.clear()):
        with pytest.raises((WriteError, Unavailable, TimeoutError)):
            call()
    with caplog.at_level(logging.ERROR, "terrace.django"):
        assert lenient.set("k", 2) is False and lenient.add("k", 2) is False and lenient.delete("k") is False and lenient.touch("k") is False
        assert lenient.set_many({"k": 2}) == ["k"] and lenient.incr("k") is None and lenient.clear() is None
        assert asyncio.run(lenient.aset("k", 2)) is False
    assert len([one for one in caplog.records if "ignored" in one.message]) == 8
    caplog.clear()
    assert silent.set("k", 2) is False and caplog.records == []


# --- awaitable forms ---


def test_no_awaitable_form_needs_a_thread(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a thread")

    monkeypatch.setattr("django.core.cache.backends.base.sync_to_async", refuse)
    backend = make()

    async def load() -> list[int]:
        return [5]

    async def use() -> None:
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "run_in_executor", refuse)
        assert await backend.aset("a", [1]) is True and await backend.aget("a") == [1] and await backend.aget("b", "no") == "no"
        assert await backend.aadd("a", 2) is False and await backend.aadd("n", 1) is True
        assert await backend.aincr("n", 4) == 5 and await backend.adecr("n") == 4
        with pytest.raises(ValueError):
            await backend.aincr("missing")
        assert await backend.aget_or_set("m", load) == [5] and await backend.aget_or_set("m2", lambda: {6}) == {6}
        assert await backend.aget_or_set("m3", 7, timeout=60) == 7
        assert await backend.aget_many(["a", "m", "x"]) == {"a": [1], "m": [5]} and await backend.ahas_key("a") is True
        assert await backend.aset_many({"p": 1, "q": 2}, 60) == [] and await backend.adelete_many(["p", "q"]) == 2
        assert await backend.atouch("a", None) is True and await backend.attl("a") is None
        assert await backend.aexpire("a", 9) is True and await backend.apttl("a") > 8000 and await backend.apersist("a") is True
        assert await backend.aincr_version("a") == 2 and await backend.aget("a", version=2) == [1]
        assert await backend.adecr_version("a", version=2) == 1
        if not backend.terrace._has_tiers:
            assert sorted(await backend.akeys("*")) == ["a", "m", "m2", "m3", "n"]
        assert await backend.adelete_pattern("m*") == 3
        async with backend.lock("l", timeout=30):
            assert backend.lock("l", timeout=30).acquire(blocking=False) is False
        assert await backend.adelete("a") is True and await backend.aclear() is None and await backend.ahas_key("n") is False
        await backend.aclose()

    asyncio.run(use())


def test_every_operation_has_both_forms_of_its_own() -> None:
    built_on_others = {"adecr_version", "aclose", "close"}
    for name, theirs in vars(BaseCache).items():
        if name.startswith("a") and name[1:] in vars(BaseCache) and name not in built_on_others:
            assert getattr(TerraceCache, name) is not theirs, name
    for name in ("set", "get_or_set", "incr", "ttl", "delete_pattern"):
        both = [inspect.signature(getattr(TerraceCache, prefix + name)) for prefix in ("", "a")]
        assert both[0] == both[1] and list(both[0].parameters)[1] in ("key", "pattern")
        assert getattr(TerraceCache, name).__doc__ and getattr(TerraceCache, "a" + name).__name__ == "a" + name
    with pytest.raises(TypeError, match=r"TerraceCache\.get_or_set\(\) missing 1 required positional argument: 'default'"):
        TerraceCache(unique(), {}).get_or_set("k")
    assert list(inspect.signature(TerraceCache.add).parameters) == list(inspect.signature(BaseCache.add).parameters)
    assert DEFAULT_TIMEOUT is inspect.signature(TerraceCache.add).parameters["timeout"].default


def test_locks(make: Make) -> None:
    backend = make()
    with backend.lock("job", timeout=30):
        assert backend.lock("job", timeout=30, blocking=False).acquire() is False
        assert "job" not in backend  # a lock is no value
        backend.set("job", 1)
        assert backend.lock("job", version=2).acquire(blocking=False)
    again = backend.lock("job")
    assert again.acquire(blocking=False) is True
    again.release()
    assert backend.get("job") == 1


def test_a_subclass_of_str_stays_one(make: Make) -> None:
    backend = make()
    backend.set("html", mark_safe("<i>"))
    assert isinstance(backend.get("html"), SafeString)
