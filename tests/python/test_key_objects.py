"""Objects as keys and as arguments: no two share an entry that differ, and what a dict holds equal to a str or a number is its key."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import ipaddress
import itertools
import pathlib
import sys
import types
import uuid
import zoneinfo
from typing import Any, Iterator, NamedTuple

import attrs
import markupsafe
import msgspec
import numpy as np
import pandas as pd
import pydantic
import pytest
import terrace
from terrace import _core


@pytest.fixture
def cache() -> Iterator[terrace.Cache[Any]]:
    with terrace.Cache("keys") as made:
        yield made


class Keep(enum.Flag, boundary=enum.KEEP):
    READ = 1
    WRITE = 2
    ADMIN = 4


class Access(enum.IntFlag):
    READ = 1
    WRITE = 2


class Level(enum.IntEnum):
    LOW = 1


class Word(str, enum.Enum):
    A = "a"


class Open(enum.Enum):
    KNOWN = 1

    @classmethod
    def _missing_(cls, value: object) -> Any:
        made = object.__new__(cls)
        made._name_, made._value_ = "UNKNOWN", value
        return made


class Secret(str):
    def __str__(self) -> str:
        return "***"

    __repr__ = __str__


class Odd(int):
    def __int__(self) -> int:
        return 7

    __index__ = __int__

    def __str__(self) -> str:
        return "7"

    __repr__ = __str__


class Zero(float):
    def __float__(self) -> float:
        return 0.0


class Blob(bytes):
    def __bytes__(self) -> bytes:
        return b""


class Word2(str):
    language = "en"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Word2) and str.__eq__(self, other) and self.language == other.language

    __hash__ = str.__hash__


class Point(NamedTuple):
    x: int
    y: int


@dataclasses.dataclass(frozen=True)
class Frozen:
    x: Any
    y: Any = 2


@dataclasses.dataclass
class Changing:
    x: int


@attrs.frozen
class AttrsFrozen:
    x: Any


@attrs.define
class AttrsChanging:
    x: Any


@dataclasses.dataclass(frozen=True)
class Row(dict[str, Any]):
    x: int

    __hash__ = object.__hash__  # type: ignore[assignment]


@dataclasses.dataclass(frozen=True)
class Failure(Exception):
    x: int


class Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True)
    x: Any


class Loose(pydantic.BaseModel):
    x: Any


class Struct(msgspec.Struct, frozen=True):
    x: Any


class LooseStruct(msgspec.Struct):
    x: Any


def local_classes() -> tuple[type, type]:
    def make() -> type:
        class Colour(enum.Enum):
            RED = 1

        return Colour

    return make(), make()


ONE, TWO = local_classes()
BERLIN, OSLO = zoneinfo.ZoneInfo("Europe/Berlin"), zoneinfo.ZoneInfo("Europe/Oslo")
NIGHT, NOON = datetime.datetime(2026, 10, 25, 2, 30), datetime.datetime(2026, 6, 1, 12)
DIFFERENT: list[Any] = [
    1, "1", 1.0, b"1", True, None, "None", "True", decimal.Decimal("1"), decimal.Decimal("1.0"), complex(1), fractions.Fraction(1, 3),
    *(Keep(number) for number in (0, 1, 2, 3, 4, 5, 7, 8, 16, 24)), Access(0), Access(1), Access(3), Access(8), Level.LOW, Word.A, "a",
    Open.KNOWN, Open("x"), Open("y"), Open(7), ONE, TWO, ONE.RED, TWO.RED, list[int], list[str], dict[str, int], list,  # type: ignore[attr-defined]
    Secret("a"), Secret("b"), Secret(""), Odd(1), Odd(2), Zero(1.5), Zero(2.5), Blob(b"a"), Blob(b"b"), markupsafe.Markup("1"),
    np.str_("1"), np.int64(1), np.int32(1), np.uint8(1), np.float64(1), np.float32(1), np.float32(0.1), np.bool_(True), np.bytes_(b"1"),
    np.complex128(1), np.longdouble(1), np.longdouble("0.1"), np.datetime64("2026-01-01"), np.datetime64("2026-01-01", "ns"),
    np.timedelta64(1, "s"), np.timedelta64(1000, "ms"), np.float64(0.0), np.float64(-0.0),
    datetime.timedelta(microseconds=1), pd.Timedelta(1, "us"), pd.Timedelta(1, "ns"), pd.Timedelta(2, "ns"), pd.Timedelta(0),
    datetime.datetime(2026, 1, 1), datetime.date(2026, 1, 1), "2026-01-01", pd.Timestamp("2026-01-01"), pd.Timestamp("2026-01-01").replace(nanosecond=1),
    NIGHT, NIGHT.replace(fold=1), NOON.replace(tzinfo=BERLIN), NOON.replace(tzinfo=OSLO), NOON.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=2))),
    NOON.replace(tzinfo=datetime.timezone.utc), NOON.replace(tzinfo=zoneinfo.ZoneInfo("UTC")), NOON.replace(tzinfo=zoneinfo.ZoneInfo("Etc/UTC")),
    NOON.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=2), "CEST")), datetime.time(2, tzinfo=zoneinfo.ZoneInfo("UTC")), datetime.time(2), datetime.time(2, fold=1), datetime.time(2, tzinfo=datetime.timezone.utc),
    uuid.UUID(int=1), str(uuid.UUID(int=1)), (1, 2), Point(1, 2), (1, "2"), (1, 2.0), ((1, 2),), frozenset([1, 2]), frozenset([1, "2"]), range(3), range(4),
    Frozen(1), Frozen("1"), Frozen(1, 3), Frozen((1, 2)), Frozen(Frozen(1)), AttrsFrozen(1), AttrsFrozen("1"), AttrsFrozen(True), Model(x=1), Model(x="1"),
    Struct(1), Struct("1"), Struct(None), pathlib.PurePosixPath("a"), pathlib.PureWindowsPath("a"), pathlib.PurePosixPath("b"),
    ipaddress.ip_address("127.0.0.1"), ipaddress.ip_network("127.0.0.1"), ipaddress.ip_interface("127.0.0.1"), ipaddress.ip_address("::1"),
    10 ** 400, 10 ** 5000, 10 ** 5000 + 1, -(10 ** 5000), 1 << 2047, 1 << 2048,
]


def test_no_two_arguments_share_a_result(cache: terrace.Cache[Any]) -> None:
    @cache.memoize
    def call(x: Any) -> Any:
        return x

    keys: dict[bytes, Any] = {}
    for value in DIFFERENT:
        other = keys.setdefault(call.key(value), value)
        assert other is value, f"{other!r} and {value!r}"
        assert call.key(value) == call.key(value) and call(value) is value


FIELDS = [value for value in DIFFERENT if isinstance(value, (str, int, float, bytes, type(None), enum.Enum, uuid.UUID, datetime.date, datetime.time,
                                                              decimal.Decimal, np.generic)) and not (isinstance(value, enum.Enum) and value.name == "RED")]
ANNOTATIONS: list[Any] = [None, str, int, "int", "str", float, bytes, bool, "int | None", "int | str", uuid.UUID, datetime.date, datetime.datetime, Level, Word, Keep,
                          decimal.Decimal, "Undefined", list[int], Any]


@pytest.mark.parametrize("annotation", ANNOTATIONS, ids=str)
def test_no_two_arguments_share_a_field_of_a_template(cache: terrace.Cache[Any], annotation: Any) -> None:
    def call(x: Any) -> Any:
        return x

    call.__annotations__ = {} if annotation is None else {"x": annotation}
    for template in ("field:{x}", "{x}", "é{x}N{x}n"):
        memoized = terrace.Cache[Any]("fields").memoize(call, key=template)
        keys: dict[bytes, Any] = {}
        for value in FIELDS:
            other = keys.setdefault(memoized.key(value), value)
            assert other is value, f"{other!r} and {value!r}"


@pytest.mark.parametrize("annotation, plain", [
    (None, [42, 1.5, "ada", None, True, uuid.UUID(int=1), datetime.date(2026, 1, 2), "1.2.3", "-", "007", "1_0", "-0", "abc", "1e5", "2026-1-2"]),
    (str, ["42", "1.5", "None", "True", str(uuid.UUID(int=1)), "2026-01-02"]), ("str | None", ["42"]), (int, [42, -1]), (datetime.date, [datetime.date(2026, 1, 2)]),
    (decimal.Decimal, [decimal.Decimal("1.50")]), (float, [1.0]),
], ids=str)
def test_the_texts_of_the_usual_types_stand_in_the_key_as_they_are(cache: terrace.Cache[Any], annotation: Any, plain: list[Any]) -> None:
    def call(x: Any) -> Any:
        return x

    call.__annotations__ = {} if annotation is None else {"x": annotation}
    memoized = cache.memoize(call, key="user:{x}")
    for value in plain:
        assert memoized.key(value) == f"user:{value}".encode()
        memoized(value)
        assert cache.delete(f"user:{value}")


def test_a_member_of_an_annotated_enum_is_its_name(cache: terrace.Cache[Any]) -> None:
    @cache.memoize(key="level:{level}")
    def of(level: Level) -> Level:
        return level

    assert of.key(Level.LOW) == b"level:LOW" and of(Level.LOW) is Level.LOW
    assert of.key("LOW") == b"level:LOW%%str"  # type: ignore[arg-type]


@pytest.mark.parametrize("made, plain", [
    (markupsafe.Markup("user:1"), "user:1"), (Secret("user:1"), "user:1"), (np.str_("user:1"), "user:1"), (Odd(5), 5), (np.int64(5), 5), (np.uint8(5), 5),
    (np.float64(1.5), 1.5), (np.float32(1.5), 1.5), (Zero(1.5), 1.5), (np.bool_(True), True), (Blob(b"a"), b"a"), (np.bytes_(b"a"), b"a"),
    (("user", markupsafe.Markup("1")), ("user", "1")), (frozenset([np.int64(1)]), frozenset([1])), (markupsafe.Markup(""), ""),
], ids=lambda value: type(value).__name__)
def test_a_key_of_a_subclass_is_that_of_the_plain_value(cache: terrace.Cache[Any], made: Any, plain: Any) -> None:
    cache.set(made, "value")
    assert cache[plain] == "value" and plain in cache and cache.get_many([plain]) == {plain: "value"}
    assert cache.delete(plain) and made not in cache
    cache.set(plain, "value")
    assert cache[made] == "value" and cache.delete(made)
    cache.set(made, "value")
    if plain == "user:1":
        assert cache.invalidate(prefix="user:") == 1


@pytest.mark.parametrize("made", [
    Changing(1), AttrsChanging(1), Loose(x=1), LooseStruct(1), Frozen([1]), Model(x=[1]), Word2("a"), [1], {}, set(), object(), lambda: 1, np.array([1]),
    types.SimpleNamespace(), Row(1), Failure(1), type("Sub", (Frozen,), {})(1),
], ids=lambda value: type(value).__name__)
def test_what_cannot_be_a_key_is_refused_with_the_way_out(cache: terrace.Cache[Any], made: Any) -> None:
    call = cache.memoize(lambda x: 1)
    for use in (lambda: cache.get(made), lambda: cache.set(made, 1), lambda: call(made), lambda: cache.get((1, made)), lambda: call((made,))):
        with pytest.raises(terrace.KeyTypeError, match="__terrace_key__"):
            use()


def test_other_keys_are_as_distinct_as_arguments() -> None:
    same = {"1": (markupsafe.Markup("1"), np.str_("1")), 1: (np.int64(1), np.int32(1), np.uint8(1), Odd(1)), 1.0: (np.float64(1), np.float32(1))}
    keys: dict[bytes, Any] = {}
    for value in DIFFERENT:
        other = keys.setdefault(_core.key_bytes(value), value)
        if other is not value:
            assert other == value or any(other == plain and any(value is v or repr(v) == repr(value) for v in some) for plain, some in same.items()), (other, value)


class Unsaved:
    """Without a hash, as an unsaved model or a plain dataclass is."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, key: str) -> None:
        self.__terrace_key__ = key

    def __eq__(self, other: object) -> bool:
        return self is other


