"""Values that somebody planted in a tier: keys that collide, keys that come twice, spellings, flags without end."""

from __future__ import annotations

import collections
import datetime
import decimal
import gc
import enum
import struct
import time
import uuid
from typing import Any, Callable

import msgspec
import pytest
import terrace
from msgspec.msgpack import Ext
from terrace import _planted
from terrace._codec import AnyCodec, TypedCodec

encode = msgspec.msgpack.encode

#: The numbers that hash() of a number wraps at.
PERIOD = (1 << 61) - 1


class Loose(enum.IntFlag):
    READ = 1
    WRITE = 2


def big(number: int) -> Ext:
    return Ext(4, number.to_bytes(10, "big", signed=True))


def numbers(count: int, step: int) -> list[Ext]:
    return [big((1 << 64) + k * step) for k in range(1, count + 1)]


def decimals(count: int, step: int) -> list[Ext]:
    return [Ext(11, str((1 << 64) + k * step).encode()) for k in range(1, count + 1)]


SHAPES: dict[str, Callable[[list[Ext]], Any]] = {
    "set": lambda items: Ext(2, encode(items)),
    "frozenset": lambda items: Ext(3, encode(items)),
    "dict": lambda items: Ext(15, encode([[item, 0] for item in items])),
    "OrderedDict": lambda items: Ext(16, encode(["collections.OrderedDict", [[item, 0] for item in items]])),
    "Counter": lambda items: Ext(16, encode(["collections.Counter", [[item, 1] for item in items]])),
    "defaultdict": lambda items: Ext(16, encode(["collections.defaultdict", None, [[item, 1] for item in items]])),
    "inside a list": lambda items: [1, Ext(2, encode(items))],
}


def seconds(work: Callable[[], Any]) -> float:
    """Of this thread's processor time. A collection of all objects of the test run would count otherwise."""
    gc.collect()
    gc.disable()
    try:
        begun = time.thread_time()
        work()
        return time.thread_time() - begun
    finally:
        gc.enable()


