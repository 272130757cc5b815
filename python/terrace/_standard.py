"""Standard: types of the standard library that MessagePack has no word for. Each has its own name, and parts that are values.

Reading makes objects of these types only, from parts whose types are checked: the content of a tier can neither run code nor
take long.
"""

from __future__ import annotations

import array
import collections
import collections.abc
import datetime
import fractions
import gc
import ipaddress
import os
import pathlib
import re
import types
from typing import Any, Callable, NamedTuple
from zoneinfo import ZoneInfo

from ._errors import DecodeError
from ._planted import spread


class Refused(Exception):
    """Why a value cannot be stored, and what to do."""


#: lower(part, where): the MessagePack form of a part at the place `where` of its value.
Lower = Callable[[Any, str], Any]


class Form(NamedTuple):
    """parts: of a value, lowered. make: the value from its parts; raises any exception for impossible parts."""

    name: str
    parts: Callable[[Any, Lower], list[Any]]
    make: Callable[..., Any]


def checked(value: Any, *kinds: type) -> Any:
    if type(value) not in kinds:
        raise DecodeError(f"a {type(value).__name__} stands where it cannot be")
    return value


def pairs(items: Any) -> Any:
    spread([key for key, _ in checked(items, list)])
    return ((key, item) for key, item in items)


def lowered_pairs(value: Any, lower: Lower) -> list[Any]:
    """The pairs of an object of one of FORMS, in its own order: the order of an OrderedDict differs from that of the dict in
    it."""
    return [[lower(key, f", key {key!r}"), lower(item, f"[{key!r}]")] for key, item in type(value).items(value)]


def lowered_items(value: Any, lower: Lower) -> list[Any]:
    return [lower(item, f"[{i}]") for i, item in enumerate(value)]


def refuse_attributes(value: Any, *known: str) -> None:
    own = [name for name in getattr(value, "__dict__", ()) if name not in known]
    if own:
        raise Refused(
            f"a {type(value).__name__} with attributes of its own ({', '.join(own)}) cannot be stored in tiers:"
            " keep them beside it"
        )


def _ordered(value: Any, lower: Lower) -> list[Any]:
    refuse_attributes(value)
    return [lowered_pairs(value, lower)]


def _counted(found: Any) -> collections.Counter[Any]:
    counter: collections.Counter[Any] = collections.Counter()
    dict.update(counter, pairs(found))
    return counter


def _chain(value: Any, lower: Lower) -> list[Any]:
    refuse_attributes(value, "maps")
    return lowered_items(value.maps, lower)


def _chained(*maps: Any) -> Any:
    if not all(isinstance(one, collections.abc.Mapping) for one in maps):
        raise DecodeError("a ChainMap of an object that is not a mapping")
    return collections.ChainMap(*maps)


def _proxied(value: types.MappingProxyType[Any, Any], lower: Lower) -> list[Any]:
    (under,) = gc.get_referents(value)  # its own copy() is that of the mapping, which may return anything
    if not isinstance(under, dict):
        raise Refused("a mappingproxy of an object that is not a dict cannot be stored in tiers: give dict(value)")
    return [lower(under, "")]


def _proxy(under: Any) -> Any:
    if not isinstance(under, dict):
        raise DecodeError("a mappingproxy of no dict")
    return types.MappingProxyType(under)


def _compiled(value: re.Pattern[Any], lower: Lower) -> list[Any]:
    if value.flags & re.DEBUG:
        raise Refused("a pattern with re.DEBUG cannot be stored in tiers: compile it without")
    if type(value.pattern) not in (str, bytes):
        raise Refused(
            f"a pattern of {type(value.pattern).__name__} cannot be stored in tiers: compile it of str or bytes"
        )
    return [value.pattern, value.flags]


def _pattern(text: Any, flags: Any) -> Any:
    return re.compile(checked(text, str, bytes), checked(flags, int) & ~re.DEBUG)


def _zone_key(value: ZoneInfo, lower: Lower) -> list[Any]:
    if value.key is None:
        raise Refused("a ZoneInfo without a key cannot be stored in tiers: make it by ZoneInfo(key)")
    return [value.key]


