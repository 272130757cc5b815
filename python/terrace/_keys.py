"""Objects as keys and as parts of keys, beyond those that the core knows itself (src/key.hpp)."""

from __future__ import annotations

import datetime
import decimal
import enum
import uuid
from typing import Any, Callable

from . import _core
from ._errors import KeyTypeError


# Of these a subclass is told apart by its name.
_TEXTS: tuple[tuple[type, str, Callable[[Any], str]], ...] = (
    (uuid.UUID, "u", lambda value: value.hex),
    (datetime.datetime, "d", lambda value: value.isoformat()),
    (datetime.date, "D", lambda value: value.isoformat()),
    (datetime.time, "h", lambda value: value.isoformat()),
    (datetime.timedelta, "l", lambda value: f"{value.days}:{value.seconds}:{value.microseconds}"),
    (decimal.Decimal, "m", str),
)
_PLAIN: tuple[tuple[Any, str], ...] = ((str, "S"), (int, "I"), (float, "F"), (bytes, "B"))


def key_of(value: Any) -> bytes:
    """The key of the object after its mark: a letter for the type, and bytes that only equal objects of it have.

    Raises KeyTypeError for what cannot be a key.
    """
    if isinstance(value, enum.Enum):
        return f"e{_class_name(type(value))}.{_member_name(value)}".encode()
    if isinstance(value, type):
        return f"c{_class_name(value)}".encode()
    for kind, letter, text_of in _TEXTS:
        if isinstance(value, kind):
            head = letter if type(value) is kind else f"k{_class_name(type(value))}:{letter}"
            return f"{head}{text_of(value)}".encode()
    if isinstance(value, frozenset):
        head = "z" if type(value) is frozenset else f"k{_class_name(type(value))}:z"
        return head.encode() + _joined(sorted(_core.key_bytes(item) for item in value))
    own = getattr(value, "__terrace_key__", None)
    if own is not None:
        part = own() if callable(own) else own
        return f"o{_class_name(type(value))}:".encode() + _core.key_bytes(part)
    if isinstance(value, tuple):  # a namedtuple: its name counts
        return f"n{_class_name(type(value))}:".encode() + _core.key_bytes(tuple(value))
    for plain, letter in _PLAIN:
        if isinstance(value, plain):  # a subclass: its name counts
            return f"{letter}{_class_name(type(value))}:".encode() + _core.key_bytes(plain(value))
    raise KeyTypeError(
        f"{type(value).__module__}.{type(value).__qualname__} cannot be (part of) a key: use a str, int, bytes, float, "
        "bool, None, Enum, UUID, date, Decimal, a tuple or frozenset of these, give the class a __terrace_key__ "
        'attribute, or, when memoizing, a template such as key="user:{user.id}"'
    )


def field_of(value: Any, path: str) -> str | bytes:
    """A field of a key template: the text of the argument, or of what the attribute path leads to.

    That is str(), for an Enum its name (a Flag without one: its value), for bytes the str that they are in UTF-8. Bytes that are
    no UTF-8 are returned as they are: the binding escapes them as it escapes no str. Raises KeyTypeError for anything else.
    """
    for name in path.split(".") if path else ():
        value = getattr(value, name)
    if isinstance(value, enum.Enum):
        return _member_name(value)
    if isinstance(value, bytes):
        return _text(value)
    if isinstance(value, (str, int, float, uuid.UUID, datetime.date, datetime.time, decimal.Decimal)) or value is None:
        return str(value)
    raise KeyTypeError(
        f"{type(value).__module__}.{type(value).__qualname__} in a key template: lead to something plain, "
        "for instance {user.id} instead of {user}"
    )


def _member_name(member: enum.Enum) -> str:
    """Flags outside the members have no name, but a value."""
    return str(member.value) if member.name is None else member.name


def _class_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _text(text: bytes) -> str | bytes:
    try:
        return text.decode()
    except UnicodeDecodeError:
        return bytes(text)


def _joined(keys: list[bytes]) -> bytes:
    return b"".join(b"%d:%b" % (len(key), key) for key in keys)
