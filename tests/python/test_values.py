"""What tiers give back is equal and of its type, or is refused with the way out when it is set."""

from __future__ import annotations

import abc
import collections
import dataclasses
import datetime
import decimal
import fractions
import pathlib
import subprocess
import sys
import types
from typing import Any

import attrs
import msgspec
import numpy
import pandas
import pydantic
import pytest
import terrace
from hypothesis import given, settings, strategies as st
from servers import RedisServer
from terrace import _codec
from value_classes import TYPES, Address, Coin, Key, Point, Row, Safe, Struct, Token, User
from value_samples import EVERY, alike

ANY = _codec.AnyCodec(TYPES)


def back(value: Any) -> Any:
    return ANY.decode(*ANY.encode(value))


@pytest.mark.parametrize("value", EVERY, ids=lambda value: f"{type(value).__name__}")
def test_each_comes_back_alone_and_within_others(value: Any) -> None:
    assert alike(back(value), value)
    for around in (
        [value],
        (value, 1),
        {"k": value},
        {1: value},
        User(value),
        Point(value, [value]),
        Key("k", value),
        Struct("s", value),
        collections.deque([value]),
        types.SimpleNamespace(v=value),
        Row(v=value),
    ):
        held = back(around)
        assert type(held) is type(around)
        inside = (
            list(vars(held).values())
            if isinstance(held, types.SimpleNamespace)
            else (
                list(held.values())
                if isinstance(held, dict)
                else (
                    list(held)
                    if not hasattr(held, "__dataclass_fields__") and not isinstance(held, Struct)
                    else [getattr(held, name) for name in ("id", "part", "parts") if hasattr(held, name)]
                )
            )
        )
        assert any(alike(one, value) for one in inside), (held, value)


HASHABLE = [value for value in EVERY if getattr(type(value), "__hash__", None) is not None]


@pytest.mark.parametrize("value", HASHABLE, ids=lambda value: f"{type(value).__name__}")
def test_each_comes_back_as_a_key(value: Any) -> None:
    try:
        mapping = {value: 1, "other": 2}
    except TypeError:
        return  # it holds what cannot be hashed
    first, second = back(mapping)
    assert alike(first, value) and second == "other"
    (only,) = back({value})
    assert alike(only, value)


def test_all_of_them_through_servers_and_files(redis_server: RedisServer, tmp_path: pathlib.Path) -> None:
    for url in (redis_server.url, f"sqlite:{tmp_path / 'values.db'}"):
        with terrace.Cache[Any]("values", memory=None, tiers=[url], types=TYPES) as cache:
            cache.set_many(dict(enumerate(EVERY)))
            found = cache.get_many(range(len(EVERY)))
            for i, value in enumerate(EVERY):
                assert alike(found[i], value), value
            assert cache.stats().unreadable_values == 0


def nested() -> st.SearchStrategy[Any]:
    leaves = st.integers(0, len(EVERY) - 1).map(EVERY.__getitem__)
    keys = st.one_of(
        st.text(max_size=3),
        st.integers(),
        st.dates(),
        st.builds(Safe, st.text(max_size=3)),
        st.builds(Key, st.text(max_size=2)),
    )
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.tuples(inner, inner),
            st.dictionaries(keys, inner, max_size=3),
            st.builds(collections.deque, st.lists(inner, max_size=2), st.just(5)),
            st.builds(User, inner),
            st.builds(Point, inner, inner),
            st.builds(Key, st.text(max_size=2), inner),
            st.builds(Struct, st.just("s"), inner),
            st.builds(lambda items: collections.OrderedDict(items), st.lists(st.tuples(keys, inner), max_size=2)),
            st.builds(lambda items: collections.defaultdict(list, items), st.dictionaries(keys, inner, max_size=2)),
            st.builds(lambda item: pandas.Series([item], dtype=object), inner),
        ),
        max_leaves=6,
    )


OFFSETS = st.builds(
    lambda micros, name: datetime.timezone(datetime.timedelta(microseconds=micros), *name),
    st.integers(-86_399_999_999, 86_399_999_999),
    st.one_of(st.just([]), st.lists(st.text("CEST+", max_size=4), min_size=1, max_size=1)),
)
ZONES = st.one_of(st.none(), st.timezones(), OFFSETS)


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.datetimes(timezones=ZONES, allow_imaginary=True),
        st.builds(lambda time, zone, fold: time.replace(tzinfo=zone, fold=fold), st.times(), ZONES, st.integers(0, 1)),
        *(st.dates(), st.timedeltas(), st.decimals(), st.fractions(), st.complex_numbers(), st.floats(), st.uuids()),
        *(st.ip_addresses(), st.integers(), OFFSETS, st.slices(100), st.binary().map(bytearray)),
    )
)
def test_scalars_of_all_ranges_come_back(value: Any) -> None:
    assert alike(back(value), value)


