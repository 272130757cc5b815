"""Limits for stored values that somebody planted: keys that collide, keys that come twice, and flags without number."""

from __future__ import annotations

import collections
import enum
import functools
import operator
import struct
from typing import Any

import msgspec

from ._errors import DecodeError

#: More keys of one dict or set than this never have the same hash by chance. With n of them it would take n * n steps.
MOST_COLLISIONS = 64

#: Python keeps every number of a flag class that was made. When it keeps this many, stored values make no more of them
#: with bits of no flag, and 16 times as many of others.
MOST_MEMBERS = 1 << 16


def spread(keys: list[Any]) -> list[Any]:
    """Returns the keys. Raises DecodeError if too many have the same hash, TypeError if one has none."""
    if len(keys) > MOST_COLLISIONS and max(collections.Counter(map(hash, keys)).values()) > MOST_COLLISIONS:
        raise DecodeError(f"more than {MOST_COLLISIONS} keys or items have the same hash: they were chosen to collide")
    return keys


def flag_of(kind: type[enum.Flag], number: Any) -> enum.Flag:
    """The member, also a combination of flags. Raises DecodeError instead of keeping more and more numbers."""
    known = kind._value2member_map_
    if number not in known and len(known) >= MOST_MEMBERS:
        flags = functools.reduce(operator.or_, (member.value for member in kind.__members__.values()), 0)
        # What has bits of no flag must not take the place of real combinations.
        if number & ~flags or len(known) >= 16 * MOST_MEMBERS:
            raise DecodeError(f"{number} is one more number of {kind.__qualname__}, of which {len(known)} are kept already")
    return kind(number)


def refuse_twice(payload: bytes, decoded: Any) -> None:
    """Raises DecodeError if a map in the payload has a key twice; `decoded` shows only one of them. Fast for bytes in
    the shortest form, which have no such map if they come out again."""
    if msgspec.msgpack.encode(decoded) != payload:
        _Walk(bytes(payload)).value()


class _Walk:
    """Over sound MessagePack without exts."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def value(self) -> None:
        left = self._head()
        if left is None:
            return
        count, is_map = left
        seen = set()
        for _ in range(count):
            if is_map:
                begin = self._at
                self.value()
                key = msgspec.msgpack.decode(self._data[begin : self._at])
                one = (type(key), tuple(key) if isinstance(key, list) else key)
                if one in seen:
                    raise DecodeError("a key of a map comes twice")
                seen.add(one)
            self.value()

    def _head(self) -> tuple[int, bool] | None:
        """Passes a scalar, or the head of a container: its number of items, and whether it is a map."""
        byte = self._data[self._at]
        self._at += 1
        if byte < 0x80 or byte >= 0xE0 or byte in (0xC0, 0xC2, 0xC3):
            return None
        if byte < 0xA0:
            return byte & 15, byte < 0x90
        if byte < 0xC0:
            self._at += byte & 31
            return None
        if byte in _SIZED:
            size = self._number(_SIZED[byte])
            self._at += size
            return None
        if byte in _COUNTED:
            form, is_map = _COUNTED[byte]
            return self._number(form), is_map
        if byte in _FIXED:
            self._at += _FIXED[byte]
            return None
        raise DecodeError("an ext stands where it cannot be")

    def _number(self, form: str) -> int:
        (number,) = struct.unpack_from(form, self._data, self._at)
        self._at += struct.calcsize(form)
        return int(number)


#: str and bin: the form of their length.
_SIZED = {0xC4: ">B", 0xC5: ">H", 0xC6: ">I", 0xD9: ">B", 0xDA: ">H", 0xDB: ">I"}
_COUNTED = {0xDC: (">H", False), 0xDD: (">I", False), 0xDE: (">H", True), 0xDF: (">I", True)}
_FIXED = {0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8}
