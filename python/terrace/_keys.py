"""Objects as keys and as parts of keys, beyond those that the core knows itself (src/key.hpp)."""

from __future__ import annotations

import datetime
import decimal
import enum
import uuid
from typing import Any

from . import _core
from ._errors import KeyTypeError


def key_of(value: Any) -> str:
    """The key of the object after its mark: a letter for the type, and a text that only equal objects of it have."""
    if isinstance(value, enum.Enum):
        return f"e{_class_name(type(value))}.{value.name}"
    if isinstance(value, type):
        return f"c{_class_name(value)}"
    if isinstance(value, uuid.UUID):
        return f"u{value.hex}"
    if isinstance(value, datetime.datetime):
        return f"d{value.isoformat()}"
    if isinstance(value, datetime.date):
        return f"D{value.isoformat()}"
    if isinstance(value, datetime.time):
        return f"h{value.isoformat()}"
    if isinstance(value, datetime.timedelta):
        return f"l{value.days}:{value.seconds}:{value.microseconds}"
    if isinstance(value, decimal.Decimal):
        return f"m{value}"
    if isinstance(value, frozenset):
        return "z" + _joined(sorted(_core.key_bytes(item) for item in value))
    own = getattr(value, "__terrace_key__", None)
    if own is not None:
        part = own() if callable(own) else own
        return f"o{_class_name(type(value))}:" + _text(_core.key_bytes(part))
    if isinstance(value, tuple):  # a namedtuple: its name counts
        return f"n{_class_name(type(value))}:" + _text(_core.key_bytes(tuple(value)))
    plain: Any
    for plain, letter in ((str, "S"), (int, "I"), (float, "F"), (bytes, "B")):
        if isinstance(value, plain):  # a subclass: its name counts
            return f"{letter}{_class_name(type(value))}:" + _text(_core.key_bytes(plain(value)))
    raise KeyTypeError(
        f"{type(value).__module__}.{type(value).__qualname__} cannot be (part of) a key: use a str, int, bytes, float, "
        "bool, None, Enum, UUID, date, Decimal, a tuple or frozenset of these, give the class a __terrace_key__ "
        'attribute, or, when memoizing, a template such as key="user:{user.id}"'
    )


def field_of(value: Any, path: str) -> str:
    """A field of a key template: str() of the argument, or of what the attribute path leads to."""
    for name in path.split(".") if path else ():
        value = getattr(value, name)
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, (str, int, float, bytes, uuid.UUID, datetime.date, datetime.time, decimal.Decimal)) or value is None:
        return _text(value) if isinstance(value, bytes) else str(value)
    raise KeyTypeError(
        f"{type(value).__module__}.{type(value).__qualname__} in a key template: lead to something plain, "
        "for instance {user.id} instead of {user}"
    )


def _class_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _text(key: bytes) -> str:
    """Any bytes as a str that only they have."""
    try:
        return key.decode()
    except UnicodeDecodeError:
        return "\x02" + key.hex()


def _joined(keys: list[bytes]) -> str:
    return "".join(f"{len(key)}:{_text(key)}" for key in keys)
