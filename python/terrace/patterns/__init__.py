"""The classes that programs write by hand for caching, under their usual names, built on the core of terrace. A program that
uses such classes runs after a change of its imports. New programs should use terrace.Cache.

Rates are percentages, 0 to 100. An unknown key reads as None; a stored None is a hit. A server that cannot be reached is
reported in the metrics and the log (logger "terrace.patterns"), never by an exception from get, and costs at most the time
limit."""

from ._around import CacheDecorator, CacheInvalidation, CacheMonitoring, CacheWarming
from ._entry import CacheEntry
from ._levels import MultiLevelCache
from ._memory import L1Cache
from ._names import CacheLevel, CacheStrategy, ConsistencyLevel
from ._nodes import CacheSharding, DistributedCache
from ._redis import AsyncL2Cache, L2Cache
from ._setup import CachingSetup, setup_caching_strategies

__all__ = [
    "AsyncL2Cache",
    "CacheDecorator",
    "CacheEntry",
    "CacheInvalidation",
    "CacheLevel",
    "CacheMonitoring",
    "CacheSharding",
    "CacheStrategy",
    "CacheWarming",
    "CachingSetup",
    "ConsistencyLevel",
    "DistributedCache",
    "L1Cache",
    "L2Cache",
    "MultiLevelCache",
    "setup_caching_strategies",
]
