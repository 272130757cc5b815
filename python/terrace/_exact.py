"""Exact: stores values of any type as MessagePack and gives them back type for type. Values that plain MessagePack cannot
express are exts of docs/wire-format.md."""

from __future__ import annotations

import enum
from typing import Any, Callable, Sequence

import msgspec
from msgspec.msgpack import Ext

from . import _arrays, _frames, _standard
from ._errors import ConfigError, DecodeError, EncodeError
from ._extended import BUILT_IN, Extended, extended_of
from ._exts import *  # noqa: F403
from ._planted import flag_of, spread
from ._records import Record, is_enum, is_record, name_of, record_of
from ._scalars import FROM, SCALARS, bytes_of

#: Deeper values are rejected: they are a mistake, and would exhaust the stack of their readers.
DEEPEST = 200

_encode = msgspec.msgpack.encode


class Exact:
    """`types`: the classes of records, enums and extended builtins; objects of other classes are never made. Thread safe."""

    def __init__(self, types: Sequence[type]) -> None:
        self._classes: dict[str, type] = {}
        self._records: dict[type, Record] = {}
        self._proved: set[type] = set()  # classes of which a value was made from its parts once
        if isinstance(types, (str, type)):
            raise ConfigError(f"types={types!r}: give a list of classes")
        for kind in types:
            self._learn(kind)
        self._decoder = msgspec.msgpack.Decoder(ext_hook=self._from_ext)

    def _learn(self, kind: Any) -> None:
        if isinstance(kind, type) and (
            kind in BUILT_IN or kind in _PLAIN or kind in SCALARS or _form_of(kind) is not None
        ):
            raise ConfigError(
                f"types: {kind!r} is not a dataclass or another class of yours: its values are stored as they are, so"
                " leave it out"
            )
        try:
            record = None if is_enum(kind) else record_of(kind) or extended_of(kind)
        except ConfigError as wrong:
            raise ConfigError(f"types: {wrong}") from wrong.__cause__
        if record is None and not is_enum(kind):
            raise ConfigError(
                f"types: {kind!r} is no dataclass, attrs class, msgspec.Struct, NamedTuple, pydantic model, Enum, or"
                " class over str, int, float, bytes, list, tuple, dict or set: turn its values into such, or give a"
                " codec= of your own"
            )
        if self._classes.setdefault(name_of(kind), kind) is not kind:
            raise ConfigError(f"types: two classes are called {name_of(kind)}: stored values could not be distinguished")
        if record is not None:
            self._records[kind] = record

    def encode(self, value: Any) -> bytes:
        """Raises EncodeError that names the type, its place in the value, and what to do."""
        try:
            return _encode(self._lower(value, "value", 0))
        except UnicodeEncodeError as wrong:
            raise EncodeError(
                f"a str with lone surrogates cannot be stored: {wrong}; encode it, or store bytes"
            ) from None
        except RecursionError:
            raise EncodeError(
                "value: nested too deep for the rest of the stack, or contains itself: store it in parts"
            ) from None

    def decode(self, payload: bytes | memoryview) -> Any:
        """Raises DecodeError."""
        try:
            return self._decoder.decode(payload)
        except (DecodeError, MemoryError):
            raise
        except Exception as wrong:  # the class's own code can raise anything
            raise DecodeError(f"not a value of this cache: {wrong}") from None

    # --- to MessagePack ---

    def _lower(self, value: Any, path: str, depth: int) -> Any:
        if depth > DEEPEST:
            raise EncodeError(f"{path[:60]}… is nested more than {DEEPEST} deep, or contains itself: store it in parts")
        kind = type(value)
        if kind in _PLAIN:
            return value
        if kind is int:
            return value if -(1 << 63) <= value < 1 << 64 else Ext(BIG_INT, bytes_of(value))
        within = _LISTS.get(kind)
        if within is not None:
            items = [self._lower(item, f"{path}[{i}]", depth + 1) for i, item in enumerate(value)]
            return items if within == 0 else Ext(within, _encode(items))
        if kind is dict:
            return self._lower_dict(value, path, depth)
        simple = SCALARS.get(kind)
        if simple is not None:
            return self._lower_scalar(value, simple, path, depth)
        form = _form_of(kind)
        if form is not None:
            return self._lower_form(value, form, path, depth)
        return self._lower_class(value, kind, path, depth)

    def _lower_dict(self, value: dict[Any, Any], path: str, depth: int) -> Any:
        if all(type(key) is str for key in value):
            return {key: self._lower(item, f"{path}[{key!r}]", depth + 1) for key, item in value.items()}
        pairs = [
            [self._lower(key, f"{path}, key {key!r}", depth + 1), self._lower(item, f"{path}[{key!r}]", depth + 1)]
            for key, item in value.items()
        ]
        return Ext(PAIRS, _encode(pairs))

    def _lower_scalar(self, value: Any, simple: tuple[int, Callable[[Any], bytes]], path: str, depth: int) -> Any:
        try:
            return Ext(simple[0], simple[1](value))
        except _standard.Refused as why:
            raise EncodeError(f"{path}: {why}") from None

    def _lower_form(self, value: Any, form: _standard.Form, path: str, depth: int) -> Any:
        def lower(part: Any, where: str) -> Any:
            return self._lower(part, path + where, depth + 1)

        try:
            return Ext(NAMED, _encode([form.name, *form.parts(value, lower)]))
        except _standard.Refused as why:
            raise EncodeError(f"{path}: {why}") from None
        except (EncodeError, UnicodeEncodeError, RecursionError, MemoryError):
            raise
        except Exception as wrong:  # another version of a library can raise anything
            raise EncodeError(
                f"{path}: this {name_of(type(value))} cannot be stored in tiers ({wrong}): turn it into plain values,"
                " or give a codec= of your own"
            ) from wrong

    def _lower_class(self, value: Any, kind: type, path: str, depth: int) -> Any:
        name = name_of(kind)
        if self._classes.get(name) is not kind:
            if isinstance(value, type) and self._class_called(name_of(value)) is value:
                return Ext(CLASS, _encode(name_of(value)))
            raise EncodeError(f"{path}: a {name} cannot be stored in tiers: {_way_out(value, kind)}")
        if isinstance(value, enum.Enum):
            return self._lower_enum(value, kind, name, path)
        record = self._records[kind]
        if isinstance(record, Extended):
            part, others = record.part(value), record.others(value)
            if kind not in self._proved:
                self._prove(kind, path, lambda: record.put_together(part, others))
            lowered = self._lower(part, path, depth + 1)
            return Ext(EXTENDED, _encode([name, lowered, *self._lower_others(others, path, depth)]))
        fields, others = record.taken_apart(value, path)
        if kind not in self._proved:
            self._prove(kind, path, lambda: record.made(dict(fields), others))
        lowered = {field: self._lower(item, f"{path}.{field}", depth + 1) for field, item in fields.items()}
        return Ext(RECORD, _encode([name, lowered, *self._lower_others(others, path, depth)]))

    def _prove(self, kind: type, path: str, make: Callable[[], Any]) -> None:
        """Checks with the first value of a class that its values can be given back, so that the fault does not show only at a
        read."""
        try:
            made = make()
        except (RecursionError, MemoryError):
            raise
        except Exception as wrong:
            raise EncodeError(
                f"{path}: a {name_of(kind)} could not be restored ({wrong}): store its plain values, or give a codec="
                " of your own"
            ) from wrong
        if type(made) is kind:
            self._proved.add(kind)

    def _lower_others(self, others: dict[str, Any], path: str, depth: int) -> list[Any]:
        return (
            [{name: self._lower(item, f"{path}.{name}", depth + 1) for name, item in others.items()}] if others else []
        )

    def _lower_enum(self, value: enum.Enum, kind: Any, name: str, path: str) -> Any:
        is_flag = issubclass(kind, enum.Flag)
        try:
            there = kind(value._value_) if is_flag else kind.__members__.get(value._name_)
        except ValueError:
            there = None
        if there is not value and there != value:
            raise EncodeError(
                f"{path}: {value!r} is not a member of {name} that can be restored from its name or value: store its value"
            )
        return Ext(ENUM, _encode([name, self._lower(value._value_, path, 0) if is_flag else value._name_]))

    # --- from MessagePack ---

    def _from_ext(self, code: int, data: memoryview) -> Any:
        make = FROM.get(code)
        if make is not None:
            return make(bytes(data))
        parts = self._decoder.decode(data)
        if code == TUPLE:
            return tuple(_list(parts))
        if code == SET:
            return set(spread(_list(parts)))
        if code == FROZENSET:
            return frozenset(spread(_list(parts)))
        if code == PAIRS:
            spread([key for key, _ in _list(parts)])
            return {key: item for key, item in parts}
        if code == NAMED:
            form, *rest = _list(parts)
            return _form_called(form).make(*rest)
        if code == CLASS:
            return self._known(self._class_called(parts), parts)
        if code not in (ENUM, RECORD, EXTENDED):
            raise DecodeError(f"ext {code} is unknown")
        name, *rest = _list(parts)
        kind = self._known(self._classes.get(name), name)
        record = self._records.get(kind)
        if (record is None) != (code == ENUM) or isinstance(record, Extended) != (code == EXTENDED):
            raise DecodeError(f"{name} is stored in a wrong form")
        if isinstance(record, Extended):
            return record.put_together(rest[0], *rest[1:])
        if record is not None:
            return record.made(rest[0], *rest[1:])
        return flag_of(kind, *rest) if issubclass(kind, enum.Flag) else kind[rest[0]]  # type: ignore[index]

    def _class_called(self, name: Any) -> type | None:
        return self._classes.get(name) or _CLASSES.get(name)

    def _known(self, kind: type | None, name: Any) -> type:
        if kind is None:
            raise DecodeError(f"a {name} is stored, which this cache does not know: types=[…]")
        return kind


