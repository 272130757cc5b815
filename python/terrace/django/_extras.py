"""Extras: what django-redis has beside Django's own methods, except the types of Redis (sets, hashes, sorted sets)."""

from __future__ import annotations

import datetime
import re
import time
from typing import TYPE_CHECKING, Any, AsyncIterator, Callable, Iterator

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.utils.module_loading import import_string

from .._cache import Cache
from ._forms import Do, forms
from ._glob import glob

#: In a pattern, these mean more than themselves.
_SPECIAL = re.compile(r"([*?\[\\])")


class Extras:
    """Mixed into TerraceCache."""

    if TYPE_CHECKING:
        terrace: Cache[Any]
        key_func: Callable[..., Any]
        key_prefix: str
        version: int
        _now: Any
        _later: Any
        _reverse_key: Any

        def _key(self, key: Any, version: int | None) -> Any: ...
        def _lifetime(self, timeout: Any) -> Any: ...

    # --- expiry ---

    async def _ttl(self, do: Do, key: Any, version: int | None = None) -> int | None:
        """Returns the seconds that are left, rounded; None: no expiry; 0: the key is not there."""
        left = await self._remaining(do, key, version)
        return None if left is None else round(left)

    ttl, attl = forms(_ttl)

    async def _pttl(self, do: Do, key: Any, version: int | None = None) -> int | None:
        """Returns the milliseconds that are left; None: no expiry; 0: the key is not there."""
        left = await self._remaining(do, key, version)
        return None if left is None else round(left * 1000)

    pttl, apttl = forms(_pttl)

    async def _persist(self, do: Do, key: Any, version: int | None = None) -> bool:
        """Removes the expiry. Returns whether the key is there."""
        return await do("persist", self._key(key, version))  # type: ignore[no-any-return]

    persist, apersist = forms(_persist)

    async def _expire(self, do: Do, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """As touch."""
        return await self._expire_in(do, key, self._lifetime(timeout), version)

    expire, aexpire = forms(_expire)

    async def _pexpire(self, do: Do, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """As touch, with a timeout in milliseconds or a timedelta."""
        if timeout is not DEFAULT_TIMEOUT and timeout is not None and not isinstance(timeout, datetime.timedelta):
            timeout = timeout / 1000
        return await self._expire_in(do, key, self._lifetime(timeout), version)

    pexpire, apexpire = forms(_pexpire)

    async def _expire_at(self, do: Do, key: Any, when: float | datetime.datetime, version: int | None = None) -> bool:
        """Gives the key a moment at which it expires: a datetime (naive: local time), or seconds since 1970. A moment in the past
        deletes the key. Returns whether the key is there."""
        moment = when.timestamp() if isinstance(when, datetime.datetime) else when
        return await self._expire_in(do, key, self._lifetime(moment - time.time()), version)

    expire_at, aexpire_at = forms(_expire_at)

    async def _pexpire_at(self, do: Do, key: Any, when: float | datetime.datetime, version: int | None = None) -> bool:
        """As expire_at; a number is milliseconds since 1970."""
        moment = when.timestamp() if isinstance(when, datetime.datetime) else when / 1000
        return await self._expire_in(do, key, self._lifetime(moment - time.time()), version)

    pexpire_at, apexpire_at = forms(_pexpire_at)

    async def _expire_in(self, do: Do, key: Any, lifetime: Any, version: int | None) -> bool:
        name = self._key(key, version)
        return await (do("delete", name) if lifetime == 0 else do("touch", name, lifetime))  # type: ignore[no-any-return]

    async def _remaining(self, do: Do, key: Any, version: int | None) -> float | None:
        found = await do("lookup", self._key(key, version))
        return found.remaining if found.kind == "hit" else 0

    # --- keys ---

    def iter_keys(self, search: str, itersize: int | None = None, client: None = None, version: int | None = None) -> Iterator[str]:
        """Yields the keys that match a pattern of Redis, without KEY_PREFIX and version. itersize has no effect."""
        matches, begin = self._search(search, version)
        for name in self.terrace.keys(begin):
            if matches(name):
                yield self._original(name)

    async def aiter_keys(self, search: str, itersize: int | None = None, client: None = None, version: int | None = None) -> AsyncIterator[str]:
        """As iter_keys."""
        matches, begin = self._search(search, version)
        async for name in self.terrace.akeys(begin):
            if matches(name):
                yield self._original(name)

    def keys(self, search: str = "*", version: int | None = None) -> list[str]:
        """The list of iter_keys."""
        return list(self.iter_keys(search, version=version))

    async def akeys(self, search: str = "*", version: int | None = None) -> list[str]:
        """As keys."""
        return [key async for key in self.aiter_keys(search, version=version)]

    async def _delete_pattern(self, do: Do, pattern: str, version: int | None = None, prefix: str | None = None, client: None = None,
                              itersize: int | None = None) -> int:
        """Deletes the keys that match a pattern of Redis ("user:[0-9]*"), in every level and in the memory of every process. Returns
        how many there were. itersize has no effect. Raises terrace.ConfigError for a pattern that cannot be right."""
        return await do("invalidate", pattern=self._pattern(pattern, version, prefix))  # type: ignore[no-any-return]

    delete_pattern, adelete_pattern = forms(_delete_pattern)

    def _pattern(self, pattern: str, version: int | None, prefix: str | None = None) -> str:
        """The pattern over the keys of the cache."""
        number = str(self.version if version is None else version)
        return str(self.key_func(pattern, _escaped(self.key_prefix if prefix is None else prefix), _escaped(number)))

    def _search(self, pattern: str, version: int | None) -> tuple[Callable[[Any], bool], str]:
        """Whether a key matches, and how all keys that match begin."""
        whole = self._pattern(pattern, version)
        matches = glob(whole)
        literal = re.match(r"(?:[^*?\[\\]|\\.)*", whole, re.S)
        begin = re.sub(r"\\(.)", r"\1", literal[0], flags=re.S) if literal else ""
        return lambda name: isinstance(name, str) and matches(name), begin

    def _original(self, name: str) -> str:
        """The key as the program gave it."""
        reverse = self._reverse_key
        if reverse is None:
            return name.split(":", 2)[-1]
        return str((import_string(reverse) if isinstance(reverse, str) else reverse)(name))

    # --- locks ---

    def lock(self, key: Any, version: int | None = None, timeout: float | None = None, sleep: float | None = None, blocking: bool = True,
             blocking_timeout: float | None = None, client: None = None, thread_local: bool = True) -> Any:
        """Returns a terrace.Lock over all processes: a context manager, also for `async with`; acquire(), release(), renew().

        timeout: after so many seconds without renew() the lock is free again, also if its holder has died; None: 60. blocking_timeout:
        how long acquire() waits; None: without end; blocking=False: it does not wait. sleep and thread_local have no effect: a lock
        belongs to its object."""
        wait = 0 if not blocking else blocking_timeout
        return self.terrace.lock(self._key(key, version), _LOCK_TIMEOUT if timeout is None else timeout, wait=wait)


#: Seconds. A lock without an end would stay when its holder dies.
_LOCK_TIMEOUT = 60


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)
