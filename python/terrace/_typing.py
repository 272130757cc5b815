"""The type of a cache's values: any, unless it is named, as in Cache[User]; and what loads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Awaitable, Callable, Union

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

__all__ = ["AsyncLoader", "Loader", "V"]
