"""Every public call with what it does not take, one argument at a time: what was wrong is named, in words of the caller's."""

from __future__ import annotations

import asyncio
import pathlib
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import terrace
from terrace import patterns

#: What must not be in a message: names of the inside, and what the binding says of its own accord.
INSIDE = re.compile(r"_core|nanobind|incompatible function arguments|[Ii]nvoked with|AsyncForms|CacheCore|CacheBase|\b_[a-z]+\(|std::|"
                    r"not supported between|has no attribute|is not iterable|not subscriptable|exactly one argument")

NO_KEY: list[Any] = [[1], {"a": 1}, object(), "\ud800"]
NO_TIME: list[Any] = ["x", b"1", [1], True, float("nan"), 10**400, 10**5000, object()]
NO_LIFE = [*NO_TIME, 0, -1]
NO_SPAN = [*NO_TIME, None]
NO_TEXT: list[Any] = [5, None, b"x", ["x"], True]
NO_TEXT_OR_NONE: list[Any] = [5, b"x", ["x"], True, "\ud800"]
NO_COUNT: list[Any] = ["x", 1.5, -1, 2**64, 10**5000, None, True, [1]]
NO_SHARE: list[Any] = ["x", None, -0.5, 7, float("nan"), [1], True]
NO_FLAG: list[Any] = ["no", 1, None, []]
NO_FUNCTION: list[Any] = [5, "x", [len]]
NO_LIST: list[Any] = [5, "x", b"x"]
NO_TAGS: list[Any] = [5, None, b"x", [5], {"a": 1}, "\ud800"]
NO_PATH: list[Any] = [5, b"x", ["x"], ""]
NO_TASKS: list[Any] = [5, "x", ["x"], [("a", len)]]


def cache() -> terrace.Cache[Any]:
    return terrace.Cache("wrong", ttl=60)


def awaited(method: str) -> Callable[..., Any]:
    def call(**arguments: Any) -> Any:
        async def main() -> Any:
            return await getattr(cache(), method)(**arguments)

        return asyncio.run(main())

    return call


def of_cache(method: str) -> Callable[..., Any]:
    return lambda **arguments: getattr(cache(), method)(**arguments)


def warm(**arguments: Any) -> Any:
    return cache().warm(**{"tasks": [terrace.WarmTask("k", lambda: 1)], **arguments})


def rule(**arguments: Any) -> Any:
    terrace.Monitor([cache()]).add_rule(**{"name": "cold", "when": "hit_rate < 50%", **arguments})


def levels(**arguments: Any) -> Any:
    return patterns.MultiLevelCache(**{"l1_cache": patterns.L1Cache(), "l2_cache": None, **arguments})


OPTIONS: dict[str, list[Any]] = {
    "name": [*NO_TEXT, "", "a b", "ü", "x" * 65], "ttl": NO_LIFE, "memory": ["x", -1, 0, 2**64, 10**5000, 1.5, True, ("x", 1), "0MB", "9" * 5000, "9999999TB", [1]],
    "tiers": ["redis://h", b"x", 5, [5], [None], ["ftp://x"], [""], ["\ud800"]], "type": [5, "x", object], "types": [5, "x", [5], ["x"], [int]],
    "codec": [*NO_TEXT, "json"], "key_ring": NO_PATH, "negative_ttl": NO_LIFE, "memory_ttl": NO_LIFE, "ttl_jitter": NO_SHARE, "grace": [*NO_SPAN, -1],
    "retry_after": [*NO_SPAN, -1], "eager_refresh": NO_SHARE, "consistency": [*NO_TEXT, "total", "ü"], "max_staleness": [*NO_SPAN, 0], "lease_time": [*NO_SPAN, 0],
    "write_mode": [*NO_TEXT, "sideways"], "journal": NO_PATH, "eviction": [5, b"x", "mru", "\ud800"], "advisor": NO_FLAG, "compress_above": [bad for bad in NO_COUNT if bad is not None], "max_value_bytes": NO_COUNT,
    "tier_timeout": [*NO_SPAN, 0], "load_timeout": [*NO_SPAN, 0], "soft_load_timeout": [*NO_TIME, 0], "max_concurrent_loads": [*NO_COUNT, 0], "copy": NO_FLAG,
}

LOAD = {"key": "k", "loader": lambda: 1}
BULK = {"keys": ["k"], "loader": lambda keys: {"k": 1}}
READ: dict[str, list[Any]] = {"key": NO_KEY, "timeout": NO_TIME}
MANY: dict[str, list[Any]] = {"keys": [*NO_LIST, [[1]]], "timeout": NO_TIME}
WRITE: dict[str, list[Any]] = {"key": NO_KEY, "value": [terrace.ABSENT, terrace.Load(1)], "ttl": NO_LIFE, "timeout": NO_TIME, "tags": NO_TAGS}
SELECT: dict[str, list[Any]] = {"prefix": NO_TEXT_OR_NONE, "tag": NO_TEXT_OR_NONE, "pattern": NO_TEXT_OR_NONE, "group": NO_TEXT_OR_NONE}

