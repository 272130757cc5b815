"""Times of many types: seconds of what is a number, spans, and words for the rest."""

from __future__ import annotations

import datetime
import decimal
import fractions
import numbers
from typing import Any

import pytest
import terrace
from terrace._times import seconds, ttl


class int64:  # noqa: N801
    """As numpy's: a number by registration, and no int."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __float__(self) -> float:
        return float(self.value)

    def __repr__(self) -> str:
        return f"np.int64({self.value})"


class timedelta64(int64):  # noqa: N801
    """As numpy's: a kind of integer to it, of a unit of its own."""


class bool_:  # noqa: N801
    """As numpy's: it has a float, and is no number."""

    def __float__(self) -> float:
        return 1.0


numbers.Integral.register(int64)
numbers.Integral.register(timedelta64)


@pytest.mark.parametrize("value, expected", [
    (90, 90.0), (0.5, 0.5), (datetime.timedelta(minutes=1.5), 90.0), (decimal.Decimal("1.5"), 1.5), (fractions.Fraction(3, 2), 1.5), (int64(60), 60.0),
    (float("inf"), float("inf")), (None, None)], ids=repr)
def test_what_is_a_time(value: Any, expected: Any) -> None:
    assert seconds(value, "timeout") == expected
    assert ttl(value) == expected
    cache = terrace.Cache[int]("times", ttl=value, negative_ttl=value, memory_ttl=value, ttl_jitter=0)
    cache.set("k", 1, ttl=value, timeout=value)
    assert cache.get_or_load("k", lambda: 2, timeout=value) == 1
    assert cache.get_or_load("l", lambda: terrace.Load(2, ttl=value), timeout=value) == 2
    remaining = cache.lookup("l").remaining
    assert remaining is None if expected in (None, float("inf")) else remaining is not None and 0 < remaining <= expected


@pytest.mark.parametrize("value", ["60", "10m", b"1", True, bool_(), timedelta64(5), 1j, [1], object(), datetime.time(1), datetime.datetime(2026, 1, 1),
                                   decimal.Decimal("nan")], ids=repr)
def test_what_is_no_time_is_named(value: Any) -> None:
    cache = terrace.Cache[int]("times")
    for name, call in (("ttl", lambda: cache.set("k", 1, ttl=value)), ("timeout", lambda: cache.lookup("k", timeout=value)),
                       ("grace", lambda: terrace.Cache("x", grace=value)), ("task_timeout", lambda: cache.warm([], task_timeout=value))):
        with pytest.raises(terrace.ConfigError, match=f"{name}.*give a number of seconds"):
            call()


@pytest.mark.parametrize("value", [10**400, decimal.Decimal("1e400"), 10**5000], ids=["int", "Decimal", "long int"])
def test_a_time_that_is_too_long_for_a_float_is_named(value: Any) -> None:
    with pytest.raises(terrace.ConfigError, match="ttl=.* give float.'inf'.|ttl"):
        terrace.Cache[int]("times").set("k", 1, ttl=value)


@pytest.mark.parametrize("options, words", [
    ({"ttl": 0}, "ttl=0 is not above 0: give None for values that never expire"), ({"negative_ttl": 0}, "negative_ttl=0 is not above 0: give None, and ABSENT"),
    ({"memory_ttl": -1}, "memory_ttl=-1 is not above 0: give memory=None"), ({"grace": None}, "grace=None: give a number of seconds")])
def test_the_remedy_is_that_of_the_option(options: Any, words: str) -> None:
    with pytest.raises(terrace.ConfigError, match=words):
        terrace.Cache("times", **options)
    with pytest.raises(terrace.ConfigError, match="ttl=0 is not above 0: delete the key, or give None for the cache's own"):
        terrace.Cache[int]("times").set("k", 1, ttl=0)
