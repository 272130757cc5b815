"""memoize: functions, methods and coroutine functions that remember their results in a cache."""

from __future__ import annotations

import functools
import inspect
import types
import weakref
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Sequence

from . import _core
from ._errors import ConfigError, from_code
from ._loading import is_coroutine_function
from ._results import ABSENT, Load
from ._tags import tag_list
from ._templates import Origin, key_template, parse_template, register
from ._times import ttl as checked_ttl

if TYPE_CHECKING:
    from ._cache import Cache



class CacheInfo(NamedTuple):
    """As functools.lru_cache has it; of the memory level of the whole cache."""

    hits: int
    misses: int
    maxsize: int | None
    currsize: int


def memoized(cache: Cache[Any], function: Callable[..., Any], *, ttl: Any, key: str | None, tags: Any,
             condition: Callable[[Any], bool] | None, prefix: str = "") -> Any:
    """The decorated function: Cache.memoize tells what it does. `prefix` stands before its name in the key."""
    if isinstance(function, (staticmethod, classmethod)):
        raise TypeError("memoize the plain function, and put @staticmethod or @classmethod above it")
    signature = inspect.signature(function)
    origin = Origin(key) if key is not None else Origin(None, prefix, function.__module__, function.__qualname__)
    name = f"{prefix}{function.__module__}.{function.__qualname__}"
    life = checked_ttl(ttl)
    tags_of = _tag_maker(tags, signature)
    template = None if key is None else key_template(key, signature)
    fields, tail, reserved = template or (None, "", frozenset())

    def bind(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return tuple(
            tuple(sorted(value.items())) if kind is inspect.Parameter.VAR_KEYWORD else value
            for value, kind in zip(bound.arguments.values(), (p.kind for p in signature.parameters.values()))
        )

    def result(returned: Any) -> Any:
        if condition is not None and returned is not ABSENT and not isinstance(returned, Load):
            if not condition(returned):
                return Load(returned, keep=False)
        if life is not None and not isinstance(returned, Load):
            return Load(returned, ttl=life)
        return returned

    def miss(key_bytes: bytes, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        loader = lambda: result(function(*args, **kwargs))  # noqa: E731
        return cache._load_bytes(key_bytes, name, loader, tags=tags_of(args, kwargs))

    core = _core.Memoized(cache, miss, bind, *_plain_parameters(signature), name, fields, tail, bytes(reserved))
    if key is None:
        _refuse_namesakes(cache, name, function)
    register(cache, name, origin, template)
    if is_coroutine_function(function):
        decorated = _coroutine_form(cache, function, core, name, result, tags_of)
    else:
        decorated = core
    functools.update_wrapper(decorated, function)
    decorated.key = lambda *args, **kwargs: core._key(*args, **kwargs)
    if is_coroutine_function(function):
        async def invalidate(*args: Any, **kwargs: Any) -> bool:
            return await cache._adelete_bytes(core._key(*args, **kwargs))
    else:
        def invalidate(*args: Any, **kwargs: Any) -> bool:  # type: ignore[misc]
            return cache._delete_bytes(core._key(*args, **kwargs))
    decorated.invalidate = invalidate
    decorated.cache_info = functools.partial(cache_info, cache)
    return decorated


def _coroutine_form(cache: Cache[Any], function: Callable[..., Any], core: Any, name: str,
                    result: Callable[[Any], Any], tags_of: Callable[..., Sequence[str]]) -> Any:
    async def decorated(*args: Any, **kwargs: Any) -> Any:
        found = core._peek(*args, **kwargs)
        if found is _core.NEGATIVE:
            raise from_code("not_found", name)
        if found is not _core.NOTHING:
            return found

        async def loader() -> Any:
            return result(await function(*args, **kwargs))

        return await cache._aload_bytes(core._key(*args, **kwargs), name, loader, tags=tags_of(args, kwargs))

    return decorated


def cache_info(cache: Cache[Any]) -> CacheInfo:
    memory = cache.stats().memory
    return CacheInfo(memory.hits, memory.misses, cache.max_entries, memory.entries or 0)


def _tag_maker(tags: Any, signature: inspect.Signature) -> Callable[[tuple[Any, ...], dict[str, Any]], list[str]]:
    if callable(tags):
        return lambda args, kwargs: tag_list(tags(*args, **kwargs))
    tags = tag_list(tags)
    for tag in tags:
        parse_template(tag, signature, "tags")
    if not any("{" in tag for tag in tags):
        return lambda args, kwargs: tags

    def make(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[str]:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return [tag.format(**bound.arguments) for tag in tags]

    return make


def _plain_parameters(signature: inspect.Signature) -> tuple[tuple[Any, ...], bool]:
    """The default of each parameter, and whether positional arguments are these parameters as they come."""
    parameters = list(signature.parameters.values())
    plain = all(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)
    defaults = tuple(_core.NOTHING if p.default is p.empty else p.default for p in parameters)
    return defaults, plain


# For each cache what identifies its functions that have no template and no name of their own, by name. It stays when the
# function is gone, as its entries do.
_named: weakref.WeakKeyDictionary[Any, dict[str, Any]] = weakref.WeakKeyDictionary()


def _refuse_namesakes(cache: Any, name: str, function: Callable[..., Any]) -> None:
    """Inner functions, lambdas and methods of objects may compute different things under one name: only what certainly
    computes the same may have it. Raises ConfigError."""
    owner = getattr(function, "__self__", None)
    same: Any
    if isinstance(owner, type):  # a class method, perhaps of a subclass
        same = f"{owner.__module__}.{owner.__qualname__}"
    elif owner is not None and not isinstance(owner, types.ModuleType):
        same = _weak_method(function)
    elif "<locals>" not in name and "<lambda>" not in name:
        return
    elif getattr(function, "__closure__", None) or not hasattr(function, "__code__"):
        same = weakref.ref(function)  # what it refers to cannot be compared
    else:
        same = function.__code__
    known = _named.setdefault(cache, {})
    if known.setdefault(name, same) != same:
        raise ConfigError(f"{name} is memoized in cache {cache.name!r} already; functions of one name would share "
                          'results: give each a key="…{argument}" of its own')


def _weak_method(method: Any) -> Any:
    try:
        return weakref.WeakMethod(method)
    except TypeError:  # of an object that cannot be referred to: equal to nothing
        return object()
