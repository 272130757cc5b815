"""What calls that report on a cache return. Imported by those: a program that only reads and writes does not pay for these classes."""

from __future__ import annotations

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class WarmFailure:
    """A key that every attempt failed for, and what the last one raised."""

    key: Any
    attempts: int
    error: BaseException


@dataclasses.dataclass(frozen=True)
class WarmReport:
    """What became of the keys: loaded; there already; known not to exist; failed; not begun. elapsed in seconds."""

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
    """What one level has under a key; bytes: stored size in a tier, weight in memory where bounded by bytes."""

    level: str
    kind: str
    age: float
    remaining: float | None
    bytes: int
    note: str


@dataclasses.dataclass(frozen=True)
class Explanation:
    """What every level has under a key; str() has a line for each."""

    levels: list[LevelExplanation]
    in_flight: bool
    text: str

    def __str__(self) -> str:
        return self.text


@dataclasses.dataclass(frozen=True)
class LevelStats:
    """Counters of one level since the cache was made; p50 and p99 of reads in seconds (0 for memory)."""

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
        """hits / (hits + misses), 0 … 1; 0 when nothing was asked for."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else 0.0


@dataclasses.dataclass(frozen=True)
class CacheStats:
    """Counters of a cache since it was made: memory first, then the tiers in their order."""

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
    #: Values that came from a tier whole and could not be decoded: misses.
    unreadable_values: int

    @property
    def memory(self) -> LevelStats:
        """The memory level's part."""
        return self.levels[0]

    @property
    def hits(self) -> int:
        """Reads that some level answered."""
        return sum(level.hits for level in self.levels)

    @property
    def misses(self) -> int:
        """Reads that no level answered."""
        return self.levels[-1].misses

    @property
    def hit_rate(self) -> float:
        """hits / (hits + misses), 0 … 1; 0 when nothing was asked for."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else 0.0


def stats_from(counters: dict[str, Any]) -> CacheStats:
    counters = dict(counters)
    levels = [LevelStats(**level) for level in counters.pop("levels")]
    return CacheStats(levels=levels, **counters)
