"""The caches of a configuration file: docs/configuration.md."""

from __future__ import annotations

import os
from typing import Any, Iterator, Mapping

from . import _core
from ._cache import Cache
from ._tiers import Tier, absolute


class Caches(Mapping[str, Cache[Any]]):
    """The caches by name; they share tiers as the file says. Use it as a context manager, or close it."""

    def __init__(self, caches: dict[str, Cache[Any]], tiers: list[Tier]) -> None:
        self._caches = caches
        self._tiers = tiers

    def __getitem__(self, name: str) -> Cache[Any]:
        return self._caches[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._caches)

    def __len__(self) -> int:
        return len(self._caches)

    def close(self) -> None:
        """Closes the caches and their tiers. Idempotent."""
        for cache in self._caches.values():
            cache.close()
        for tier in self._tiers:
            tier.close()

    def __enter__(self) -> Caches:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_caches(path: str | os.PathLike[str]) -> Caches:
    """Opens every cache of a terrace.toml. Raises ConfigError that names every mistake with its line. A server that is down
    is no error."""
    tiers: dict[str, Tier] = {}
    caches: dict[str, Cache[Any]] = {}
    whole = absolute(path, "path")
    if whole is None:
        raise TypeError("path=None: give the path of a terrace.toml")
    for name, options, listed, seals in _core.read_config(whole):
        for tier, url, key_prefix in listed:
            if tier not in tiers:
                tiers[tier] = Tier(url, key_prefix)
        caches[name] = Cache._of_options(name, options, [tiers[tier] for tier, _, _ in listed], seals)
    return Caches(caches, list(tiers.values()))