def test_answers_in_dicts(cache: terrace.Cache[Any]) -> None:
    cache[1], cache[True], cache[1.0] = "int", "bool", "float"
    for keys in ([1, True], [True, 1.0], [1, 1.0], [(1,), (True,)]):
        calls = [lambda: cache.get_many(keys), lambda: cache.lookup_many(keys), lambda: cache.get_or_load_many(keys, list),
                 lambda: asyncio.run(cache.aget_many(keys)), lambda: asyncio.run(cache.aget_or_load_many(keys, list))]
        for call in calls:
            with pytest.raises(terrace.KeyTypeError, match="two keys here and one in the dict"):
                call()
    assert [cache.get_many([key]) for key in (1, True, 1.0)] == [{1: "int"}, {True: "bool"}, {1.0: "float"}]
    assert cache.get_many([1, 1, np.int64(1)]) == {1: "int"} and cache.delete_many([1, True, 1.0]) == 3


def test_keys_without_a_hash(cache: terrace.Cache[Any], tmp_path: pathlib.Path) -> None:
    one = Unsaved("1")
    cache.set(one, "value")
    assert cache.get(one) == cache.lookup(one).value == cache[one] == "value"
    assert cache.get_or_load(one, lambda: 2) == "value" and asyncio.run(cache.alookup(one)).value == "value"
    with pytest.raises(terrace.KeyTypeError, match="no hash"):
        cache.get_many([one])
    assert cache.invalidate(one) == 1 and cache.lookup(one).kind == "miss"
    with terrace.Cache("tiers", tiers=[f"sqlite:{tmp_path}/keys.db"]) as below:
        assert asyncio.run(below.aget(one, "none")) == "none"


