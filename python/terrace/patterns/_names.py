"""Levels, strategies and consistency by name."""

from __future__ import annotations

import enum
from typing import Any

from .._errors import ConfigError
from .._words import shown


class _Choice(str, enum.Enum):
    """Any other name is rejected; the message lists all names."""

    @classmethod
    def _missing_(cls, value: Any) -> Any:
        raise ConfigError(f"{shown(value)} is no {cls.__name__}: give one of {', '.join(member.value for member in cls)}")


class CacheLevel(_Choice):
    """memory, Redis, database."""

    L1 = "l1"
    L2 = "l2"
    L3 = "l3"


class CacheStrategy(_Choice):
    """How a full L1 evicts (the first three), and how a write to several levels works (the last two)."""

    LRU = "lru"
    LFU = "lfu"
    TTL = "ttl"
    WRITE_THROUGH = "write_through"
    WRITE_BACK = "write_back"

    @property
    def is_write_mode(self) -> bool:
        """True for the strategies that say how levels are written."""
        return self in (CacheStrategy.WRITE_THROUGH, CacheStrategy.WRITE_BACK)


class ConsistencyLevel(_Choice):
    """What a read of several nodes promises: docs/topologies.md."""

    EVENTUAL = "eventual"
    STRONG = "strong"
    WEAK = "weak"
