"""Values of every kind that tiers store, and what it takes for two of them to be the same."""

from __future__ import annotations

import array
import collections
import datetime
import decimal
import enum
import fractions
import ipaddress
import pathlib
import re
import types
import uuid
import zoneinfo
from typing import Any

import numpy
import pandas
from value_classes import (
    TYPES,
    Access,
    Account,
    Address,
    Box,
    Celsius,
    Cents,
    Coin,
    Colour,
    Digest,
    Doubled,
    Frozen,
    Grown,
    Kept,
    Key,
    Labelled,
    Level,
    Loose,
    Names,
    Numbers,
    Order,
    OverSlots,
    Point,
    Row,
    Safe,
    Stack,
    Struct,
    Token,
    User,
    Valued,
)

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
CET = datetime.timezone(datetime.timedelta(hours=1), "CET")


def row() -> Row:
    made = Row(a=1)
    made.source = "db"
    return made


def with_attribute(value: Any) -> Any:
    value.extra = (1, "x")
    return value


def seen() -> Address:
    made = Address(street="x", room="5")  # type: ignore[call-arg]
    made._seen = 9
    return made


def hashed(made: Any) -> Any:
    hash(made)
    return made


def looked_at() -> User:
    made = User(7)
    made.lock
    return made


def moved() -> collections.OrderedDict[Any, Any]:
    """In another order than the dict in it."""
    made = collections.OrderedDict([("a", 1), ("b", 2), ("c", 3)])
    made.move_to_end("a")
    made.move_to_end("c", last=False)
    return made


