"""Backends of dogpile.cache over terrace.Cache: "terrace" keeps objects, "terrace_pickle" keeps what the region serializes.
docs/frameworks/dogpile.md"""

from __future__ import annotations

import logging
import threading
import warnings
from typing import Any, Iterable, Mapping, Sequence

from dogpile.cache.api import NO_VALUE, CacheBackend, CachedValue, CacheMutex, DefaultSerialization

from ._cache import Cache
from ._errors import ConfigError, TerraceError

__all__ = ["TerraceBackend", "TerracePickleBackend"]

log = logging.getLogger("terrace.dogpile")

#: Arguments that go to terrace.Cache as they are.
_OF_THE_CACHE = ("name", "ttl", "memory", "memory_ttl", "tiers", "types", "codec", "key_ring", "consistency", "max_staleness", "eviction",
                 "compress_above", "max_value_bytes", "tier_timeout", "ttl_jitter", "copy", "clock")
_OWN = ("url", "cache", "distributed_lock", "lock_timeout", "trusted_pickle")


class TerraceBackend(CacheBackend):
    """The backend "terrace". Memory keeps the values themselves, as dogpile.cache.memory does: do not change them.

        region = make_region().configure("terrace", expiration_time=60, arguments={"url": "redis://localhost"})

    arguments: `url` or `tiers`: the levels below memory; none: memory alone. `cache`: a terrace.Cache to use instead. name ("dogpile"),
    ttl, memory, codec, key_ring and other options of terrace.Cache. `distributed_lock` (True): the region's creator runs once in
    all processes; False: once in each process. `lock_timeout` (60): after so many seconds a lock of a dead process is free again.

    A region with a serializer stores bytes. Raises terrace.ConfigError for wrong values; warns of unknown arguments. Thread safe.
    """

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        for argument in arguments:
            if argument not in _OF_THE_CACHE and argument not in _OWN:
                warnings.warn(f"argument {argument!r} has no effect on this backend; there are {', '.join(sorted(_OF_THE_CACHE + _OWN))}",
                              stacklevel=2)
        given = arguments.get("cache")
        if given is not None and not isinstance(given, Cache):
            raise ConfigError(f"cache={given!r}: give a terrace.Cache")
        self._owns = given is None
        #: The cache itself.
        self.cache: Cache[Any] = given if given is not None else Cache(**self._options(arguments))
        self._held: set[str] = set()  # keys whose lock this process holds
        self._locks = bool(arguments.get("distributed_lock", True))
        self._lock_timeout = float(arguments.get("lock_timeout") or 60)

    def _options(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        if "url" in arguments and "tiers" in arguments:
            raise ConfigError("arguments has url and tiers: give one of them")
        options: dict[str, Any] = {"name": "dogpile", "ttl_jitter": 0}  # the region has an expiry of its own
        options |= {name: arguments[name] for name in _OF_THE_CACHE if name in arguments}
        if "url" in arguments:
            options["tiers"] = [arguments["url"]]
        if options.get("codec", "msgpack") == "msgpack":
            options["types"] = [CachedValue, *options.get("types", ())]
        return options

    def has_lock_timeout(self) -> bool:
        return self._locks

    def get_mutex(self, key: str) -> CacheMutex | None:
        return _Mutex(self.cache, key, self._lock_timeout, self._held) if self._locks else None

    def get(self, key: str) -> Any:
        # The holder of the lock asks whether another process has made the value meanwhile. A read of the cache may be behind by
        # max_staleness, and may join a read that began before the lock was acquired.
        if key in self._held:
            now = self.cache.current(key)
            return now.value if now else NO_VALUE
        return self.cache.get(key, NO_VALUE)

    def get_multi(self, keys: Iterable[str]) -> Sequence[Any]:
        listed = list(keys)
        found = self.cache.get_many(listed)
        return [found.get(key, NO_VALUE) for key in listed]

    def set(self, key: str, value: Any) -> None:
        self.cache.set(key, value)

    def set_multi(self, mapping: Mapping[str, Any]) -> None:
        self.cache.set_many(mapping)

    def delete(self, key: str) -> None:
        self.cache.delete(key)

    def delete_multi(self, keys: Iterable[str]) -> None:
        self.cache.delete_many(list(keys))

    def close(self) -> None:
        """Closes the cache, if it was made here."""
        if self._owns:
            self.cache.close()


class TerracePickleBackend(DefaultSerialization, TerraceBackend):
    """The backend "terrace_pickle": as "terrace", but the region pickles each value (or uses a serializer of its own), so every
    reader gets its own copy, of anything that pickle takes. Over tiers it needs `key_ring`, or `trusted_pickle`: True if nobody else
    can write to them: pickle runs code from the bytes."""

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        has_tiers = arguments.get("url") is not None or bool(arguments.get("tiers"))
        if has_tiers and arguments.get("key_ring") is None and not arguments.get("trusted_pickle"):
            raise ConfigError('the backend "terrace_pickle" over tiers needs key_ring: otherwise anyone who can write to a tier could run '
                              'code in this program. Or give trusted_pickle=True, or use the backend "terrace"')
        super().__init__(arguments)


class _Mutex(CacheMutex):
    """A lock over all processes. It must not stop the program: while the level of the locks is away, each process makes the values
    itself."""

    def __init__(self, cache: Cache[Any], key: str, timeout: float, held: set[str]) -> None:
        self._lock = cache.lock(key, timeout)
        self._key, self._held = key, held
        self._threads = threading.Lock()  # a region gives all threads that want the key one mutex
        self._without = False

    def acquire(self, wait: bool = True) -> bool:
        if not self._threads.acquire(wait):
            return False
        acquired = False
        try:
            acquired = self._lock.acquire(blocking=wait)
        except TerraceError as error:
            log.warning("no lock between processes: %s", error)
            acquired = self._without = True
        finally:
            if not acquired:
                self._threads.release()
        if not self._without and acquired:
            self._held.add(self._key)
        return acquired

    def release(self) -> None:
        try:
            if not self._without:
                self._held.discard(self._key)
                self._lock.release()
        except TerraceError as error:  # the value was made all the same
            log.warning("a lock was not released: %s", error)
        finally:
            self._without = False
            self._threads.release()

    def locked(self) -> bool:
        if self._threads.locked():
            return True
        try:
            return bool(self._lock.locked())
        except TerraceError:
            return False
