"""What calls of a cache return and loaders may return."""

from __future__ import annotations

import dataclasses
from typing import Any, Generic, Literal, Sequence, TypeVar

V = TypeVar("V")


class _Absent:
    """The type of ABSENT."""

    def __repr__(self) -> str:
        return "terrace.ABSENT"

    def __reduce__(self) -> str:
        return "ABSENT"


#: What a loader returns (or raises NotFound) when there is no such key. None is a value like any other.
ABSENT = _Absent()


@dataclasses.dataclass(frozen=True)
class Load(Generic[V]):
    """What a loader may return to say more than a value.

    value: the value, or ABSENT. ttl: its life, a number of seconds or a timedelta; None: the cache's own. tags: besides
    those of the call; kept only when the cache knew them before. keep: False hands the value to those who wait for it
    and to no level.
    """

    value: V | _Absent
    ttl: Any = None
    tags: str | Sequence[str] = ()
    keep: bool = True
    _unchanged: bool = dataclasses.field(default=False, repr=False)

    @classmethod
    def unchanged(cls, ttl: Any = None) -> Load[Any]:
        """The former value (LoadContext.previous) is still right, for another ttl."""
        return Load(None, ttl=ttl, _unchanged=True)


@dataclasses.dataclass(frozen=True)
class LoadContext:
    """What a loader that takes two arguments is told besides the key.

    previous: the stale value the cache still has; None: nothing. Ask stopped() in long loads: True when nobody will take
    the result.
    """

    previous: Any
    _job: Any = dataclasses.field(repr=False)

    def stopped(self) -> bool:
        return bool(self._job.stopped)


Kind = Literal["hit", "stale", "negative", "miss", "unavailable", "unreadable"]


@dataclasses.dataclass(frozen=True)
class Lookup(Generic[V]):
    """What a read found, where, and how long it lasts. True when it holds a value.

    kind: hit; stale (past its ttl, within its grace); negative (known not to exist); miss; unavailable (a level could
    not be asked: error says why); unreadable (bytes that are no value of this cache: a miss).
    level: "memory", a tier's name, "loader", or "". age, remaining: seconds; remaining None: for ever.
    joined: answered by work that another caller had begun.
    """

    kind: Kind
    value: V | None = None
    level: str = ""
    age: float = 0.0
    remaining: float | None = None
    joined: bool = False
    error: BaseException | None = None

    def __bool__(self) -> bool:
        return self.kind in ("hit", "stale")


@dataclasses.dataclass(frozen=True)
class WarmTask:
    """A key to warm. loader: as of get_or_load, run on a thread; None: only brought up from lower levels."""

    key: Any
    loader: Any = None
    ttl: Any = None
    tags: str | Sequence[str] = ()


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
