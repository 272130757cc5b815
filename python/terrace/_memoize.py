"""memoize: caches the results of functions, methods and coroutine functions."""

from __future__ import annotations

import functools
import inspect
import types
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Sequence

from . import _aio, _core
from ._binding import Binding
from ._errors import ConfigError, TerraceError, from_code
from ._functions import Identity, hashed, identity_of, inner, module_of, name_of
from ._identity import token_of
from ._loading import MemoizedCall, is_coroutine_function
from ._one_load import OneLoad
from ._readable import name_the_call
from ._results import ABSENT, Load
from ._tags import tag_list
from ._templates import key_template, parse_template, register, register_keyed
from ._times import seconds
from ._times import ttl as checked_ttl
from ._variables import Variables, variables_of, what_it_is

if TYPE_CHECKING:
    from ._cache import Cache


#: The names of functions that the log has reported.
_told: set[str] = set()


class CacheInfo(NamedTuple):
    """Like the CacheInfo of functools.lru_cache. hits: calls answered without running the function; misses: how often it
    ran; both in this process. maxsize, currsize: entries of the cache's memory level, which its functions share."""

    hits: int
    misses: int
    maxsize: int | None
    currsize: int


class _NoFunction(ConfigError, TypeError):
    """An object that cannot be memoized at all."""


class Options(NamedTuple):
    """The options given to Cache.memoize."""

    ttl: Any = None
    key: Any = None
    tags: Any = ()
    condition: Callable[[Any], bool] | None = None
    timeout: Any = None
    shared: bool = False
    #: Text before the function's name in the key.
    prefix: str = ""
    #: A function that other processes cannot have is rejected if there are tiers; otherwise the log says that it
    #: shares nothing.
    refuse_alone: bool = True


