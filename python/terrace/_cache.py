"""Cache: start here."""

# Where its methods are:
#   get, get_or_load, [] and in: python/src/read_path.cpp. Here are only their types and texts, under TYPE_CHECKING.
#   aget, aset, … (the forms with an a in front): _async_forms.py
#   add, increment, compare_and_set, lock, …: _atomic.py, _locks.py
#   memoize: _memoize.py; calls of a memoized function: python/src/memoized.cpp
#   warm: _warming.py
#   _read, _write, _erase, _finish, … (used by blocking and awaited calls): _cache_core.py
#   _open, _stats, _items, …: python/src/bind_cache.cpp; _start_read and the other _start_…: python/src/calls.cpp
from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Coroutine,
    Hashable,
    ParamSpec,
    Sequence,
    TypeVar,
    Unpack,
    overload,
)

from . import _aio, _core, _memoize, _process
from ._async_forms import AsyncForms
from ._cache_core import answered_names, check_loading, check_write, explanation_of, names_of
from ._cache_core import refuse_no_mapping, unreadable_among
from ._copying import copied
from ._errors import ConfigError
from ._key_rings import key_ring_settings, under_one_name
from ._loading import Loading
from ._one_load import OneLoad
from ._memory_bounds import memory_bounds
from ._results import Lookup, WarmTask
from ._service import service
from ._tags import sound_text, tag_list
from ._tiers import Tier, TierLike, tiers_of
from ._times import Seconds, seconds, span
from ._times import ttl as checked_ttl
from ._typing import Loader, V
from ._words import count, flag, one_word, rate, share, shown, text

if TYPE_CHECKING:
    from ._codec import Codec
    from ._journal import Journal
    from ._memoized import MemoizeDecorator, MemoizedCoroutine, MemoizedFunction, MemoizeOptions
    from ._options import CacheOptions
    from ._reports import Advice, CacheStats, Explanation, WarmReport
    from ._typing import Serializer
    from .testing import Clock

D = TypeVar("D")
K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
P = ParamSpec("P")
BulkLoader = Callable[[Sequence[Any]], "Mapping[Any, V] | Sequence[V]"]


