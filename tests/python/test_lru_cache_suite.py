"""CPython's own tests of functools.lru_cache, on memoize. docs/python.md names and justifies what differs."""

from __future__ import annotations

import functools
import itertools
import types
import unittest
from typing import Any, Iterator

import pytest
import terrace

suite = pytest.importorskip("test.test_functools", reason="this Python comes without its test suite")

#: Where memoize differs, and why.
DIFFERENT = {
    "test_lru_with_types": "the type of an argument always counts",
    "test_lru_cache_typed_is_not_recursive": "and so does that of a tuple's item",
    "test_kwargs_order": "the order of keyword arguments does not count",
    "test_lru_hash_only_once": "an argument has a key of its own, not a hash",
    "test_need_for_rlock": "the same",
    "test_lru_bug_35780": "a function that waits for its own call would wait for itself: LoaderFailed",
    "test_lru_cache_threaded2": "calls that miss at once share one call",
    "test_lru_reentrancy_with_len": "len itself is memoized, which memoize needs",
}
numbers = itertools.count()


def lru_cache(maxsize: Any = 128, typed: bool = False) -> Any:
    """memoize, with the interface of lru_cache; no bound is a high one."""
    if callable(maxsize):
        return memoized(maxsize, 128, typed)
    if not isinstance(maxsize, int | None):
        raise TypeError("Expected first argument to be an integer, a callable, or None")
    return lambda function: memoized(function, maxsize if maxsize is None else max(maxsize, 0), typed)


def memoized(function: Any, maxsize: int | None, typed: bool) -> Any:
    bound = 1_000_000 if maxsize is None else maxsize or None
    made: Any = terrace.Cache[Any](f"lru{next(numbers)}", memory=bound, eviction="lru", load_timeout=5).memoize(function)
    info = made.cache_info
    made.cache_info = lambda: info()._replace(maxsize=maxsize)
    made.cache_parameters = lambda: {"maxsize": maxsize, "typed": typed}
    return made


MODULE = types.SimpleNamespace(**{**vars(functools), "lru_cache": lru_cache, "cache": lru_cache(None)})


@lru_cache()
def cached(x: Any, y: Any) -> Any:
    return 3 * x + y


class OnMemoize(suite.TestLRU, unittest.TestCase):  # type: ignore[misc,name-defined]
    module = MODULE
    cached_func = (cached,)

    @lru_cache()
    def cached_meth(self, x: Any, y: Any) -> Any:
        return 3 * x + y

    @staticmethod
    @lru_cache()
    def cached_staticmeth(x: Any, y: Any) -> Any:
        return 3 * x + y


@pytest.fixture(scope="module", autouse=True)
def caches_end_with_the_tests() -> Iterator[None]:
    """Classes of tests outlive the interpreter's modules, and their caches would with them."""
    yield
    OnMemoize.cached_func = OnMemoize.cached_meth = OnMemoize.cached_staticmeth = None
    globals().pop("cached")


for name in DIFFERENT:
    setattr(OnMemoize, name, None)


class UnboundedOnMemoize(suite.TestCache, unittest.TestCase):  # type: ignore[misc,name-defined]
    module = MODULE


def test_what_differs_is_there_to_differ() -> None:
    assert all(hasattr(suite.TestLRU, name) for name in DIFFERENT)
