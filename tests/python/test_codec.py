"""Values as bytes: exact ones, those that C++ shares, and bytes that are none."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import os
import pathlib
import uuid
import zoneinfo
from typing import Annotated, Any, NamedTuple, Optional

import msgspec
import pytest
import redis
import terrace
from hypothesis import given, settings, strategies as st
from servers import RedisServer
from terrace import _codec, _exact, _schema
from test_state_machine import VALUES, same

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "envelope/golden"


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Huge(enum.Enum):
    ONE = 1 << 63


class Point(NamedTuple):
    x: int
    y: int


class Struct(msgspec.Struct):
    name: str
    parts: tuple[Any, ...] = ()


@dataclasses.dataclass
class Player:
    id: int
    name: str
    scores: list[float]
    active: Optional[bool]


@dataclasses.dataclass(frozen=True)
class Tree:
    value: int
    children: list["Tree"] = dataclasses.field(default_factory=list)
    terrace_schema = 3


class Access(enum.Flag):
    READ = 1
    WRITE = 2


@dataclasses.dataclass
class Counting:
    """Its constructor changes it, and takes what is no field."""

    number: int
    step: dataclasses.InitVar[int] = 1

    def __post_init__(self, step: int) -> None:
        if self.number > 100:
            raise AssertionError("too many")
        self.number += step


ANY = _codec.AnyCodec([Colour, Point, Struct, Player, Access, Counting])


@settings(max_examples=300, deadline=None)
@given(VALUES)
def test_what_comes_back_is_what_was_stored_type_for_type(value: Any) -> None:
    payload, schema = ANY.encode(value)
    assert same(ANY.decode(payload, schema), value)


@pytest.mark.parametrize("value", [
    Colour.BLUE, Access.READ | Access.WRITE, Access(0), Counting(1), datetime.time(1, 2, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")), Point(1, 2), Struct("a", (1, Colour.RED)), Player(1, "Ada", [1.0], None), {1: {"a": (Point(0, 0),)}}, 2**63, -(2**63) - 1, 2**64, 2**200,
    float("inf"), -0.0, bytearray(b"x"), complex(1, -2), datetime.timedelta(days=-1, microseconds=3), decimal.Decimal("1.10"), uuid.UUID(int=1),
    datetime.datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")),
    datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=5, minutes=30))), datetime.time(1, 2, 3), frozenset({(1, 2)})], ids=repr)
def test_records_and_what_msgpack_has_no_word_for(value: Any) -> None:
    payload, schema = ANY.encode(value)
    back = ANY.decode(payload, schema)
    assert type(back) is type(value) and back == value
    if isinstance(value, datetime.time):
        assert str(back.tzinfo) == str(value.tzinfo)
    if isinstance(value, datetime.datetime):
        assert back.fold == value.fold and back.utcoffset() == value.utcoffset() and str(back.tzinfo) == str(value.tzinfo)


@settings(max_examples=500, deadline=None)
@given(st.one_of(st.binary(max_size=60), st.builds(lambda value, at, bit: flipped(ANY.encode(value)[0], at, bit), VALUES, st.integers(0), st.integers(0, 7))))
def test_bytes_that_are_no_value_are_a_decode_error_and_nothing_else(payload: bytes) -> None:
    for codec in (ANY, _codec.TypedCodec(Player), _codec.TypedCodec(dict[str, list[datetime.datetime]])):
        try:
            codec.decode(payload, 0)
        except terrace.DecodeError:
            pass


def flipped(payload: bytes, at: int, bit: int) -> bytes:
    changed = bytearray(payload)
    changed[at % len(changed)] ^= 1 << bit
    return bytes(changed)


@pytest.mark.parametrize("payload", [b"\x91" * 1_000_000 + b"\xc0", b"\x81\xa1a" * 500_000 + b"\xc0"])
def test_depths_beyond_reason_are_a_decode_error(payload: bytes) -> None:
    with pytest.raises(terrace.DecodeError):
        ANY.decode(payload, 0)


def test_exts_in_exts_are_a_decode_error() -> None:
    payload = b"\xc0"
    for _ in range(3000):
        payload = msgspec.msgpack.encode(msgspec.msgpack.Ext(_exact.TUPLE, msgspec.msgpack.encode([]) if payload == b"\xc0" else b"\x91" + payload))
    with pytest.raises(terrace.DecodeError):
        ANY.decode(payload, 0)


@pytest.mark.parametrize("kind, text", [
    (int, "i64"), (str, "str"), (bytes, "bin"), (bool, "bool"), (float, "f64"), (Annotated[int, "u32"], "u32"), (list[int], "[i64]"), (dict[str, float], "{str:f64}"),
    (tuple[int, str], "(i64,str)"), (tuple[int, ...], "[i64]"), (Optional[str], "str?"), (Player, "(i64,str,[f64],bool?)"), (Tree, "(i64,[^1])@3"),
    (datetime.datetime, "t1/1000000"), (datetime.timedelta, "d1/1000000"), (Colour, "i64"), (uuid.UUID, "str")])
def test_shapes_have_the_texts_of_cpp(kind: Any, text: str) -> None:
    assert _schema.shape_of(kind).text == text


@pytest.mark.parametrize("code, what", [
    (_exact.RECORD, [f"{__name__}.Colour", {"name": "RED"}]), (_exact.ENUM, [f"{__name__}.Player", "x"]), (_exact.ENUM, [f"{__name__}.Access", "x"]),
    (_exact.RECORD, [f"{__name__}.Player", {"id": 1}]), (_exact.RECORD, 5), (_exact.DATETIME, ["2026-01-01", "../../etc/passwd", 0]), (99, [])])
def test_exts_that_say_what_cannot_be_are_a_decode_error(code: int, what: Any) -> None:
    with pytest.raises(terrace.DecodeError):
        ANY.decode(msgspec.msgpack.encode(msgspec.msgpack.Ext(code, msgspec.msgpack.encode(what))), 0)


def deep_tree(depth: int) -> Tree:
    tree = Tree(0)
    for _ in range(depth):
        tree = Tree(0, [tree])
    return tree


@pytest.mark.parametrize("kind, value", [
    (Tree, deep_tree(100)), (Tree, deep_tree(5000)), (str, "\ud800"), (float, 10**400), (float, 2**63 + 1), (Annotated[int, "u8"], 256), (set[int], [1]),
    (datetime.timedelta, datetime.timedelta(days=150_000_000)), (Huge, Huge.ONE),
    (datetime.datetime, datetime.datetime.max.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=-1)))),
    (datetime.datetime, datetime.datetime.min.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=1))))])
def test_typed_values_that_cannot_be_are_an_encode_error(kind: Any, value: Any) -> None:
    with pytest.raises(terrace.EncodeError):
        _codec.TypedCodec(kind).encode(value)


@pytest.mark.parametrize("kind, stored", [
    (uuid.UUID, 5), (decimal.Decimal, 5), (Colour, True), (datetime.timedelta, 1.5), (set[int], [1, 1]), (dict[str, int], [1]), (Player, [1, "x", [1.0]]), (int, True)])
def test_typed_reading_is_strict(kind: Any, stored: Any) -> None:
    with pytest.raises(terrace.DecodeError):
        _codec.TypedCodec(kind).decode(msgspec.msgpack.encode(stored), 0)


@pytest.mark.parametrize("kind", [dict[tuple[int, int], str], Annotated[str, "u8"], int | str, object, list])
def test_types_without_a_shape_are_refused(kind: Any) -> None:
    with pytest.raises(terrace.ConfigError, match="type"):
        _codec.TypedCodec(kind)


def test_two_classes_of_one_name_are_refused() -> None:
    other = dataclasses.make_dataclass("Player", ["x"])
    other.__module__, other.__qualname__ = Player.__module__, Player.__qualname__
    with pytest.raises(terrace.ConfigError, match="two classes"):
        _codec.AnyCodec([Player, other])


def test_fingerprints_are_those_of_cpp() -> None:
    """tests/envelope/golden_test.cpp holds the same numbers."""
    assert _schema.fingerprint("(i64,str,[f64],bool?)") == _codec.TypedCodec(Player).schema == 0x9216FBC6ECD263EF
    assert ANY.encode("x")[1] == 0x826E83195D0D60F0


def test_shared_types_go_both_ways(redis_server: RedisServer) -> None:
    for kind, value in ((Player, Player(-7, "Zoë", [1.5, -0.0], True)), (Tree, Tree(1, [Tree(2), Tree(3, [Tree(4)])])), (list[Point], [Point(1, 2)]),
                        (dict[str, Optional[datetime.datetime]], {"a": None, "b": datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)})):
        cache: terrace.Cache[Any] = terrace.Cache("typed", memory=None, tiers=[redis_server.url], type=kind)
        cache["k"] = value
        assert cache["k"] == value
        with pytest.raises(terrace.EncodeError, match="value"):
            cache["k"] = 5
    other: terrace.Cache[Any] = terrace.Cache("typed", memory=None, tiers=[redis_server.url], type=int)
    assert other.get("k", "a miss") == "a miss"  # of another type
    assert other.stats().levels[1].unreadable == 1


# --- golden files: what C++ wrote is read here; what Python wrote, golden_test.cpp reads ---


def planted(url: str, file: str) -> None:
    with redis.Redis.from_url(url) as client:
        client.set("golden:the key", (GOLDEN / file).read_bytes())


@pytest.mark.parametrize("file, value", [("v1-text-bare.bin", "hello"), ("v1-text-zstd.bin", "x" * 2000), ("v1-python-text.bin", "Zoë")])
def test_text_of_either_language_is_read(file: str, value: str, redis_server: RedisServer) -> None:
    planted(redis_server.url, file)
    for options in ({}, {"type": str}):
        assert terrace.Cache[Any]("golden", memory=None, tiers=[redis_server.url], **options).get("the key") == value


def test_a_shared_record_of_the_golden_file_is_read(redis_server: RedisServer) -> None:
    cache: terrace.Cache[Player] = terrace.Cache("golden", memory=None, tiers=[redis_server.url], type=Player)
    if os.environ.get("TERRACE_WRITE_GOLDEN"):
        write_golden(redis_server.url, cache)
    planted(redis_server.url, "v1-python-player.bin")
    assert cache.get("the key") == Player(-7, "Zoë", [1.5, -0.0], True)
    untyped: terrace.Cache[Any] = terrace.Cache("golden", memory=None, tiers=[redis_server.url])
    assert untyped.get("the key") == [-7, "Zoë", [1.5, -0.0], True]


def write_golden(url: str, players: terrace.Cache[Player]) -> None:
    """Makes the missing files; existing ones never change."""
    texts: terrace.Cache[str] = terrace.Cache("golden", memory=None, tiers=[url])
    with redis.Redis.from_url(url) as client:
        for file, store in (("v1-python-player.bin", lambda: players.set("the key", Player(-7, "Zoë", [1.5, -0.0], True))),
                            ("v1-python-text.bin", lambda: texts.set("the key", "Zoë"))):
            store()
            if not (GOLDEN / file).exists():
                (GOLDEN / file).write_bytes(client.get("golden:the key"))
