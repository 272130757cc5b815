"""Arguments of a wrong kind are named in the program's own words."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from typing import Any

import pytest
import terrace
from terrace._weight import size_of
from terrace.patterns import CacheSharding, DistributedCache

make: Any = terrace.Cache
WRONG: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "type": (lambda: make("odd", type=[]), terrace.ConfigError, r"type: \[\] is not a type: give"),
    "type within": (lambda: make("odd", type=tuple[int, {}]), terrace.ConfigError, r"type: tuple\[int, {}\] is not a type: give"),  # type: ignore[misc]
    "path of keys": (lambda: terrace.generate_keys(5), TypeError, "path=5: give a path"),  # type: ignore[arg-type]
    "key_ring": (lambda: make("odd", key_ring=5), TypeError, "key_ring: int is no path: give"),
    "journal alone": (lambda: make("odd", journal="x"), terrace.ConfigError, "journal='x' is for write_mode=\"back\""),
    "nodes": (lambda: DistributedCache([5]), terrace.ConfigError, "nodes holds 5: give"),  # type: ignore[list-item]
    "no nodes": (lambda: DistributedCache(5), terrace.ConfigError, "nodes=5: give"),  # type: ignore[arg-type]
    "shards": (lambda: CacheSharding([5]), terrace.ConfigError, "shards holds 5: give"),  # type: ignore[list-item]
    "named shards": (lambda: CacheSharding({"a": 5}), terrace.ConfigError, "shards holds 5: give"),  # type: ignore[dict-item]
}


@pytest.mark.parametrize("case", list(WRONG))
def test_each_is_named_with_the_way_out(case: str) -> None:
    call, kind, text = WRONG[case]
    with pytest.raises(kind, match=text):
        call()


@pytest.mark.parametrize(
    "options, kind, text",
    [
        ({"tags": [""]}, terrace.ConfigError, "a tag is empty"),
        ({"tags": "x" * 2000}, terrace.ConfigError, "longer than 1024 bytes"),
        ({"tags": [f"tag:{i}" for i in range(65)]}, terrace.ConfigError, "65 tags are given; an entry has at most 64"),
        ({"timeout": -1}, terrace.Timeout, "not above 0"),
        ({"timeout": 0}, terrace.Timeout, "not above 0"),
    ],
    ids=repr,
)
def test_options_are_checked_whether_the_keys_are_there_or_not(options: Any, kind: type[Exception], text: str) -> None:
    cache: terrace.Cache[Any] = terrace.Cache("checked")
    cache["there"] = 1
    for keys in ([], ["there"], ["missing"], ["there", "missing"]):
        with pytest.raises(kind, match=text):
            cache.get_or_load_many(keys, lambda missing: {}, **options)
        with pytest.raises(kind, match=text):
            asyncio.run(cache.aget_or_load_many(keys, lambda missing: {}, **options))
    if "tags" in options:
        for values in ({}, {"k": 1}):
            with pytest.raises(kind, match=text):
                cache.set_many(values, **options)
            with pytest.raises(kind, match=text):
                asyncio.run(cache.aset_many(values, **options))


def test_texts_and_bytes_in_memory_files_count() -> None:
    assert size_of(io.StringIO("x" * 1_000_000)) >= 1_000_000
    assert size_of(io.BytesIO(b"x" * 1_000_000)) >= 1_000_000
    closed = io.StringIO("x" * 1_000_000)
    closed.close()
    assert size_of(closed) < 1000


def test_an_object_that_calls_itself_endless_is_stored() -> None:
    class Endless:
        nbytes = 10**30

    cache: terrace.Cache[Any] = terrace.Cache("endless", memory="1MB")
    cache["k"] = Endless()
    assert cache.get("k") is None
