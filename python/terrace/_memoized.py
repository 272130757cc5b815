"""The types of decorated functions, for type checkers and annotations. (At run time both are _core.Memoized.)"""

from __future__ import annotations

from typing import Any, Callable, Concatenate, Coroutine, Generic, ParamSpec, Protocol, Sequence, TypedDict, TypeVar, overload

from ._memoize import CacheInfo
from ._times import Seconds

P = ParamSpec("P")
Q = ParamSpec("Q")
S = TypeVar("S")
T = TypeVar("T")
R_co = TypeVar("R_co", covariant=True)


class MemoizedFunction(Protocol, Generic[P, R_co]):
    """A function decorated by Cache.memoize. For a method, accessed on an object, its methods take the arguments after self."""

    __name__: str
    __qualname__: str
    __module__: str

    @property
    def __wrapped__(self) -> Callable[P, R_co]:
        """The undecorated function."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...

    @overload
    def __get__(self, instance: None, owner: Any = None, /) -> MemoizedFunction[P, R_co]: ...
    @overload
    def __get__(self: MemoizedFunction[Concatenate[S, Q], T], instance: S, owner: Any = None, /) -> MemoizedFunction[Q, T]: ...

    def invalidate(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Deletes the result of this call from every level; returns True if a level had it."""

    def key(self, *args: P.args, **kwargs: P.kwargs) -> bytes:
        """The key of this call."""

    def cache_clear(self) -> None:
        """Deletes all results from every level; with a template, all keys of its form. Resets the counters to 0."""

    def cache_info(self) -> CacheInfo:
        """hits and misses of this function in this process, and entries in the cache's memory."""

    def cache_parameters(self) -> dict[str, Any]:
        """maxsize, typed, ttl and key."""


class MemoizedCoroutine(Protocol, Generic[P, R_co]):
    """A coroutine function decorated by Cache.memoize."""

    __name__: str
    __qualname__: str
    __module__: str

    @property
    def __wrapped__(self) -> Callable[P, Coroutine[Any, Any, R_co]]:
        """The undecorated coroutine function."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R_co]: ...

    @overload
    def __get__(self, instance: None, owner: Any = None, /) -> MemoizedCoroutine[P, R_co]: ...
    @overload
    def __get__(self: MemoizedCoroutine[Concatenate[S, Q], T], instance: S, owner: Any = None, /) -> MemoizedCoroutine[Q, T]: ...

    async def invalidate(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Like MemoizedFunction.invalidate."""

    def key(self, *args: P.args, **kwargs: P.kwargs) -> bytes:
        """The key of this call."""

    async def cache_clear(self) -> None:
        """Like MemoizedFunction.cache_clear."""

    def cache_info(self) -> CacheInfo:
        """Like MemoizedFunction.cache_info."""

    def cache_parameters(self) -> dict[str, Any]:
        """maxsize, typed, ttl and key."""


class MemoizeOptions(TypedDict, total=False):
    """The options of Cache.memoize, which describes them."""

    ttl: Seconds | None
    key: str | Callable[..., Any] | None
    tags: str | Sequence[str] | Callable[..., str | Sequence[str]]
    condition: Callable[[Any], bool] | None
    timeout: Seconds | None
    shared: bool


class MemoizeDecorator(Protocol):
    """The result of Cache.memoize(…) when only options are given."""

    @overload  # a coroutine function is a function, too
    def __call__(self, function: Callable[P, Coroutine[Any, Any, T]], /) -> MemoizedCoroutine[P, T]: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, function: Callable[P, T], /) -> MemoizedFunction[P, T]: ...
