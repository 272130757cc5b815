"""TerraceCache: the backend for CACHES."""

from __future__ import annotations

import datetime
import inspect
import re
from typing import Any, Iterable, Mapping

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache

from .._results import Load
from ._extras import Extras
from ._forms import Do, Later, Now, forms, log
from ._options import configured
from ._registry import cache_for
from ._values import Packed

_MISSING = object()
#: Django warns of all other keys, because memcached refuses them.
_portable = re.compile(r"[^\x00-\x20\x7f]{0,250}").fullmatch


class TerraceCache(Extras, BaseCache):
    """Django's cache API over terrace.Cache: memory, then the levels that LOCATION names.

        CACHES = {"default": {"BACKEND": "terrace.django.TerraceCache", "LOCATION": "redis://localhost"}}

    LOCATION: a URL (redis://, valkey://, sqlite:, postgres://, …) or a list of them, from top to bottom; a name without a scheme is a
    cache in the memory of the process. KEY_PREFIX, VERSION, KEY_FUNCTION and TIMEOUT are Django's. OPTIONS: docs/frameworks/django.md.

    All entries of CACHES with the same LOCATION and OPTIONS share one terrace.Cache (`terrace`) in a process, in all threads.
    Operations are atomic where Django's RedisCache is: add, incr, decr, touch. A value is a copy for each reader.

    Timeouts are seconds; None: no expiry; 0 or less: the key is deleted at once. An unreachable server makes reads miss; writes raise
    terrace.WriteError, Unavailable or Timeout, or are ignored with OPTIONS["IGNORE_EXCEPTIONS"]. Raises ImproperlyConfigured for
    settings that are not understood. Thread safe. The methods whose names begin with an a need no thread.
    """

    def __init__(self, location: Any, params: dict[str, Any]) -> None:
        super().__init__(params)
        chosen = configured(location, params.get("OPTIONS") or {})
        #: The cache itself: its statistics, its tiers. It holds packed values.
        self.terrace = cache_for(chosen)
        self._packer = chosen.packer
        self._ignores_errors, self._logs_ignored = chosen.ignores_errors, chosen.logs_ignored
        self._get = self.terrace.get
        self._now, self._later = Now(self.terrace), Later(self.terrace)
        self._reverse_key = params.get("REVERSE_KEY_FUNCTION")
        kind = type(self)
        self._has_own_keys = kind.make_key is not BaseCache.make_key or kind.validate_key is not BaseCache.validate_key

    # --- reading ---

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """Returns the value, or the default. A value that cannot be unpickled any more counts as missing and is logged."""
        found = self._get(self._key(key, version), _MISSING)
        if found.__class__ is Packed:
            return self._value(found, key, default)
        return default if found is _MISSING else found

    async def aget(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """As get."""
        found = await self.terrace.aget(self._key(key, version), _MISSING)
        if found.__class__ is Packed:
            return self._value(found, key, default)
        return default if found is _MISSING else found

    async def _get_many(self, do: Do, keys: Iterable[Any], version: int | None = None) -> dict[Any, Any]:
        """Returns the existing values, with one operation for each level."""
        names = {self._key(key, version): key for key in keys}
        values = {key: self._value(stored, key, _MISSING) for key, stored in self._by_key(names, await do("get_many", names))}
        return {key: value for key, value in values.items() if value is not _MISSING}

    get_many, aget_many = forms(_get_many, lambda *_, **__: {})

    async def _has_key(self, do: Do, key: Any, version: int | None = None) -> bool:
        """Returns whether the key is there."""
        return await do("get", self._key(key, version), _MISSING) is not _MISSING

    has_key, ahas_key = forms(_has_key, lambda *_, **__: False)

    async def _get_or_set(self, do: Do, key: Any, default: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> Any:
        """Returns the value. If there is none, stores `default`, or what it returns if it can be called. Callers that miss at the same
        time share one call of it, in all processes that share one Redis. In aget_or_set it may be a coroutine function."""
        name, lifetime = self._key(key, version), self._lifetime(timeout)

        def load(value: Any) -> Load[Any]:
            return Load(self._packer.packed(value), ttl=lifetime or None, keep=lifetime != 0)

        def make() -> Load[Any]:
            return load(default() if callable(default) else default)

        async def amake() -> Load[Any]:
            made = default() if callable(default) else default
            return load(await made if callable(default) and inspect.isawaitable(made) else made)

        loader = amake if do is self._later else make
        value = self._value(await do("get_or_load", name, loader), key, _MISSING)
        if value is _MISSING:  # it cannot be unpickled
            await do("delete", name)
            value = self._value(await do("get_or_load", name, loader), key, None)
        return value

    get_or_set, aget_or_set = forms(_get_or_set)

    # --- writing ---

    async def _set(self, do: Do, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None, client: None = None,
                   nx: bool = False, xx: bool = False) -> bool:
        """Stores the value. nx: only if the key is not there; xx: only if it is. Returns whether it was stored."""
        name, lifetime, stored = self._key(key, version), self._lifetime(timeout), self._packer.packed(value)
        if lifetime == 0:
            if nx:
                return await do("get", name, _MISSING) is _MISSING
            return await do("delete", name)  # type: ignore[no-any-return]
        if nx or xx:
            return await do("add" if nx else "replace", name, stored, ttl=lifetime)  # type: ignore[no-any-return]
        await do("set", name, stored, ttl=lifetime)
        return True

    set, aset = forms(_set, lambda *_, **__: False)

    async def _add(self, do: Do, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Stores the value if the key is not there. Returns whether it did: of callers that add at the same time, in all
        processes, one gets True."""
        return await self._set(do, key, value, timeout, version, nx=True)

    add, aadd = forms(_add, lambda *_, **__: False)

    async def _set_many(self, do: Do, data: Mapping[Any, Any], timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> list[Any]:
        """Stores all values. Returns the keys that were not stored: none, or all of them after an error that is ignored."""
        lifetime = self._lifetime(timeout)
        stored = {self._key(key, version): self._packer.packed(value) for key, value in data.items()}
        if lifetime == 0:
            await do("delete_many", stored)
        else:
            await do("set_many", stored, ttl=lifetime)
        return []

    set_many, aset_many = forms(_set_many, lambda data, *_, **__: list(data))

    async def _incr(self, do: Do, key: Any, delta: Any = 1, version: int | None = None, ignore_key_check: bool = False) -> Any:
        """Adds delta to the number, atomically, and returns the sum. Its expiry stays. A missing key raises ValueError; with
        ignore_key_check it becomes delta, without expiry."""
        try:
            return await do("increment", self._key(key, version), delta, initial=0 if ignore_key_check else None)
        except KeyError:
            raise ValueError(f"Key {key!r} not found") from None

    incr, aincr = forms(_incr)

    async def _decr(self, do: Do, key: Any, delta: Any = 1, version: int | None = None) -> Any:
        """As incr, with -delta."""
        return await self._incr(do, key, -delta, version)

    decr, adecr = forms(_decr)

    async def _touch(self, do: Do, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Gives the key a new timeout. The value does not travel. Returns whether the key is there."""
        name, lifetime = self._key(key, version), self._lifetime(timeout)
        return await (do("delete", name) if lifetime == 0 else do("touch", name, lifetime))  # type: ignore[no-any-return]

    touch, atouch = forms(_touch, lambda *_, **__: False)

    async def _delete(self, do: Do, key: Any, version: int | None = None) -> bool:
        """Returns whether the key was there."""
        return await do("delete", self._key(key, version))  # type: ignore[no-any-return]

    delete, adelete = forms(_delete, lambda *_, **__: False)

    async def _delete_many(self, do: Do, keys: Iterable[Any], version: int | None = None) -> int | None:
        """Returns how many of the keys were there; None: no key was given."""
        names = [self._key(key, version) for key in keys]
        return await do("delete_many", names) if names else None

    delete_many, adelete_many = forms(_delete_many)

    async def _clear(self, do: Do) -> None:
        """Deletes all keys of the cache, of every KEY_PREFIX and version. Other keys of the server stay."""
        await do("clear")

    clear, aclear = forms(_clear)

    async def _incr_version(self, do: Do, key: Any, delta: int = 1, version: int | None = None) -> int:
        """Moves the value to another version, with the rest of its timeout. A missing key raises ValueError."""
        old = self.version if version is None else version
        found = await do("lookup", self._key(key, old))
        if found.kind != "hit":
            raise ValueError(f"Key {key!r} not found")
        await do("set", self._key(key, old + delta), found.value, ttl=found.remaining)
        await do("delete", self._key(key, old))
        return int(old + delta)

    incr_version, aincr_version = forms(_incr_version)

    # decr_version, adecr_version, __contains__, close and aclose are Django's. The end of a request closes nothing.

    # --- shared ---

    def _key(self, key: Any, version: int | None) -> Any:
        """make_and_validate_key, faster."""
        if self._has_own_keys:
            return self.make_and_validate_key(key, version=version)
        made = self.key_func(key, self.key_prefix, self.version if version is None else version)
        if _portable(made) is None:
            self.validate_key(made)
        return made

    def _lifetime(self, timeout: Any) -> Any:
        """Seconds; None: no end; 0: over."""
        if timeout is DEFAULT_TIMEOUT:
            timeout = self.default_timeout
        if timeout is None:
            return None
        if isinstance(timeout, datetime.timedelta):
            timeout = timeout.total_seconds()
        return timeout if timeout > 0 else 0

    def _value(self, stored: Any, key: Any, default: Any) -> Any:
        """Returns the value. The code that it was pickled with may be gone: then the default."""
        if stored.__class__ is not Packed:
            return stored
        try:
            return self._packer.loads(stored.data)
        except Exception as wrong:
            log.warning("the value of %r cannot be read and counts as missing: %s: %s", key, type(wrong).__name__, wrong)
            return default

    def _by_key(self, names: Mapping[Any, Any], found: Mapping[Any, Any]) -> Iterable[tuple[Any, Any]]:
        return ((names[name], stored) for name, stored in found.items())

    def _ignore_or_raise(self, error: Exception, name: str) -> None:
        if not self._ignores_errors:
            raise error
        if self._logs_ignored:
            log.error("%s failed, and the error is ignored: %s", name, error)
