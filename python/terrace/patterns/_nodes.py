"""DistributedCache and CacheSharding: many nodes."""

from __future__ import annotations

from typing import Any, Callable, Collection, Mapping, Sequence, Union

from .. import _core
from .._cache import Cache
from .._errors import ConfigError
from .._words import shown
from ._names import ConsistencyLevel
from ._shared import Remote, Trouble, percent

Shards = Union[Sequence[str], Mapping[str, str]]

#: The number of nodes that hold a key.
COPIES = 3


class DistributedCache(Remote):
    """Keeps copies of each key on some of several independent nodes, chosen by a hash ring. Reads and writes ask as many
    nodes as the consistency level needs. Later copies win by version, deletions are remembered until repair is over, and
    copies keep their lifetimes: docs/topologies.md.

    nodes: "host:port", or Redis URLs. consistency_level: WEAK, EVENTUAL, or STRONG (linearizable while a majority of a key's
    nodes answers). Nothing connects before the first use. Thread safe.
    """

    def __init__(self, nodes: Sequence[str], consistency_level: ConsistencyLevel = ConsistencyLevel.EVENTUAL, *,
                 types: Sequence[type] = ()) -> None:
        named = _named(nodes, "nodes")
        self.nodes = list(named)
        self.consistency_level = ConsistencyLevel(consistency_level)
        self._ring = _core.HashRing([(name, 1.0) for name in self.nodes])
        self.copies = min(COPIES, len(self.nodes))
        members = ",".join(f"{name}=[{url}]" for name, url in named.items())
        url = f"replicated:{members}?consistency={self.consistency_level.value}&copies={self.copies}"
        self._cache = Cache("distributed", memory=None, tiers=[url], ttl_jitter=0, types=types)
        self._trouble = Trouble("DistributedCache")

    def initialize_connections(self) -> None:
        """Does nothing: connections are made when they are first used, and made again when they break."""

    def get_node(self, key: Any) -> str:
        """Returns the node, as given, that is first on the ring for the key."""
        return self._ring.owner(b"distributed:" + _core.key_bytes(key))

    def get_metrics(self) -> dict[str, Any]:
        """hits, misses, errors, replications (copies written beyond the first), hit_rate, overall_hit_rate, nodes (their
        number), consistency_level."""
        stats = self._cache.stats()
        level = stats.levels[1]
        rate = percent(level.hits, level.misses)
        return {
            "hits": level.hits,
            "misses": level.misses,
            "errors": self._trouble.count,
            "replications": (stats.writes - stats.write_failures) * (self.copies - 1),
            "hit_rate": rate,
            "overall_hit_rate": rate,
            "nodes": len(self.nodes),
            "consistency_level": self.consistency_level.value,
        }


class CacheSharding:
    """Keeps each key on one of several shards, chosen by a hash ring: an additional shard moves only its own part of the keys.

    shards: "host:port" or URLs of tiers, or a dict from name to URL. shard_key_func: returns the name of the shard for a key,
    or another text that is placed on the ring instead of the key, so that keys with the same result are on one shard. Thread
    safe.
    """

    def __init__(self, shards: Shards, shard_key_func: Callable[[Any], Any] | None = None, *, types: Sequence[type] = ()) -> None:
        named = _named(shards, "shards")
        self.shards = list(named)
        self.shard_key_func = shard_key_func
        self._ring = _core.HashRing([(name, 1.0) for name in self.shards])
        self._parts = {name: _Shard(name, url, types) for name, url in named.items()}

    def initialize_shards(self) -> None:
        """Does nothing: connections are made when they are first used, and made again when they break."""

    def get_shard(self, key: Any) -> str:
        """The name of the shard that has the key."""
        if self.shard_key_func is None:
            return self._ring.owner(_core.key_bytes(key))
        chosen = self.shard_key_func(key)
        if isinstance(chosen, str) and chosen in self._parts:
            return chosen
        return self._ring.owner(_core.key_bytes(chosen))

    def get(self, key: Any) -> Any:
        """Returns the value; None if there is none, or if its shard is down."""
        return self._parts[self.get_shard(key)].get(key)

    def set(self, key: Any, value: Any, ttl: float | None = None) -> bool:
        """Like L2Cache.set."""
        return self._parts[self.get_shard(key)].set(key, value, ttl)

    def delete(self, key: Any) -> bool:
        """Like L2Cache.delete."""
        return self._parts[self.get_shard(key)].delete(key)

    def get_metrics(self) -> dict[str, Any]:
        """hits, misses, errors and hit_rate of all shards together, and of each one under shards."""
        parts = {name: part.metrics() for name, part in self._parts.items()}
        hits, misses, errors = (sum(part[what] for part in parts.values()) for what in ("hits", "misses", "errors"))
        return {
            "hits": hits,
            "misses": misses,
            "errors": errors,
            "hit_rate": percent(hits, misses),
            "overall_hit_rate": percent(hits, misses),
            "shards": parts,
        }

    def close(self) -> None:
        """Closes the connections."""
        for part in self._parts.values():
            part.close()


class _Shard(Remote):
    def __init__(self, name: str, url: str, types: Sequence[type]) -> None:
        self._cache = Cache("sharded", memory=None, tiers=[url], ttl_jitter=0, types=types)
        self._trouble = Trouble(f"shard {name}")

    def metrics(self) -> dict[str, Any]:
        level = self._cache.stats().levels[1]
        return {"hits": level.hits, "misses": level.misses, "errors": self._trouble.count,
                "hit_rate": percent(level.hits, level.misses)}


def _named(nodes: Shards, what: str) -> dict[str, str]:
    """The URLs under the given names."""
    if isinstance(nodes, (str, bytes)) or not isinstance(nodes, Collection) or not nodes:
        raise ConfigError(f'{what}={shown(nodes)}: give a list such as ["10.0.0.1:6379", "10.0.0.2:6379"]')
    for node in nodes.values() if isinstance(nodes, Mapping) else nodes:
        if not isinstance(node, str):
            raise ConfigError(f'{what} holds {shown(node)}: give "host:port" or a URL, each a str')
    named = dict(nodes) if isinstance(nodes, Mapping) else {node: node for node in nodes}
    if len(named) < len(nodes):
        raise ConfigError(f"{what}: {[node for node in named if list(nodes).count(node) > 1]} come twice")
    return {str(name): url if ":/" in url or url.startswith("sqlite:") else f"redis://{url}" for name, url in named.items()}
