"""Lists, dicts and sets as arguments of decorated functions: their content counts, as it is when the function is called."""

from __future__ import annotations

import functools
from typing import Any, Callable

from .. import _core
from .._cache import Cache
from .._loading import is_coroutine_function
from .._results import ABSENT, Load


class Content:
    """Stands for a list, dict or set in a key."""

    __slots__ = ("__terrace_key__",)

    def __init__(self, kind: type, parts: tuple[Any, ...]) -> None:
        self.__terrace_key__ = (f"{kind.__module__}.{kind.__qualname__}", *parts)


def content(value: Any) -> Any:
    """The object that stands for the argument in a key: the argument itself, if nothing in it has to be examined."""
    kind = type(value)
    if isinstance(value, list):
        return Content(kind, tuple(map(content, value)))
    if isinstance(value, dict):
        return Content(kind, tuple(sorted(((key, content(part)) for key, part in value.items()), key=_by_key)))
    if isinstance(value, set):
        return Content(kind, tuple(sorted(value, key=_core.key_bytes)))
    if kind is tuple:
        parts = tuple(map(content, value))
        return value if all(part is item for part, item in zip(parts, value)) else parts
    return value


def _by_key(item: tuple[Any, Any]) -> bytes:
    return _core.key_bytes(item[0])


def accepting_content(decorated: Any, function: Callable[..., Any], cache: Cache[Any], ttl: float | None) -> Any:
    """The memoized function, extended to take such arguments. Calls without them cost nothing more."""
    key, remove = decorated.key, decorated.invalidate
    name = decorated.__qualname__

    def key_of(*args: Any, **kwargs: Any) -> bytes:
        return key(*map(content, args), **_contents(kwargs))  # type: ignore[no-any-return]

    def invalidate(*args: Any, **kwargs: Any) -> Any:
        return remove(*map(content, args), **_contents(kwargs))

    def kept(returned: Any) -> Any:
        return returned if ttl is None or returned is ABSENT or isinstance(returned, Load) else Load(returned, ttl=ttl)

    def call(*args: Any, **kwargs: Any) -> Any:
        return cache._load_bytes(key_of(*args, **kwargs), name, lambda: kept(function(*args, **kwargs)), looked=False)

    async def acall(*args: Any, **kwargs: Any) -> Any:
        if all(content(value) is value for value in (*args, *kwargs.values())):
            return await decorated(*args, **kwargs)

        async def load() -> Any:
            return kept(await function(*args, **kwargs))

        return await cache._aload_bytes(key_of(*args, **kwargs), name, load, looked=False)

    if is_coroutine_function(function):
        functools.update_wrapper(acall, decorated)
        acall.__wrapped__ = function  # type: ignore[attr-defined]
        accepting: Any = acall
    else:
        decorated._refused = call
        accepting = decorated
    accepting.key, accepting.invalidate = key_of, invalidate
    return accepting


def _contents(kwargs: dict[str, Any]) -> dict[str, Any]:
    return {name: content(value) for name, value in kwargs.items()}
