"""Scalars: the exts of values that contain no others, such as a datetime."""

from __future__ import annotations

import datetime
import decimal
import struct
import uuid
from typing import Any, Callable
from zoneinfo import ZoneInfo

import msgspec

from ._exts import BIG_INT, BYTEARRAY, COMPLEX, DATE, DATETIME, DECIMAL, TIME, TIMEDELTA, UUID
from ._standard import Refused

_MICROSECOND = datetime.timedelta(microseconds=1)
_encode = msgspec.msgpack.encode


def bytes_of(value: int) -> bytes:
    """The bytes of an int of any size."""
    return value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)


def _moment(value: datetime.datetime) -> bytes:
    return _encode([value.isoformat(), _zone(value), value.fold])


def _zone(value: datetime.datetime | datetime.time) -> str | list[Any] | None:
    """The key of its zone; None: the text contains everything. An array for an offset that the text does not fully contain: its
    name, if it has one, and its microseconds if they are not whole seconds, which not every Python reads from a text."""
    zone = value.tzinfo
    if zone is None:
        return None
    if type(zone) is ZoneInfo and zone.key is not None:
        return zone.key
    if type(zone) is datetime.timezone:
        offset, *name = zone.__getinitargs__()  # type: ignore[attr-defined]
        return [*(name or [None]), offset // _MICROSECOND] if offset.microseconds else name or None
    raise Refused(
        f"a {type(value).__name__} in the time zone {zone!r} ({type(zone).__module__}) cannot be stored in tiers: use a"
        " zone of zoneinfo, by its key, or datetime.timezone"
    )


def _zoned(moment: Any, zone: Any, fold: int) -> Any:
    if zone is None:
        return moment.replace(fold=fold)
    if type(zone) is list:
        name, *offset = zone
        exactly = offset[0] * _MICROSECOND if offset else moment.utcoffset()
        return moment.replace(tzinfo=datetime.timezone(exactly, *([] if name is None else [name])), fold=fold)
    return moment.replace(tzinfo=ZoneInfo(zone), fold=fold)


def _moment_from(data: bytes) -> datetime.datetime:
    text, zone, fold = msgspec.msgpack.decode(data)
    moment: datetime.datetime = _zoned(datetime.datetime.fromisoformat(text), zone, fold)
    return moment


def _time_from(data: bytes) -> datetime.time:
    text, fold, zone = msgspec.msgpack.decode(data)
    moment: datetime.time = _zoned(datetime.time.fromisoformat(text), zone, fold)
    return moment


#: The ext of each type, and its data; raises Refused.
SCALARS: dict[type, tuple[int, Callable[[Any], bytes]]] = {
    complex: (COMPLEX, lambda value: struct.pack(">dd", value.real, value.imag)),
    bytearray: (BYTEARRAY, bytes),
    datetime.datetime: (DATETIME, _moment),
    datetime.date: (DATE, lambda value: value.isoformat().encode()),
    datetime.time: (TIME, lambda value: _encode([value.isoformat(), value.fold, _zone(value)])),
    datetime.timedelta: (TIMEDELTA, lambda value: _encode([value.days, value.seconds, value.microseconds])),
    decimal.Decimal: (DECIMAL, lambda value: str(value).encode()),
    uuid.UUID: (UUID, lambda value: value.bytes),
}

#: The value of each ext; raises any exception for impossible data.
FROM: dict[int, Callable[[bytes], Any]] = {
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
