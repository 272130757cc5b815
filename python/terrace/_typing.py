"""The type of a cache's values: any, unless it is named, as in Cache[User]; and what a codec= of the program's
own is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    V = TypeVar("V", default=Any)
else:
    from typing import TypeVar

    V = TypeVar("V")

__all__ = ["Serializer", "V"]


class Serializer(Protocol):
    """Its dumps and loads are called from any thread. Besides, it has a name: an attribute, or that of a module."""

    def dumps(self, value: Any, /) -> bytes | bytearray | memoryview | str: ...
    def loads(self, stored: bytes, /) -> Any: ...
