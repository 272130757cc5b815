"""Lock: one holder among all processes of a cache."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from typing import TYPE_CHECKING, Any, Hashable

from . import _core
from ._errors import ConfigError, LockLost, LockTimeout
from ._times import Seconds, seconds
from ._times import ttl as checked_ttl

if TYPE_CHECKING:
    from ._cache import Cache


def _store_of(cache: Cache[Any]) -> Cache[str]:
    """The cache that has the locks of this one: in the same levels, under a name of its own, without memory above tiers."""
    cache._ensure_open()
    if cache._lock_store is not None:
        return cache._lock_store
    from ._cache import Cache as Made
    from ._codec import make_codec

    settings, name = cache._settings, cache.name[:58] + ".locks"
    if isinstance(settings, _core.Options):
        settings = settings.for_locks(name)
    elif settings["write_mode"] != "through":
        raise ConfigError(f'write_mode="{settings["write_mode"]}": locks need write_mode="through", so that one level decides')
    else:
        shared = ("key_ring", "key_ring_text", "tier_timeout", "write_mode")
        settings = {option: settings[option] for option in shared if option in settings}
        settings |= {"name": name, "ttl_jitter": 0.0, "consistency": "weak", "memory_level": not cache._tiers}
    store: Cache[str] = Made.__new__(Made)
    _core.CacheBase.__init__(store)
    store._own_tiers = []
    store._begin(name, settings, cache._tiers, make_codec("msgpack"), max_entries=None, eager=False, soft=False, copy=False,
                 clock=cache._clock[0] if cache._clock else None)  # type: ignore[arg-type]
    cache._lock_store = store
    return store


class Lock:
    """A lock over all processes of a cache: Cache.lock makes it. A context manager, also for `async with`.

    It belongs to this object: whoever has the object may release it. It is not reentrant. It ends ttl seconds after acquire() or the
    last renew(). acquire, renew, release, owned and locked have awaitable forms: aacquire, …. They raise what atomic operations of the
    cache raise (docs/atomic.md); after EffectUnknown from acquire() the lock may be held until its ttl ends. One object is for one task
    or thread at a time."""

    def __init__(self, cache: Cache[Any], key: Hashable, ttl: Seconds, wait: Seconds | None) -> None:
        life = checked_ttl(ttl, "ttl", "a lock needs a time after which it is free again")
        if life is None:
            raise ConfigError("ttl=None: a lock needs a time after which it is free again, also if its holder has died")
        self.key = key
        self.ttl: float = life
        self._wait = seconds(wait, "wait")
        self._store = _store_of(cache)
        self._token: str | None = None

    def acquire(self, blocking: bool = True, timeout: Seconds | None = None) -> bool:
        """Returns whether the lock is this object's now. timeout: seconds to wait at most; None: those of Cache.lock(wait=)."""
        token, end = secrets.token_hex(16), self._end(blocking, timeout)
        while not self._store.add(self.key, token, ttl=self.ttl):
            pause = self._pause(end)
            if pause is None:
                return False
            time.sleep(pause)
        self._token = token
        return True

    async def aacquire(self, blocking: bool = True, timeout: Seconds | None = None) -> bool:
        """Like acquire."""
        token, end = secrets.token_hex(16), self._end(blocking, timeout)
        while not await self._store.aadd(self.key, token, ttl=self.ttl):
            pause = self._pause(end)
            if pause is None:
                return False
            await asyncio.sleep(pause)
        self._token = token
        return True

    def renew(self, ttl: Seconds | None = None) -> None:
        """The lock ends ttl seconds from now; None: the ttl of the lock. Raises LockLost if it is not this object's any more."""
        life, held, now = checked_ttl(ttl) or self.ttl, self._held(), self._store.current(self.key)
        if now.value != held or not self._store.compare_and_set(self.key, now.revision, now.value, ttl=life):
            raise self._lost()

    async def arenew(self, ttl: Seconds | None = None) -> None:
        """Like renew."""
        life, held, now = checked_ttl(ttl) or self.ttl, self._held(), await self._store.acurrent(self.key)
        if now.value != held or not await self._store.acompare_and_set(self.key, now.revision, now.value, ttl=life):
            raise self._lost()

    def release(self) -> None:
        """Frees the lock. Raises LockLost if it is not this object's any more: then nothing is freed. After Unavailable it may be
        called again."""
        held, now = self._held(), self._store.current(self.key)
        if now.value != held or not self._store.compare_and_erase(self.key, now.revision):
            raise self._lost()
        self._token = None

    async def arelease(self) -> None:
        """Like release."""
        held, now = self._held(), await self._store.acurrent(self.key)
        if now.value != held or not await self._store.acompare_and_erase(self.key, now.revision):
            raise self._lost()
        self._token = None

    def owned(self) -> bool:
        """Whether the lock is this object's."""
        return self._token is not None and self._store.current(self.key).value == self._token

    async def aowned(self) -> bool:
        """Like owned."""
        return self._token is not None and (await self._store.acurrent(self.key)).value == self._token

    def locked(self) -> bool:
        """Whether anybody holds the lock."""
        return bool(self._store.current(self.key))

    async def alocked(self) -> bool:
        """Like locked."""
        return bool(await self._store.acurrent(self.key))

    def __enter__(self) -> Lock:
        if not self.acquire():
            raise self._late()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    async def __aenter__(self) -> Lock:
        if not await self.aacquire():
            raise self._late()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.arelease()

    def __repr__(self) -> str:
        return f"<terrace.Lock {self.key!r}{' acquired' if self._token else ''}>"

    def _end(self, blocking: bool, timeout: Seconds | None) -> float | None:
        """When to stop waiting; None: never."""
        if self._token is not None:
            raise ConfigError(f"{self!r} is acquired already, and a lock is not reentrant: make another one with Cache.lock()")
        limit = seconds(timeout, "timeout")
        wait = 0.0 if not blocking else self._wait if limit is None else limit
        return None if wait is None else time.monotonic() + wait

    def _pause(self, end: float | None) -> float | None:
        """How long to wait before the next attempt; None: the time is over."""
        left = 0.05 if end is None else end - time.monotonic()
        return None if left <= 0 else min(left, random.uniform(0.001, 0.02))

    def _held(self) -> str:
        if self._token is None:
            raise LockLost(f"the lock {self.key!r} is not acquired by this object")
        return self._token

    def _lost(self) -> LockLost:
        self._token = None
        return LockLost(f"the lock {self.key!r} has ended: it was not renewed within {self.ttl:g} s, or its level has forgotten it")

    def _late(self) -> LockTimeout:
        return LockTimeout(f"others have held the lock {self.key!r} for {self._wait:g} s")
