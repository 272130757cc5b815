"""What stands around a cache: the decorator, invalidation, warming, monitoring."""

from __future__ import annotations

import logging
from typing import Any, Callable, Iterable, TypeVar

from .._arity import required_arguments
from .._memoize import memoized
from .._monitor import Monitor
from .._reports import WarmFailure, WarmReport
from .._results import WarmTask
from .._times import ttl as checked_ttl
from ._shared import cache_behind

F = TypeVar("F", bound=Callable[..., Any])
log = logging.getLogger("terrace.patterns")


class CacheDecorator:
    """@CacheDecorator(cache, ttl=300) on functions and coroutine functions: results are remembered, None too, under the
    function's module and name and its arguments by value and type; calls that miss together share one call.

    Arguments that cannot be part of a key raise KeyTypeError, which tells the way out. The decorated function has .invalidate(*args).
    """

    def __init__(self, cache: Any, ttl: float | None = None, key_prefix: str = "") -> None:
        self._cache = cache_behind(cache)
        self._ttl = checked_ttl(ttl)
        self._key_prefix = key_prefix

    def __call__(self, function: F) -> F:
        return memoized(self._cache, function, ttl=self._ttl, key=None, tags=(), condition=None,  # type: ignore[no-any-return]
                        prefix=self._key_prefix)


class CacheInvalidation:
    """Removes sets of keys from every level, and from the memory of every process."""

    def __init__(self, cache: Any) -> None:
        self._cache = cache_behind(cache)
        self._registered: set[str] = set()

    def add_pattern(self, pattern: str, keys: Iterable[Any]) -> None:
        """Names a set of keys; the same pattern again replaces it. Raises ConfigError for a single str instead of a list."""
        self._cache.define_group(pattern, keys)
        self._registered.add(pattern)

    def invalidate_by_pattern(self, pattern: str) -> int:
        """Removes the keys registered under the pattern; for one that is not registered, the keys that match it as a glob
        ("user:*"). How many there were."""
        if pattern in self._registered:
            return self._cache.invalidate(group=pattern)
        return self._cache.invalidate(pattern=pattern)

    def invalidate_by_prefix(self, prefix: str) -> int:
        """Removes the keys that begin with it. How many there were."""
        return self._cache.invalidate(prefix=prefix)


class CacheWarming:
    """Fills a cache before its users ask: side by side, with retries and a time limit for each."""

    def __init__(self, cache: Any) -> None:
        self._cache = cache_behind(cache)
        self._tasks: dict[Any, WarmTask] = {}
        self._last: WarmReport | None = None
        self._warmed = self._failed = self._runs = 0
        self._time = 0.0

    def add_warming_task(self, key: Any, value_func: Callable[..., Any], ttl: float | None = None) -> None:
        """value_func takes nothing, or the key; it runs on a thread. The same key again replaces the task."""
        self._tasks[key] = WarmTask(key, value_func, checked_ttl(ttl))

    def warm_cache(self, progress: Callable[[int, int], None] | None = None) -> dict[str, Any]:
        """Loads what no level has. warmed_keys: how many keys are there now; failed_warms; warming_time in seconds. progress:
        called now and then with how many keys have ended, and how many there are."""
        report = self._cache.warm(list(self._tasks.values()), progress=progress)
        for failure in report.failures:
            log.warning("warming %r failed after %d attempts: %r", failure.key, failure.attempts, failure.error)
        self._last = report
        self._runs += 1
        self._time += report.elapsed
        self._warmed += report.warmed + report.present
        self._failed += report.failed
        return {
            "warmed_keys": report.warmed + report.present,
            "failed_warms": report.failed,
            "warming_time": report.elapsed,
        }

    def get_warming_metrics(self) -> dict[str, Any]:
        """warmed_keys, failed_warms, warming_time (seconds) and runs since the start; failures ({key: reason}) of the last run; tasks."""
        failures: list[WarmFailure] = self._last.failures if self._last else []
        return {
            "warmed_keys": self._warmed,
            "failed_warms": self._failed,
            "warming_time": self._time,
            "runs": self._runs,
            "tasks": len(self._tasks),
            "failures": {failure.key: repr(failure.error) for failure in failures},
        }


class CacheMonitoring:
    """Health with its reasons over the last minute, and alerts."""

    def __init__(self, cache: Any) -> None:
        self._pattern = cache
        self._monitor = Monitor([cache_behind(cache)], min_requests=1)
        self._alerts: list[tuple[Callable[..., Any], str]] = []

    def check_cache_health(self) -> dict[str, Any]:
        """healthy; issues: sentences, for a hit rate under 50 %, errors over 5 %, a level that is away; timestamp: seconds since
        1970. A cache that was asked for nothing is healthy."""
        health = self._monitor.health()
        # A gate that is shut while its level is there is one that has just begun to watch.
        issues = [what for what, kind in zip(health["issues"], health["kinds"]) if kind != "gate_shut"]
        return {"healthy": not issues, "issues": issues, "timestamp": health["timestamp"]}

    def add_alert(self, condition: Callable[..., Any], message: str) -> None:
        """condition takes nothing, or one argument: the cache's get_metrics()."""
        self._alerts.append((condition, message))

    def check_alerts(self) -> list[str]:
        """The messages of the conditions that hold. A condition that raises is told, too."""
        told = []
        for condition, message in self._alerts:
            try:
                if condition(self._pattern.get_metrics()) if required_arguments(condition) else condition():
                    told.append(message)
            except Exception as error:
                log.exception("the condition of the alert %r raised", message)
                told.append(f"{message} (cannot be judged: {error!r})")
        return told

    def close(self) -> None:
        """Ends the watching. Idempotent."""
        self._monitor.close()