STANDARD = [
    collections.OrderedDict([("b", 1), (2, "a")]),
    moved(),
    types.MappingProxyType(moved()),
    collections.ChainMap(moved(), {2: 3}),
    collections.defaultdict(list, {"a": [1]}),
    collections.defaultdict(None, {1: 2}),
    collections.defaultdict(User, {(1, 2): User(1)}),
    collections.Counter("hello"),
    collections.deque([1, (2,)], maxlen=3),
    collections.deque(),
    collections.ChainMap({"a": 1}, {2: 3}),
    types.MappingProxyType({"a": (1,)}),
    types.MappingProxyType(collections.Counter("aa")),
    types.SimpleNamespace(a=1, b=(2,)),
    range(5),
    range(10, 0, -3),
    range(2**70),
    slice(1, None, 2),
    ...,
    NotImplemented,
    fractions.Fraction(1, 3),
    fractions.Fraction(2**100, 3),
    array.array("d", [1.5, 2]),
    array.array("Q", [2**64 - 1]),
    re.compile("a+", re.I | re.M),
    re.compile(b"\xff"),
    datetime.timezone.utc,
    CET,
    datetime.timezone(datetime.timedelta(seconds=-5)),
    BERLIN,
    pathlib.Path("/tmp/a b"),
    pathlib.PurePosixPath("x/../y"),
    pathlib.PureWindowsPath(r"C:\x"),
    pathlib.Path("bad\udcff"),
    ipaddress.ip_address("10.0.0.1"),
    ipaddress.ip_address("fe80::1%eth0"),
    ipaddress.ip_network("10.0.0.0/8"),
    ipaddress.ip_network("2001:db8::/32"),
    ipaddress.ip_interface("10.0.0.1/8"),
    ipaddress.ip_interface("::1/64"),
    uuid.UUID(int=7),
    decimal.Decimal("1.10"),
    decimal.Decimal("-0"),
    decimal.Decimal("NaN123"),
    complex(1, -0.0),
    bytearray(b"ab"),
    frozenset({1, "a", (2,)}),
    datetime.date(2026, 1, 2),
    datetime.timedelta(-1, 5, 7),
    datetime.datetime(2026, 1, 2, 3, tzinfo=CET),
    datetime.datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=BERLIN),
    datetime.time(1, 2, 3, 4, tzinfo=CET),
    datetime.time(1, 2, fold=1),
    int,
    dict,
    User,
    Colour,
    collections.OrderedDict,
    float("nan"),
    2**64,
    -(2**63) - 1,
]
NAMED = [
    Safe("x"),
    Safe(""),
    Cents(5),
    Cents(2**80),
    Celsius(-0.0),
    Celsius("nan"),
    Digest(b"\0x"),
    row(),
    Stack([1, Cents(2)]),
    Names({"a"}),
    Numbers([1, 2]),
    OverSlots(1),
    Grown("x"),
    with_attribute(Labelled(1, 2)),
    with_attribute(Loose(1)),
    Kept(9),
    Colour.RED,
    Valued.ONE,
    Colour.BLUE,
    Access.READ | Access.WRITE,
    Access(0),
    Access.HUGE,
    Level.HIGH,
    Point(1, (2,)),
    Doubled(4),
    User(1, ["a"]),
    looked_at(),
    Key("k", (1,)),
    Box[int](3),
    Order(1, [Coin(1)], secret=8),
    hashed(Coin("a")),
    hashed(Token("a")),
    seen(),
    Address(street="x", number=1),
    Account(owner="a", at=(1, 2), homes=[seen()]),
    Struct("a", (1,)),
    Frozen(b={"x": (1,)}),
]
ARRAYS = [
    numpy.arange(6).reshape(2, 3),
    numpy.arange(6, dtype=">i4")[::2],
    numpy.asfortranarray(numpy.eye(3)),
    numpy.arange(24).reshape(2, 3, 4).transpose(2, 0, 1),
    numpy.array(5.0),
    numpy.zeros((0, 3)),
    numpy.zeros(0, "f4"),
    numpy.array(["a", "bcd"]),
    numpy.array([b"a\0", b"b"]),
    numpy.array([True, False]),
    numpy.array(["2026-01-01", "NaT"], "M8[ns]"),
    numpy.array([1, 2], "m8[25s]"),
    numpy.array([1.5, -0.0, numpy.nan], "f2"),
    numpy.array([1 + 2j], "c8"),
    numpy.array([(1, "x"), (2, "y")], [("a", "<i4"), ("b", "U3")]),
    numpy.array([(1, [2, 3])], [("a", "u1"), ("b", "f8", (2,))]),
    numpy.zeros(2, numpy.dtype([("a", "i1"), ("b", "f8")], align=True)),
    numpy.array([1], numpy.longlong),
    numpy.array([1.5], numpy.longdouble),
    numpy.frombuffer(b"abcd", "u1"),
    numpy.array([b"abc"], "V3"),
    numpy.broadcast_to(numpy.array([1, 2]), (3, 2)),
]
SCALARS = [
    numpy.int64(5),
    numpy.longlong(5),
    numpy.uint8(255),
    numpy.float64(1.5),
    numpy.float32("nan"),
    numpy.float16(1),
    numpy.longdouble(1.25),
    numpy.bool_(True),
    numpy.complex64(1j),
    numpy.str_("a\0"),
    numpy.str_(""),
    numpy.bytes_(b"a\0"),
    numpy.datetime64("2026-01-01"),
    numpy.datetime64("NaT", "s"),
    numpy.timedelta64(5, "ms"),
    numpy.array([(1, "x")], [("a", "<i4"), ("b", "U3")])[0],
]
PANDAS = [
    pandas.Timestamp("2026-01-01"),
    pandas.Timestamp("2026-01-01 12:00:00.123456789", tz="Europe/Berlin"),
    pandas.Timestamp("2026-01-01", tz="UTC"),
    pandas.Timestamp(5, unit="s").as_unit("s"),
    pandas.Timedelta("1ns"),
    pandas.Timedelta(5, "D").as_unit("s"),
    pandas.NaT,
    pandas.NA,
    pandas.Period("2026-03", "M"),
    pandas.Interval(1, 2, "both"),
    pandas.Interval(pandas.Timestamp("2026"), pandas.Timestamp("2027")),
    pandas.RangeIndex(5, name="n"),
    pandas.Index([1, 2, 3]),
    pandas.Index(["a", "b"], name=("x", 1)),
    pandas.Index([1, "a", None], dtype=object),
    pandas.Index([]),
    pandas.date_range("2026-01-01", periods=3, freq="D", tz="Europe/Berlin"),
    pandas.DatetimeIndex(["2026-01-01", None]),
    pandas.timedelta_range("1s", periods=2),
    pandas.period_range("2026-01", periods=3, freq="M"),
    pandas.CategoricalIndex(["a", "b", "a"]),
    pandas.interval_range(0, 3),
    pandas.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["k", None]),
    pandas.Categorical(["a", None], categories=["b", "a"], ordered=True),
    pandas.array([1, None], dtype="Int8"),
    pandas.array([1.5, None], dtype="Float32"),
    pandas.array([True, None], dtype="boolean"),
    pandas.array(["a", None], dtype="string"),
    pandas.Series([1, 2], index=["a", "b"], name="s"),
    pandas.Series(["x", None, "z"]),
    pandas.Series([1, "a", (2,)], dtype=object),
    pandas.Series([], dtype="f8"),
    pandas.Series([1.5, None], dtype="f4"),
    pandas.Series([[1, 2], [3, 4]]),
    pandas.DataFrame(
        {
            "a": [1, 2],
            "b": ["x", None],
            "c": pandas.Categorical(["u", "v"]),
            "d": pandas.array([1, None], dtype="Int64"),
            "e": pandas.to_datetime(["2026-01-01", None]),
            "f": pandas.to_datetime(["2026-01-01", "2026-07-01"]).tz_localize("Europe/Berlin"),
        }
    ),
    pandas.DataFrame(),
    pandas.DataFrame(index=[1, 2]),
    pandas.DataFrame(columns=["a", "b"]),
    pandas.DataFrame([[1, 2], [3, 4]], columns=["x", "x"]),
    pandas.DataFrame(
        {("a", 1): [1.0], ("a", 2): [2.0]}, index=pandas.MultiIndex.from_tuples([("r", 1)], names=["p", "q"])
    ),
    pandas.DataFrame(
        {
            "p": pandas.period_range("2026", periods=2, freq="M"),
            "i": pandas.arrays.IntervalArray.from_breaks([0, 1, 2]),
        },
        index=[10, 20],
    ),
]
EVERY = [*STANDARD, *NAMED, *ARRAYS, *SCALARS, *PANDAS]


