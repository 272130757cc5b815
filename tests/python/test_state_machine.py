"""Random operations against a dict, on every list of tiers: what the cache says is what a map would say."""

from __future__ import annotations

import asyncio
import collections
import datetime
import itertools
import pathlib
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import terrace
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test
from servers import PostgresServer, RedisServer

KEYS = st.one_of(
    st.sampled_from(["a", "b", "user:1", "user:2", "user:3", "page:1", "ä", "", "\x01i1"]),
    st.sampled_from([1, 0, True, False, None, 1.0, b"1", (1, "1"), ("1", 1), 2**70, uuid.UUID(int=7)]),
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=20), st.binary(max_size=20),
    st.decimals(allow_nan=False), st.uuids(), st.dates(), st.timedeltas(), st.complex_numbers(allow_nan=False),
    st.datetimes(timezones=st.sampled_from([None, datetime.timezone.utc])),
)
HASHABLE = st.one_of(st.integers(), st.text(max_size=5), st.booleans(), st.tuples(st.integers(), st.text(max_size=3)))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.tuples(inner, inner), st.dictionaries(st.text(max_size=5), inner, max_size=3),
        st.dictionaries(HASHABLE, inner, max_size=3), st.sets(HASHABLE, max_size=3), st.frozensets(HASHABLE, max_size=3),
    ),
    max_leaves=8,
)
TAGS = ("red", "blue")
_numbers = itertools.count()


def same(left: Any, right: Any) -> bool:
    """Equal, and of the same types all the way down."""
    if type(left) is not type(right) or left != right:
        return False
    if isinstance(left, dict):
        # Keys such as 1 and True are one key: their type is the first's.
        return all(same(left[key], right[key]) for key in left)
    if isinstance(left, (list, tuple)):
        return all(map(same, left, right))
    if isinstance(left, (set, frozenset)):
        return collections.Counter(map(type, left)) == collections.Counter(map(type, right))
    return True


def distinct(key: Any) -> Any:
    """1, True and 1.0 are one key of a dict."""
    return (type(key).__name__, tuple(map(distinct, key)) if isinstance(key, tuple) else key)


