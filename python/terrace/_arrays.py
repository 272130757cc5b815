"""Arrays: arrays and scalars of numpy, as the description of their type and their bytes. numpy is imported only when a value
of it is read, never to store one."""

from __future__ import annotations

import importlib
import math
import sys
from typing import Any

from ._errors import DecodeError
from ._standard import Form, Lower, Refused, checked


def module() -> Any:
    """numpy."""
    return importlib.import_module("numpy")


def form_of(kind: type) -> Form | None:
    """The form for a class of numpy; None for any other class, and for classes that numpy's users extend."""
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return None
    if kind is numpy.ndarray:
        return ARRAY
    return SCALAR if issubclass(kind, numpy.generic) and kind.__module__ == "numpy" else None


def way_out(kind: type) -> str | None:
    """The advice for a class over an array, such as a matrix or a masked array."""
    numpy = sys.modules.get("numpy")
    return "give numpy.array(value), or its parts" if numpy is not None and issubclass(kind, numpy.ndarray) else None


def described(kind: Any, lower: Lower) -> Any:
    """A dtype, as numpy's own files describe it."""
    numpy = module()
    if kind.hasobject:
        raise Refused(
            f"an array of objects ({kind}) cannot be stored in tiers: give value.tolist(), or an array of one type of"
            " numpy's"
        )
    try:
        description = numpy.lib.format.dtype_to_descr(kind) if type(kind)._legacy else None
        description = None if description is None else _exactly(kind, description)
        back = None if description is None else numpy.lib.format.descr_to_dtype(description)
    except (ValueError, TypeError):
        back = None
    if back is None or back != kind or back.type is not kind.type or kind.itemsize == 0:
        raise Refused(
            f"an array of {kind!r} cannot be stored in tiers: give value.tolist(), or an array of another type"
        )
    return lower(description, "")


def _exactly(kind: Any, description: Any) -> Any:
    """numpy's own description calls both long and long long int64."""
    if kind.char in "qQ":
        native = "<" if sys.byteorder == "little" else ">"
        return (native if kind.isnative else "<>".replace(native, "")) + kind.char
    if kind.names is None or not isinstance(description, list):
        return description
    out = []
    for name, field, *shape in description:
        called = name[1] if isinstance(name, tuple) else name
        out.append((name, _exactly(kind.fields[called][0].base, field) if called in kind.fields else field, *shape))
    return out


def dtype_from(description: Any) -> Any:
    """Raises DecodeError for a dtype that contains objects."""
    numpy = module()
    made: Any = numpy.lib.format.descr_to_dtype(description)
    if made.hasobject or made.itemsize == 0:
        raise DecodeError(f"an array of {made}")
    return made


def _array_parts(value: Any, lower: Lower) -> list[Any]:
    description = described(value.dtype, lower)
    by_column = value.flags.f_contiguous and not value.flags.c_contiguous
    return [description, list(value.shape), by_column, value.tobytes("F" if by_column else "C")]


def _array(description: Any, shape: Any, by_column: Any, content: Any) -> Any:
    numpy = module()
    kind = dtype_from(description)
    size = math.prod(checked(part, int) for part in checked(shape, list))
    if size * kind.itemsize != len(checked(content, bytes)):
        raise DecodeError(f"{len(content)} bytes for an array of {size} {kind}")
    if size == 0:
        return numpy.empty(shape, kind, "F" if by_column else "C")
    return numpy.frombuffer(bytearray(content), kind).reshape(shape, order="F" if by_column else "C")


def _scalar_parts(value: Any, lower: Lower) -> list[Any]:
    numpy = module()
    if isinstance(value, numpy.str_):  # an array drops its trailing zeros
        return ["U", str.__str__(value)]
    if isinstance(value, numpy.bytes_):
        return ["S", bytes.__bytes__(value)]
    return [described(value.dtype, lower), value.tobytes()]


def _scalar(description: Any, content: Any) -> Any:
    numpy = module()
    if description == "U":
        return numpy.str_(checked(content, str))
    if description == "S":
        return numpy.bytes_(checked(content, bytes))
    kind = dtype_from(description)
    if kind.itemsize != len(checked(content, bytes)):
        raise DecodeError(f"{len(content)} bytes for a {kind}")
    return numpy.frombuffer(bytearray(content), kind)[0]


ARRAY = Form("numpy.ndarray", _array_parts, _array)
SCALAR = Form("numpy.generic", _scalar_parts, _scalar)