def _form_of(kind: type) -> _standard.Form | None:
    return _standard.FORMS.get(kind) or _arrays.form_of(kind) or _frames.form_of(kind)


def _form_called(name: Any) -> _standard.Form:
    form = _FORMS.get(name)
    if form is None:
        raise DecodeError(f"a {name} is stored, which is unknown")
    return form


def _way_out(value: Any, kind: type) -> str:
    own = "a codec= of your own"
    if is_record(kind) or isinstance(value, enum.Enum):
        try:
            record_of(kind)
        except ConfigError as why:
            return str(why)
        return f"name the class: types=[{kind.__qualname__}]"
    way = _arrays.way_out(kind)
    if way is not None:
        return f"{way}, or {own}"
    if isinstance(value, memoryview):
        return "give bytes(value)"
    try:
        extended = extended_of(kind)
    except ConfigError:
        extended = None
    if extended is not None:
        base = extended.base.__name__
        return f"name the class: types=[{kind.__qualname__}], or give {base}(value)"
    if hasattr(value, "__next__") or kind.__name__ in ("dict_keys", "dict_values", "dict_items"):
        return "give list(value)"
    return f'turn it into plain values, use a cache without tiers, {own}, or, with a key ring, codec="pickle"'


def _list(parts: Any) -> list[Any]:
    if type(parts) is not list:
        raise DecodeError("an ext holds no array")
    return parts


_PLAIN: set[type] = {type(None), bool, float, str, bytes}
_LISTS: dict[type, int] = {list: 0, tuple: TUPLE, set: SET, frozenset: FROZENSET}
_FORMS: dict[str, _standard.Form] = {
    **_standard.BY_NAME,
    **{form.name: form for form in (_arrays.ARRAY, _arrays.SCALAR, *_frames.FORMS.values())},
}
_CLASSES: dict[str, type] = {
    name_of(kind): kind
    for kind in (
        object,
        bool,
        int,
        float,
        *BUILT_IN,
        *(kind for kind in (*SCALARS, *_standard.FORMS) if kind not in (type(...), type(NotImplemented))),
    )
}
