"""Tools around a cache: the decorator, invalidation, warming, monitoring."""

from __future__ import annotations

import datetime
import logging
import time
from typing import Any, Callable, Iterable, TypeVar

from .._arity import insists
from .._cache import Cache
from .._errors import ConfigError, TerraceError
from .._loading import is_coroutine_function
from .._memoize import memoized
from .._monitor import Monitor
from .._reports import WarmFailure, WarmReport
from .._results import WarmTask
from .._times import ttl as checked_ttl
from ._arguments import accepting_content
from ._nodes import CacheSharding
from ._shared import cache_behind, percent

F = TypeVar("F", bound=Callable[..., Any])
log = logging.getLogger("terrace.patterns")

# Seconds, and percentages.
WINDOW = 60
MIN_HIT_RATE = 50
MAX_ERROR_RATE = 5


class CacheDecorator:
    """@CacheDecorator(cache, ttl=300) on functions and coroutine functions: results are cached, also None. The key is the
    function's module and name and its arguments by value and type; lists, dicts and sets count by their content. Calls that
    miss at the same time share one call.

    Arguments that cannot be part of a key raise KeyTypeError, whose message says what to do. The decorated function has
    .invalidate(*args).
    """

    def __init__(self, cache: Any, ttl: float | None = None, key_prefix: str = "") -> None:
        self.cache = cache
        self.ttl = ttl
        self.key_prefix = key_prefix
        self._cache = cache_behind(cache)
        self._ttl = checked_ttl(ttl)

    def __call__(self, func: F) -> F:
        # There is no key= here that could be suggested.
        decorated = memoized(self._cache, func, ttl=self._ttl, prefix=self.key_prefix, refuse_alone=False)
        return accepting_content(decorated, func, self._cache, self._ttl)  # type: ignore[no-any-return]


class CacheInvalidation:
    """Removes sets of keys from every level, and from the memory of every process."""

    def __init__(self, cache: Any) -> None:
        self.cache = cache
        self._cache = cache_behind(cache)
        self._registered: set[str] = set()

    def add_pattern(self, pattern: str, keys: Iterable[Any]) -> None:
        """Names a set of keys; the same pattern again replaces it. Raises ConfigError for a single str instead of a list."""
        self._cache.define_group(pattern, keys)
        self._registered.add(pattern)

    def invalidate_by_pattern(self, pattern: str) -> int:
        """Removes the keys registered under the pattern. If it is not registered, removes the keys that match it as a glob
        ("user:*"). Returns how many there were."""
        if pattern in self._registered:
            return self._cache.invalidate(group=pattern)
        return self._cache.invalidate(pattern=pattern)

    def invalidate_by_prefix(self, prefix: str) -> int:
        """Removes the keys that begin with the prefix. Returns how many there were."""
        return self._cache.invalidate(prefix=prefix)