class Caching(RuleBasedStateMachine):
    """`tiers` and `memory` come from the test."""

    tiers: list[str]
    memory: int | None

    @initialize()
    def open(self) -> None:
        self.model: dict[Any, tuple[Any, Any, frozenset[str]]] = {}
        self.voided: set[Any] = set()
        # A name of its own each time: what a former run left must not be seen.
        self.cache = terrace.Cache(f"machine-{next(_numbers)}", memory=self.memory, tiers=self.tiers, ttl=3600, tier_timeout=10)
        self.loop = asyncio.new_event_loop()

    def teardown(self) -> None:
        if hasattr(self, "cache"):
            self.cache.close()
            self.loop.close()

    def stored(self, key: Any) -> tuple[bool, Any]:
        there = self.model.get(distinct(key))
        return there is not None, there[1] if there is not None else None

    def put(self, key: Any, value: Any, tags: frozenset[str] = frozenset()) -> None:
        self.model[distinct(key)] = (key, value, tags)

    def awaited(self, coroutine: Any) -> Any:
        return self.loop.run_until_complete(coroutine)

    @rule(key=KEYS, value=VALUES, tags=st.frozensets(st.sampled_from(TAGS)), is_async=st.booleans())
    def set(self, key: Any, value: Any, tags: frozenset[str], is_async: bool) -> None:
        if is_async:
            self.awaited(self.cache.aset(key, value, tags=sorted(tags)))
        else:
            self.cache.set(key, value, tags=sorted(tags))
        self.put(key, value, tags)

    @rule(values=st.lists(st.tuples(KEYS, VALUES), max_size=4, unique_by=lambda pair: repr(distinct(pair[0]))))
    def set_many(self, values: list[tuple[Any, Any]]) -> None:
        chosen = dict(values)  # of keys that a dict takes for one, the last
        self.cache.set_many(chosen)
        for key, value in chosen.items():
            self.put(key, value)

    @rule(key=KEYS, is_async=st.booleans())
    def get(self, key: Any, is_async: bool) -> None:
        there, value = self.stored(key)
        nothing = object()
        found = self.awaited(self.cache.aget(key, nothing)) if is_async else self.cache.get(key, nothing)
        assert same(found, value) if there else found is nothing

    @rule(key=KEYS)
    def subscript(self, key: Any) -> None:
        there, value = self.stored(key)
        assert (key in self.cache) == there
        if there:
            assert same(self.cache[key], value)
        else:
            with pytest.raises(KeyError):
                self.cache[key]

    @rule(keys=st.lists(KEYS, max_size=5, unique_by=lambda key: repr(distinct(key))), is_async=st.booleans())
    def get_many(self, keys: list[Any], is_async: bool) -> None:
        keys = list(dict.fromkeys(keys))
        found = self.awaited(self.cache.aget_many(keys)) if is_async else self.cache.get_many(keys)
        for key in keys:
            there, value = self.stored(key)
            assert (key in found) == there
            assert not there or same(found[key], value)

    @rule(key=KEYS, value=VALUES, is_async=st.booleans())
    def get_or_load(self, key: Any, value: Any, is_async: bool) -> None:
        there, former = self.stored(key)
        calls = []

        def load() -> Any:
            calls.append(key)
            return value

        async def aload() -> Any:
            return load()

        found = self.awaited(self.cache.aget_or_load(key, aload)) if is_async else self.cache.get_or_load(key, load)
        assert same(found, former if there else value)
        assert len(calls) == (0 if there else 1)
        if not there:
            self.put(key, value)

    @rule(key=KEYS, is_async=st.booleans())
    def delete(self, key: Any, is_async: bool) -> None:
        there, _ = self.stored(key)
        had = self.awaited(self.cache.adelete(key)) if is_async else self.cache.delete(key)
        # What a tag has voided lies there until somebody finds it void.
        assert had == there or distinct(key) in self.voided
        self.model.pop(distinct(key), None)
        self.voided.discard(distinct(key))

    @rule(keys=st.lists(KEYS, min_size=1, max_size=4, unique_by=lambda key: repr(distinct(key))))
    def invalidate_keys(self, keys: list[Any]) -> None:
        self.cache.invalidate(*keys)
        for key in keys:
            self.model.pop(distinct(key), None)

    @rule(prefix=st.sampled_from(["user:", "page:", "nobody:"]))
    def invalidate_prefix(self, prefix: str) -> None:
        gone = [at for at, (key, _, _) in self.model.items() if isinstance(key, str) and key.startswith(prefix)]
        self.cache.invalidate(prefix=prefix)
        for at in gone:
            del self.model[at]

    @rule(tag=st.sampled_from(TAGS))
    def invalidate_tag(self, tag: str) -> None:
        self.cache.invalidate(tag=tag)
        self.voided |= {at for at, kept in self.model.items() if tag in kept[2]}
        self.model = {at: kept for at, kept in self.model.items() if tag not in kept[2]}

    @precondition(lambda self: self.model)
    @rule()
    def clear(self) -> None:
        self.cache.clear()
        self.model = {}

    @invariant()
    def memory_is_bounded(self) -> None:
        if hasattr(self, "cache") and self.memory:
            assert (self.cache.stats().memory.entries or 0) <= self.memory


@pytest.fixture(scope="module")
def three_redis() -> Iterator[list[str]]:
    servers = [RedisServer() for _ in range(3)]
    try:
        for server in servers:
            server.start()
        yield [server.url for server in servers]
    finally:
        for server in servers:
            server.remove()


def check(tiers: list[str], memory: int | None = 10_000) -> None:
    machine = type("Machine", (Caching,), {"tiers": tiers, "memory": memory})
    run_state_machine_as_test(machine, settings=settings(
        max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)))


def test_memory_alone() -> None:
    check([])


def test_redis(redis_server: RedisServer) -> None:
    check([redis_server.url])


def test_redis_without_memory(redis_server: RedisServer) -> None:
    check([redis_server.url], memory=None)


def test_sqlite(tmp_path: pathlib.Path) -> None:
    check([f"sqlite:{tmp_path}/cache.db"])


def test_redis_over_sqlite(redis_server: RedisServer, tmp_path: pathlib.Path) -> None:
    check([redis_server.url, f"sqlite:{tmp_path}/cache.db"])


def test_postgres(postgres_server: PostgresServer) -> None:
    check([postgres_server.url])


def test_shards(three_redis: list[str]) -> None:
    check([f"sharded:{','.join(three_redis)}"])


@pytest.mark.parametrize("consistency", ["eventual", "strong"])
def test_replicas(three_redis: list[str], consistency: str) -> None:
    url = f"replicated:{','.join(three_redis)}?consistency={consistency}"
    with terrace.Cache("starting", memory=None, tiers=[url], tier_timeout=10) as cache:
        for _ in range(1000):  # all nodes must have answered once
            if not cache.lookup("x").error:
                break
    check([url], memory=None)