@pytest.mark.parametrize("items", [numbers, decimals], ids=["ints", "Decimals"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a09_colliding_keys_are_refused_in_the_time_of_ordinary_ones(shape: str, items: Callable[[int, int], list[Ext]]) -> None:
    codec = AnyCodec([])
    good, bad = (encode(SHAPES[shape](items(12_000, step))) for step in (PERIOD - 10_007, PERIOD))

    def refused() -> None:
        with pytest.raises(terrace.DecodeError, match="collide"):
            codec.decode(bad, 0)

    usual = seconds(lambda: codec.decode(good, 0))
    # It would be tens of times as much.
    assert seconds(refused) < 2 * usual + 0.05


def test_a09_ordinary_values_are_taken() -> None:
    codec = AnyCodec([])
    for value in (
        set(range(0, 1 << 20, 64)),
        {k * 1.5: k for k in range(5000)},
        {(k, -k) for k in range(5000)},
        {decimal.Decimal(k) / 8 for k in range(5000)},
        {1 << (k + 64) for k in range(61)},
        {uuid.UUID(int=k << 64) for k in range(3000)},
        collections.Counter(range(3000)),
        [decimal.Decimal(1)] * 5000,
    ):
        payload, schema = codec.encode(value)
        assert codec.decode(payload, schema) == value


def test_a09_typed_sets_and_dicts_too() -> None:
    for kind, payload in (
        (set[decimal.Decimal], encode([str(k * PERIOD) for k in range(1, 3000)])),
        (dict[decimal.Decimal, int], encode({str(k * PERIOD): 1 for k in range(1, 3000)})),
        (dict[uuid.UUID, int], encode({str(uuid.UUID(int=k * PERIOD)): 1 for k in range(1, 3000)})),
    ):
        with pytest.raises(terrace.DecodeError, match="collide"):
            TypedCodec(kind).decode(payload, 0)


def twice(key: bytes) -> bytes:
    """A map with this key two times."""
    return b"\x82" + key + b"\x01" + key + b"\x02"


@pytest.mark.parametrize(
    "kind, payload",
    [
        (dict[str, int], twice(b"\xa1k")),
        (dict[int, int], twice(b"\x05")),
        (dict[int, int], b"\x82\x05\x01\xcd\x00\x05\x02"),  # two forms of 5
        (list[dict[str, int]], b"\x92\x80" + twice(b"\xa1k")),
        (dict[str, dict[str, int]], b"\x81\xa1a" + twice(b"\xa1k")),
        # As long as without the first key: the float 32 comes out longer by as much.
        (tuple[float, dict[str, int]], b"\x92\xca\x3f\x80\x00\x00\x82\xa2kk\x01\xa2kk\x02"),
        (dict[bytes, int], twice(b"\xc4\x01k")),
        (dict[str, int], b"\xde\x00\x02\xd9\x01k\x01\xa1k\x02"),
    ],
    ids=lambda value: value.hex() if isinstance(value, bytes) else str(value),
)
def test_a19_a_key_that_comes_twice_is_refused_as_in_cpp(kind: Any, payload: bytes) -> None:
    with pytest.raises(terrace.DecodeError, match="comes twice"):
        TypedCodec(kind).decode(payload, 0)


def test_a19_maps_in_longer_forms_are_taken_as_in_cpp() -> None:
    numbers_in_long = b"\xdf" + struct.pack(">I", 3) + b"\xd9\x01a\xcf" + b"\0" * 7 + b"\x01" + b"\xda\x00\x01b\xd0\xff\xdb\0\0\0\x01c\xd1\x01\x00"
    assert TypedCodec(dict[str, int]).decode(numbers_in_long, 0) == {"a": 1, "b": -1, "c": 256}
    mixed = b"\x93\xdc\x00\x02\xca\x3f\x80\x00\x00\xcb\x3f\xf0" + b"\0" * 6 + b"\xc5\x00\x01z\x81\x01\xc0"
    assert TypedCodec(tuple[list[float], bytes, dict[int, int | None]]).decode(mixed, 0) == ([1.0, 1.0], b"z", {1: None})


ONE = uuid.UUID("0123456789abcdef0123456789abcdef")


@pytest.mark.parametrize(
    "kind, text, others",
    [
        (uuid.UUID, str(ONE), [ONE.hex, str(ONE).upper(), "{" + str(ONE) + "}", ONE.urn, str(ONE).replace("-", "", 1)]),
        (decimal.Decimal, "1.50", [" 1.50", "1.5_0", "+1.50", "01.50", "\u0661.50", "1.50\n"]),
        (datetime.date, "2026-01-31", ["20260131", "2026-W05-6"]),
    ],
    ids=["UUID", "Decimal", "date"],
)
def test_a19_only_the_spelling_of_the_writer_is_read(kind: Any, text: str, others: list[str]) -> None:
    codec = TypedCodec(kind)
    payload, schema = codec.encode(codec.decode(encode(text), 0))
    assert payload == encode(text)
    for other in others:
        with pytest.raises(terrace.DecodeError, match="str"):
            codec.decode(encode(other), schema)
    with pytest.raises(terrace.DecodeError):
        TypedCodec(dict[kind, int]).decode(encode({text: 1, others[0]: 2}), 0)


def test_a19_flags_from_a_tier_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_planted, "MOST_MEMBERS", 1000)
    typed, untyped = TypedCodec(Loose), AnyCodec([Loose])
    name = f"{Loose.__module__}.{Loose.__qualname__}"
    refused = 0
    for number in range(4, 3004):
        try:
            if number % 2:
                typed.decode(encode(number), 0)
            else:
                untyped.decode(encode(Ext(13, encode([name, number]))), 0)
        except terrace.DecodeError:
            refused += 1
    assert refused > 1900
    assert len(Loose._value2member_map_) <= 1000
    assert typed.decode(encode(3), 0) == Loose.READ | Loose.WRITE
