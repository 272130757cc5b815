"""Exact: values of any type as MessagePack that gives them back type for type. What plain MessagePack cannot say is an ext of
docs/wire-format.md."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import struct
import uuid
from typing import Any, Callable, Sequence
from zoneinfo import ZoneInfo

import msgspec
from msgspec.msgpack import Ext

from ._errors import ConfigError, DecodeError, EncodeError

#: Deeper values are refused: nobody means them, and they would exhaust the stack of who reads them.
DEEPEST = 200

TUPLE, SET, FROZENSET, BIG_INT, COMPLEX, BYTEARRAY, DATETIME, DATE, TIME, TIMEDELTA, DECIMAL, UUID, ENUM, RECORD, PAIRS = range(1, 16)

_encode = msgspec.msgpack.encode


class Exact:
    """`types`: the classes that records and enums may be of; no other is ever made. Thread safe."""

    def __init__(self, types: Sequence[type]) -> None:
        self._classes: dict[str, type] = {}
        if isinstance(types, (str, type)):
            raise ConfigError(f"types={types!r}: give a list of classes")
        for kind in types:
            if not is_record(kind) and not (isinstance(kind, type) and issubclass(kind, enum.Enum)):
                raise ConfigError(f"types: {kind!r} is no dataclass, msgspec.Struct, NamedTuple or Enum")
            if self._classes.setdefault(_name(kind), kind) is not kind:
                raise ConfigError(f"types: two classes are called {_name(kind)}: what is stored could not be told apart")
        self._decoder = msgspec.msgpack.Decoder(ext_hook=self._from_ext)

    def encode(self, value: Any) -> bytes:
        """Raises EncodeError that names the type, where it is, and the way out."""
        try:
            return _encode(self._lower(value, "value", 0))
        except UnicodeEncodeError as wrong:
            raise EncodeError(f"a str with lone surrogates cannot be stored: {wrong}; encode it, or store bytes") from None
        except RecursionError:
            raise EncodeError("value: nested too deep for what is left of the stack, or holds itself: store it in parts") from None

    def decode(self, payload: bytes | memoryview) -> Any:
        """Raises DecodeError."""
        try:
            return self._decoder.decode(payload)
        except (DecodeError, MemoryError):
            raise
        except Exception as wrong:  # whatever the class's own code makes of it
            raise DecodeError(f"no value of this cache: {wrong}") from None

    # --- to MessagePack ---

    def _lower(self, value: Any, path: str, depth: int) -> Any:
        if depth > DEEPEST:
            raise EncodeError(f"{path[:60]}… is nested more than {DEEPEST} deep, or holds itself: store it in parts")
        kind = type(value)
        if kind in _PLAIN:
            return value
        if kind is int:
            return value if -(1 << 63) <= value < 1 << 64 else Ext(BIG_INT, _big(value))
        within = _LISTS.get(kind)
        if within is not None:
            items = [self._lower(item, f"{path}[{i}]", depth + 1) for i, item in enumerate(value)]
            return items if within == 0 else Ext(within, _encode(items))
        if kind is dict:
            return self._lower_dict(value, path, depth)
        simple = _SIMPLE.get(kind)
        if simple is not None:
            return Ext(simple[0], simple[1](value))
        return self._lower_class(value, kind, path, depth)

    def _lower_dict(self, value: dict[Any, Any], path: str, depth: int) -> Any:
        if all(type(key) is str for key in value):
            return {key: self._lower(item, f"{path}[{key!r}]", depth + 1) for key, item in value.items()}
        pairs = [[self._lower(key, f"{path}, key {key!r}", depth + 1), self._lower(item, f"{path}[{key!r}]", depth + 1)]
                 for key, item in value.items()]
        return Ext(PAIRS, _encode(pairs))

    def _lower_class(self, value: Any, kind: type, path: str, depth: int) -> Any:
        name = _name(kind)
        known = self._classes.get(name) is kind
        if isinstance(value, enum.Enum) and known:
            return Ext(ENUM, _encode([name, value.value if isinstance(value, enum.Flag) else value.name]))
        if known:
            fields = {field: self._lower(getattr(value, field), f"{path}.{field}", depth + 1) for field in fields_of(kind)}
            return Ext(RECORD, _encode([name, fields]))
        if is_record(kind) or isinstance(value, enum.Enum):
            way = f"name the class: types=[{kind.__qualname__}]"
        else:
            way = ('turn it into plain values, use a cache without tiers, or, with a key ring, codec="pickle"')
        raise EncodeError(f"{path}: a {name} cannot be stored in tiers: {way}")

    # --- from MessagePack ---

    def _from_ext(self, code: int, data: memoryview) -> Any:
        make = _FROM.get(code)
        if make is not None:
            return make(bytes(data))
        parts = self._decoder.decode(data)
        if code == TUPLE:
            return tuple(_list(parts))
        if code == SET:
            return set(_list(parts))
        if code == FROZENSET:
            return frozenset(_list(parts))
        if code == PAIRS:
            return {key: item for key, item in _list(parts)}
        if code not in (ENUM, RECORD):
            raise DecodeError(f"ext {code} is unknown")
        name, rest = parts
        kind = self._classes.get(name)
        if kind is None:
            raise DecodeError(f"a {name} is stored, which this cache does not know: types=[…]")
        if issubclass(kind, enum.Enum) != (code == ENUM):
            raise DecodeError(f"{name} is stored as what it is not")
        if code == ENUM:
            return kind(rest) if issubclass(kind, enum.Flag) else kind[rest]  # type: ignore[index]
        return _make(kind, rest)


def is_record(kind: Any) -> bool:
    """A class whose values are their fields."""
    if not isinstance(kind, type):
        return False
    return dataclasses.is_dataclass(kind) or issubclass(kind, msgspec.Struct) or (issubclass(kind, tuple) and hasattr(kind, "_fields"))


def fields_of(kind: Any) -> tuple[str, ...]:
    if issubclass(kind, msgspec.Struct):
        return tuple(kind.__struct_fields__)
    if dataclasses.is_dataclass(kind):
        return tuple(field.name for field in dataclasses.fields(kind))
    return tuple(kind._fields)


def make_record(kind: Any, fields: dict[str, Any]) -> Any:
    """The record as it was: a dataclass's constructor, with what it may compute, is not run again. A field that is new since has its
    default."""
    if not dataclasses.is_dataclass(kind):
        return kind(**fields)
    made_of: Any = kind
    made = object.__new__(made_of)
    for field in dataclasses.fields(kind):
        if field.name in fields:
            value = fields[field.name]
        elif field.default is not dataclasses.MISSING:
            value = field.default
        elif field.default_factory is not dataclasses.MISSING:
            value = field.default_factory()
        else:
            raise DecodeError(f"{_name(made_of)} has a field {field.name} now, which is not stored")
        object.__setattr__(made, field.name, value)
    return made


def _make(kind: Any, fields: Any) -> Any:
    if not isinstance(fields, dict) or set(fields) - set(fields_of(kind)):
        raise DecodeError(f"{_name(kind)} has other fields now")
    return make_record(kind, fields)


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _list(parts: Any) -> list[Any]:
    if type(parts) is not list:
        raise DecodeError("an ext holds no array")
    return parts


def _big(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)


def _moment(value: datetime.datetime) -> bytes:
    return _encode([value.isoformat(), _zone(value), value.fold])


def _zone(value: datetime.datetime | datetime.time) -> str | None:
    return value.tzinfo.key if isinstance(value.tzinfo, ZoneInfo) else None


def _moment_from(data: bytes) -> datetime.datetime:
    text, zone, fold = msgspec.msgpack.decode(data)
    moment = datetime.datetime.fromisoformat(text)
    return moment.replace(tzinfo=ZoneInfo(zone) if zone is not None else moment.tzinfo, fold=fold)


_PLAIN: set[type] = {type(None), bool, float, str, bytes}
_LISTS: dict[type, int] = {list: 0, tuple: TUPLE, set: SET, frozenset: FROZENSET}
_SIMPLE: dict[type, tuple[int, Callable[[Any], bytes]]] = {
    complex: (COMPLEX, lambda value: struct.pack(">dd", value.real, value.imag)),
    bytearray: (BYTEARRAY, bytes),
    datetime.datetime: (DATETIME, _moment),
    datetime.date: (DATE, lambda value: value.isoformat().encode()),
    datetime.time: (TIME, lambda value: _encode([value.isoformat(), value.fold, _zone(value)])),
    datetime.timedelta: (TIMEDELTA, lambda value: _encode([value.days, value.seconds, value.microseconds])),
    decimal.Decimal: (DECIMAL, lambda value: str(value).encode()),
    uuid.UUID: (UUID, lambda value: value.bytes),
}


def _time_from(data: bytes) -> datetime.time:
    text, fold, zone = msgspec.msgpack.decode(data)
    moment = datetime.time.fromisoformat(text)
    return moment.replace(fold=fold, tzinfo=ZoneInfo(zone) if zone is not None else moment.tzinfo)


_FROM: dict[int, Callable[[bytes], Any]] = {
    BIG_INT: lambda data: int.from_bytes(data, "big", signed=True),
    COMPLEX: lambda data: complex(*struct.unpack(">dd", data)),
    BYTEARRAY: bytearray,
    DATETIME: _moment_from,
    DATE: lambda data: datetime.date.fromisoformat(data.decode()),
    TIME: _time_from,
    TIMEDELTA: lambda data: datetime.timedelta(*msgspec.msgpack.decode(data)),
    DECIMAL: lambda data: decimal.Decimal(data.decode()),
    UUID: lambda data: uuid.UUID(bytes=data),
}