#: name → (the call, arguments that are right, what is wrong for each).
CALLS: dict[str, tuple[Callable[..., Any], dict[str, Any], dict[str, list[Any]]]] = {
    "Cache": (terrace.Cache, {}, OPTIONS),
    "L1Cache": (patterns.L1Cache, {}, {"max_size": [*NO_COUNT, 0], "strategy": [5, "x", None]}),
    "L1Cache.get": (lambda **a: patterns.L1Cache().get(**a), {"key": "k"}, {"key": NO_KEY}),
    "L1Cache.set": (lambda **a: patterns.L1Cache().set(**a), {"key": "k", "value": 1}, {"key": NO_KEY, "ttl": NO_LIFE, "value": [terrace.ABSENT]}),
    "MultiLevelCache": (levels, {}, {"l1_cache": [5, None, "x"], "l2_cache": [5, "x"], "strategy": [5, "x", None], "journal": [5, b"x", ["x"]]}),
    "Tier": (terrace.Tier, {"url": "redis://localhost"}, {"url": [*NO_TEXT, "\ud800"], "key_prefix": [*NO_TEXT, "\ud800"]}),
    "Journal": (terrace.Journal, {"path": "journal"}, {
        "path": [*NO_PATH, None], "sync": [*NO_TEXT, "sometimes"], "flush_interval": [*NO_SPAN, 0, -1], "max_batch": [*NO_COUNT, 0],
        "max_pending": [*NO_COUNT, 0], "max_pending_bytes": [*NO_COUNT, 0], "max_journal_bytes": [*NO_COUNT, 1 << 20],
        "max_attempts": [*NO_COUNT, 0, 2**40]}),
    "metrics": (terrace.metrics, {}, {"caches": [5, "x", None, [5]]}),
    "open_caches": (terrace.open_caches, {}, {"path": [5, None, ["x"], "", "/nowhere.toml"]}),
    "Monitor": (terrace.Monitor, {}, {
        "caches": [5, "x", [5]], "window": [*NO_SPAN, 0], "interval": [*NO_SPAN, 0], "min_hit_rate": NO_SHARE, "max_error_rate": NO_SHARE, "min_requests": NO_COUNT}),
    "Monitor.watch": (lambda **a: terrace.Monitor().watch(**a), {}, {"cache": [5, "x", None]}),
    "Monitor.add_rule": (rule, {}, {
        "name": [*NO_TEXT, "\ud800"], "when": [*NO_TEXT, "nonsense", "\ud800"], "lasting": NO_SPAN, "severity": [*NO_TEXT, "loud"], "message": NO_TEXT, "cache": [5, b"x"]}),
    "Monitor.add_sink": (lambda **a: terrace.Monitor().add_sink(**a), {}, {"receiver": [*NO_FUNCTION, None]}),
    "warm": (warm, {}, {
        "tasks": [*NO_TASKS, None], "concurrency": [*NO_COUNT, 0], "attempts": [*NO_COUNT, 0, 2**40], "task_timeout": [*NO_SPAN, 0], "progress": NO_FUNCTION}),
    "WarmTask": (lambda **a: cache().warm([terrace.WarmTask(**a)]), {"key": "k"}, {"key": NO_KEY, "loader": NO_FUNCTION, "ttl": NO_LIFE, "tags": NO_TAGS}),
    "define_group": (of_cache("define_group"), {"name": "g", "keys": ["k"]}, {"name": [*NO_TEXT, "\ud800"], "keys": [5, "x", [[1]]]}),
    "get": (of_cache("get"), {}, {"key": NO_KEY}),
    "memoize": (lambda **a: cache().memoize(**a)(lambda x: x), {"key": "k:{x}"}, {"ttl": NO_LIFE, "tags": [5, None, b"x", [5]]}),
}
for prefix in ("", "a"):
    make = awaited if prefix else of_cache
    CALLS |= {
        f"{prefix}get_or_load": (make(f"{prefix}get_or_load"), LOAD, {"key": NO_KEY, "loader": [*NO_FUNCTION, None, set, dict], "timeout": NO_TIME, "tags": NO_TAGS}),
        f"{prefix}get_or_load_many": (make(f"{prefix}get_or_load_many"), BULK, {"keys": MANY["keys"], "loader": [*NO_FUNCTION, None], "timeout": NO_TIME, "tags": NO_TAGS}),
        f"{prefix}get_or_load_many of none": (make(f"{prefix}get_or_load_many"), BULK | {"keys": []}, {"loader": [*NO_FUNCTION, None], "timeout": NO_TIME, "tags": NO_TAGS}),
        f"{prefix}lookup": (make(f"{prefix}lookup"), {"key": "k"}, READ),
        f"{prefix}lookup_many": (make(f"{prefix}lookup_many"), {"keys": ["k"]}, MANY),
        f"{prefix}lookup_many of none": (make(f"{prefix}lookup_many"), {"keys": []}, {"timeout": NO_TIME}),
        f"{prefix}get_many": (make(f"{prefix}get_many"), {}, {"keys": MANY["keys"]}),
        f"{prefix}set": (make(f"{prefix}set"), {"key": "k", "value": 1}, WRITE),
        f"{prefix}set_many": (make(f"{prefix}set_many"), {"values": {"k": 1}}, {
            "values": [[("a", 1)], "x", None, 5, {("a", object()): 1}, {"k": terrace.ABSENT}], "ttl": NO_LIFE, "timeout": NO_TIME, "tags": NO_TAGS}),
        f"{prefix}set_many of none": (make(f"{prefix}set_many"), {"values": {}}, {"ttl": NO_LIFE, "timeout": NO_TIME, "tags": NO_TAGS}),
        f"{prefix}delete": (make(f"{prefix}delete"), {"key": "k"}, READ),
        f"{prefix}delete_many": (make(f"{prefix}delete_many"), {"keys": ["k"]}, MANY),
        f"{prefix}delete_many of none": (make(f"{prefix}delete_many"), {"keys": []}, {"timeout": NO_TIME}),
        f"{prefix}clear": (make(f"{prefix}clear"), {}, {"timeout": NO_TIME}),
        f"{prefix}flush": (make(f"{prefix}flush"), {}, {"timeout": NO_TIME}),
        f"{prefix}explain": (make(f"{prefix}explain"), {}, {"key": NO_KEY}),
        f"{prefix}invalidate": (make(f"{prefix}invalidate"), {}, SELECT),
        f"{prefix}invalidate a tag": (make(f"{prefix}invalidate"), {"tag": "t"}, {"soft": NO_FLAG, "timeout": NO_TIME}),
    }


