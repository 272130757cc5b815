"""The common parts of the classes: rates, the log, and the cache behind each class."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from .._cache import Cache
from .._errors import ConfigError, TerraceError
from .._times import ttl as checked_ttl

log = logging.getLogger("terrace.patterns")

# A server that is down is reported at most this often for each cache.
LOG_INTERVAL = 1.0


def percent(part: int, rest: int) -> float:
    """The share of the first in the sum of both, 0 to 100; 0 if both are 0."""
    return 100.0 * part / (part + rest) if part + rest else 0.0


def cache_behind(pattern: Any) -> Cache[Any]:
    """The terrace.Cache behind one of these classes, or the Cache itself."""
    if isinstance(pattern, Cache):
        return pattern
    cache = getattr(pattern, "_cache", None)
    if not isinstance(cache, Cache):
        raise ConfigError(f"{type(pattern).__name__} is no cache of terrace: give an L1Cache, L2Cache, MultiLevelCache or "
                          "DistributedCache, or a terrace.Cache")
    return cache


class Trouble:
    """The failures of one cache: all are counted, some are logged."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._told = -LOG_INTERVAL
        self.count = 0

    def tell(self, operation: str, key: Any, error: BaseException | None) -> None:
        with self._lock:
            self.count += 1
            now = time.monotonic()
            if now - self._told < LOG_INTERVAL:
                return
            self._told = now
        log.warning("%s: %s of %r failed: %s", self._name, operation, key, error)


class Remote:
    """A cache whose levels may be down: then get returns None, and set and delete return False."""

    _cache: Cache[Any]
    _trouble: Trouble

    def get(self, key: Any) -> Any:
        """Returns the value; None if there is none, or no level could be asked."""
        return self._found(key, self._cache.lookup(key))

    def set(self, key: Any, value: Any, ttl: float | None = None) -> bool:
        """Stores the value for `ttl` seconds; None: no expiry. False: not stored, or not in all levels. Raises ConfigError
        for a ttl of 0 or less, KeyTypeError and EncodeError."""
        life = checked_ttl(ttl)
        return self._done("set", key, lambda: self._cache.set(key, value, ttl=life), True)

    def delete(self, key: Any) -> bool:
        """True: it was there and is removed."""
        return self._done("delete", key, lambda: self._cache.delete(key), None)

    def close(self) -> None:
        """Closes its connections."""
        self._cache.close()

    def _found(self, key: Any, found: Any) -> Any:
        if found.error is not None:
            self._trouble.tell("get", key, found.error)
        return found.value

    def _done(self, operation: str, key: Any, call: Any, outcome: bool | None) -> bool:
        try:
            returned = call()
        except (TypeError, ValueError):
            raise
        except TerraceError as error:
            self._trouble.tell(operation, key, error)
            return False
        return bool(returned) if outcome is None else outcome
