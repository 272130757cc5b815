"""forms: the blocking and the awaitable method of one operation."""

from __future__ import annotations

import functools
import inspect
import logging
from typing import Any, Awaitable, Callable, Coroutine

from .._cache import Cache
from .._errors import Overloaded, Timeout, Unavailable, WriteError

log = logging.getLogger("terrace.django")

#: What IGNORE_EXCEPTIONS ignores: a level that is away or too slow. Wrong arguments and closed caches are no such errors.
_IGNORED = (Unavailable, Timeout, WriteError, Overloaded)

#: do("set", key, value, ttl=60) calls cache.set, or awaits cache.aset.
Do = Callable[..., Awaitable[Any]]
Steps = Callable[..., Coroutine[Any, Any, Any]]


class Now:
    """Calls the cache at once. A coroutine that only awaits these never waits."""

    awaits = False

    def __init__(self, cache: Cache[Any]) -> None:
        self._cache = cache

    async def __call__(self, name: str, *arguments: Any, **options: Any) -> Any:
        return getattr(self._cache, name)(*arguments, **options)


class Later:
    """Awaits the cache, in an event loop."""

    awaits = True

    def __init__(self, cache: Cache[Any]) -> None:
        self._cache = cache

    def __call__(self, name: str, *arguments: Any, **options: Any) -> Awaitable[Any]:
        return getattr(self._cache, "a" + name)(*arguments, **options)  # type: ignore[no-any-return]


def finished(steps: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that never waits."""
    try:
        steps.send(None)
    except StopIteration as end:
        return end.value
    raise RuntimeError("a blocking call waited for an event loop")


def forms(steps: Steps, ignored: Callable[..., Any] = lambda *_, **__: None) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The methods of a backend whose operation is the coroutine function steps(self, do, …). `ignored`: gets the arguments, and gives
    the result of an operation that failed and whose error is ignored."""
    name = steps.__name__.lstrip("_")
    steps.__qualname__ = steps.__qualname__.replace(steps.__name__, name)  # messages about wrong arguments name it so

    @functools.wraps(steps)
    def blocking(self: Any, *arguments: Any, **options: Any) -> Any:
        try:
            return finished(steps(self, self._now, *arguments, **options))
        except _IGNORED as error:
            self._ignore_or_raise(error, name)
            return ignored(*arguments, **options)

    @functools.wraps(steps)
    async def awaitable(self: Any, *arguments: Any, **options: Any) -> Any:
        try:
            return await steps(self, self._later, *arguments, **options)
        except _IGNORED as error:
            self._ignore_or_raise(error, "a" + name)
            return ignored(*arguments, **options)

    signature = inspect.signature(steps)
    seen = signature.replace(parameters=[part for part in signature.parameters.values() if part.name != "do"])
    made: list[tuple[Any, str]] = [(blocking, ""), (awaitable, "a")]
    for form, prefix in made:
        form.__name__ = prefix + name
        form.__qualname__ = steps.__qualname__.replace(name, prefix + name)
        form.__signature__ = seen
        del form.__wrapped__
    return blocking, awaitable
