"""Monitor: health of caches with its reasons, and alerts, judged over the last minute or so."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Callable

from . import _core, _process
from ._cache import Cache
from ._errors import ConfigError
from ._service import service
from ._tags import sound_text
from ._times import Seconds, span
from ._words import called, count, share, shown, text


class Monitor:
    """Watches caches. A cache without requests is healthy; rates over fewer than `min_requests` in the window are not judged.
    Rates are shares, 0 … 1. Thread safe.

        monitor = terrace.Monitor([users])
        monitor.add_rule("cold", "hit_rate < 50% && requests > 100", lasting=60)
        monitor.add_sink(print)
        monitor.health()["issues"]

    The variables of rules: docs/alerts.md. Raises ConfigError.
    """

    def __init__(self, caches: Iterable[Cache[Any]] = (), *, window: Seconds = 60, interval: Seconds = 5,
                 min_hit_rate: float = 0.5, max_error_rate: float = 0.05, min_requests: int = 100) -> None:
        caches = _listed(caches)
        self._core = _core.Monitor(span(window, "window"), span(interval, "interval"), share(min_hit_rate, "min_hit_rate"),
                                   share(max_error_rate, "max_error_rate"), count(min_requests, "min_requests"))
        _process.monitors.add(self)
        for cache in caches:
            self.watch(cache)

    def watch(self, cache: Cache[Any]) -> None:
        """Watches the cache from now on. Names must differ."""
        if not isinstance(cache, Cache):
            raise TypeError(f"cache={shown(cache)}: give a terrace.Cache")
        cache._ensure_open()
        self._core.watch(cache)

    def health(self) -> dict[str, Any]:
        """Returns healthy, idle, issues (sentences with the figure and the limit), kinds (of the issues: hit_rate, error_rate,
        level_away, lease_errors, gate_shut, journal_lag, loads_overdue, closed), timestamp (seconds since 1970), and caches: what each did
        within the window."""
        return self._core.health()

    def add_rule(self, name: str, when: str, *, lasting: Seconds = 0, severity: str = "warning", message: str = "",
                 cache: str | None = None) -> None:
        """Sends a notification when the expression becomes true, and when it is no longer true. lasting: how long it must be
        true first."""
        for value, parameter in ((name, "name"), (when, "when"), (severity, "severity"), (message, "message"), (cache, "cache")):
            if value is not None or parameter != "cache":
                sound_text(text(value, parameter), parameter)
        self._core.add_rule(name, when, span(lasting, "lasting"), severity, message, cache)

    def add_sink(self, receiver: Callable[[str], Any]) -> None:
        """Calls the receiver with one line of text for each notification, on a thread."""
        called(receiver, "receiver")
        service().ensure()
        self._core.add_sink(receiver)

    def log_notices(self) -> None:
        """Sends notifications to the logger "terrace", too."""
        service().ensure()
        self._core.log_notices()

    def alerts(self) -> list[dict[str, Any]]:
        """Returns the rules that hold or cannot be evaluated, as of the last sample."""
        return self._core.alerts()

    def sample(self) -> None:
        """Takes a sample and evaluates the rules now."""
        self._core.sample()

    def close(self) -> None:
        """Stops watching; later calls raise ConfigError. Idempotent."""
        self._core.close()

    def _abandon(self) -> None:
        self._core._abandon()


def metrics(caches: Iterable[Cache[Any]]) -> str:
    """Every metric of the caches in the text format that Prometheus scrapes: docs/metrics.md."""
    listed = _listed(caches)
    for cache in listed:
        cache._ensure_open()
    return _core.metrics_text(listed)


def _listed(caches: Iterable[Cache[Any]]) -> list[Cache[Any]]:
    if isinstance(caches, Cache):
        raise ConfigError(f"caches={caches!r}: give a list of caches")
    if not isinstance(caches, Iterable):
        raise TypeError(f"caches={shown(caches)}: give a list of caches")
    listed = list(caches)
    for cache in listed:
        if not isinstance(cache, Cache):
            raise TypeError(f"caches holds {shown(cache)}: give a list of terrace.Cache")
    return listed
