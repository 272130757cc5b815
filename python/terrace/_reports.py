"""The results of calls that report on a cache. Only those calls import this module: a program that only reads and writes
does not pay for these classes."""

from __future__ import annotations

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class WarmFailure:
    """A key for which every attempt failed, with the exception of the last attempt."""

    key: Any
    attempts: int
    error: BaseException


@dataclasses.dataclass(frozen=True)
class WarmReport:
    """The result of warming: how many keys were loaded, were there already, are known not to exist, failed, or were not begun.
    elapsed in seconds."""

    total: int
    warmed: int
    present: int
    absent: int
    failed: int
    skipped: int
    elapsed: float
    failures: list[WarmFailure]


@dataclasses.dataclass(frozen=True)
class LevelExplanation:
    """What one level has under a key. bytes: stored size in a tier; weight in memory, if memory is bounded by bytes."""

    level: str
    kind: str
    age: float
    remaining: float | None
    bytes: int
    note: str


@dataclasses.dataclass(frozen=True)
class Explanation:
    """What every level has under a key; str() has a line for each level."""

    levels: list[LevelExplanation]
    in_flight: bool
    text: str

    def __str__(self) -> str:
        return self.text


@dataclasses.dataclass(frozen=True)
class LevelStats:
    """The counters of one level since the cache was made; p50 and p99 of reads in seconds (0 for memory)."""

    name: str
    hits: int
    stale_hits: int
    negative_hits: int
    misses: int
    errors: int
    unreadable: int
    entries: int | None
    bytes: int | None
    evictions: int
    expirations: int
    invalidated: int
    replaced: int
    p50: float
    p99: float
    reachable: bool | None
    breaker_open: bool | None

    @property
    def hit_rate(self) -> float:
        """hits / (hits + misses), 0 … 1; 0 if nothing was asked for."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else 0.0


@dataclasses.dataclass(frozen=True)
class CacheStats:
    """The counters of a cache since it was made: memory first, then the tiers in their order."""

    levels: list[LevelStats]
    loads: int
    load_failures: int
    loads_in_flight: int
    joined: int
    rejected_fills: int
    stale_served: int
    refreshes: int
    lease_waits: int
    writes: int
    erases: int
    write_failures: int
    unrecovered: int
    invalidations_sent: int
    invalidations_received: int
    watching: bool | None
    staleness: float | None
    load_p50: float
    load_p99: float
    closed: bool
    #: Values that came from a tier undamaged and could not be decoded: misses.
    unreadable_values: int

    @property
    def memory(self) -> LevelStats:
        """The counters of the memory level."""
        return self.levels[0]

    @property
    def hits(self) -> int:
        """Reads answered by some level."""
        return sum(level.hits for level in self.levels)

    @property
    def misses(self) -> int:
        """Reads answered by no level."""
        return self.levels[-1].misses

    @property
    def hit_rate(self) -> float:
        """hits / (hits + misses), 0 … 1; 0 if nothing was asked for."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else 0.0


def stats_from(counters: dict[str, Any]) -> CacheStats:
    counters = dict(counters)
    levels = [LevelStats(**level) for level in counters.pop("levels")]
    return CacheStats(levels=levels, **counters)
