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
class LatencyCounts:
    """How long something took, as cumulative counts under fixed bounds: what Prometheus calls a histogram. Times in seconds."""

    #: In seconds, from below to above.
    bounds: list[float]
    #: How many took at most bounds[i], or up to 3.2 % more.
    up_to: list[int]
    #: All of them.
    count: int
    #: In seconds, of all together.
    sum: float


@dataclasses.dataclass(frozen=True)
class ErrorCounts:
    """Errors by their kind. unavailable: not asked, since there is no connection or the circuit breaker is open; io: the connection or the
    file failed on the way."""

    timed_out: int
    unavailable: int
    io: int
    other: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.timed_out + self.unavailable + self.io + self.other


@dataclasses.dataclass(frozen=True)
class LevelStats:
    """Counters of one level since the cache was made; p50, p99 and p999 of reads in seconds (0 for memory)."""

    name: str
    hits: int
    stale_hits: int
    negative_hits: int
    misses: int
    #: Keys that could not be asked for in time.
    errors: int
    #: The same by their kind.
    errors_by_kind: ErrorCounts
    unreadable: int
    lease_errors: int
    entries: int | None
    bytes: int | None
    evictions: int
    expirations: int
    invalidated: int
    replaced: int
    p50: float
    p99: float
    p999: float
    #: Of reads, one for each operation, however many keys it asks for. Not measured for memory.
    latency: LatencyCounts
    reachable: bool | None
    breaker_open: bool | None

    @property
    def hit_rate(self) -> float:
        """hits / (hits + misses), 0 … 1; 0 if nothing was asked for."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else 0.0


@dataclasses.dataclass(frozen=True)
class WriteBackStats:
    """The journal of a cache that writes back."""

    #: Keys that wait to be flushed.
    pending: int
    #: Their keys and values.
    pending_bytes: int
    #: Seconds that the oldest of them has waited.
    lag: float
    #: Changes.
    acknowledged: int
    #: Changes that reached the tiers.
    flushed: int
    #: Changes that a newer one of their key made needless.
    coalesced: int
    #: Rejections and failures after which a change was tried again.
    retried: int
    dead_letters: int
    #: Changes that the journal held at the start.
    recovered: int
    #: Places of the journal that could not be read at the start.
    damaged: int
    journal_bytes: int
    #: Calls of fdatasync.
    syncs: int


@dataclasses.dataclass(frozen=True)
class CacheStats:
    """Counters of a cache since it was made: memory first, then the tiers in their order. Times in seconds."""

    levels: list[LevelStats]
    loads: int
    load_failures: int
    loads_in_flight: int
    #: Loader calls that wait for their turn (max_concurrent_loads) or the budget (max_loads_per_second).
    loads_waiting: int
    #: Loader calls that run although their load was given up (load_timeout, or every caller has left).
    loads_overdue: int
    joined: int
    rejected_fills: int
    stale_served: int
    refreshes: int
    lease_waits: int
    writes: int
    erases: int
    atomic_writes: int
    atomic_conflicts: int
    write_failures: int
    unrecovered: int
    invalidations_sent: int
    invalidations_received: int
    watching: bool | None
    #: How far memory may be behind the shared tiers now; None: bounded by max_staleness alone, or nothing is shared.
    staleness: float | None
    #: The bound that was set.
    max_staleness: float
    #: With write_mode="back"; None: otherwise.
    write_back: WriteBackStats | None
    load_p50: float
    load_p99: float
    #: Of loader calls, the wait for their turn included.
    load_latency: LatencyCounts
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


@dataclasses.dataclass(frozen=True)
class AdvisedSize:
    """What memory of another size would have done. factor: of the cache's own size; entries: that many; hits: sampled reads that it would
    have answered; hit_rate: their share, 0 … 1."""

    factor: float
    entries: int
    hits: int
    hit_rate: float


@dataclasses.dataclass(frozen=True)
class Advice:
    """What other sizes of memory would have done: for a quarter, half, once, twice and four times max_entries. requests: the sampled
    reads. It takes each miss to be stored, for the cache's own ttl."""

    requests: int
    sizes: list[AdvisedSize]

    def since(self, earlier: Advice) -> Advice:
        """Of the reads after an earlier advice of the same cache."""
        return _advice(self.requests - earlier.requests, [
            (now.factor, now.entries, max(0, now.hits - then.hits)) for now, then in zip(self.sizes, earlier.sizes)])


def stats_from(counters: dict[str, Any]) -> CacheStats:
    levels = [
        LevelStats(**level | {"errors_by_kind": ErrorCounts(**level["errors_by_kind"]), "latency": LatencyCounts(**level["latency"])})
        for level in counters["levels"]
    ]
    journal = counters["write_back"]
    return CacheStats(**counters | {
        "levels": levels,
        "load_latency": LatencyCounts(**counters["load_latency"]),
        "write_back": None if journal is None else WriteBackStats(**journal),
    })


def advice_from(told: dict[str, Any] | None) -> Advice | None:
    if told is None:
        return None
    return _advice(told["requests"], [(size["factor"], size["entries"], size["hits"]) for size in told["sizes"]])


def _advice(requests: int, sizes: list[tuple[float, int, int]]) -> Advice:
    return Advice(requests, [AdvisedSize(factor, entries, hits, hits / requests if requests else 0.0) for factor, entries, hits in sizes])