def test_a_missing_tuple_is_named_whole(cache: terrace.Cache[Any]) -> None:
    for key in ((1, 2), (), "a", None):
        with pytest.raises(KeyError) as error:
            cache[key]
        assert error.value.args == (key,)


def test_decimals_do_not_depend_on_the_context() -> None:
    value = decimal.Decimal("1E+5")
    keys = set()
    for capitals in (0, 1):
        with decimal.localcontext() as context:
            context.capitals = capitals
            keys.add(_core.key_bytes(value))
    assert len(keys) == 1


def test_tokens_of_classes_that_are_gone_are_gone() -> None:
    from terrace import _identity

    before = len(_identity._tokens)
    for _, kind in itertools.product(range(50), range(2)):
        _core.key_bytes(local_classes()[kind])
    import gc

    gc.collect()
    assert len(_identity._tokens) <= before + 2


def test_structured_scalars_are_told_apart_by_their_fields(cache: terrace.Cache[Any]) -> None:
    def scalar(*fields: tuple[str, str]) -> Any:
        return np.array([tuple(range(len(fields)))], dtype=list(fields))[0]

    @cache.memoize
    def call(x: Any) -> Any:
        return x.dtype.names

    different = [scalar(("a", "i4"), ("b", "i4")), scalar(("a", "i4"), ("c", "i4")), scalar(("a", "i4"), ("b", "i8")), scalar(("a", "i4"))]
    assert [call(x) for x in different] == [x.dtype.names for x in different]
    assert len({call.key(x) for x in different}) == len(different)
    padded = np.zeros(2, dtype=np.dtype([("a", "i1"), ("b", "i4")], align=True))
    padded.view(np.uint8)[1] = 7  # between the fields
    assert call.key(padded[0]) == call.key(padded[1])
    with pytest.raises(terrace.KeyTypeError, match="plain"):
        cache.memoize(lambda x: x, key="k{x}")(padded[0])