class CacheWarming:
    """Fills a cache before users need it: in parallel, with retries, and a time limit for each key."""

    def __init__(self, cache: Any) -> None:
        if not isinstance(cache, CacheSharding):
            cache_behind(cache)  # raises if it is no cache
        if is_coroutine_function(cache.set):
            raise ConfigError(
                f"{type(cache).__name__} is awaited, and warming sets values from threads: give an L2Cache over the same server"
            )
        self.cache = cache
        # Runs the tasks. It holds nothing itself, so that no read of theirs counts in the cache's metrics.
        self._runner: Cache[Any] = Cache("warming", memory=None)
        self._tasks: dict[Any, tuple[Callable[..., Any], float | None]] = {}
        self._last: WarmReport | None = None
        self._warmed = self._failed = self._runs = 0
        self._time = 0.0

    def add_warming_task(self, key: Any, value_func: Callable[..., Any], ttl: float | None = None) -> None:
        """value_func takes nothing (or, if it has a required argument, the key); it runs on a thread. The same key again
        replaces the task. Raises ConfigError for an object that cannot be called in this way."""
        if not callable(value_func) or is_coroutine_function(value_func):
            raise ConfigError(f"value_func={value_func!r} of {key!r}: give a plain function that returns the value")
        self._tasks[key] = value_func, checked_ttl(ttl)

    def warm_cache(self, progress: Callable[[int, int], None] | None = None) -> dict[str, Any]:
        """Calls the function of every task and sets its result, whether the key is there or not. Returns warmed_keys,
        failed_warms; warming_time in seconds. progress: called now and then with the number of finished tasks and the number of
        all tasks."""
        tasks = [WarmTask(key, self._setting(key, function, ttl)) for key, (function, ttl) in self._tasks.items()]
        report = self._runner.warm(tasks, progress=progress)
        for failure in report.failures:
            log.warning("warming %r failed after %d attempts: %r", failure.key, failure.attempts, failure.error)
        self._last = report
        self._runs += 1
        self._time += report.elapsed
        self._warmed += report.warmed
        self._failed += report.failed
        return {"warmed_keys": report.warmed, "failed_warms": report.failed, "warming_time": report.elapsed}

    def _setting(self, key: Any, function: Callable[..., Any], ttl: float | None) -> Callable[[], bool]:
        def set_it() -> bool:
            value = function(key) if insists(function) else function()
            if self.cache.set(key, value, ttl=ttl) is False:
                raise TerraceError(f"{key!r} is not stored everywhere: the log of terrace.patterns says why")
            return True

        return set_it

    def close(self) -> None:
        """Ends the warming. Idempotent."""
        self._runner.close()

    def get_warming_metrics(self) -> dict[str, Any]:
        """warmed_keys, failed_warms, warming_time (seconds) and runs since the start; failures ({key: reason}) of the last run;
        tasks."""
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
    """Health with its reasons, and alerts. In the first minute, everything counts that the cache did before it was watched;
    later, health covers the last minute."""

    def __init__(self, cache: Any) -> None:
        self.cache = cache
        self._cache = cache_behind(cache)
        self._monitor = Monitor([self._cache], window=WINDOW, min_requests=1)
        self._watched_since = time.monotonic()
        self._alerts: list[tuple[Callable[..., Any], str]] = []

    def check_cache_health(self) -> dict[str, Any]:
        """Returns healthy; issues: sentences, for a hit rate under 50 %, errors over 5 %, a level that is down; timestamp: the
        time in UTC as text (ISO 8601). A cache without requests is healthy."""
        health = self._monitor.health()
        # If the gate is shut while its level is up, the level has just begun to watch.
        ignored = {"gate_shut"}
        issues = []
        if time.monotonic() - self._watched_since < WINDOW:
            ignored |= {"hit_rate", "error_rate"}
            issues = self._issues_since_the_start()
        issues += [what for what, kind in zip(health["issues"], health["kinds"]) if kind not in ignored]
        told = datetime.datetime.fromtimestamp(health["timestamp"], datetime.timezone.utc)
        return {"healthy": not issues, "issues": issues, "timestamp": told.replace(tzinfo=None).isoformat()}

    def _issues_since_the_start(self) -> list[str]:
        stats = self._cache.stats()
        reads = stats.hits + stats.misses
        errors = sum(level.errors for level in stats.levels) + stats.load_failures + stats.write_failures
        metrics = self.cache.get_metrics() if hasattr(self.cache, "get_metrics") else {}
        hit_rate = metrics.get("overall_hit_rate", percent(stats.hits, stats.misses))
        error_rate = percent(errors, max(reads + stats.writes + stats.erases - errors, 0))
        issues = []
        if reads and hit_rate < MIN_HIT_RATE:
            issues.append(f"the hit rate is {hit_rate:.1f} %, below {MIN_HIT_RATE} % ({reads} reads since the cache was made)")
        if error_rate > MAX_ERROR_RATE:
            issues.append(f"the error rate is {error_rate:.1f} %, above {MAX_ERROR_RATE} % ({errors} errors since the cache was made)")
        return issues

    def add_alert(self, condition: Callable[..., Any], message: str) -> None:
        """condition takes nothing (or, if it has a required argument, the cache's get_metrics()). Raises ConfigError for an
        object that cannot be called."""
        if not callable(condition):
            raise ConfigError(f"condition={condition!r} of the alert {message!r}: give a function that takes nothing")
        self._alerts.append((condition, message))

    def check_alerts(self) -> list[str]:
        """Returns the messages of the conditions that are true. A condition that raises is reported, too."""
        told = []
        for condition, message in self._alerts:
            try:
                if condition(self.cache.get_metrics()) if insists(condition) else condition():
                    told.append(message)
            except Exception as error:
                log.exception("the condition of the alert %r raised", message)
                told.append(f"{message} (cannot be judged: {error!r})")
        return told

    def close(self) -> None:
        """Stops watching. Idempotent."""
        self._monitor.close()
