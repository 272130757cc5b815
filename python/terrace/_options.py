"""The options of Cache for type checkers, beside name and type. A test compares them with its parameters."""

from __future__ import annotations

from typing import Any, Iterable, Sequence, TypedDict

from ._tiers import TierLike
from ._times import Seconds


class CacheOptions(TypedDict, total=False):
    ttl: Seconds | None
    memory: int | str | tuple[int, str] | None
    tiers: Iterable[TierLike]
    types: Sequence[type]
    codec: Any
    key_ring: Any
    keys: Any  # deprecated: key_ring
    negative_ttl: Seconds | None
    memory_ttl: Seconds | None
    ttl_jitter: float
    grace: Seconds
    retry_after: Seconds
    eager_refresh: float
    consistency: str
    max_staleness: Seconds
    lease_time: Seconds
    write_mode: str
    journal: Any
    eviction: str | None
    advisor: bool
    compress_above: int | None
    max_value_bytes: int
    tier_timeout: Seconds
    load_timeout: Seconds
    soft_load_timeout: Seconds | None
    max_concurrent_loads: int
    max_loads_per_second: float
    error_ttl: Seconds | None
    copy: bool
    clock: Any
