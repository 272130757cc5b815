"""Levels, strategies and consistency by name."""

from __future__ import annotations

import enum


class CacheLevel(str, enum.Enum):
    """memory, Redis, database."""

    L1 = "l1"
    L2 = "l2"
    L3 = "l3"


class CacheStrategy(str, enum.Enum):
    """What leaves a full L1 (the first three), and what a write to many levels does (the last two)."""

    LRU = "lru"
    LFU = "lfu"
    TTL = "ttl"
    WRITE_THROUGH = "write_through"
    WRITE_BACK = "write_back"

    @property
    def is_write_mode(self) -> bool:
        return self in (CacheStrategy.WRITE_THROUGH, CacheStrategy.WRITE_BACK)


class ConsistencyLevel(str, enum.Enum):
    """What reads of several nodes promise: docs/topologies.md."""

    EVENTUAL = "eventual"
    STRONG = "strong"
    WEAK = "weak"
