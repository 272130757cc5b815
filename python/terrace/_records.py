"""Records: classes that a program names (types=, type=). Their values are taken apart into fields and made again. No
constructor and no other code of the class runs for that."""

from __future__ import annotations

import dataclasses
import enum
import functools
import inspect
import types
from typing import Any, Callable

import msgspec

from ._errors import ConfigError, DecodeError, EncodeError

_NO_STATE = {"__dict__", "__weakref__", "__orig_class__"}
_set_class = vars(object)["__class__"].__set__
_MISSING = object()
_CACHED_HASH = "_attrs_cached_hash"


class Record:
    """How values of one class are taken apart and made. Thread safe.

    fields: the names that count, in order. default: of a field that was added after a value was stored; raises LookupError.
    None: `bare`, which makes a value from its fields, knows the defaults.
    """

    def __init__(
        self,
        kind: Any,
        fields: tuple[str, ...],
        bare: Callable[[dict[str, Any]], Any],
        default: Callable[[str], Any] | None,
    ) -> None:
        self.kind = kind
        self.fields = fields
        self._bare = bare
        self._default = default
        self._slots = tuple(name for name in _slots_of(kind) if name not in fields)
        self._skipped = (
            {
                name
                for base in kind.__mro__
                for name, what in vars(base).items()
                if isinstance(what, functools.cached_property)
            }
            | _NO_STATE
            | set(fields)
        )

    def taken_apart(self, value: Any, path: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Its fields, and its other attributes. Raises EncodeError."""
        fields = {}
        for name in self.fields:
            found = getattr(value, name, _MISSING)
            if found is _MISSING:
                raise EncodeError(f"{path}: the field {name} of this {name_of(self.kind)} is not set: set it first")
            fields[name] = found
        return fields, self.others(value)

    def others(self, value: Any) -> dict[str, Any]:
        """Results of cached properties are not included: they are computed again."""
        others = {name: item for name, item in getattr(value, "__dict__", {}).items() if name not in self._skipped}
        for name in self._slots:
            try:  # without __getattr__, by which attrs computes cached properties of slots
                others[name] = object.__getattribute__(value, name)
            except AttributeError:
                pass
        if _CACHED_HASH in others:  # hashes differ between processes
            others[_CACHED_HASH] = None
        return others

    def made(self, fields: Any, others: Any = None) -> Any:
        """Raises DecodeError for data that cannot be a value of the class."""
        if not isinstance(fields, dict) or set(fields) - set(self.fields):
            raise DecodeError(f"{name_of(self.kind)} has other fields now")
        for name in self.fields:
            if self._default is not None and name not in fields:
                try:
                    fields[name] = self._default(name)
                except LookupError:
                    raise DecodeError(f"{name_of(self.kind)} has a field {name} now, which is not stored") from None
        return self._with_others(self._bare(fields), others)

    def _with_others(self, made: Any, others: Any) -> Any:
        for name, item in (others or {}).items():
            if name in self._slots:
                object.__setattr__(made, name, item)
            else:
                vars(made)[name] = item
        return made

    def strays(self, value: Any) -> list[str]:
        """The names of attributes other than its fields."""
        return list(self.others(value))


class Model(Record):
    """A model of pydantic."""

    def others(self, value: Any) -> dict[str, Any]:
        others = {"set": set(value.__pydantic_fields_set__)}
        if value.__pydantic_extra__:
            others["extra"] = value.__pydantic_extra__
        if value.__pydantic_private__:
            others["private"] = value.__pydantic_private__
        return others if len(others) > 1 or others["set"] != set(self.fields) else {}

    def strays(self, value: Any) -> list[str]:
        return [*(value.__pydantic_extra__ or ()), *(value.__pydantic_private__ or ())]

    def made(self, fields: Any, others: Any = None) -> Any:
        made = super().made(fields)
        others = others or {}
        known = others.get("set", set(self.fields))
        if type(known) is not set or not all(type(others.get(part, {})) is dict for part in ("extra", "private")):
            raise DecodeError(f"{name_of(self.kind)} is stored in a wrong form")
        extra = others.get("extra", {} if self.kind.model_config.get("extra") == "allow" else None)
        private = others.get("private", {} if self.kind.__private_attributes__ else None)
        for name, item in (("fields_set", known), ("extra", extra), ("private", private)):
            if item is not None or getattr(self.kind, f"__pydantic_{name}__", item) is not None:
                object.__setattr__(made, f"__pydantic_{name}__", item)
        return made


def record_of(kind: Any) -> Record | None:
    """None: it is not a class whose values are their fields. Raises ConfigError for a class whose values could not be given
    back."""
    if not is_record(kind):
        return None
    if hasattr(kind, "_sa_class_manager"):
        raise ConfigError(
            f"{name_of(kind)} is mapped by SQLAlchemy: its values belong to a session; store their plain values"
        )
    if inspect.isabstract(kind):
        raise ConfigError(f"{name_of(kind)} is abstract, so it has no values: name the classes of the values")
    if issubclass(kind, msgspec.Struct):
        return _struct(kind)
    if issubclass(kind, tuple):
        return _named_tuple(kind)
    base = stateful_base(kind)
    if base is not None:
        raise ConfigError(
            f"{name_of(kind)} has fields and is a {base.__name__} as well, whose content is not in a field and would be lost:"
            f" keep the content of the {base.__name__} in a field, or give a codec= of your own"
        )
    if _is_model(kind):
        return Model(
            kind,
            tuple(kind.model_fields),
            functools.partial(_bare_model, kind),
            functools.partial(_default_of_model, kind),
        )
    if dataclasses.is_dataclass(kind):
        named = {field.name: field for field in dataclasses.fields(kind)}
        return Record(kind, tuple(named), functools.partial(_bare, kind), lambda name: _default_of_field(named[name]))
    attributes = {field.name: field for field in kind.__attrs_attrs__}
    return Record(
        kind, tuple(attributes), functools.partial(_bare, kind), lambda name: _default_of_attribute(attributes[name])
    )


def is_record(kind: Any) -> bool:
    """Whether it is a class whose values are their fields."""
    if not isinstance(kind, type):
        return False
    return (
        dataclasses.is_dataclass(kind)
        or issubclass(kind, msgspec.Struct)
        or (issubclass(kind, tuple) and hasattr(kind, "_fields"))
        or hasattr(kind, "__attrs_attrs__")
        or _is_model(kind)
    )


def is_enum(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, enum.Enum)


def stateful_base(kind: type) -> type | None:
    """The first C class among its bases that has content of its own: dict, Exception, …"""
    for base in kind.__mro__:
        if base is not object and isinstance(vars(base).get("__new__"), types.BuiltinFunctionType):
            return base
    return None


def name_of(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _slots_of(kind: type) -> list[str]:
    names = []
    for base in kind.__mro__:
        slots = vars(base).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else tuple(slots):
            if name.startswith("__") and not name.endswith("__"):
                name = f"_{base.__name__.lstrip('_')}{name}"
            if name not in _NO_STATE:
                names.append(name)
    return names


def _bare(kind: Any, fields: dict[str, Any]) -> Any:
    made = object.__new__(kind)
    for name, item in fields.items():
        object.__setattr__(made, name, item)
    return made


# --- dataclasses and attrs ---


def _default_of_field(field: dataclasses.Field[Any]) -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    raise LookupError(field.name)


def _default_of_attribute(field: Any) -> Any:
    factory = getattr(field.default, "factory", None)
    if type(field.default).__name__ == "Factory" and factory is not None and not field.default.takes_self:
        return factory()
    if type(field.default).__name__ in ("Factory", "_Nothing"):
        raise LookupError(field.name)
    return field.default


# --- NamedTuples ---


def _named_tuple(kind: Any) -> Record:
    fields = tuple(kind._fields)

    def bare(values: dict[str, Any]) -> Any:
        return tuple.__new__(kind, [values[name] for name in fields])

    return _Tuple(kind, fields, bare, lambda name: kind._field_defaults[name])


class _Tuple(Record):
    def taken_apart(self, value: Any, path: str) -> tuple[dict[str, Any], dict[str, Any]]:
        items = list(tuple.__iter__(value))
        if len(items) != len(self.fields):
            raise EncodeError(f"{path}: this {name_of(self.kind)} has {len(items)} items for {len(self.fields)} fields")
        return dict(zip(self.fields, items)), self.others(value)


# --- Structs of msgspec ---


def _struct(kind: Any) -> Record:
    fields = tuple(kind.__struct_fields__)
    make = kind
    if getattr(kind, "__post_init__", None) is not None:
        try:
            make = type(kind)(
                kind.__name__, (kind,), {"__post_init__": lambda self: None, "__module__": kind.__module__}
            )
        except Exception as wrong:
            raise ConfigError(f"{name_of(kind)} cannot be made without its __post_init__: {wrong}") from wrong

    def bare(values: dict[str, Any]) -> Any:
        made = make(**values)
        if make is not kind:
            _set_class(made, kind)
        return made

    return Record(kind, fields, bare, None)


# --- models of pydantic ---


def _is_model(kind: type) -> bool:
    return any(
        base.__name__ == "BaseModel" and base.__module__ == "pydantic.main" for base in kind.__mro__
    ) and hasattr(kind, "__pydantic_validator__")


def _bare_model(kind: Any, fields: dict[str, Any]) -> Any:
    made = object.__new__(kind)
    object.__setattr__(made, "__dict__", fields)
    return made


def _default_of_model(kind: Any, name: str) -> Any:
    field = kind.model_fields[name]
    if field.is_required():
        raise LookupError(name)
    return field.get_default(call_default_factory=True)
