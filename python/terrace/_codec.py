"""Codecs: turn values into the bytes that tiers store, and back. The bytes: docs/wire-format.md."""

from __future__ import annotations

import inspect
import pickle
import types as modules
from typing import Any, Protocol, Sequence

import msgspec

from . import _core
from ._errors import ConfigError, DecodeError, EncodeError
from ._exact import Exact
from ._planted import refuse_twice
from ._schema import DEEPEST, deeper_than, fingerprint, shape_of

MESSAGEPACK = 1
PICKLE = 2
SERIALIZER = 3

#: Modules whose loads() can run code from the bytes.
_RUNNING = ("pickle", "_pickle", "marshal", "dill", "cloudpickle", "jsonpickle", "joblib")

#: For untyped values without a corresponding C++ type.
ANY = fingerprint("python:any")
_SCALARS = {
    str: fingerprint("str"),
    bool: fingerprint("bool"),
    int: fingerprint("i64"),
    float: fingerprint("f64"),
    bytes: fingerprint("bin"),
}


class Codec(Protocol):
    """One for each cache. Thread safe."""

    #: The number that distinguishes codecs in tiers.
    id: int
    #: The fingerprint of all values; None: it depends on the value, and values with any fingerprint are read.
    schema: int | None

    def encode(self, value: Any) -> tuple[bytes, int]:
        """Returns the bytes and their fingerprint. Raises EncodeError."""

    def decode(self, payload: bytes, schema: int) -> Any:
        """Returns the value. Raises DecodeError, and nothing else, whatever the bytes are; never runs them as code."""


def make_codec(codec: Any = "msgpack", *, type: Any = None, types: Sequence[type] = (), sealed: bool = False) -> Codec:
    """Raises ConfigError."""
    if not isinstance(codec, str):
        if type is not None or types:
            raise ConfigError("a codec= of your own takes no type and types: it alone says what values are")
        return SerializerCodec(codec, sealed)
    if codec == "pickle":
        if not sealed:
            raise ConfigError(
                'codec="pickle" needs key_ring=, a key ring: otherwise anyone who can write to a tier could run code in this '
                "program; or use MessagePack, and name your classes in types=[…]"
            )
        if type is not None or types:
            raise ConfigError('codec="pickle" takes no type and types: it stores what pickle does')
        return PickleCodec()
    if codec != "msgpack":
        raise ConfigError(f'codec={codec!r}: use "msgpack", "pickle", or an object with dumps, loads and a name')
    if type is None:
        return AnyCodec(types)
    if types:
        raise ConfigError("give type=, the type of all values, or types=, classes that values may hold, not both")
    return TypedCodec(type)


class AnyCodec:
    """Values of any type that it knows; a value read back is equal and has the same types."""

    id = MESSAGEPACK
    schema: int | None = None

    def __init__(self, types: Sequence[type]) -> None:
        self._exact = Exact(types)
        self._decode = self._exact.decode

    def encode(self, value: Any) -> tuple[bytes, int]:
        if _core.is_plain(value):
            try:
                payload = msgspec.msgpack.encode(value)
            except UnicodeEncodeError as wrong:
                raise EncodeError(
                    f"a str with lone surrogates cannot be stored: {wrong}; encode it, or store bytes"
                ) from None
        else:
            payload = self._exact.encode(value)
        kind = value.__class__
        schema = _SCALARS.get(kind, ANY)
        if kind is int and not -(1 << 63) <= value < 1 << 63:
            schema = ANY
        return payload, schema

    def decode(self, payload: bytes, schema: int) -> Any:
        return self._decode(payload)


class TypedCodec:
    """Values of one type, in the form in which C++ stores the corresponding type."""

    id = MESSAGEPACK

    def __init__(self, type: Any) -> None:
        self._shape = shape_of(type)
        self.schema: int | None = fingerprint(self._shape.text)
        self._is_recursive = "^" in self._shape.text
        self._has_maps = "{" in self._shape.text

    def encode(self, value: Any) -> tuple[bytes, int]:
        try:
            lowered = self._shape.lower(value, "value")
            if self._is_recursive and deeper_than(lowered, DEEPEST):
                raise EncodeError(f"value: nested more than {DEEPEST} deep, which C++ does not read: store it in parts")
            return msgspec.msgpack.encode(lowered), self.schema or 0
        except EncodeError:
            raise
        except (ValueError, OverflowError, AttributeError, RecursionError) as wrong:
            raise EncodeError(f"no {self._shape.text}: {wrong}") from None

    def decode(self, payload: bytes, schema: int) -> Any:
        try:
            stored = msgspec.msgpack.decode(payload)
            if self._has_maps:
                refuse_twice(payload, stored)
            return self._shape.lift(stored)
        except MemoryError:
            raise
        except Exception as wrong:  # the class's own code can raise anything
            raise DecodeError(f"no {self._shape.text}: {wrong}") from None


