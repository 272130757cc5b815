"""MultiLevelCache: memory, Redis and a database as one cache."""

from __future__ import annotations

import os
import tempfile
import threading
from typing import Any

from .. import _core
from .._cache import Cache
from .._errors import ConfigError, NotFound, TerraceError
from .._journal import Journal, journal_of
from .._reports import LevelStats
from .._results import ABSENT
from .._tiers import Tier, tiers_of
from .._times import ttl as checked_ttl
from .._words import shown
from ._memory import L1Cache
from ._names import CacheStrategy
from ._redis import L2Cache
from ._shared import Remote, Trouble, log, percent


class _Origin:
    """An object as the third level, with its counters."""

    def __init__(self, store: Any) -> None:
        missing = [name for name in ("get", "set", "delete") if not callable(getattr(store, name, None))]
        if missing:
            raise ConfigError(f"l3_cache={store!r} has no {' and no '.join(missing)}: give a URL, a terrace.Tier, or an object "
                              "with get, set and delete")
        self.store = store
        self._lock = threading.Lock()
        self._counts = {"hits": 0, "misses": 0, "errors": 0}

    def load(self, key: Any) -> Any:
        """A loader."""
        try:
            value = self.store.get(key)
        except Exception:
            self._count("errors")
            raise
        self._count("misses" if value is None else "hits")
        return ABSENT if value is None else value

    def _count(self, what: str) -> None:
        with self._lock:
            self._counts[what] += 1

    def metrics(self) -> dict[str, Any]:
        counts = dict(self._counts)
        return {**counts, "hit_rate": percent(counts["hits"], counts["misses"])}


