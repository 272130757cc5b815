"""Shapes: types of Python in the form in which C++ stores the corresponding types. Texts and bytes: docs/wire-format.md."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import functools
import types
import typing
import uuid
from typing import Any, Callable

from ._errors import ConfigError, EncodeError
from ._planted import flag_of, spread
from ._records import Record, is_record, record_of

#: The deepest nesting that C++ reads.
DEEPEST = 128

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
_MICROSECOND = datetime.timedelta(microseconds=1)


@dataclasses.dataclass
class Shape:
    """text: of the schema. lower(value, path): the value for MessagePack; raises EncodeError. lift: back; raises ValueError or
    TypeError for data that is no such value."""

    text: str
    lower: Callable[[Any, str], Any]
    lift: Callable[[Any], Any]
    may_be_nil: bool = False


def fingerprint(text: str) -> int:
    """FNV-1a, 64 bits, as in the core."""
    hashed = 0xCBF29CE484222325
    for byte in text.encode():
        hashed = (hashed ^ byte) * 0x100000001B3 % (1 << 64)
    return hashed


def shape_of(kind: Any) -> Shape:
    """The shape of an annotation. Raises ConfigError for one without a C++ form."""
    return _shape(kind, ())


def _shape(kind: Any, enclosing: tuple[Any, ...]) -> Shape:
    try:
        hash(kind)
    except TypeError:
        raise ConfigError(f"type: {kind!r} is not a type: give one such as int, list[str] or a dataclass") from None
    if kind in _SCALARS:
        return _SCALARS[kind]
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        width = next((mark for mark in arguments[1:] if isinstance(mark, str) and mark in _WIDTHS), None)
        if width is None:
            return _shape(arguments[0], enclosing)
        if arguments[0] is not int:
            raise ConfigError(f"type: {kind!r}: {width!r} is a width of int")
        return _WIDTHS[width]
    if origin in (typing.Union, types.UnionType):
        return _optional(kind, arguments, enclosing)
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return _sequence(tuple, _shape(arguments[0], enclosing))
    if origin is tuple:
        return _tuple([_shape(argument, enclosing) for argument in arguments])
    if origin in (list, set, frozenset) and arguments:
        return _sequence(origin, _shape(arguments[0], enclosing))
    if origin is dict and arguments:
        return _map(_shape(arguments[0], enclosing), _shape(arguments[1], enclosing))
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return _enum(kind)
    if is_record(kind):
        return _record(kind, enclosing)
    raise ConfigError(f"type: {kind!r} has no form that C++ shares: use bool, int, float, str, bytes, None, datetime, "
                      "timedelta, UUID, Decimal, date, an Enum of ints, a dataclass, attrs class, Struct, NamedTuple or "
                      "pydantic model, or list, set, tuple, dict, Optional of these; or leave type= out, and name classes "
                      "in types=[…]")


def _wrong(value: Any, path: str, text: str) -> EncodeError:
    return EncodeError(f"{path}: {value!r} ({type(value).__qualname__}) is no {text}, the type this cache was given")


def _scalar(text: str, *kinds: type) -> Shape:
    def lower(value: Any, path: str) -> Any:
        if type(value) not in kinds:
            raise _wrong(value, path, text)
        return value

    def lift(value: Any) -> Any:
        if type(value) not in kinds:
            raise TypeError(f"{type(value).__name__} instead of {text}")
        return value

    return Shape(text, lower, lift)


def _integer(text: str) -> Shape:
    bits = int(text[1:])
    least, most = (-(1 << bits - 1), (1 << bits - 1) - 1) if text[0] == "i" else (0, (1 << bits) - 1)

    def lower(value: Any, path: str) -> int:
        if type(value) is not int or not least <= value <= most:
            raise _wrong(value, path, f"{text} ({least} to {most})")
        return value

    def lift(value: Any) -> int:
        if type(value) is not int or not least <= value <= most:
            raise TypeError(f"{value!r} instead of {text}")
        return value

    return Shape(text, lower, lift)


def _real(text: str) -> Shape:
    def lower(value: Any, path: str) -> float:
        if type(value) not in (float, int):
            raise _wrong(value, path, text)
        if float(value) != value and value == value:
            raise _wrong(value, path, f"{text} (it would be rounded)")
        return float(value)

    return Shape(text, lower, _scalar(text, float).lift)


def _as_text(kind: Any) -> Shape:
    def lower(value: Any, path: str) -> str:
        if type(value) is not kind:
            raise _wrong(value, path, kind.__name__)
        return value.isoformat() if kind is datetime.date else str(value)

    make = datetime.date.fromisoformat if kind is datetime.date else kind
    text = _scalar("str", str)

    def lift(stored: Any) -> Any:
        made = make(text.lift(stored))
        if str(made) != stored:  # a date's str() is its isoformat(), too
            raise ValueError(f"a {kind.__name__} that is not written as str() writes it")
        return made

    return Shape("str", lower, lift)


def _moment() -> Shape:
    def lower(value: Any, path: str) -> int:
        if type(value) is not datetime.datetime or value.tzinfo is None:
            raise _wrong(value, path, "datetime with a zone")
        ticks = (value - _EPOCH) // _MICROSECOND
        lift(ticks)  # a time outside the years 1 to 9999 in UTC raises OverflowError
        return ticks

    def lift(ticks: Any) -> datetime.datetime:
        ticked: int = _WIDTHS["i64"].lift(ticks)
        return _EPOCH + ticked * _MICROSECOND

    return Shape("t1/1000000", lower, lift)


def _span() -> Shape:
    def lower(value: Any, path: str) -> int:
        if type(value) is not datetime.timedelta:
            raise _wrong(value, path, "timedelta")
        return int(_WIDTHS["i64"].lower(value // _MICROSECOND, path))

    return Shape("d1/1000000", lower, lambda ticks: _WIDTHS["i64"].lift(ticks) * _MICROSECOND)


def _optional(kind: Any, arguments: tuple[Any, ...], enclosing: tuple[Any, ...]) -> Shape:
    some = [argument for argument in arguments if argument is not type(None)]
    if len(some) != 1 or len(some) == len(arguments):
        raise ConfigError(f"type: {kind!r}: of unions only Optional has a form that C++ shares")
    inner = _shape(some[0], enclosing)
    if inner.may_be_nil:  # an array of 1 distinguishes "there is a nil" from "there is none"
        return Shape(
            inner.text + "?",
            lambda value, path: None if value is None else [inner.lower(value, path)],
            lambda value: None if value is None else inner.lift(_array(value, 1)[0]),
            may_be_nil=True,
        )
    return Shape(
        inner.text + "?",
        lambda value, path: None if value is None else inner.lower(value, path),
        lambda value: None if value is None else inner.lift(value),
        may_be_nil=True,
    )


def _sequence(kind: Any, inner: Shape) -> Shape:
    def lower(value: Any, path: str) -> list[Any]:
        if type(value) is not kind:
            raise _wrong(value, path, kind.__name__)
        return [inner.lower(item, f"{path}[{i}]") for i, item in enumerate(value)]

    def lift(items: Any) -> Any:
        lifted = [inner.lift(item) for item in _array(items)]
        made = kind(lifted if kind in (list, tuple) else spread(lifted))
        if len(made) != len(items):
            raise ValueError(f"an item of a {kind.__name__} comes twice")
        return made

    return Shape(f"[{inner.text}]", lower, lift)


def _tuple(parts: list[Shape]) -> Shape:
    def lower(value: Any, path: str) -> list[Any]:
        if type(value) is not tuple or len(value) != len(parts):
            raise _wrong(value, path, f"tuple of {len(parts)}")
        return [part.lower(item, f"{path}[{i}]") for i, (part, item) in enumerate(zip(parts, value))]

    text = "(" + ",".join(part.text for part in parts) + ")"
    return Shape(text, lower, lambda items: tuple(part.lift(item) for part, item in zip(parts, _array(items, len(parts)))))


def _map(key: Shape, item: Shape) -> Shape:
    if key.text[0] in "([{^" or key.may_be_nil:
        raise ConfigError(f"type: a dict with keys of {key.text}: MessagePack's readers want plain keys: use str or int")

    def lower(value: Any, path: str) -> dict[Any, Any]:
        if type(value) is not dict:
            raise _wrong(value, path, "dict")
        return {key.lower(k, f"{path}, key"): item.lower(v, f"{path}[{k!r}]") for k, v in value.items()}

    def lift(pairs: Any) -> dict[Any, Any]:
        if type(pairs) is not dict:
            raise TypeError(f"{type(pairs).__name__} instead of a map")
        keys = spread([key.lift(k) for k in pairs])
        made = {k: item.lift(v) for k, v in zip(keys, pairs.values())}
        if len(made) != len(pairs):
            raise ValueError("a key of a dict comes twice")
        return made

    return Shape(f"{{{key.text}:{item.text}}}", lower, lift)


def _enum(kind: type[enum.Enum]) -> Shape:
    if not all(type(member.value) is int for member in kind):
        raise ConfigError(f"type: {kind!r}: only an Enum of ints has a form that C++ shares")

    def lower(value: Any, path: str) -> int:
        if type(value) is not kind:
            raise _wrong(value, path, kind.__qualname__)
        return int(_WIDTHS["i64"].lower(value._value_, path))

    make = functools.partial(flag_of, kind) if issubclass(kind, enum.Flag) else kind
    return Shape("i64", lower, lambda number: make(_WIDTHS["i64"].lift(number)))


def _record(kind: Any, enclosing: tuple[Any, ...]) -> Shape:
    if kind in enclosing:
        # The enclosing one will know its shape by then.
        shape = Shape(f"^{enclosing.index(kind) + 1}", lambda value, path: _known[kind].lower(value, path),
                      lambda items: _known[kind].lift(items))
        return shape
    try:
        hints = typing.get_type_hints(kind, include_extras=True)
    except NameError as unknown:
        raise ConfigError(f"type: an annotation of {kind.__qualname__} uses an unknown name: {unknown}") from None
    try:
        record = record_of(kind)
    except ConfigError as wrong:
        raise ConfigError(f"type: {wrong}") from wrong.__cause__
    assert isinstance(record, Record)
    names = record.fields
    parts = [_shape(hints[name], (kind, *enclosing)) for name in names]
    version = getattr(kind, "terrace_schema", None)
    text = "(" + ",".join(part.text for part in parts) + ")" + (f"@{version}" if version is not None else "")

    def lower(value: Any, path: str) -> list[Any]:
        if type(value) is not kind:
            raise _wrong(value, path, kind.__qualname__)
        fields, _ = record.taken_apart(value, path)
        if strays := record.strays(value):
            raise EncodeError(f"{path}: this {kind.__qualname__} has what C++ has no field for ({', '.join(strays)}): make it a "
                              f"field, or store values untyped, with types=[{kind.__qualname__}]")
        return [part.lower(fields[name], f"{path}.{name}") for name, part in zip(names, parts)]

    def lift(items: Any) -> Any:
        return record.made({name: part.lift(item) for name, part, item in zip(names, parts, _array(items, len(parts)))})

    _known[kind] = Shape(text, lower, lift)
    return _known[kind]


def deeper_than(lowered: Any, most: int) -> bool:
    """Whether arrays and maps are nested deeper."""
    level, depth = [lowered], 0
    while level:
        depth += 1
        level = [inner for one in level if isinstance(one, (list, dict)) for inner in (one.values() if isinstance(one, dict) else one)]
        if depth > most:
            return bool(level)
    return False


def _array(items: Any, size: int | None = None) -> list[Any]:
    if type(items) is not list or size is not None and len(items) != size:
        raise TypeError(f"{type(items).__name__} instead of an array{'' if size is None else f' of {size}'}")
    return items


# Recursive records find themselves here.
_known: dict[Any, Shape] = {}

_WIDTHS: dict[Any, Shape] = {text: _integer(text) for text in ("i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64")}
_SCALARS: dict[Any, Shape] = {
    bool: _scalar("bool", bool),
    int: _WIDTHS["i64"],
    float: _real("f64"),
    str: _scalar("str", str),
    bytes: _scalar("bin", bytes),
    None: dataclasses.replace(_scalar("nil", type(None)), may_be_nil=True),
    type(None): dataclasses.replace(_scalar("nil", type(None)), may_be_nil=True),
    datetime.datetime: _moment(),
    datetime.timedelta: _span(),
    uuid.UUID: _as_text(uuid.UUID),
    decimal.Decimal: _as_text(decimal.Decimal),
    datetime.date: _as_text(datetime.date),
}