class NotPicklable(EncodeError, pickle.PicklingError):
    """For programs that expect either of its base classes."""


class PickleCodec:
    """Only over sealed entries: the seal is checked before anything is read."""

    id = PICKLE
    schema: int | None = fingerprint("python:pickle")

    def encode(self, value: Any) -> tuple[bytes, int]:
        try:
            return pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL), self.schema or 0
        except Exception as wrong:
            raise NotPicklable(
                f"pickle cannot store this {type(value).__qualname__}: {wrong}; store its plain values, or give a"
                " codec= of your own"
            ) from wrong

    def decode(self, payload: bytes, schema: int) -> Any:
        try:
            return pickle.loads(payload)
        except Exception as wrong:
            raise DecodeError(f"pickle cannot read it: {wrong}") from wrong


class SerializerCodec:
    """The program's own codec: an object with dumps(value) -> bytes, loads(bytes) -> value, and a name, which distinguishes its
    entries from those of other codecs."""

    id = SERIALIZER

    def __init__(self, serializer: Any, sealed: bool) -> None:
        missing = [name for name in ("dumps", "loads") if not callable(getattr(serializer, name, None))]
        if missing:
            raise ConfigError(
                f"codec={serializer!r} has no {' and no '.join(missing)}: give \"msgpack\", \"pickle\", or an object"
                " with dumps(value) -> bytes, loads(bytes) -> value, and a name"
            )
        if isinstance(serializer, type) and inspect.isfunction(inspect.getattr_static(serializer, "dumps")):
            raise ConfigError(f"codec={serializer!r} is a class: give an instance of it")
        name = _name_of(serializer)
        if name is None:
            raise ConfigError(
                f'codec={serializer!r} has no name: give it one, such as name = "orders-1", which changes when what'
                " loads() takes does: entries of another name are not handed to it"
            )
        if isinstance(serializer, modules.ModuleType) and not sealed and name.partition(".")[0] in _RUNNING:
            raise ConfigError(
                f"codec={name} needs key_ring=, a key ring: its loads() can run code from the bytes, so anyone who can"
                " write to a tier could run code in this program"
            )
        self._dumps = serializer.dumps
        self._loads = serializer.loads
        self._name = name
        self.schema: int | None = fingerprint(f"python:serializer:{name}")

    def encode(self, value: Any) -> tuple[bytes, int]:
        try:
            made = self._dumps(value)
            payload = made.encode() if isinstance(made, str) else made
            if not isinstance(payload, (bytes, bytearray, memoryview)):
                raise TypeError(f"dumps() returned a {type(made).__qualname__}: return bytes")
            return bytes(payload), self.schema or 0
        except EncodeError:
            raise
        except Exception as wrong:
            raise EncodeError(f"codec {self._name!r} cannot store this {type(value).__qualname__}: {wrong}") from wrong

    def decode(self, payload: bytes, schema: int) -> Any:
        try:
            return self._loads(payload)
        except MemoryError:
            raise
        except Exception as wrong:
            raise DecodeError(f"codec {self._name!r} cannot read it: {wrong}") from wrong


def _name_of(serializer: Any) -> str | None:
    """The name of the object, of its module, or of the class that defines it and that other programs find under that name."""
    if isinstance(serializer, modules.ModuleType):
        return serializer.__name__
    name = getattr(serializer, "name", None)
    if name is not None:
        return name if isinstance(name, str) and name else None
    kind = serializer if isinstance(serializer, type) else type(serializer)
    if (
        not hasattr(kind, "dumps")
        or not hasattr(kind, "loads")
        or kind.__module__ == "__main__"
        or "<locals>" in kind.__qualname__
    ):
        return None
    return f"{kind.__module__}.{kind.__qualname__}"
