"""The text for an argument in a field of a key template.

This is str() of the argument; for an Enum the member's name; for bytes their UTF-8 text. Values of different types may have the
same text: 1 and "1", None and "None". So each text has one owner, and for other types the core adds "%%" and the type's name,
which no argument's text contains. The owner is the type of the parameter's annotation. Without one it is the type that the text
looks like: an int, float, bool, None, UUID, date, datetime or time; otherwise str.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import inspect
import sys
import types
import typing
import uuid
from typing import Any

from ._errors import KeyTypeError
from ._identity import class_name
from ._keys import beyond_text, canonical, decimal_text, refuse_own_equality

# Subclasses before their bases.
_KINDS: tuple[tuple[type, Any], ...] = (
    (str, str.__str__),
    (bool, bool.__repr__),
    (int, lambda value: int.__repr__(value) if value.bit_length() <= 2048 else hex(value)),
    (float, float.__repr__),
    (uuid.UUID, lambda value: str(uuid.UUID(int=value.int))),
    (datetime.datetime, lambda value: datetime.datetime.isoformat(value, " ")),
    (datetime.date, datetime.date.isoformat),
    (datetime.time, datetime.time.isoformat),
    (decimal.Decimal, decimal_text),
)
_WORDS = {"None": type(None), "True": bool, "False": bool}


def owner_of(annotation: Any, function: Any) -> type | None:
    """The type that a parameter with this annotation gives to a field; None: the annotation does not say."""
    if isinstance(annotation, str):
        try:
            annotation = eval(annotation, getattr(inspect.unwrap(function), "__globals__", {}))
        except Exception:  # a name for type checkers only
            return None
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        kinds = [kind for kind in typing.get_args(annotation) if kind is not type(None)]
        return owner_of(kinds[0], function) if len(kinds) == 1 else None
    if not isinstance(annotation, type):
        return None
    known = annotation is bytes or issubclass(annotation, enum.Enum) or any(annotation is kind for kind, _ in _KINDS)
    return annotation if known else None


def field_of(value: Any, owner: type | None) -> tuple[str | bytes, str | None]:
    """The text of the value, and the name of its type if another type owns the text.

    Bytes that are not UTF-8 are returned unchanged: the core escapes them in a way that it uses for no str. Raises KeyTypeError
    for a value without a text that distinguishes it.
    """
    kind = type(value)
    if isinstance(value, enum.Enum):
        plain = canonical(value)
        text = str(value.name) if plain else repr(_simple(value._value_))
        return text, None if plain and kind is owner else class_name(kind) + ("" if plain else "()")
    if isinstance(value, bytes):
        refuse_own_equality(value, bytes)
        raw = bytes(memoryview(value))
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            return raw, None if kind is bytes else class_name(kind)
    else:
        text = _text(value)
    more = beyond_text(value) if isinstance(value, (datetime.datetime, datetime.time)) else ""
    if kind is (owner or _looks(text)) and not more:
        return text, None
    return text, kind.__name__ if kind.__module__ == "builtins" else class_name(kind) + more


def _text(value: Any) -> str:
    if value is None:
        return "None"
    if (numpy := sys.modules.get("numpy")) is not None and isinstance(value, numpy.generic) and value.dtype.names is None:
        return str(value)
    for kind, text_of in _KINDS:
        if isinstance(value, kind):
            if type(value) is not kind:
                refuse_own_equality(value, kind)
                if type(value).__module__.partition(".")[0] == "pandas":
                    return str(value)
            return str(text_of(value))
    raise KeyTypeError(
        f"{type(value).__module__}.{type(value).__qualname__} in a key template: lead to something plain, "
        "for instance {user.id} instead of {user}"
    )


def _simple(value: Any) -> Any:
    """For values made by _missing_, and for combined flags."""
    if type(value) not in (str, int, float, bool, bytes, type(None)):
        raise KeyTypeError(f"the value {value!r} of an Enum without a name in a key template: lead to something plain")
    return value


def _looks(text: str) -> type:
    """The type, other than str, that has a value with this str(); otherwise str."""
    if text in _WORDS:
        return _WORDS[text]
    for kind, read in _READ:
        try:
            if str(read(text)) == text:
                return kind
        except ValueError:
            pass
    return str


_READ: tuple[tuple[type, Any], ...] = (
    (int, lambda text: int(text) if len(text) < 600 else ""),
    (float, float),
    (uuid.UUID, uuid.UUID),
    (datetime.date, datetime.date.fromisoformat),
    (datetime.datetime, datetime.datetime.fromisoformat),
    (datetime.time, datetime.time.fromisoformat),
)
