"""Objects as keys and as parts of keys, beyond those that the core knows itself (src/key.hpp)."""

from __future__ import annotations

import datetime
import decimal
import enum
import sys
import types
import uuid
import zoneinfo
from typing import Any, Callable

from . import _core
from ._errors import KeyTypeError
from ._identity import class_name

#: A value of a type that the core knows, in a 1-tuple.
Plain = tuple[Any]

# The methods of the types themselves: a subclass may have overridden its own, to mask a secret for instance.
_PLAIN: tuple[tuple[type, str, Callable[[Any], Any]], ...] = (
    (str, "S", str.__str__),
    (int, "I", int.__int__),
    (float, "F", float.__float__),
    (bytes, "B", lambda value: bytes(memoryview(value))),
)


def beyond_text(value: datetime.datetime | datetime.time) -> str:
    """Distinguishes equal times of two time zones, and those of the two passes of an hour."""
    return _zone(value.tzinfo) + "*" * value.fold


def _zone(zone: datetime.tzinfo | None) -> str:
    """Empty without a zone, and for a datetime.timezone without a name of its own: the text has its offset. A program can
    distinguish ZoneInfo("UTC") from datetime.timezone.utc, so they have two texts."""
    if zone is None:
        return ""
    if type(zone) is datetime.timezone:
        return "" if str(zone) == str(datetime.timezone(zone.utcoffset(None))) else f"[={zone}]"
    if type(zone) is zoneinfo.ZoneInfo:
        return f"[{zone}]"
    return f"[{class_name(type(zone))}:{zone}]"


def _stamp(value: datetime.datetime | datetime.time, text: str, apart: bool) -> str:
    """One key, but two arguments."""
    return text + beyond_text(value) if apart else text


_TEXTS: tuple[tuple[type, str, Callable[[Any, bool], str]], ...] = (
    (uuid.UUID, "u", lambda value, apart: f"{value.int:032x}"),
    (datetime.datetime, "d", lambda value, apart: _stamp(value, datetime.datetime.isoformat(value), apart)),
    (datetime.date, "D", lambda value, apart: datetime.date.isoformat(value)),
    (datetime.time, "h", lambda value, apart: _stamp(value, datetime.time.isoformat(value), apart)),
    (datetime.timedelta, "l", lambda value, apart: f"{value.days}:{value.seconds}:{value.microseconds}"),
    (decimal.Decimal, "m", lambda value, apart: decimal_text(value)),
    (complex, "x", lambda value, apart: complex.__repr__(value)),
)


def key_of(value: Any, apart: bool) -> bytes | Plain:
    """The key of the object after its mark: a letter for the type, and bytes that only equal objects of it have; or the plain
    value that it stands for. apart: a subclass is distinguished from its base.

    Raises KeyTypeError for an object that cannot be a key.
    """
    if isinstance(value, enum.Enum):
        return f"e{class_name(type(value))}.".encode() + _member_key(value)
    if isinstance(value, types.GenericAlias):
        parts = (value.__origin__, *value.__args__)
        return b"g" + b"".join(_item(part, apart) for part in parts)
    if isinstance(value, type):
        return f"c{class_name(value)}".encode()
    own = getattr(value, "__terrace_key__", None)
    if own is not None:
        part = own() if callable(own) else own
        return f"o{class_name(type(value))}:".encode() + _bytes(part, apart)
    if (numpy := sys.modules.get("numpy")) is not None and isinstance(value, numpy.generic):
        from ._foreign import numpy_key

        return numpy_key(value, apart)
    for kind, letter, text_of in _TEXTS:
        if isinstance(value, kind):
            if type(value) is kind:
                return f"{letter}{text_of(value, apart)}".encode()
            refuse_own_equality(value, kind)
            if type(value).__module__.partition(".")[0] == "pandas":
                return f"k{class_name(type(value))}:{letter}{_pandas_text(value)}".encode()
            head = f"k{class_name(type(value))}:{letter}" if apart else letter
            return f"{head}{text_of(value, apart)}".encode()
    if isinstance(value, frozenset):
        refuse_own_equality(value, frozenset)
        head = f"k{class_name(type(value))}:z" if apart and type(value) is not frozenset else "z"
        return head.encode() + _joined(sorted(_bytes(item, apart) for item in frozenset.__iter__(value)))
    if isinstance(value, tuple):  # a namedtuple: its name counts
        refuse_own_equality(value, tuple)
        return f"n{class_name(type(value))}:".encode() + _bytes(tuple(tuple.__iter__(value)), apart)
    for plain, letter, plain_of in _PLAIN:
        if isinstance(value, plain):
            refuse_own_equality(value, plain)
            if not apart:
                return (plain_of(value),)
            return f"{letter}{class_name(type(value))}:".encode() + _bytes(plain_of(value), apart)
    from ._foreign import state_of

    state = state_of(value)
    if state is not None:
        return f"a{class_name(type(value))}:".encode() + _bytes(state, apart)
    raise KeyTypeError(
        f"{type(value).__module__}.{type(value).__qualname__} cannot be (part of) a key: use a str, int, bytes, float, "
        "bool, None, Enum, UUID, date, Decimal, a tuple or frozenset of these, a frozen dataclass or model, give the class a "
        '__terrace_key__ attribute, or, when memoizing, a template such as key="user:{user.id}"'
    )


def _pandas_text(value: Any) -> str:
    """To the nanosecond."""
    return f"{value.isoformat()}[{getattr(value, 'tzinfo', None)}]"


def refuse_own_equality(value: Any, kind: Any) -> None:
    """A subclass with its own equality may have more content than its base."""
    if type(value).__eq__ is kind.__eq__ or type(value).__module__.partition(".")[0] in ("numpy", "pandas"):
        return
    raise KeyTypeError(
        f"{type(value).__module__}.{type(value).__qualname__} cannot be (part of) a key: it is a {kind.__name__} with an __eq__ "
        f"of its own; give the class a __terrace_key__ attribute, or use {kind.__name__}(…) of it"
    )


def decimal_text(value: decimal.Decimal) -> str:
    """str() without the context, which may ask for a small e."""
    return decimal.Decimal.__str__(value).replace("e", "E")


def canonical(member: enum.Enum) -> bool:
    """Whether its class finds it under its name. Not so for values made by _missing_, and for combined flags."""
    return member.name is not None and type(member).__members__.get(member.name) is member


def _member_key(member: enum.Enum) -> bytes:
    if canonical(member):
        return str(member.name).encode()
    return b":" + _bytes(member._value_, apart=True)


def _bytes(value: Any, apart: bool) -> bytes:
    return _core.argument_bytes(value) if apart else _core.key_bytes(value)


def _item(value: Any, apart: bool) -> bytes:
    return _joined([_bytes(value, apart)])


def _joined(keys: list[bytes]) -> bytes:
    return b"".join(b"%d:%b" % (len(key), key) for key in keys)


