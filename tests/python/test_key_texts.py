"""What stands for an argument in a key: no two values of different type or content share it."""

from __future__ import annotations

import datetime
import decimal
import enum
import os
import random
import uuid
from typing import Any, Callable

import pytest
import terrace


class Colour(enum.Enum):
    RED = 1
    GREEN = 2


class Right(enum.Flag, boundary=enum.KEEP):
    READ = 1


class Stamp(datetime.datetime):
    pass


class Id(uuid.UUID):
    pass


class Money(decimal.Decimal):
    pass


class Few(frozenset[Any]):
    pass


class Own:
    def __init__(self, key: Any) -> None:
        self.__terrace_key__ = key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Own) and identity(self) == identity(other)


def identity(value: Any) -> Any:
    """Equal for two values that are one argument: the type and the value."""
    if isinstance(value, Own):
        return (Own, identity(value.__terrace_key__))
    if isinstance(value, tuple):
        return (type(value), tuple(identity(item) for item in value))
    if isinstance(value, frozenset):
        return (type(value), frozenset(identity(item) for item in value))
    return (type(value), repr(value))


TEXTS = ["", "a", "\\x02ff", "\x02ff", "\x02fffe", "\x02", "\x01", "\x01i1", "1", "1.5", "True", "None", "RED", "%FF", "%FF%FE", "%",
         "ÿ", "ÿþ", "\udcff".encode("utf-8", "surrogatepass").decode("latin-1"), "b'a'", "2026-01-02", "\0", ":", "READ"]
MAKERS: list[Callable[[random.Random], Any]] = [
    lambda r: r.choice(TEXTS),
    lambda r: r.choice(TEXTS).encode(),
    lambda r: b"\x02" + r.choice(TEXTS).encode().hex().encode(),
    lambda r: r.choice(TEXTS).encode("utf-16-be"),
    lambda r: r.choice([b"\xff", b"\xff\xfe", b"\xc3", b"\xc3%BF", b"a\xff", b"%FF\xff", b"\x02\xff", b"\xed\xb3\xbf"]),
    lambda r: bytes(r.choices(b"\xff\xfe\xc3\xbf\x02%Ff:0", k=r.randrange(4))),
    lambda r: r.choice([0, 1, -1, 2, 255, 1 << 70]),
    lambda r: r.choice([0.0, -0.0, 1.0, 1.5, float("inf"), float("nan")]),
    lambda r: r.choice([None, True, False]),
    lambda r: r.choice([*Colour, Right.READ, Right(2), Right(4), Right(1 | 4)]),
    lambda r: r.choice([uuid.UUID, Id])(int=r.randrange(2)),
    lambda r: r.choice([datetime.datetime, Stamp])(2026, 1, 2, r.randrange(2)),
    lambda r: datetime.date(2026, 1, r.randrange(1, 3)),
    lambda r: datetime.time(r.randrange(2)),
    lambda r: r.choice([decimal.Decimal, Money])(r.choice(["1", "1.5", "1.50", "-0"])),
]
NESTED: list[Callable[[random.Random], Any]] = [
    lambda r: Own(r.choice(MAKERS)(r) or "x"),  # None would be none
    lambda r: tuple(r.choice(MAKERS)(r) for _ in range(r.randrange(3))),
    lambda r: r.choice([frozenset, Few])(r.choice(MAKERS[:6])(r) for _ in range(r.randrange(3))),
    lambda r: datetime.timedelta(r.randrange(2)),
]


@pytest.fixture
def chance() -> random.Random:
    seed = int(os.environ.get("TERRACE_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"TERRACE_SEED={seed}")  # pytest shows it with a failure
    return random.Random(seed)


def values(chance: random.Random, makers: list[Callable[[random.Random], Any]]) -> list[Any]:
    return [maker(chance) for maker in makers for _ in range(60)]


def check(values: list[Any], key: Callable[[Any], bytes], same: Callable[[Any], Any]) -> None:
    """Two keys are equal exactly when the values count as the same."""
    by_key: dict[bytes, Any] = {}
    by_value: dict[Any, bytes] = {}
    for value in values:
        made = key(value)
        what = same(value)
        assert by_key.setdefault(made, what) == what, made
        assert by_value.setdefault(what, made) == made, value


@pytest.mark.parametrize("template", ["blob:{x}", "{x}", "é{x}", "a-{x}-b"])
def test_a_template_tells_all_texts_apart(chance: random.Random, template: str) -> None:
    cache: terrace.Cache[Any] = terrace.Cache("fields")
    function = cache.memoize(key=template)(lambda x: x)
    check(values(chance, MAKERS), function.key, identity)  # type: ignore[attr-defined]


@pytest.mark.parametrize("template", ["{x}-{y}", "{x}é{y}", "{x}:{y}"])
def test_two_fields_tell_all_pairs_apart(chance: random.Random, template: str) -> None:
    cache: terrace.Cache[Any] = terrace.Cache("pairs")
    function: Any = cache.memoize(key=template)(lambda x, y: x)
    some = values(chance, MAKERS)
    pairs = list(zip(some, chance.sample(some, len(some))))
    check(pairs, lambda pair: function.key(*pair), lambda pair: tuple(map(identity, pair)))


def test_without_a_template_all_types_and_values_are_told_apart(chance: random.Random) -> None:
    cache: terrace.Cache[Any] = terrace.Cache("calls")

    @cache.memoize
    def call(x: Any) -> Any:
        return x

    check(values(chance, MAKERS + NESTED), call.key, identity)  # type: ignore[attr-defined]


def test_bytes_that_are_no_text_have_results_of_their_own() -> None:
    cache: terrace.Cache[Any] = terrace.Cache("blobs")

    @cache.memoize(key="blob:{x}")
    def blob(x: Any) -> Any:
        return x

    @cache.memoize
    def own(x: Own) -> Any:
        return x.__terrace_key__

    for value in (b"\xff\xfe", b"\x02fffe", b"%FF%FE", b"a\xff"):
        assert blob(value) == value and own(Own(value)) == value
    assert blob.key(b"\xff\xfe a") == b"blob:%FF%FE a"  # type: ignore[attr-defined]
    assert blob.key("é".encode()) == blob.key("é") + b"%%bytes"  # type: ignore[attr-defined]
    assert own(Own("\x02016200ff")) == "\x02016200ff" and own(Own(b"\x00\xff")) == b"\x00\xff"


def test_lone_surrogates_are_refused_as_in_any_key() -> None:
    cache: terrace.Cache[Any] = terrace.Cache("surrogates")

    @cache.memoize(key="user:{x}")
    def user(x: Any) -> Any:
        return x

    @cache.memoize
    def call(x: Any) -> Any:
        return x

    for function in (user, call):
        for value in ("\ud800", ("\ud800",)) if function is call else ("\ud800",):
            with pytest.raises(terrace.KeyTypeError, match="lone surrogates"):
                function(value)