def test_a_long_double_is_its_number(cache: terrace.Cache[Any]) -> None:
    @cache.memoize
    def call(x: Any) -> Any:
        return x

    plain = np.longdouble("0.1")
    raw = np.frombuffer(bytearray(plain.tobytes()), dtype=np.uint8).copy()
    raw[10:] = 0xAB  # what is beyond the 80 bits of x86
    other = raw.view(np.longdouble)[0]
    if other == plain:
        assert call.key(plain) == call.key(other)
    assert call.key(plain) != call.key(np.longdouble(0.1))


def test_a_cached_property_of_a_frozen_model_is_no_part_of_it(cache: terrace.Cache[Any]) -> None:
    class Page(pydantic.BaseModel):
        model_config = pydantic.ConfigDict(frozen=True)
        number: int

        @functools.cached_property
        def text(self) -> str:
            return str(self.number)

    @cache.memoize
    def call(page: Page) -> str:
        return page.text

    page = Page(number=1)
    before = call.key(page)
    assert call(page) == "1" and call.key(page) == before == call.key(Page(number=1)) != call.key(Page(number=2))


def test_a_class_that_is_defined_again_has_results_of_its_own(cache: terrace.Cache[Any]) -> None:
    """As in a notebook, or after importlib.reload."""
    module = types.ModuleType("notebook_of_a_test")
    sys.modules[module.__name__] = module
    cell = """
import dataclasses
@dataclasses.dataclass(frozen=True)
class Item:
    price: int
    def total(self):
        return self.price * {factor}
"""
    try:
        @cache.memoize
        def total(item: Any) -> Any:
            return item.total()

        for factor in (1, 2, 3):
            exec(cell.format(factor=factor), vars(module))
            assert total(module.Item(10)) == total(module.Item(10)) == 10 * factor
    finally:
        del sys.modules[module.__name__]
