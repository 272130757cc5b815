"""setup_caching_strategies: makes everything from one configuration."""

from __future__ import annotations

import dataclasses
from typing import Any, Mapping

from .._errors import ConfigError
from ._around import CacheDecorator, CacheInvalidation, CacheMonitoring, CacheWarming
from ._levels import MultiLevelCache
from ._memory import L1Cache
from ._names import CacheStrategy, ConsistencyLevel
from ._nodes import CacheSharding, DistributedCache
from ._redis import AsyncL2Cache, L2Cache


@dataclasses.dataclass(frozen=True)
class CachingSetup:
    """The result of setup_caching_strategies. None: the configuration did not ask for this part."""

    l1_cache: L1Cache
    l2_cache: L2Cache | None
    async_l2_cache: AsyncL2Cache | None
    cache: MultiLevelCache
    decorator: CacheDecorator
    invalidation: CacheInvalidation
    warming: CacheWarming
    monitoring: CacheMonitoring
    distributed_cache: DistributedCache | None
    sharding: CacheSharding | None

    def close(self) -> None:
        """Closes everything."""
        self.monitoring.close()
        self.warming.close()
        for part in (self.cache, self.l2_cache, self.async_l2_cache, self.distributed_cache, self.sharding):
            if part is not None:
                part.close()


#: Every key of the configuration, with its default.
DEFAULTS: dict[str, Any] = {
    "max_size": 1000,
    "eviction": CacheStrategy.LRU,
    "redis": None,
    "key_prefix": "cache:",
    "database": None,
    "write_strategy": CacheStrategy.WRITE_THROUGH,
    "journal": None,
    "ttl": None,
    "nodes": None,
    "consistency_level": ConsistencyLevel.EVENTUAL,
    "shards": None,
    "types": (),
}


def setup_caching_strategies(config: Mapping[str, Any] | None = None) -> CachingSetup:
    """Makes the levels, and the tools around them, from the configuration: DEFAULTS lists its keys.

    max_size, eviction: of L1. redis: a URL or a redis-py pool; None: no L2. key_prefix, types: of L2. database: URL of the
    third level. write_strategy, journal: of MultiLevelCache. ttl: of the decorator, in seconds. nodes, consistency_level: of
    DistributedCache. shards: of CacheSharding. Raises ConfigError for an unknown key or a wrong value.
    """
    unknown = set(config or ()) - set(DEFAULTS)
    if unknown:
        raise ConfigError(f"config has unknown keys {sorted(unknown)}; known are {sorted(DEFAULTS)}")
    c = {**DEFAULTS, **(config or {})}
    l1 = L1Cache(c["max_size"], c["eviction"])
    l2 = asynchronous = None
    if c["redis"] is not None:
        l2 = L2Cache(c["redis"], c["key_prefix"], types=c["types"])
        asynchronous = AsyncL2Cache(l2._tier, c["key_prefix"], types=c["types"])
    cache = MultiLevelCache(l1, l2, c["database"], c["write_strategy"], journal=c["journal"])
    return CachingSetup(
        l1_cache=l1,
        l2_cache=l2,
        async_l2_cache=asynchronous,
        cache=cache,
        decorator=CacheDecorator(cache, ttl=c["ttl"]),
        invalidation=CacheInvalidation(cache),
        warming=CacheWarming(cache),
        monitoring=CacheMonitoring(cache),
        distributed_cache=DistributedCache(c["nodes"], c["consistency_level"], types=c["types"]) if c["nodes"] else None,
        sharding=CacheSharding(c["shards"], types=c["types"]) if c["shards"] else None,
    )