class Cache(AsyncForms[V]):
    """A cache over several levels: memory, then the tiers, then the program's own loader.

        users = terrace.Cache("users", ttl=600, tiers=["redis://localhost", "postgres://localhost/app"])
        user = users.get_or_load("42", lambda: load_user(42))

    Memory keeps the objects themselves: a caller that changes a value changes it for later callers, too (copy=True: every caller gets
    a copy). Tiers keep MessagePack; a value read from a tier equals the stored one, type for type (docs/python.md).

    A key is a str, which C++ programs see under the same name, or an int, bytes, float, bool, None, Enum, UUID, date, Decimal, or a
    tuple of these; 1, "1" and True are three different keys.

    Thread safe. A cache made before a fork starts empty in the child, with its own connections. Blocking calls let other threads run,
    and end with KeyboardInterrupt on Ctrl-C. In an event loop use the methods whose names begin with an additional a.

    Arguments:
        name: namespace of the keys in the tiers, and the name in metrics: 1 to 64 of A-Z a-z 0-9 _ . -
        ttl: how long a value is fresh: seconds, a timedelta, or None: no expiry.
        memory: the bound of the memory level: a number of entries, a size such as "64MB", both as a tuple, or None: no memory level.
            The size of a value includes what it refers to (the array of a view, the variables of a closure), estimated from a sample
            beyond 10,000 parts; in a cache with tiers it is the number of bytes that the tiers store.
        tiers: URLs or Tiers, from top to bottom; also redis-py's connection pools, and paths of SQLite files.
        type: the type of all values, to share them with C++ (docs/python.md); None: any values.
        types: dataclasses, attrs classes, pydantic models, Structs, NamedTuples, Enums and classes over builtin types that values may
            hold. Nothing else can be made from what a tier says.
        codec: "msgpack"; "pickle", which needs `key_ring`: who could write to a tier could run code otherwise; or an object of your own
            with dumps(value) -> bytes, loads(bytes) -> value, and a name: it reads what was written under that name, and nothing else.
        key_ring: the encryption keys that seal what tiers store: the path of a key ring, or its text as generate_keys() returns it.
        keys: the former name of key_ring, deprecated.
        negative_ttl: how long ABSENT is remembered; None: not at all.
        memory_ttl: the longest time in memory; ttl_jitter: each ttl is shortened by a random share up to this.
        grace: how long after its ttl a value is still served while refreshing fails (stale-if-error); retry_after: the wait before a retry.
        eager_refresh: after this share of its ttl, a value that is read with a loader is loaded again in the background.
        consistency, max_staleness, lease_time: between processes (docs/reliability.md): "weak", "eventual" or "strong".
        write_mode: "through", "around" or "back"; the last needs `journal`: the path of its folder, or a Journal, which has limits too.
        eviction: what leaves memory when it is full: "adaptive" (None), "s3fifo", "w-tinylfu", "gdsf", "lru", "lfu", "fifo" or "ttl".
        advisor: memory watches what other sizes of it would do, for advise(). Needs a bound in entries; costs up to 3 MB, and time on reads.
        compress_above: values of that many bytes are compressed in tiers; 0: none; None: 1024, and none with a key_ring (docs/sealing.md).
        max_value_bytes: the most bytes of a value in tiers.
        tier_timeout, load_timeout, soft_load_timeout, max_concurrent_loads, max_loads_per_second (0: no limit): limits.
        error_ttl: how long an error of a loader is remembered if there is no stale value; None: the next read loads again.
        copy: memory keeps a deep copy of the value that a writer or a loader gave, and every reader gets its own copy. A value that
            cannot be copied is an EncodeError when it is set or loaded.
        clock: for tests, a terrace.testing.Clock; None: the machine's.

    Raises ConfigError, which says what would be right. A server that is down is no error: it is asked when needed.
    """

    if TYPE_CHECKING:

        @overload
        def __init__(self: Cache[T], name: str = ..., *, type: type[T], **options: Unpack[CacheOptions]) -> None: ...
        @overload
        def __init__(self, name: str = ..., *, type: Any = ..., **options: Unpack[CacheOptions]) -> None: ...

    def __init__(
        self,
        name: str = "default",
        *,
        ttl: Seconds | None = None,
        memory: int | str | tuple[int, str] | None = 10_000,
        tiers: Iterable[TierLike] = (),
        type: Any = None,
        types: Sequence[type] = (),
        codec: str | Serializer = "msgpack",
        key_ring: str | os.PathLike[str] | None = None,
        keys: str | os.PathLike[str] | None = None,
        negative_ttl: Seconds | None = None,
        memory_ttl: Seconds | None = None,
        ttl_jitter: float = 0.1,
        grace: Seconds = 0,
        retry_after: Seconds = 1,
        eager_refresh: float = 0,
        consistency: str = "eventual",
        max_staleness: Seconds = 1,
        lease_time: Seconds = 3,
        write_mode: str = "through",
        journal: str | os.PathLike[str] | Journal | None = None,
        eviction: str | None = None,
        advisor: bool = False,
        compress_above: int | None = None,
        max_value_bytes: int = 64 << 20,
        tier_timeout: Seconds = 0.25,
        load_timeout: Seconds = 30,
        soft_load_timeout: Seconds | None = None,
        max_concurrent_loads: int = 64,
        max_loads_per_second: float = 0,
        error_ttl: Seconds | None = None,
        copy: bool = False,
        clock: Clock | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(types, Iterable) or isinstance(types, (str, bytes)):
            raise ConfigError(f"types={shown(types)}: give a list of classes")
        ring = under_one_name(key_ring, keys)
        self._own_tiers: list[Tier] = []
        settings: dict[str, Any] = {
            "name": one_word(name, "name"),
            "ttl": checked_ttl(ttl, "ttl", "give None for values that never expire, or leave the value out of the cache"),
            "negative_ttl": checked_ttl(negative_ttl, "negative_ttl", "give None, and ABSENT is not remembered"),
            "memory_ttl": checked_ttl(memory_ttl, "memory_ttl", "give memory=None, and memory keeps nothing"),
            "ttl_jitter": share(ttl_jitter, "ttl_jitter"),
            "grace": span(grace, "grace"),
            "retry_after": span(retry_after, "retry_after"),
            "eager_refresh": share(eager_refresh, "eager_refresh"),
            "consistency": one_word(consistency, "consistency"),
            "max_staleness": span(max_staleness, "max_staleness"),
            "lease_time": span(lease_time, "lease_time"),
            "write_mode": one_word(write_mode, "write_mode"),
            "compress_above": None if compress_above is None else count(compress_above, "compress_above"),
            "max_value_bytes": count(max_value_bytes, "max_value_bytes"),
            "tier_timeout": span(tier_timeout, "tier_timeout"),
            "load_timeout": span(load_timeout, "load_timeout"),
            "soft_load_timeout": seconds(soft_load_timeout, "soft_load_timeout"),
            "max_concurrent_loads": count(max_concurrent_loads, "max_concurrent_loads", 1),
            "max_loads_per_second": rate(max_loads_per_second, "max_loads_per_second"),
            "error_ttl": checked_ttl(error_ttl, "error_ttl", "give None, and the next read calls the loader again"),
            **memory_bounds(memory, advisor),
        }
        settings |= key_ring_settings(ring)
        if eviction is not None:
            settings["eviction"] = one_word(eviction, "eviction")
        if journal is not None:
            from ._journal import journal_settings

            settings |= journal_settings(journal, write_mode)
        self._begin(
            name,
            settings,
            tiers_of(tiers, self._own_tiers),
            _made_codec(codec, type=type, types=types, sealed=ring is not None),
            max_entries=settings.get("max_entries") or None,
            eager=eager_refresh > 0,
            soft=soft_load_timeout is not None,
            copy=flag(copy, "copy"),
            clock=clock,
        )

    @classmethod
    def _of_options(cls, name: str, options: _core.Options, tiers: list[_core.Tier], seals: bool) -> Cache[Any]:
        """From a configuration file, which sets all options."""
        self = cls.__new__(cls)
        _core.CacheBase.__init__(self)
        self._own_tiers = []
        self._begin(name, options, tiers, _made_codec(sealed=seals), max_entries=options.max_entries or None, copy=False,
                    eager=options.eager_refresh > 0, soft=options.has_soft_limit)
        return self

    def _begin(self, name: str, settings: dict[str, Any] | _core.Options, tiers: list[_core.Tier], codec: Codec, *,
               max_entries: int | None, eager: bool, soft: bool, copy: bool, clock: Clock | None = None) -> None:
        if clock is not None and not isinstance(clock, _core.Clock):
            raise TypeError(f"clock={shown(clock)}: give a terrace.testing.Clock")
        for tier in tiers:
            own = getattr(tier, "clock", None)
            if own is not None and own is not clock:
                raise ConfigError(f"tiers holds {tier!r}, which has a clock of its own: give the cache the same clock=")
        self.name = name
        #: The most entries of the memory level; None: it is bounded by bytes, or there is none.
        self.max_entries = max_entries
        self._closed = False
        self._lock_store: Cache[str] | None = None  # of _locks.py
        self._settings = settings
        self._tiers = tiers
        self._codec = codec
        self._clock = () if isinstance(settings, _core.Options) else (clock,)
        self._copier = copied if copy else None
        self._eager = eager
        # This limit can end a call before its loader has ended: then the loader must run elsewhere.
        self._loads_elsewhere = soft
        self._open_now()
        _process.caches.add(self)

    # --- reading. What stands under TYPE_CHECKING runs in python/src/read_path.cpp, for speed ---

    if TYPE_CHECKING:

        @overload  # type: ignore[override]
        def get(self, key: Hashable) -> V | None: ...
        @overload
        def get(self, key: Hashable, default: V | D) -> V | D: ...
        def get(self, key: Hashable, default: Any = None) -> Any:
            """Returns the value, from memory or the tiers. Returns `default` if no level has the key, if it is known not to exist,
            or if no level could be asked (lookup() says which). A stored None is a hit. Waits at most
            tier_timeout for each answer of a tier, and at most load_timeout for another process that loads the key, if a tier below
            Redis may have it. Raises KeyTypeError and Closed. Thread safe."""

        def __getitem__(self, key: Hashable) -> V:
            """Like get, but raises KeyError instead of returning a default."""

        def __contains__(self, key: object) -> bool: ...

        def get_or_load(self, key: Hashable, loader: Loader[V], *,  # type: ignore[override]
                        timeout: Seconds | None = None, tags: str | Sequence[str] = ()) -> V:
            """Returns the value from the levels, otherwise from the loader. If many callers miss a key at the same time, in this
            process and in all processes that share one Redis, one loader runs; the other callers wait for it.

            loader: is called with nothing, with the key, or with the key and a LoadContext, depending on the number of its required
            arguments. It returns the value, ABSENT, or a Load. TypeError is raised if its arguments do not show how to call it. It
            runs in the calling thread; with a timeout, soft_load_timeout or eager_refresh it runs on a thread of its own, with the
            caller's context variables. No lock is held: the loader may use any cache, but must not ask for its own key.

            timeout: how long to wait at most, in seconds or a timedelta; None: load_timeout alone is the limit. tags: of the loaded
            value, a list of str or one str. Both are checked even if the key is there.

            Raises the loader's exception (also in the callers that waited for it), NotFound (ABSENT, now or within negative_ttl),
            Timeout, EncodeError (the tiers cannot store the value), KeyTypeError, Closed. Thread safe."""

    def _load(self, key: Any, loader: Any, *, timeout: Seconds | None = None, tags: str | Sequence[str] = ()) -> Any:
        return self._load_bytes(_core.key_bytes(key), key, loader, timeout=timeout, tags=tags)

    # Its errors about wrong arguments name get_or_load.
    _load.__qualname__ = "Cache.get_or_load"

    def _load_bytes(self, key_bytes: bytes, key: Any, loader: Any, *, timeout: Seconds | None = None,
                    tags: str | Sequence[str] = (), looked: bool = True) -> Any:
        load = OneLoad(self, key_bytes, key, loader, timeout, tags, looked)
        while load.call is not None:
            load.call.run()
            load.end()
        return load.value

    def lookup(self, key: Hashable, *, timeout: Seconds | None = None) -> Lookup[V]:
        """Returns the value, where it was found and how long it lasts; or the reason why there is no value."""
        return self._lookup_of(self._finish(self._read(names_of([key]), None, timeout))[0])

    def lookup_many(self, keys: Iterable[K], *, timeout: Seconds | None = None) -> dict[K, Lookup[V]]:
        """Like lookup, for many keys, with one operation for each tier."""
        names, limit = answered_names(keys), seconds(timeout, "timeout")
        if not names:
            return {}
        return self._lookups(names, self._finish(self._read(names, None, limit)))

    def get_many(self, keys: Iterable[K]) -> dict[K, V]:
        """Returns the existing values, like get, with one operation for each tier."""
        return {key: found.value for key, found in self.lookup_many(keys).items() if found}  # type: ignore[misc]

    def get_or_load_many(self, keys: Iterable[K], loader: BulkLoader[V], *, timeout: Seconds | None = None,
                         tags: str | Sequence[str] = ()) -> dict[K, V]:
        """Like get_or_load, for many keys; raises the first error. One call of `loader(missing_keys)` loads all keys that no level
        has; it returns a dict, or a list in their order. Keys that do not exist are left out of the result. A key whose entry in a
        tier cannot be read is loaded by another call. NotFound from the loader does not say which key is meant: LoaderFailed."""
        names, limit, listed = answered_names(keys), seconds(timeout, "timeout"), tag_list(tags)
        check_loading(limit, listed)
        elsewhere = self._loads_elsewhere or limit is not None
        loading = Loading(self, loader, names, single=False, background=elsewhere)
        if not names:
            return {}
        if elsewhere:
            service().ensure()
        found = self._lookups(names, self._finish(self._read(names, loading, limit, elsewhere, listed)))
        while spoiled := unreadable_among(names, found):
            self._all_done(self._finish(self._erase(list(spoiled), None)))  # so that they are loaded
            loading = Loading(self, loader, spoiled, single=False, background=elsewhere)
            found |= self._lookups(spoiled, self._finish(self._read(spoiled, loading, limit, elsewhere, listed)))
        return self._values_or_raise(found)

    # --- writing ---

    def set(self, key: Hashable, value: V, *, ttl: Seconds | None = None, timeout: Seconds | None = None,
            tags: str | Sequence[str] = ()) -> None:
        """Stores the value in every level; with write_mode="around" it removes the key from every level. After it has returned, no
        read of this process finds an older value. tags: a str is one tag. Raises KeyTypeError, EncodeError, WriteError (it names
        the tiers in which the write failed), Timeout, Closed, and TypeError for a tag that is no str."""
        self._all_done(self._finish(self._write([key], [value], ttl, timeout, tags)))

    def set_many(self, values: Mapping[Any, V], *, ttl: Seconds | None = None, timeout: Seconds | None = None,
                 tags: str | Sequence[str] = ()) -> None:
        """Like set, for many keys with few round trips."""
        refuse_no_mapping(values)
        check_write(ttl, timeout, tags)
        if values:
            self._all_done(self._finish(self._write(values, list(values.values()), ttl, timeout, tags)))

    def __setitem__(self, key: Hashable, value: V) -> None:
        self.set(key, value)

    def delete(self, key: Hashable, *, timeout: Seconds | None = None) -> bool:
        """Removes the key from every level; returns True if a level had it. Reads in flight do not put it back."""
        return self.delete_many([key], timeout=timeout) > 0

    def delete_many(self, keys: Iterable[Hashable], *, timeout: Seconds | None = None) -> int:
        """Like delete, for many keys; returns how many existed."""
        names, limit = names_of(keys), seconds(timeout, "timeout")
        return sum(self._all_done(self._finish(self._erase(list(names), limit)))) if names else 0

    def __delitem__(self, key: Hashable) -> None:
        if not self.delete(key):
            raise KeyError(key)

    def clear(self, *, timeout: Seconds | None = None) -> None:
        """Removes every key of this cache's namespace from every level."""
        self._finish(self._clear(timeout))

    def flush(self, *, timeout: Seconds | None = None) -> None:
        """Waits until the fills that earlier reads began have arrived in the tiers; with write_mode="back" also until the journal is
        flushed, which takes as long as its target is down unless timeout limits it. close() does so for a second."""
        self._finish(self._flush(timeout))

    # --- invalidation ---

    def invalidate(self, *keys: Hashable, prefix: str | None = None, tag: str | None = None, pattern: str | None = None,
                   group: str | None = None, soft: bool = False, timeout: Seconds | None = None) -> int:
        """Invalidates keys, or all keys that begin with a prefix, carry a tag, match a pattern ("user:[0-9]*") or are in a group: in
        every level, and in the memory of every process. Returns how many there were; for a tag 1 if it was known.

        soft: for keys, groups and tags: keeps the values as stale ones, which may be served within their grace while refreshing
        fails. Raises ConfigError for none or several of these, and for a group that was not defined."""
        return self._finish(self._invalidate(keys, prefix, tag, pattern, group, soft, timeout))  # type: ignore[no-any-return]

    def define_group(self, name: str, keys: Iterable[Hashable]) -> None:
        """Names a set of keys of this cache object. Defining the same name again replaces the set."""
        self._ensure_open()
        self._define_group(sound_text(text(name, "name"), "group"), list(names_of(keys)))

    # --- memoizing ---

    @overload  # a coroutine function is a function, too
    def memoize(self, function: Callable[P, Coroutine[Any, Any, T]],  # type: ignore[overload-overlap]
                **options: Unpack[MemoizeOptions]) -> MemoizedCoroutine[P, T]: ...
    @overload
    def memoize(self, function: Callable[P, T], **options: Unpack[MemoizeOptions]) -> MemoizedFunction[P, T]: ...
    @overload
    def memoize(self, **options: Unpack[MemoizeOptions]) -> MemoizeDecorator: ...
    def memoize(self, function: Any = None, *, ttl: Seconds | None = None, key: str | Callable[..., Any] | None = None, tags: Any = (),
                condition: Callable[[Any], bool] | None = None, timeout: Seconds | None = None, shared: bool = False) -> Any:
        """A decorator for functions, methods and coroutine functions: their results are cached, also None.

            @users.memoize(ttl=60, key="user:{id}", tags=["team:{team}"])
            def load_user(id, team): ...

            load_user.invalidate(42, "navy"); load_user.cache_info(); load_user.key(42, "navy"); load_user.cache_clear()

        ttl: how long results are fresh; None: the cache's ttl. key: None: the key is made of the function's identity and all its
        arguments by value and type; a method then needs a __terrace_key__ of self. A template over the parameters and their
        attributes: an ordinary key of the cache, in which characters of arguments may be written as %XX. A function of the arguments:
        its result stands for them. tags: templates (a str is one), or a function of the arguments. condition: only results for which
        it returns true are kept. timeout: how many seconds a call waits at most. shared: functions with shared=True may use the same
        template, and then share entries, for example the plain and the coroutine form of one function.

        Calls that miss at the same time share one call, in all processes that share one Redis. A function that could get another
        function's results is rejected with ConfigError when it is decorated: docs/python.md, 7. Generator functions and objects that
        are no functions raise a ConfigError that is also a TypeError. Thread safe.
        """
        def decorate(function: Callable[..., Any]) -> Any:
            return _memoize.memoized(self, function, ttl=ttl, key=key, tags=tags, condition=condition, timeout=timeout,
                                     shared=shared)

        return decorate if function is None else decorate(function)

    # --- warming ---

    def warm(self, tasks: Iterable[WarmTask], *, concurrency: int = 64, attempts: int = 3, task_timeout: Seconds = 30,
             progress: Callable[[int, int], None] | None = None) -> WarmReport:
        """Loads keys in parallel before users ask for them; loads that users wait for go first. A key that some level has is not
        loaded, but copied to the levels above, unless it cannot be read. progress: called now and then with (ended, total).

        Returns what became of them; a key whose load failed is in its failures, with the exception. Raises ConfigError."""
        from . import _warming

        return _warming.warm(self, tasks, concurrency, attempts, task_timeout, progress)

    # --- watching, closing ---

    def explain(self, key: Hashable) -> Explanation:
        """Returns what each level has under the key. Asks every tier and changes nothing."""
        self._ensure_open()
        return explanation_of(self._finish(self._start_explain(_core.key_bytes(key))))

    def stats(self) -> CacheStats:
        """Returns the counters since the cache was made."""
        self._ensure_opened_once()
        from ._reports import stats_from

        return stats_from(self._stats())

    def advise(self) -> Advice | None:
        """How many reads memory would have answered with a quarter, half, once, twice and four times max_entries, estimated from a
        sample of the reads since the cache was made. None without advisor=True, or without a memory level. Raises Closed."""
        self._ensure_open()
        from ._reports import advice_from

        return advice_from(self._advise())

    def close(self) -> None:
        """Ends calls under way and all later calls with Closed. Waits up to a second for values on their way into the tiers, and
        closes the tiers that were made from URLs for this cache. Idempotent."""
        if self._closed:
            return
        self._closed = True
        if self._lock_store is not None:
            self._lock_store.close()
        if self._is_open:
            self._settle()
            self._close()
        for tier in self._own_tiers:
            tier.close()

    def __enter__(self) -> Cache[V]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Cache[V]:
        return self

    async def __aexit__(self, *_: object) -> None:
        await _aio.running_loop().run_in_executor(None, self.close)

    def __repr__(self) -> str:
        return f"<terrace.Cache {self.name!r}{' closed' if self._closed else ''}: memory" + "".join(
            f", {tier!r}" for tier in self._tiers
        ) + ">"


def _tell_of_async_forms() -> None:
    """Makes help() of an async form show the docstring of the blocking form below its own."""
    for name, form in vars(AsyncForms).items():
        namesake = getattr(Cache, name[1:], None)
        if name[0] == "a" and namesake is not None:
            form.__doc__ = f"{form.__doc__}\n\n        {namesake.__doc__}"


_tell_of_async_forms()


def _made_codec(codec: Any = "msgpack", **options: Any) -> Codec:
    from ._codec import make_codec  # imports msgspec: only the first cache needs it, not the import of terrace

    return make_codec(codec, **options)