@settings(max_examples=150, deadline=None)
@given(nested())
def test_any_nest_of_them_comes_back(value: Any) -> None:
    assert alike(back(value), value)


def test_any_nest_of_them_comes_back_from_servers_and_files(redis_server: RedisServer, tmp_path: pathlib.Path) -> None:
    for url in (redis_server.url, f"sqlite:{tmp_path / 'nests.db'}"):
        with terrace.Cache[Any]("nests", memory=None, tiers=[url], types=TYPES) as cache:

            @settings(max_examples=60, deadline=None)
            @given(nested())
            def comes_back(value: Any) -> None:
                cache["k"] = value
                assert alike(cache["k"], value)

            comes_back()


# --- refused when set ---


class Unnamed(str):
    pass


@dataclasses.dataclass
class WithoutField:
    x: int


class Zone(datetime.tzinfo):
    def utcoffset(self, _: Any) -> datetime.timedelta:
        return datetime.timedelta(hours=1)


def emptied() -> WithoutField:
    made = WithoutField(1)
    del made.x
    return made


def decorated() -> Any:
    made = collections.OrderedDict(a=1)
    made.extra = 1  # type: ignore[attr-defined]
    return made


@pytest.mark.parametrize(
    "value, way",
    [
        (Unnamed("x"), r"types=\[Unnamed\]"),
        (collections.defaultdict(lambda: 0), r"default_factory.*function"),
        (memoryview(b"x"), "bytes\\(value\\)"),
        ({}.keys(), "list\\(value\\)"),
        (iter([1]), "list\\(value\\)"),
        (numpy.array([1, "a"], dtype=object), "tolist"),
        (numpy.array(["a"], dtype=numpy.dtypes.StringDType()), "tolist"),
        (numpy.ma.array([1], mask=[True]), "numpy.array"),
        (numpy.rec.array([(1,)]), "numpy.array"),
        (pydantic.TypeAdapter, "codec"),
        (decorated(), "attributes"),
        (datetime.datetime(2026, 1, 1, tzinfo=Zone()), "zoneinfo"),
        (datetime.time(1, tzinfo=Zone()), "zoneinfo"),
        (emptied(), "types="),
        (object(), "codec"),
        (ValueError("x"), "codec"),
        (lambda: 0, "codec"),
        (pandas.Series(pandas.arrays.SparseArray([0, 1])), "astype"),
        (types.MappingProxyType(collections.UserDict()), "dict\\(value\\)"),
        (fractions.Fraction(1, 1 << 70_000), "65536"),
        ("\ud800", "surrogates"),
        ({"a": ["\ud800"]}, "surrogates"),
        (fractions, "module"),
        (decimal.Context(), "codec"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_would_not_come_back_is_refused_with_the_way_out(value: Any, way: str, redis_server: RedisServer) -> None:
    cache: terrace.Cache[Any] = terrace.Cache("refused", memory=None, tiers=[redis_server.url])
    for stored in (value, [value], {"k": (value,)}, collections.deque([value])):
        with pytest.raises(terrace.EncodeError, match=way):
            cache.set("k", stored)
        with pytest.raises(terrace.EncodeError, match=way):
            cache.get_or_load("k", lambda: stored)
    assert cache.get("k", "nothing") == "nothing"


def test_a_field_that_is_not_set_is_refused() -> None:
    with pytest.raises(terrace.EncodeError, match="field x .* not set"):
        _codec.AnyCodec([WithoutField]).encode(emptied())


@dataclasses.dataclass
class ReadOnly:
    """Its own code keeps its field from being set."""

    x: int = 0

    def __init__(self) -> None:
        pass


ReadOnly.x = property(lambda self: 5)  # type: ignore[assignment]


def test_a_class_whose_values_cannot_be_made_is_refused_with_its_first_value(redis_server: RedisServer) -> None:
    cache: terrace.Cache[Any] = terrace.Cache("proved", memory=None, tiers=[redis_server.url], types=[ReadOnly])
    for _ in range(2):
        with pytest.raises(terrace.EncodeError, match="ReadOnly could not be restored.*codec="):
            cache["k"] = ReadOnly()


@pytest.mark.parametrize(
    "around",
    [lambda v: [v], lambda v: (v,), lambda v: {1: v}, lambda v: collections.deque([v]), User, lambda v: Row(k=v)],
)
def test_the_deepest_value_that_is_stored_can_be_read(around: Any) -> None:
    value: Any = 1
    stored = b""
    with pytest.raises(terrace.EncodeError, match="nested"):
        for _ in range(300):
            stored, _ = ANY.encode(value)
            value = around(value)
    ANY.decode(stored, 0)


@dataclasses.dataclass
class OverDict(dict):  # type: ignore[type-arg]
    x: int = 0


@dataclasses.dataclass
class Failure(Exception):
    x: int = 0


@attrs.define
class AttrsFailure(Exception):
    x: int = 0


class Abstract(abc.ABC):
    @abc.abstractmethod
    def method(self) -> None: ...


@dataclasses.dataclass
class AbstractRecord(Abstract):
    x: int


@pytest.mark.parametrize(
    "kind, why",
    [
        (OverDict, "dict"),
        (Failure, "Exception"),
        (AttrsFailure, "Exception"),
        (ValueError, "is no dataclass"),
        (object, "codec"),
        (len, "codec"),
        (datetime.tzinfo, "codec"),
        (AbstractRecord, "abstract"),
        (collections.UserDict, "codec"),
    ],
)
def test_classes_whose_values_would_not_come_back_are_refused_when_named(kind: Any, why: str) -> None:
    with pytest.raises(terrace.ConfigError, match=why):
        terrace.Cache("named", types=[kind])


@pytest.mark.parametrize("kind", [OverDict, Failure])
def test_they_are_refused_as_the_type_of_all_values(kind: Any) -> None:
    with pytest.raises(terrace.ConfigError, match="type: .*content is not in a field"):
        terrace.Cache("typed", type=kind)


def test_a_typed_value_with_more_than_its_fields_is_refused() -> None:
    @dataclasses.dataclass
    class Plain:
        x: int

    value = Plain(1)
    value.y = 2  # type: ignore[attr-defined]
    with pytest.raises(terrace.EncodeError, match="y.*types="):
        _codec.TypedCodec(Plain).encode(value)
    coded = _codec.TypedCodec(Address)
    with pytest.raises(terrace.EncodeError, match="_seen"):
        coded.encode(Address(street="x"))


def test_models_and_attrs_classes_are_types_of_typed_caches(redis_server: RedisServer) -> None:
    @attrs.define
    class Pair:
        a: int
        b: list[str]

    class Model(pydantic.BaseModel):
        a: int
        b: list[str] = []

    for kind, value in ((Pair, Pair(1, ["x"])), (Model, Model(a=1)), (list[Model], [Model(a=1, b=["y"])])):
        cache: terrace.Cache[Any] = terrace.Cache("typed-models", memory=None, tiers=[redis_server.url], type=kind)
        cache["k"] = value
        assert cache["k"] == value and type(cache["k"]) is type(value)


def test_no_code_of_a_class_runs_when_its_values_are_read() -> None:
    ran = []

    class Watched(msgspec.Struct):
        a: int

        def __post_init__(self) -> None:
            ran.append("struct")

    @attrs.define
    class Attrs:
        a: int = attrs.field(
            validator=lambda *_: ran.append("validator"), converter=lambda value: ran.append("converter") or value
        )

        def __attrs_post_init__(self) -> None:
            ran.append("attrs")

    class Model(pydantic.BaseModel):
        a: int

        def model_post_init(self, _: Any) -> None:
            ran.append("model")

    codec = _codec.AnyCodec([Watched, Attrs, Model])
    stored = [codec.encode(value) for value in (Watched(1), Attrs(1), Model(a=1))]
    ran.clear()
    for payload, schema in stored:
        codec.decode(payload, schema)
    assert ran == []


READER_OF_KEYS = """
import sys, terrace
sys.path.insert(0, sys.argv[2])
from value_classes import Coin, Token
cache = terrace.Cache("hashes", memory=None, tiers=[sys.argv[1]], types=[Coin, Token])
assert cache["k"][Coin("a")] == 1 and cache["k"][Token("a")] == 2
print("fine")
"""


def test_hashes_that_were_kept_are_of_the_process_that_reads(redis_server: RedisServer) -> None:
    cache: terrace.Cache[Any] = terrace.Cache("hashes", memory=None, tiers=[redis_server.url], types=[Coin, Token])
    cache["k"] = {Coin("a"): 1, Token("a"): 2}
    command = [sys.executable, "-c", READER_OF_KEYS, redis_server.url, str(pathlib.Path(__file__).parent)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout == "fine\n", done.stderr


def test_fields_that_are_new_have_their_defaults() -> None:
    def classes(extended: bool) -> list[Any]:
        extra: dict[str, Any] = {"b": 5} if extended else {}
        data = dataclasses.make_dataclass("Data", ["a", *([("b", int, 5)] if extended else [])])
        plain = attrs.make_class(
            "Attrs", {"a": attrs.field(), **({"b": attrs.field(factory=lambda: 5)} if extended else {})}
        )
        struct = msgspec.defstruct("Struct", ["a", *([("b", int, 5)] if extended else [])])
        model = pydantic.create_model("Model", a=(int, ...), **({"b": (int, 5)} if extended else {}))
        named = collections.namedtuple("Named", ["a", *extra], defaults=list(extra.values()))
        return [data, plain, struct, model, named]

    for old, new in zip(classes(False), classes(True)):
        payload, schema = _codec.AnyCodec([old]).encode(old(a=1))
        assert _codec.AnyCodec([new]).decode(payload, schema) == new(a=1, b=5)


@pytest.mark.parametrize(
    "form, parts",
    [
        ("collections.deque", [1, 5]),
        ("collections.Counter", [5]),
        ("range", ["x", 1, 1]),
        ("fractions.Fraction", ["1e999999999", 1]),
        ("fractions.Fraction", [1, 0]),
        ("re.Pattern", ["(", 0]),
        ("re.Pattern", ["x", "y"]),
        ("pathlib.PosixPath", [5]),
        ("array.array", ["d", "xx"]),
        ("types.SimpleNamespace", [[1]]),
        ("zoneinfo.ZoneInfo", ["../../etc/passwd"]),
        ("collections.ChainMap", [5]),
        ("types.MappingProxyType", [[1]]),
        ("os.system", ["true"]),
        (5, []),
        ([], []),
        ("numpy.ndarray", ["|O", [1], False, b"x" * 8]),
        ("numpy.ndarray", ["<f8", [10**15], False, b"x" * 8]),
        ("numpy.ndarray", ["<f8", [-1], False, b"x" * 8]),
        ("numpy.ndarray", ["<f8", ["1"], False, b"x" * 8]),
        ("numpy.ndarray", [["a"], [1], False, b""]),
        ("numpy.generic", ["<f8", b"1"]),
        ("pandas.DataFrame", [[], 5, 5, {}, True]),
        ("pandas.Series", [["os"], 5, 5, {}, True]),
        ("pandas.Timestamp", [5, 5, 5]),
        ("pandas.StringArray", ["x", True, []]),
        ("pandas.Categorical", [5, 5, 5]),
        ("pandas.MultiIndex", [5, 5, 5]),
    ],
)
def test_parts_that_cannot_be_are_a_decode_error(form: Any, parts: list[Any]) -> None:
    from terrace import _exact

    with pytest.raises(terrace.DecodeError):
        ANY.decode(msgspec.msgpack.encode(msgspec.msgpack.Ext(_exact.NAMED, msgspec.msgpack.encode([form, *parts]))), 0)


READER = """
import sys, terrace
assert not {"numpy", "pandas"} & set(sys.modules)
cache = terrace.Cache("others", memory=None, tiers=[sys.argv[1]])
cache["plain"] = [1, {"a": (2,)}]
assert cache["plain"] == [1, {"a": (2,)}] and not {"numpy", "pandas"} & set(sys.modules)
assert cache["array"].tolist() == [1, 2] and "pandas" not in sys.modules
assert cache["frame"]["a"].tolist() == [1]
print("fine")
"""


def test_numpy_and_pandas_come_with_the_first_value_that_is_of_them(redis_server: RedisServer) -> None:
    cache: terrace.Cache[Any] = terrace.Cache("others", memory=None, tiers=[redis_server.url])
    cache["array"], cache["frame"] = numpy.array([1, 2]), pandas.DataFrame({"a": [1]})
    done = subprocess.run([sys.executable, "-c", READER, redis_server.url], capture_output=True, text=True)
    assert done.stdout == "fine\n", done.stderr