def _offset(value: datetime.timezone, lower: Lower) -> list[Any]:
    offset, *name = value.__getinitargs__()  # type: ignore[attr-defined]
    return [lower(offset, ""), *name]


def _bounded(part: int) -> int:
    """A fraction is reduced when it is made, which takes time in the square of its length."""
    if part.bit_length() > 1 << 16:
        raise Refused(f"a fraction with a part of {part.bit_length()} bits, more than 65536, cannot be stored in tiers")
    return part


def _path(kind: type[pathlib.PurePath]) -> Form:
    # File names need not be text.
    return Form(
        f"pathlib.{kind.__name__}",
        lambda value, lower: [os.fsencode(str(value))],
        lambda name: kind(os.fsdecode(checked(name, bytes))),
    )


def _text(module: str, kind: Any) -> Form:
    return Form(f"{module}.{kind.__name__}", lambda value, lower: [str(value)], lambda text: kind(checked(text, str)))


def _typecode(code: Any, items: Any) -> Any:
    return array.array(checked(code, str), checked(items, list))


FORMS: dict[type, Form] = {
    collections.OrderedDict: Form(
        "collections.OrderedDict", _ordered, lambda items: collections.OrderedDict(pairs(items))
    ),
    collections.defaultdict: Form(
        "collections.defaultdict",
        lambda value, lower: [lower(value.default_factory, ".default_factory"), lowered_pairs(value, lower)],
        lambda factory, items: collections.defaultdict(factory, pairs(items)),
    ),
    collections.Counter: Form("collections.Counter", _ordered, _counted),
    collections.deque: Form(
        "collections.deque",
        lambda value, lower: [value.maxlen, lowered_items(value, lower)],
        lambda most, items: collections.deque(checked(items, list), most),
    ),
    collections.ChainMap: Form("collections.ChainMap", _chain, _chained),
    types.MappingProxyType: Form("types.MappingProxyType", _proxied, _proxy),
    types.SimpleNamespace: Form(
        "types.SimpleNamespace",
        lambda value, lower: [lower(vars(value), "")],
        lambda names: types.SimpleNamespace(**checked(names, dict)),
    ),
    range: Form(
        "range",
        lambda value, lower: [lower(int(part), "") for part in (value.start, value.stop, value.step)],
        lambda *parts: range(*(checked(part, int) for part in parts)),
    ),
    slice: Form(
        "slice", lambda value, lower: [lower(part, "") for part in (value.start, value.stop, value.step)], slice
    ),
    type(...): Form("Ellipsis", lambda value, lower: [], lambda: ...),
    type(NotImplemented): Form("NotImplemented", lambda value, lower: [], lambda: NotImplemented),
    fractions.Fraction: Form(
        "fractions.Fraction",
        lambda value, lower: [lower(_bounded(int(part)), "") for part in (value.numerator, value.denominator)],
        lambda *parts: fractions.Fraction(*(_bounded(checked(part, int)) for part in parts)),
    ),
    array.array: Form("array.array", lambda value, lower: [value.typecode, value.tolist()], _typecode),
    re.Pattern: Form("re.Pattern", _compiled, _pattern),
    datetime.timezone: Form("datetime.timezone", _offset, datetime.timezone),
    ZoneInfo: Form("zoneinfo.ZoneInfo", _zone_key, lambda key: ZoneInfo(checked(key, str))),
    **{kind: _path(kind) for kind in (pathlib.PosixPath, pathlib.PurePosixPath, pathlib.PureWindowsPath)},
    **{
        kind: _text("ipaddress", kind)
        for kind in (
            ipaddress.IPv4Address,
            ipaddress.IPv6Address,
            ipaddress.IPv4Network,
            ipaddress.IPv6Network,
            ipaddress.IPv4Interface,
            ipaddress.IPv6Interface,
        )
    },
}

BY_NAME: dict[str, Form] = {form.name: form for form in FORMS.values()}
