"""What values weigh where memory is bounded by bytes: near to what they take."""

from __future__ import annotations

import array
import collections
import dataclasses
import functools
import io
import itertools
import mmap
import random
import sys
from typing import Any

import msgspec
import numpy
import pandas
import pydantic
import pytest
import terrace
from terrace import _weight

MEGABYTE = 1 << 20


def text() -> str:
    return "x" * MEGABYTE


@dataclasses.dataclass(slots=True)
class Slotted:
    held: Any


class Plain:
    def __init__(self, held: Any) -> None:
        self.held = held


class Tagged(str):
    pass


class Model(pydantic.BaseModel):
    held: str


class Struct(msgspec.Struct, gc=False):
    held: str


def closed_over(held: Any) -> Any:
    return lambda: held


def running(held: Any) -> Any:
    def numbers() -> Any:
        yield 1
        yield held

    generator = numbers()
    next(generator)
    return generator


def tagged() -> Tagged:
    made = Tagged("x")
    made.held = text()  # type: ignore[attr-defined]
    return made


def view() -> Any:
    return numpy.zeros(MEGABYTE, "u1")


ONE_MEGABYTE = {
    "reshape": lambda: view().reshape(1024, -1),
    "slice": lambda: view()[5:10],
    "view of a view": lambda: view().reshape(1024, -1)[::2].T,
    "frombuffer of bytes": lambda: numpy.frombuffer(text().encode(), "u1"),
    "frombuffer of bytearray": lambda: numpy.frombuffer(bytearray(MEGABYTE), "u2")[::2],
    "frombuffer of array": lambda: numpy.frombuffer(array.array("B", bytes(MEGABYTE)), "u1"),
    "of objects": lambda: numpy.array([text(), 1], dtype=object),
    "view of objects": lambda: numpy.array([text(), 1], dtype=object)[:1],
    "owner": view,
    "series": lambda: pandas.Series(view()),
    "frame": lambda: pandas.DataFrame({"a": view()}),
    "frame of texts": lambda: pandas.DataFrame({"a": [text()]}, dtype=object),
    "slice of a frame": lambda: pandas.DataFrame({"a": view()}).iloc[:5],
    "memoryview": lambda: memoryview(text().encode()),
    "slice of a memoryview": lambda: memoryview(text().encode())[:5],
    "memoryview of an array": lambda: memoryview(view()),
    "mmap": lambda: mmap.mmap(-1, MEGABYTE),
    "deque": lambda: collections.deque([text()]),
    "OrderedDict": lambda: collections.OrderedDict(a=text()),
    "defaultdict": lambda: collections.defaultdict(list, a=text()),
    "iterator": lambda: iter([text()]),
    "map": lambda: map(str, [text()]),
    "chain": lambda: itertools.chain([text()], [1]),
    "generator": lambda: running(text()),
    "closure": lambda: closed_over(text()),
    "default": lambda: functools.partial(print, text()),
    "bound method": lambda: [text()].append,
    "method": lambda: Plain(text()).__init__,  # type: ignore[misc]
    "keys": lambda: {text(): 1}.keys(),
    "values": lambda: {1: text()}.values(),
    "items": lambda: {1: text()}.items(),
    "slots": lambda: Slotted(text()),
    "attributes": lambda: Plain([text()]),
    "attributes of a str": tagged,
    "model": lambda: Model(held=text()),
    "struct": lambda: Struct(text()),
    "BytesIO": lambda: io.BytesIO(text().encode() + b"x"),
    "nested": lambda: {"a": [(Plain(collections.deque([{"k": view()[:3]}])),)]},
    "the same twice": lambda: [same := text(), same],
    "array": lambda: array.array("B", bytes(MEGABYTE)),
}


@pytest.mark.parametrize("kind", ONE_MEGABYTE)
def test_each_weighs_what_it_holds(kind: str) -> None:
    assert MEGABYTE <= _weight.size_of(ONE_MEGABYTE[kind]()) <= 1.1 * MEGABYTE


def small(number: int) -> Any:
    return {"id": number, "name": f"user {number}", "scores": [number + 0.5, number + 1.5]}


def exactly(values: Any) -> int:
    """By hand, for lists and dicts of scalars."""
    own = sys.getsizeof(values)
    if isinstance(values, dict):
        return own + sum(exactly(item) for item in values.values())
    return own + sum(exactly(item) for item in values) if isinstance(values, list) else own


@pytest.mark.parametrize("count", [10, 1_000, 200_000])
@pytest.mark.parametrize(
    "make", [lambda i: f"number {i}", small, lambda i: [str(i)] * 20, float], ids=["text", "dict", "list", "float"]
)
def test_big_ones_are_estimated_well(count: int, make: Any) -> None:
    values = [make(i) for i in range(count)]
    true = (
        exactly(values) if make(1) != ["1"] * 20 else sys.getsizeof(values) + count * (sys.getsizeof(["1"] * 20) + 52)
    )
    assert 0.8 * true <= _weight.size_of(values) <= 1.25 * true


def test_items_of_all_sizes_are_estimated_well() -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)
    chance = random.Random(seed)
    values = ["x" * chance.randrange(2000) for _ in range(100_000)]
    assert 0.9 <= _weight.size_of(values) / exactly(values) <= 1.1


def test_long_chains_end() -> None:
    chain: Any = None
    for _ in range(1_000_000):
        chain = (chain, 1)
    assert _weight.size_of(chain) >= 40_000 * sys.getsizeof((1, 1))
    ring: list[Any] = []
    ring.append(ring)
    assert _weight.size_of(ring) == sys.getsizeof(ring)


@pytest.mark.parametrize(
    "value",
    [
        numpy.dtype("i4"),
        numpy.float64(1),
        numpy.zeros(3).flat,
        numpy.random.default_rng(1),
        numpy.sin,
        pandas.NaT,
        pandas.Timestamp("2026"),
        numpy.array([(1, "x")], [("a", object), ("b", "U1")])[0],
        pandas.Series.str,
    ],
    ids=repr,
)
def test_what_libraries_have_besides_is_weighed(value: Any) -> None:
    assert 1 <= _weight.size_of([value, {"k": value}]) < 100_000


def test_what_a_value_shares_with_the_program_is_not_its_own() -> None:
    assert _weight.size_of(lambda: sys.modules) < 1000  # its globals
    assert _weight.size_of([Plain, sys, print]) < 1000
    try:
        raise ValueError("x")
    except ValueError as raised:
        assert _weight.size_of(raised) < 2000  # the frames of its traceback


class Stubborn:
    """Its own code does not let anybody look at it."""

    @property
    def nbytes(self) -> int:
        raise OSError("not now")

    def __sizeof__(self) -> int:
        raise OSError("not now")

    def __getattr__(self, name: str) -> Any:
        raise OSError("not now")


def test_objects_that_do_not_tell_are_weighed_by_their_class() -> None:
    assert 1 <= _weight.size_of(Stubborn()) < 1000
    cache: terrace.Cache[Any] = terrace.Cache("stubborn", memory="1MB")
    cache["k"] = Stubborn()
    assert isinstance(cache["k"], Stubborn)


def test_memory_bounded_by_bytes_holds_as_many_views_as_fit() -> None:
    cache: terrace.Cache[Any] = terrace.Cache("views", memory="8MB")
    for number in range(50):
        cache[number] = numpy.zeros(MEGABYTE, "u1").reshape(2, -1)
    memory = cache.stats().memory
    assert memory.entries is not None and 4 <= memory.entries <= 8
    assert memory.bytes is not None and memory.entries * MEGABYTE <= memory.bytes <= 8 * MEGABYTE
