"""L1Cache: the memory level."""

from __future__ import annotations

from typing import Any

from .._cache import Cache
from .._errors import ConfigError
from .._times import ttl as checked_ttl
from .._words import count
from ._names import CacheStrategy
from ._shared import percent


class L1Cache:
    """A bounded cache in memory. Thread safe; no lock is held while values are made, weighed or freed; expired entries are
    removed automatically.

    max_size: entries. strategy: LRU, LFU, or TTL (evicts the entry that expires soonest). As a part of a MultiLevelCache it is
    the memory level of that cache: get, delete, clear and the metrics cover memory alone; set sets in every level.
    """

    _cache: Cache[Any]

    def __init__(self, max_size: int = 1000, strategy: CacheStrategy = CacheStrategy.LRU) -> None:
        strategy = CacheStrategy(strategy)
        if strategy.is_write_mode:
            raise ConfigError(f"strategy={strategy.value!r} says how levels are written: give it to MultiLevelCache, and LRU, "
                              "LFU or TTL here")
        self.max_size = count(max_size, "max_size", 1)
        self.strategy = strategy
        # The second bound is never reached: it only makes the cache weigh every value, for the metrics.
        self.bounds = (max_size, "1048576TB")
        self._joined = False
        self._use(Cache("l1", memory=self.bounds, eviction=strategy.value, ttl_jitter=0))

    def get(self, key: Any) -> Any:
        """The value; None when there is none."""
        return self._cache._get_from_memory(key)

    def set(self, key: Any, value: Any, ttl: float | None = None) -> None:
        """Stores the value for `ttl` seconds; None: no expiry. Raises ConfigError for a ttl of 0 or less."""
        self._cache.set(key, value, ttl=checked_ttl(ttl))

    def delete(self, key: Any) -> bool:
        """True: it was there; it is removed from memory."""
        if self._joined:
            return self._cache._forget_key(key)
        return self._cache.delete(key)

    def clear(self) -> None:
        """Removes everything from memory."""
        if self._joined:
            self._cache._forget_everything()
        else:
            self._cache.clear()

    def get_metrics(self) -> dict[str, Any]:
        """hits, misses, evictions, size (bytes, as measured when values were stored), hit_rate, current_size (entries),
        max_size."""
        memory = self._cache.stats().memory
        return {
            "hits": memory.hits,
            "misses": memory.misses,
            "evictions": memory.evictions,
            "size": memory.bytes or 0,
            "hit_rate": percent(memory.hits, memory.misses),
            "current_size": memory.entries or 0,
            "max_size": self.max_size,
        }

    def _join(self, cache: Cache[Any]) -> None:
        """Makes this the memory level of that cache. Its entries move along, with their remaining lifetime."""
        for key, value, life in self._cache._entries():
            cache._set_bytes(key, value, life)
        if not self._joined:
            self._cache.close()
        self._joined = True
        self._use(cache)

    def _use(self, cache: Cache[Any]) -> None:
        self._cache = cache
        if type(self).get is L1Cache.get:  # without a detour, unless a subclass has its own
            self.get = cache._get_from_memory  # type: ignore[method-assign]