def memoized(cache: Cache[Any], function: Callable[..., Any], **given: Any) -> Any:
    """Returns the decorated function: Cache.memoize describes it. given: fields of Options."""
    options = Options(**given)
    refuse_what_is_no_function(function)
    binding = Binding(function, options.key)
    identity = identity_of(function.func if isinstance(function, functools.partial) else function, options.prefix)
    name = f"{options.prefix}{identity.name}"
    template = None if options.key is None or binding.key else key_template(options.key, binding.signature)
    if options.key is None and identity.alone and cache._tiers:
        _stands_alone(cache, name, identity.alone, options)
    head = f"{name}~{_fingerprint(cache, name, identity, binding, options.shared)}"
    register(cache, name, None if template is None else options.key, template,
             _who(function, identity, binding, options.key), options.shared)
    life, timeout, condition = checked_ttl(options.ttl), seconds(options.timeout, "timeout"), options.condition
    tags_of = _tag_maker(options.tags, binding)

    def result(returned: Any) -> Any:
        if hasattr(type(returned), "__next__") or hasattr(type(returned), "__anext__"):
            kind = "generator" if isinstance(returned, (types.GeneratorType, types.AsyncGeneratorType)) else type(returned).__name__
            raise TypeError(f"{name} returned a {kind}, which can be read once only: return a list or a tuple")
        if condition is not None and returned is not ABSENT and not isinstance(returned, Load):
            if not condition(returned):
                return Load(returned, keep=False)
        if life is not None and not isinstance(returned, Load):
            return Load(returned, ttl=life)
        return returned

    def miss(key_bytes: bytes, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        call = MemoizedCall(functools.partial(function, *args, **kwargs), result, core._count)
        try:
            # Not Cache._load_bytes: between a recursive function and itself lies this frame alone.
            load = OneLoad(cache, key_bytes, name, call, timeout, tags_of(args, kwargs), True)
            while load.call is not None:
                load.call.run()
                load.end()
        except TerraceError as error:
            name_the_call(error, head, name, args, kwargs)
            raise
        if not call.ran:
            core._count(False)
        return load.value

    async def run(*args: Any, **kwargs: Any) -> Any:
        if _aio.asyncio_loop() is None:
            _aio.refuse_other_loops()
        found = core._lookup_call(*args, **kwargs)
        if found is _core.NEGATIVE:
            raise from_code("not_found", name)
        return await amiss(args, kwargs) if found is _core.MISS else found

    async def amiss(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        ran = False

        async def loader() -> Any:
            nonlocal ran
            ran = True
            core._count(True)
            return result(await function(*args, **kwargs))

        key_bytes = core._key(*args, **kwargs)
        try:
            value = await cache._aload_bytes(key_bytes, name, loader, timeout=timeout, tags=tags_of(args, kwargs))
        except TerraceError as error:
            name_the_call(error, head, name, args, kwargs)
            raise
        if not ran:
            core._count(False)
        return value

    fields, tail, reserved = template or (None, "", frozenset())
    owners = tuple(binding.owner(number, path) for _, number, path in fields or ())
    awaited = is_coroutine_function(function)
    core: Any = _core.Memoized(cache, miss, binding, *binding.plain_parameters(), head, fields, owners, tail, bytes(reserved),
                          run if awaited else None)
    functools.update_wrapper(core, function)
    core._identity = identity
    core.__module__ = module_of(function) if hasattr(function, "__qualname__") else identity.module
    core.__qualname__ = identity.qualname
    core.cache_info = functools.partial(cache_info, cache, core)
    core.cache_parameters = lambda: {"maxsize": cache.max_entries, "typed": True, "ttl": options.ttl, "key": options.key}
    core.key = lambda *args, **kwargs: core._key(*args, **kwargs)
    whole = {"prefix": head} if template is None else {"pattern": template.glob()}
    core.invalidate, core.cache_clear = (_async_removals if awaited else _removals)(cache, core, whole)
    if awaited:
        _look_like_a_coroutine_function(core, function)
    return core


def _removals(cache: Cache[Any], core: Any, whole: dict[str, str]) -> tuple[Any, Any]:
    def invalidate(*args: Any, **kwargs: Any) -> bool:
        return cache._delete_bytes(core._key(*args, **kwargs))

    def cache_clear() -> None:
        cache.invalidate(**whole)  # type: ignore[arg-type]
        core._forget_counts()

    return invalidate, cache_clear


def _async_removals(cache: Cache[Any], core: Any, whole: dict[str, str]) -> tuple[Any, Any]:
    async def invalidate(*args: Any, **kwargs: Any) -> bool:
        return await cache._adelete_bytes(core._key(*args, **kwargs))

    async def cache_clear() -> None:
        await cache.ainvalidate(**whole)  # type: ignore[arg-type]
        core._forget_counts()

    return invalidate, cache_clear


def _look_like_a_coroutine_function(core: Any, function: Any) -> None:
    """For inspect.iscoroutinefunction, which accepts functions, and objects that have the attributes of one."""
    code_of = function.func if isinstance(function, functools.partial) else function
    code_of = code_of if hasattr(code_of, "__code__") else type(code_of).__call__
    for name in ("__code__", "__defaults__", "__kwdefaults__"):
        setattr(core, name, getattr(code_of, name, None))
    core.__name__ = getattr(code_of, "__name__", core.__qualname__)


def cache_info(cache: Cache[Any], core: Any) -> CacheInfo:
    hits, misses = core._counts()
    entries = cache.stats().memory.entries
    return CacheInfo(hits, misses, 0 if entries is None else cache.max_entries, entries or 0)


def _fingerprint(cache: Cache[Any], name: str, identity: Identity, binding: Binding, shared: bool) -> str:
    if binding.key is None:
        return identity.fingerprint
    # The key= function decides what counts, also for functions that would be rejected without it.
    added = binding.added() if binding.before or binding.named else ""
    own, maker = _variables(binding.function), what_it_is(binding.key)
    if not cache._tiers:
        unknown = "" if any(maker) else token_of(binding.key)
        return hashed(identity.fingerprint, added, *own, *maker, unknown)
    if maker.tokens or not maker.known:
        raise ConfigError(f"the key= function {name_of(binding.key)} of {name} cannot be distinguished in the tiers of cache "
                          f"{cache.name!r} from others of that name, because it uses objects that cannot be keys: give a plain "
                          "function of the arguments, which also uses only values such as str and int")
    fingerprint = hashed(identity.code, added, own.known, maker.known)
    if not _uses_variables(binding.key):  # otherwise they distinguish the functions
        register_keyed(cache, name, f"{name}~{fingerprint}", hashed(_apart(identity, binding), *own), shared)
    return fingerprint


def _who(function: Any, identity: Identity, binding: Binding, key: Any) -> str:
    """Equal for functions that may use one template: same code, same surrounding variables, and called with the same object."""
    added = binding.added(key) if isinstance(function, functools.partial) and isinstance(key, str) else ""
    return hashed(_apart(identity, binding), *_variables(binding.function), added)


def _apart(identity: Identity, binding: Binding) -> str:
    """The function without its variables, and the object that it is called with."""
    method = isinstance(binding.function, types.MethodType) and not isinstance(binding.function.__self__, type)
    object_of = token_of(binding.function.__self__) if method and not binding.names_self else ""
    plain = getattr(binding.function, "__func__", binding.function)
    return hashed(identity.code if isinstance(plain, types.FunctionType) else identity.fingerprint, object_of)


def _variables(function: Any) -> Variables:
    plain = inner(getattr(function, "__func__", function))
    return variables_of(plain) if isinstance(plain, types.FunctionType) else Variables("", "")


def _uses_variables(key: Any) -> bool:
    return bool(getattr(key, "__closure__", None) or getattr(key, "__defaults__", None) or getattr(key, "__kwdefaults__", None)
                or isinstance(key, (functools.partial, types.MethodType)))


def refuse_what_is_no_function(function: Any) -> None:
    above = {classmethod: "@classmethod", staticmethod: "@staticmethod", property: "@property", functools.cached_property: "@cached_property"}
    if type(function) in above:
        raise _NoFunction(f"memoize the plain function, and put {above[type(function)]} above it")
    if not callable(function):
        raise _NoFunction(f"{function!r} is not a function: write @cache.memoize, or options by name as in @cache.memoize(ttl=60)")
    for form in (function, getattr(type(function), "__call__", None)):
        if inspect.isgeneratorfunction(form) or inspect.isasyncgenfunction(form):
            raise _NoFunction(f"{name_of(function)} is a generator function, and what it returns can be read once only: memoize a "
                              "function that returns a list or a tuple")


def _stands_alone(cache: Cache[Any], name: str, why: str, options: Options) -> None:
    told = f"{name} cannot be distinguished in the tiers of cache {cache.name!r} from other functions of that name: {why}"
    if options.refuse_alone:
        raise ConfigError(f'{told}. Give it its own key= with everything that its result depends on: a template, as in '
                          'key="report:{day}", or a function of the arguments')
    if name in _told:
        return
    _told.add(name)
    import logging  # the import of terrace does not import it

    logging.getLogger("terrace").warning("%s. Its results are kept, and not shared with other processes; Cache.memoize takes a key=", told)


def _tag_maker(tags: Any, binding: Binding) -> Callable[[tuple[Any, ...], dict[str, Any]], Sequence[str]]:
    if callable(tags):
        return lambda args, kwargs: tag_list(tags(*args, **kwargs))
    tags = tag_list(tags)
    for tag in tags:
        parse_template(tag, binding.signature, "tags")
    if not any("{" in tag for tag in tags):
        return lambda args, kwargs: tags

    def make(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[str]:
        arguments = binding.arguments(args, kwargs).arguments
        return [tag.format(**arguments) for tag in tags]

    return make