def cases() -> Iterator[Any]:
    for name, (call, right, wrong) in CALLS.items():
        for parameter, values in wrong.items():
            for number, value in enumerate(values):
                yield pytest.param(call, right, parameter, value, id=f"{name}-{parameter}-{number}")


def shown(value: Any) -> str:
    try:
        return repr(value)
    except ValueError:
        return type(value).__name__


@pytest.mark.parametrize("call, right, parameter, value", list(cases()))
def test_a_wrong_argument_is_named(call: Callable[..., Any], right: dict[str, Any], parameter: str, value: Any, tmp_path: pathlib.Path) -> None:
    with pytest.raises((terrace.TerraceError, TypeError, ValueError)) as refused:
        call(**{**right, parameter: value})
    text = str(refused.value)
    assert not INSIDE.search(text), text
    assert not isinstance(refused.value, UnicodeError), text
    words = [parameter, parameter.rstrip("s"), shown(value)[:50], ascii(value)[:50] if not isinstance(value, int) else "", type(value).__name__]
    if isinstance(value, str):
        words += [value, value.partition(":")[0], "Tier URL"]
    if isinstance(value, (list, dict)):
        words += ["Tier URL"] + [shown(one) for one in value] + [type(one).__name__ for one in value]
    assert any(word and word in text for word in words), text
    assert len(text) < 700, text
    assert re.search(r"give|use|encode|must|should|take|choose|known|least|there is no|more than|create|delete|not above|are|expect|is not a dataclass|0 is none|is usual|would hold|write for instance", text), text


@pytest.mark.parametrize("name", [name for name in CALLS if " of none" not in name and " a tag" not in name])
def test_a_misspelt_argument_is_named(name: str) -> None:
    call, right, _ = CALLS[name]
    with pytest.raises(TypeError) as refused:
        call(**right, misspelt=1)
    text = str(refused.value)
    assert "misspelt" in text or "takes no" in text or "other arguments" in text, text
    assert not INSIDE.search(text.replace("__init__()", "")), text


def test_too_many_arguments_are_counted_in_the_callers_words() -> None:
    made = cache()
    with pytest.raises(TypeError, match="get"):
        made.get("k", 1, 2)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="get_or_load"):
        made.get_or_load("k", len, 2)  # type: ignore[misc]
    for wrong in (lambda: patterns.L1Cache().get("x", 5), lambda: patterns.L1Cache().get(), lambda: patterns.L1Cache().get("x", default=5)):  # type: ignore[call-arg]
        with pytest.raises(TypeError) as refused:
            wrong()
        assert "get" in str(refused.value) and "_get_from_memory" not in str(refused.value), refused.value
