"""The type of a cache's values: any, unless it is given as in Cache[User]; the types of loaders; and the type of a program's
own codec=."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Awaitable, Callable, Protocol, Union

from ._results import Load, LoadContext, _Absent

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    V = TypeVar("V", default=Any)
else:
    from typing import TypeVar

    V = TypeVar("V")

_Returned = Union[V, Load[V], _Absent]
# It takes nothing, the key, or the key and a LoadContext.
Loader = Union[Callable[[], _Returned[V]], Callable[[Any], _Returned[V]], Callable[[Any, LoadContext], _Returned[V]]]
_Awaited = Union[_Returned[V], Awaitable[_Returned[V]]]
AsyncLoader = Union[Callable[[], _Awaited[V]], Callable[[Any], _Awaited[V]], Callable[[Any, LoadContext], _Awaited[V]]]

__all__ = ["AsyncLoader", "Loader", "Serializer", "V"]


class Serializer(Protocol):
    """Its dumps and loads are called from any thread. It also has a name: an attribute, or that of a module."""

    def dumps(self, value: Any, /) -> bytes | bytearray | memoryview | str: ...
    def loads(self, stored: bytes, /) -> Any: ...
