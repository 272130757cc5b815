"""Values as Django expects them: a reader gets a copy of its own, of anything that pickle (or the serializer of the program) takes."""

from __future__ import annotations

import pickle
import struct
from typing import Any, Callable, Protocol

#: Nobody can change these, so memory keeps them as they are, and tiers keep them without pickle. Exact types only.
_PLAIN = frozenset({str, int, float, bytes, bool, type(None)})


class Serializer(Protocol):
    """As OPTIONS["serializer"] of Django's RedisCache and OPTIONS["SERIALIZER"] of django-redis."""

    def dumps(self, value: Any) -> bytes: ...
    def loads(self, data: bytes) -> Any: ...


class PickleSerializer:
    """The default."""

    def dumps(self, value: Any) -> bytes:
        return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)

    def loads(self, data: bytes) -> Any:
        return pickle.loads(data)


class Packed:
    """A serialized value: what memory and tiers hold instead of a value that a reader could change."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data


class Packer:
    """Turns values into what the cache stores, and back. Thread safe."""

    def __init__(self, serializer: Serializer) -> None:
        self._dumps: Callable[[Any], bytes | str] = serializer.dumps
        #: What makes a value of the data of a Packed.
        self.loads = serializer.loads

    def packed(self, value: Any) -> Any:
        """Raises the exceptions of the serializer: PickleError and others."""
        if value.__class__ in _PLAIN:
            return value
        made = self._dumps(value)
        return Packed(made.encode() if isinstance(made, str) else bytes(made))

    def value(self, stored: Any) -> Any:
        return self.loads(stored.data) if stored.__class__ is Packed else stored


class StoredForm:
    """The codec of the cache: the bytes of what Packer makes. It runs no pickle. The first byte is the type."""

    name = "terrace.django"

    def dumps(self, stored: Any) -> bytes:
        kind = stored.__class__
        if kind is Packed:
            return b"p" + stored.data  # type: ignore[no-any-return]
        if kind is str:
            return b"s" + stored.encode("utf-8", "surrogatepass")  # type: ignore[no-any-return]
        if kind is int:
            return b"i%x" % stored if stored >= 0 else b"i-%x" % -stored  # hexadecimal: Python refuses long decimals
        if kind is bytes:
            return b"b" + stored  # type: ignore[no-any-return]
        if kind is float:
            return struct.pack("<cd", b"f", stored)
        return b"n" if stored is None else b"1" if stored else b"0"

    def loads(self, data: bytes) -> Any:
        kind, rest = data[:1], data[1:]
        if kind == b"p":
            return Packed(rest)
        if kind == b"s":
            return rest.decode("utf-8", "surrogatepass")
        if kind == b"i":
            return int(rest, 16)
        if kind == b"b":
            return rest
        if kind == b"f":
            return struct.unpack("<d", rest)[0]
        if rest or kind not in b"n10" or not kind:
            raise ValueError("no value of terrace.django")
        return None if kind == b"n" else kind == b"1"
