"""Extended: classes over builtin classes that a program names in types=, such as a str that is marked safe."""

from __future__ import annotations

from typing import Any, Callable

from ._errors import DecodeError
from ._records import Record, name_of, stateful_base

#: The possible base classes: a value is one of these, with attributes.
BUILT_IN: tuple[type, ...] = (str, int, float, complex, bytes, bytearray, list, tuple, dict, set, frozenset)


class Extended(Record):
    """A class over a builtin one, such as a str that is marked safe: the builtin part is stored, and the attributes."""

    def __init__(self, kind: Any, base: type) -> None:
        super().__init__(kind, (), lambda fields: None, None)
        self.base = base

    def part(self, value: Any) -> Any:
        """The builtin object in it, whatever its own methods return."""
        return _PART[self.base](value)

    def put_together(self, part: Any, others: Any = None) -> Any:
        if type(part) is not self.base:
            raise DecodeError(f"{name_of(self.kind)} is stored in a wrong form")
        base: Any = self.base
        made = base.__new__(self.kind) if base in _FILL else base.__new__(self.kind, part)
        if base in _FILL:
            _FILL[base](made, part)
        return self._with_others(made, others)


_PART: dict[type, Callable[[Any], Any]] = {
    str: str.__str__,
    int: int.__int__,
    float: float.__float__,
    complex: complex.__complex__,
    bytes: bytes.__bytes__,
    bytearray: lambda value: bytearray.__getitem__(value, slice(None)),
    list: list.copy,
    tuple: lambda value: tuple(tuple.__iter__(value)),
    dict: lambda value: dict(dict.items(value)),
    set: lambda value: set(set.__iter__(value)),
    frozenset: lambda value: frozenset(frozenset.__iter__(value)),
}


_FILL: dict[type, Callable[[Any, Any], None]] = {
    list: list.extend,
    dict: dict.update,
    set: set.update,
    bytearray: bytearray.extend,
}


def extended_of(kind: Any) -> Extended | None:
    """None: it is not a class over a builtin one. Raises ConfigError for a class whose values could not be given back."""
    base = next((base for base in BUILT_IN if isinstance(kind, type) and issubclass(kind, base)), None)
    if base is None or kind is bool or kind in BUILT_IN:
        return None
    other = stateful_base(kind)
    if other is not base:
        return None  # an OrderedDict, an array: they have more state than is known here
    return Extended(kind, base)
