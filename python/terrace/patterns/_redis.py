"""L2Cache and AsyncL2Cache: the Redis level."""

from __future__ import annotations

import re
from typing import Any, Sequence

from .._cache import Cache
from .._errors import TerraceError
from .._tiers import Tier, tiers_of
from .._times import ttl as checked_ttl
from .._words import text
from ._shared import Remote, Trouble, percent


class _Redis(Remote):
    """The common part of both forms."""

    def __init__(self, redis_pool: Any, key_prefix: str = "cache:", *, types: Sequence[type] = ()) -> None:
        # Keys in Redis are NAME:KEY, so a prefix such as "cache:" is a name. Any other prefix is put before the name l2, also
        # a prefix that would look like such a name.
        named = re.fullmatch(r"([A-Za-z0-9_.-]{1,64})(?<!l2):", text(key_prefix, "key_prefix"))
        self.redis_pool = redis_pool
        self.key_prefix = key_prefix
        self._types = types
        self._name = named[1] if named else "l2"
        self._own: list[Tier] = []
        (self._tier,) = tiers_of([redis_pool], self._own, key_prefix="" if named else key_prefix)
        self._cache = Cache(self._name, memory=None, tiers=[self._tier], ttl_jitter=0, types=types)
        self._joined: list[Cache[Any]] = []
        self._trouble = Trouble(f"L2Cache {key_prefix!r}")

    def get_metrics(self) -> dict[str, Any]:
        """hits, misses, errors (operations that failed), hit_rate: its own and those of the MultiLevelCaches that it is part
        of."""
        levels = [cache.stats().levels[1] for cache in (self._cache, *self._joined)]
        hits, misses = sum(level.hits for level in levels), sum(level.misses for level in levels)
        return {
            "hits": hits,
            "misses": misses,
            "errors": self._trouble.count + sum(level.errors for level in levels[1:]),
            "hit_rate": percent(hits, misses),
        }

    def _join(self, cache: Cache[Any]) -> None:
        """Makes it the second level of that cache, too."""
        self._joined.append(cache)

    def close(self) -> None:
        """Closes its connection."""
        self._cache.close()
        for tier in self._own:
            tier.close()


class L2Cache(_Redis):
    """A cache in Redis or Valkey. Values are stored as MessagePack in a checked envelope: foreign bytes are read as a value
    or not at all, and are never run as code. Every call ends within the time limit (250 ms), and fails at once while the
    server is known to be down. Nothing connects before the first use.

    redis_pool: a URL, or a redis-py ConnectionPool or client, whose settings are read. types: dataclasses and similar classes
    that values may contain. Thread safe.
    """


class AsyncL2Cache(_Redis):
    """The same, awaitable. It can be made anywhere and used in any event loop; redis_pool may be one of redis.asyncio."""

    async def get(self, key: Any) -> Any:
        """Like L2Cache.get."""
        return self._found(key, await self._cache.alookup(key))

    async def set(self, key: Any, value: Any, ttl: float | None = None) -> bool:  # type: ignore[override]
        """Like L2Cache.set."""
        life = checked_ttl(ttl)
        return await self._adone("set", key, self._cache.aset(key, value, ttl=life), True)

    async def delete(self, key: Any) -> bool:  # type: ignore[override]
        """Like L2Cache.delete."""
        return await self._adone("delete", key, self._cache.adelete(key), None)

    async def _adone(self, operation: str, key: Any, call: Any, outcome: bool | None) -> bool:
        try:
            returned = await call
        except (TypeError, ValueError):
            raise
        except TerraceError as error:
            self._trouble.tell(operation, key, error)
            return False
        return bool(returned) if outcome is None else outcome
