"""The classes that programs write by hand, over terrace: only the import is new."""

import os

from terrace.patterns import (
    CacheDecorator,
    CacheMonitoring,
    CacheStrategy,
    CacheWarming,
    L1Cache,
    L2Cache,
    MultiLevelCache,
)

REDIS = os.environ.get("TERRACE_EXAMPLE_REDIS", "redis://localhost")

l1 = L1Cache(max_size=1000, strategy=CacheStrategy.LRU)
l2 = L2Cache(REDIS, key_prefix="example:")
cache = MultiLevelCache(l1, l2)
cache.set("user:1", {"name": "Ada"}, ttl=60)
assert cache.get("user:1") == {"name": "Ada"}


@CacheDecorator(cache, ttl=300)
def double(x: int) -> int:
    return 2 * x


assert double(21) == double(21) == 42

warming = CacheWarming(cache)
warming.add_warming_task("hot", lambda: "loaded", ttl=60)
print(warming.warm_cache())
print(cache.get_metrics())
print(CacheMonitoring(cache).check_cache_health())
cache.close()
l2.close()