def alike(left: Any, right: Any) -> bool:
    """Equal, and of the same types all the way down, in what they hold as well."""
    if type(left) is not type(right):
        return False
    if left is pandas.NA or left is pandas.NaT:
        return left is right
    if isinstance(left, numpy.ndarray):
        return bool(
            left.dtype == right.dtype
            and left.dtype.type is right.dtype.type
            and left.shape == right.shape
            and left.flags.f_contiguous == numpy.asarray(left, copy=True).flags.f_contiguous
            and left.tobytes() == right.tobytes()
        )
    if isinstance(left, numpy.generic):
        return bool(left.dtype == right.dtype and left.tobytes() == right.tobytes())
    if isinstance(left, pandas.DataFrame):
        pandas.testing.assert_frame_equal(left, right, check_flags=True, check_freq=True, check_exact=True)
        return bool(
            left.attrs == right.attrs
            and all(alike(left.iloc[:, i], right.iloc[:, i]) for i in range(left.shape[1]))
            and alike(left.columns, right.columns)
        )
    if isinstance(left, pandas.Series):
        if left.dtype == right.dtype == object:  # of what its own comparison does not understand
            return alike(left.index, right.index) and alike(left.name, right.name) and alike(list(left), list(right))
        pandas.testing.assert_series_equal(left, right, check_flags=True, check_exact=True)
        return left.dtype == right.dtype and alike(left.index, right.index)
    if isinstance(left, pandas.Index):
        pandas.testing.assert_index_equal(left, right, exact=True)
        return bool(
            left.dtype == right.dtype
            and alike(left.name, right.name)
            and getattr(left, "freq", None) == getattr(right, "freq", None)
        )
    if isinstance(left, pandas.api.extensions.ExtensionArray):
        pandas.testing.assert_extension_array_equal(left, right)
        return bool(left.dtype == right.dtype)
    if isinstance(left, decimal.Decimal) or isinstance(left, (float, complex)) and left != left:
        return repr(left) == repr(right)
    if isinstance(left, dict) and type(left).__hash__ is None:
        return (
            len(left) == len(right)
            and all(map(alike, left, right))
            and all(map(alike, left.values(), right.values()))
            and alike_besides(left, right)
        )
    if isinstance(left, (list, tuple, collections.deque)):
        return (
            len(left) == len(right)
            and all(map(alike, left, right))
            and getattr(left, "maxlen", 0) == getattr(right, "maxlen", 0)
            and alike_besides(left, right)
        )
    if isinstance(left, (set, frozenset)):
        return bool(left == right) and collections.Counter(map(type, left)) == collections.Counter(map(type, right))
    if isinstance(left, (datetime.datetime, datetime.time)):
        return left == right and left.fold == right.fold and repr(left.tzinfo) == repr(right.tzinfo)
    if isinstance(left, datetime.timezone):
        return repr(left) == repr(right)
    if type(left) in TYPES and not isinstance(left, enum.Enum):
        names = [
            *getattr(left, "__dataclass_fields__", ()),
            *getattr(left, "__struct_fields__", ()),
            *getattr(type(left), "model_fields", ()),
        ]
        names += [field.name for field in getattr(left, "__attrs_attrs__", ())]
        return (
            (bool(names) or repr(left) == repr(right))
            and all(alike(getattr(left, n), getattr(right, n)) for n in names)
            and alike_besides(left, right)
        )
    return bool(left == right) and repr(left) == repr(right)


#: By properties, hashes and generic classes.
KEPT = {"lock", "__orig_class__", "_attrs_cached_hash"}


def alike_besides(left: Any, right: Any) -> bool:
    """In their attributes, without what a property has kept."""
    mine, other = (
        {name: item for name, item in getattr(value, "__dict__", {}).items() if name not in KEPT}
        for value in (left, right)
    )
    return list(mine) == list(other) and all(alike(mine[name], other[name]) for name in mine)
