"""Frozen objects and numpy's scalars as keys. Imports no package: an object that comes here shows that its package is
imported."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any

from . import _core
from ._errors import KeyTypeError
from ._identity import class_name


def numpy_key(value: Any, apart: bool) -> bytes | tuple[Any]:
    """Like key_of. As a key, a number equals the Python number, as in a dict; as an argument, its type and its bits count."""
    numpy: Any = sys.modules["numpy"]
    if value.dtype.hasobject:
        raise KeyTypeError(f"a numpy scalar of {value.dtype} cannot be (part of) a key: it holds objects")
    if value.dtype.names is not None:
        fields = tuple((name, value[name]) for name in value.dtype.names)
        return f"k{class_name(type(value))}:v".encode() + (_core.argument_bytes if apart else _core.key_bytes)(fields)
    if not apart and not isinstance(value, numpy.timedelta64):
        for kind, plain in ((numpy.bool_, bool), (numpy.integer, int), (numpy.floating, float), (numpy.str_, str.__str__),
                            (numpy.bytes_, lambda value: bytes(memoryview(value)))):
            if isinstance(value, kind):
                simple = plain(value)
                if kind is not numpy.floating or value == simple:  # not true for a long double
                    return (simple,)
    if isinstance(value, numpy.floating) and value != value:
        data = b"nan"
    elif isinstance(value, (numpy.longdouble, numpy.clongdouble)):
        data = repr(value).encode()  # its bytes have some that are not part of the number
    else:
        data = value.tobytes()
    return f"k{class_name(type(value))}:q{value.dtype.str}:".encode() + data


def state_of(value: Any) -> tuple[Any, ...] | None:
    """The complete state of an immutable object, as a tuple that can be a key. None: it is of no known kind."""
    kind = type(value)
    own = vars(kind)
    if _base_of_c(kind) is not object and not hasattr(kind, "__struct_config__"):
        return _standard(value)  # a dict, an exception: more than its fields
    if "__dataclass_fields__" in own:
        if not kind.__dataclass_params__.frozen:
            raise _not_frozen(kind, "@dataclass(frozen=True)")
        return tuple(getattr(value, field.name) for field in dataclasses.fields(value) if field.compare)
    if "__attrs_attrs__" in own:
        if kind.__setattr__.__name__ != "_frozen_setattrs":
            raise _not_frozen(kind, "@attrs.frozen")
        return tuple(getattr(value, field.name) for field in kind.__attrs_attrs__ if field.eq)
    if hasattr(kind, "__struct_config__"):  # a Struct of msgspec: its subclasses are Structs, too
        if not kind.__struct_config__.frozen:
            raise _not_frozen(kind, "frozen=True")
        return tuple(getattr(value, name) for name in kind.__struct_fields__)
    if "__pydantic_fields__" in own or "model_fields" in own:
        if not value.model_config.get("frozen"):
            raise _not_frozen(kind, "model_config = ConfigDict(frozen=True)")
        fields = {name: part for name, part in vars(value).items() if name in kind.model_fields}
        parts = {**fields, **(value.__pydantic_extra__ or {}), **(value.__pydantic_private__ or {})}
        return tuple(sorted(parts.items()))
    return _standard(value)


def _base_of_c(kind: Any) -> Any:
    """The builtin class under an object's class; object if all attributes come from classes of Python."""
    heap = 1 << 9
    while kind.__flags__ & heap:
        kind = kind.__base__
    return kind


def _standard(value: Any) -> tuple[Any, ...] | None:
    plain = _STANDARD.get((type(value).__module__.partition(".")[0], type(value).__qualname__))
    return None if plain is None else plain(value)


def _not_frozen(kind: type, way: str) -> KeyTypeError:
    return KeyTypeError(f"{kind.__module__}.{kind.__qualname__} cannot be (part of) a key, because it may change: make it frozen "
                        f'({way}), give the class a __terrace_key__ attribute, or, when memoizing, use a template such as '
                        'key="user:{user.id}"')


# Exactly these classes of the standard library: subclasses are unknown.
_STANDARD: dict[tuple[str, str], Any] = {
    **{("pathlib", name): lambda value: (str(value),) for name in ("PosixPath", "PurePosixPath", "PureWindowsPath")},
    **{("ipaddress", f"{name}{part}"): lambda value: (str(value),)
       for name in ("IPv4", "IPv6") for part in ("Address", "Network", "Interface")},
    ("fractions", "Fraction"): lambda value: (value.numerator, value.denominator),
    ("builtins", "range"): lambda value: (value.start, value.stop, value.step),
}