class MultiLevelCache(Remote):
    """Several levels as one cache. A read asks them from top to bottom and fills the levels that missed, with the remaining
    lifetime. Callers that miss at the same time share one lookup. Every process's memory is notified of a change.

    l1_cache: from now on this cache's memory level. l2_cache: its Redis; None: none. l3_cache: the third level, a URL such as
    "postgres://…" or "sqlite:cache.db?scope=fleet" (one file that every process opens), a terrace.Tier, or an object with get(key),
    set(key, value, ttl) and delete(key) that is asked when no level above has a key (it may block; None: not there). strategy: WRITE_THROUGH: set returns when every level has
    the value; WRITE_BACK: when it is in a journal on disk. journal: that one's folder, or a terrace.Journal; without it a new folder
    under the temporary one, which no later process will find.
    """

    def __init__(self, l1_cache: L1Cache, l2_cache: L2Cache | None, l3_cache: Any = None,
                 strategy: CacheStrategy = CacheStrategy.WRITE_THROUGH, *, journal: str | os.PathLike[str] | Journal | None = None) -> None:
        back = CacheStrategy(strategy) is CacheStrategy.WRITE_BACK
        kept = journal_of(journal)
        if not isinstance(l1_cache, L1Cache):
            raise TypeError(f"l1_cache={shown(l1_cache)}: give an L1Cache")
        if l2_cache is not None and not isinstance(l2_cache, L2Cache):
            raise TypeError(f"l2_cache={shown(l2_cache)}: give an L2Cache, or None for none")
        self.l1_cache = self._l1 = l1_cache
        self.l2_cache = l2_cache
        self._own: list[Tier] = []
        self._origin, below = self._third(l3_cache)
        tiers = ([] if l2_cache is None else [l2_cache._tier]) + below
        if back and not tiers:
            raise ConfigError("WRITE_BACK needs a level below memory to write to: give an l2_cache or a URL as l3_cache")
        if back and kept is None:
            kept = Journal(folder := tempfile.mkdtemp(prefix="terrace-journal-"))
            log.warning("write-back journal in %s: give journal= a permanent directory, so that the next process finds it", folder)
        self._cache = Cache(
            "levels" if l2_cache is None else l2_cache._name,
            memory=l1_cache.bounds,
            eviction=l1_cache.strategy.value,
            tiers=tiers,
            ttl_jitter=0,
            types=() if l2_cache is None else l2_cache._types,
            write_mode="back" if back else "through",
            journal=kept if back else None,
        )
        self._trouble = Trouble("MultiLevelCache")
        if l2_cache is not None:
            l2_cache._join(self._cache)
        l1_cache._join(self._cache)

    def _third(self, l3_cache: Any) -> tuple[_Origin | None, list[_core.Tier]]:
        """Returns the object to ask after all levels, and the tiers."""
        if l3_cache is None:
            return None, []
        if isinstance(l3_cache, L2Cache):
            return None, [l3_cache._tier]
        if isinstance(l3_cache, (str, os.PathLike, Tier)):
            return None, tiers_of([l3_cache], self._own)
        return _Origin(l3_cache), []

    def get(self, key: Any) -> Any:
        """Returns the value; None if no level has it, or no level could be asked."""
        if self._origin is None:
            return self._cache.get(key)
        try:
            return self._cache.get_or_load(key, self._origin.load)
        except NotFound:
            return None
        except TypeError:
            raise
        except Exception as error:
            self._trouble.tell("get", key, error)
            return None

    def set(self, key: Any, value: Any, ttl: float | None = None) -> bool:
        """Stores the value in every level, the lowest first. False: not in all of them. Raises like L2Cache.set."""
        life = checked_ttl(ttl)
        if self._origin is not None and not self._done("set", key, lambda: self._origin.store.set(key, value, life), True):
            return False
        return super().set(key, value, life)

    def delete(self, key: Any) -> bool:
        """Removes the key from every level; reads under way do not put it back. True: some level had it."""
        there = self._origin is not None and self._done("delete", key, lambda: self._origin.store.delete(key), None)
        return super().delete(key) or there

    def _done(self, operation: str, key: Any, call: Any, outcome: bool | None) -> bool:
        try:
            return super()._done(operation, key, call, outcome)
        except (TypeError, ValueError):
            raise
        except TerraceError:
            raise
        except Exception as error:  # the third level's own code can raise anything
            self._trouble.tell(operation, key, error)
            return False

    def clear(self) -> None:
        """Removes everything of this cache from memory and the tiers."""
        self._cache.clear()

    def close(self) -> None:
        """Closes it; the l2_cache stays open."""
        self._cache.close()
        for tier in self._own:
            tier.close()

    def get_metrics(self) -> dict[str, Any]:
        """l1_hits, l2_hits, l3_hits, misses, writes; l1_hit_rate … l3_hit_rate and overall_hit_rate, as shares of all reads;
        and the metrics of each level: l1_metrics, l2_metrics, l3_metrics."""
        stats = self._cache.stats()
        tiers = stats.levels[1:]
        second = tiers[0] if self.l2_cache is not None else None
        third = tiers[len(tiers) - 1] if len(tiers) > (self.l2_cache is not None) else None
        l1_hits = stats.memory.hits
        l2_hits = second.hits if second else 0
        origin = self._origin.metrics() if self._origin is not None else {}
        l3_hits = third.hits if third else origin.get("hits", 0)
        misses = max(0, stats.memory.misses - stats.joined - l2_hits - l3_hits)
        reads = l1_hits + stats.memory.misses

        def rate(hits: int) -> float:
            return percent(hits, reads - hits)

        return {
            "l1_hits": l1_hits,
            "l2_hits": l2_hits,
            "l3_hits": l3_hits,
            "misses": misses,
            "writes": stats.writes,
            "l1_hit_rate": rate(l1_hits),
            "l2_hit_rate": rate(l2_hits),
            "l3_hit_rate": rate(l3_hits),
            "overall_hit_rate": rate(reads - misses),
            "l1_metrics": self.l1_cache.get_metrics(),
            "l2_metrics": {} if self.l2_cache is None else self.l2_cache.get_metrics(),
            "l3_metrics": _level(third) if third else origin,
        }


def _level(level: LevelStats) -> dict[str, Any]:
    return {
        "hits": level.hits,
        "misses": level.misses,
        "errors": level.errors,
        "hit_rate": percent(level.hits, level.misses),
    }
