"""Atomics: the atomic operations of a cache, blocking and awaited (docs/atomic.md).

Each operation is a generator of steps, which the blocking form runs here and the async form in the event loop. A step is a call of
the core, whose outcome the generator gets, or a number of seconds to wait.
"""

from __future__ import annotations

import dataclasses
import functools
import time
from typing import (
    TYPE_CHECKING,
    Any,
    AsyncIterator,
    Callable,
    Concatenate,
    Coroutine,
    Generator,
    Generic,
    Hashable,
    Iterator,
    ParamSpec,
    Sequence,
    TypeVar,
)

from . import _aio, _core
from ._cache_core import CacheCore
from ._errors import ConfigError, NotFound, Overloaded, Timeout
from ._results import ABSENT, _Absent, refuse_markers
from ._tags import tag_list
from ._times import FOREVER, Seconds, seconds
from ._times import ttl as checked_ttl
from ._typing import V

if TYPE_CHECKING:
    from ._locks import Lock

P = ParamSpec("P")
S = TypeVar("S", bound="Atomics[Any]")
T = TypeVar("T")
#: Yields calls of the core and pauses.
Steps = Generator[Any, Any, T]

_MOST_ATTEMPTS = 1000


@dataclasses.dataclass(frozen=True)
class Current(Generic[V]):
    """What the deciding level has under a key. True if there is a value.

    value: None if there is none (or if the value is None: ask bool()). remaining: seconds until it expires; None: no expiry, or no
    value. revision: for compare_and_set and compare_and_erase of the same cache."""

    value: V | None
    remaining: float | None
    revision: Any
    _found: bool = dataclasses.field(repr=False)

    def __bool__(self) -> bool:
        return self._found


_UNCHANGED = object()


@dataclasses.dataclass(frozen=True)
class _Change:
    """What an attempt decides: the outcome of the operation, and the new value of the key; MISS removes it."""

    outcome: Any
    value: Any = _UNCHANGED
    keeps_life: bool = False


def _forms(steps: Callable[Concatenate[S, P], Steps[T]]) -> tuple[Callable[Concatenate[S, P], T],
                                                                  Callable[Concatenate[S, P], Coroutine[Any, Any, T]]]:
    """The blocking and the async form of an operation."""
    name = steps.__name__.lstrip("_")
    steps.__qualname__ = f"Cache.{name}"  # messages about wrong arguments name it so

    @functools.wraps(steps)
    def blocking(self: S, *arguments: P.args, **options: P.kwargs) -> T:
        running = steps(self, *arguments, **options)
        try:
            step = next(running)
            while True:
                if isinstance(step, float):
                    time.sleep(step)
                    step = next(running)
                else:
                    step = running.send(self._finish(step))
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]

    @functools.wraps(steps)
    async def awaited(self: S, *arguments: P.args, **options: P.kwargs) -> T:
        import asyncio

        _aio.refuse_other_loops()
        running = steps(self, *arguments, **options)
        try:
            step = next(running)
            while True:
                if isinstance(step, float):
                    await asyncio.sleep(step)
                    step = next(running)
                else:
                    step = running.send(await _aio.outcome_of(step))
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]

    for form, prefix in ((blocking, ""), (awaited, "a")):
        form.__name__ = prefix + name
        form.__qualname__ = f"Cache.{prefix}{name}"
    awaited.__doc__ = f"Like {name}.\n\n        {steps.__doc__}"
    return blocking, awaited  # type: ignore[return-value]


def _text_key(name: bytes) -> str | None:
    """The key of type str that these bytes stand for (python/src/key.cpp); None: a key of another type."""
    if not name.startswith(b"\1"):
        return name.decode()
    return name[2:].decode() if name[1:2] == b"s" else None


class Atomics(CacheCore[V]):
    """Read, decide, and replace the value if nobody has changed it meanwhile, in any process. docs/atomic.md tells which level
    decides. All raise KeyTypeError, EncodeError, Closed; ConfigError if no level of the cache can decide; Unavailable (nothing has
    changed); EffectUnknown (no answer came: the change may have taken effect); WriteError (the value has changed, and a level that the
    message names has not lost the old one yet); Overloaded after 1,000 attempts that others were faster in; Timeout. Thread safe."""

    # --- the two steps of all the others ---

    def _current(self, key: Hashable, *, timeout: Seconds | None = None) -> Steps[Current[V]]:
        """Returns what the deciding level has under the key: not memory above it, and no loader is called. Fills nothing."""
        found = yield self._current_call(_core.key_bytes(key), seconds(timeout, "timeout"))
        return self._current_of(found)

    current, acurrent = _forms(_current)

    def _compare_and_set(self, key: Hashable, revision: Any, value: V, *, ttl: Seconds | None = None, timeout: Seconds | None = None,
                         tags: str | Sequence[str] = ()) -> Steps[bool]:
        """Stores the value if the key still has the revision. Returns False if somebody has changed it: nothing is stored then.
        Without tags the value gets the tags of the one that it replaces. A revision stands for the stored bytes: an equal value that
        was set again within one millisecond, with the same expiry and tags, has the same revision."""
        refuse_markers([value])
        swapped = yield self._swap_call(_core.key_bytes(key), revision, value, checked_ttl(ttl), False, seconds(timeout, "timeout"),
                                        tag_list(tags))
        return bool(swapped)

    compare_and_set, acompare_and_set = _forms(_compare_and_set)

    def _compare_and_erase(self, key: Hashable, revision: Any, *, timeout: Seconds | None = None) -> Steps[bool]:
        """Removes the value if the key still has the revision."""
        swapped = yield self._swap_call(_core.key_bytes(key), revision, _core.MISS, None, False, seconds(timeout, "timeout"), [])
        return bool(swapped)

    compare_and_erase, acompare_and_erase = _forms(_compare_and_erase)

    # --- made of them ---

    def _update(self, key: Hashable, change: Callable[[Any], V | _Absent], *, ttl: Seconds | None = None,
                timeout: Seconds | None = None, tags: str | Sequence[str] = ()) -> Steps[V | _Absent]:
        """Replaces the value by change(value), where ABSENT stands for no value. If it returns ABSENT, the key is removed. It must
        not change the given object, and is called again each time that somebody else has changed the key meanwhile. Returns what it
        returned. ttl: None: an existing value keeps its expiry, a new one gets the cache's ttl."""

        def decide(now: Current[V]) -> _Change:
            made = change(now.value if now else ABSENT)
            if made is ABSENT:
                return _Change(made, _core.MISS if now else _UNCHANGED)
            return _Change(made, made, keeps_life=bool(now))

        return (yield from self._retry(key, decide, ttl, timeout, tags))  # type: ignore[no-any-return]

    update, aupdate = _forms(_update)

    def _add(self, key: Hashable, value: V, *, ttl: Seconds | None = None, timeout: Seconds | None = None,
             tags: str | Sequence[str] = ()) -> Steps[bool]:
        """Stores the value if there is none. Of callers that add a key at the same time, in all processes, one gets True."""
        return (yield from self._retry(key, lambda now: _Change(False) if now else _Change(True, value), ttl, timeout, tags))  # type: ignore[no-any-return]

    add, aadd = _forms(_add)

    def _replace(self, key: Hashable, value: V, *, ttl: Seconds | None = None, timeout: Seconds | None = None,
                 tags: str | Sequence[str] = ()) -> Steps[bool]:
        """Stores the value if there is one. Returns whether there was."""
        return (yield from self._retry(key, lambda now: _Change(True, value) if now else _Change(False), ttl, timeout, tags))  # type: ignore[no-any-return]

    replace, areplace = _forms(_replace)

    def _increment(self, key: Hashable, delta: Any = 1, *, initial: Any = None, ttl: Seconds | None = None,
                   timeout: Seconds | None = None) -> Steps[Any]:
        """Adds delta to the number and returns the sum. An existing value keeps its expiry. A missing key counts as `initial`, and then
        gets the ttl; with initial=None it raises NotFound, which is a KeyError. A value that cannot be added to raises TypeError."""

        def decide(now: Current[V]) -> _Change:
            if not now and initial is None:
                raise NotFound(repr(key))
            total = (now.value if now else initial) + delta
            return _Change(total, total, keeps_life=bool(now))

        life = checked_ttl(ttl)
        return (yield from self._retry(key, decide, None, timeout, (), life_of_new=life))

    increment, aincrement = _forms(_increment)

    def _decrement(self, key: Hashable, delta: Any = 1, *, initial: Any = None, ttl: Seconds | None = None,
                   timeout: Seconds | None = None) -> Steps[Any]:
        """As increment, with -delta."""
        return (yield from self._increment(key, -delta, initial=initial, ttl=ttl, timeout=timeout))

    decrement, adecrement = _forms(_decrement)

    def _touch(self, key: Hashable, ttl: Seconds | None = None, *, timeout: Seconds | None = None) -> Steps[bool]:
        """Gives an existing value a new ttl; None: the cache's; FOREVER: no expiry. Returns whether there was a value."""
        return (yield from self._retry(key, lambda now: _Change(True, now.value) if now else _Change(False), ttl, timeout, ()))  # type: ignore[no-any-return]

    touch, atouch = _forms(_touch)

    def _persist(self, key: Hashable, *, timeout: Seconds | None = None) -> Steps[bool]:
        """Makes an existing value one that does not expire. Returns whether there was a value."""
        return (yield from self._touch(key, FOREVER, timeout=timeout))

    persist, apersist = _forms(_persist)

    def _pop(self, key: Hashable, default: Any = _core.NO_VALUE, *, timeout: Seconds | None = None) -> Steps[Any]:
        """Removes the key and returns its value. Of several callers one gets it; the others get the default, or NotFound, which is a
        KeyError, without one."""
        found = yield from self._retry(key, lambda now: _Change(now, _core.MISS if now else _UNCHANGED), None, timeout, ())
        if found:
            return found.value
        if default is _core.NO_VALUE:
            raise NotFound(repr(key))
        return default

    pop, apop = _forms(_pop)

    def _get_and_set(self, key: Hashable, value: V, default: Any = None, *, ttl: Seconds | None = None, timeout: Seconds | None = None,
                     tags: str | Sequence[str] = ()) -> Steps[Any]:
        """Stores the value and returns the one that it has replaced, or the default."""
        found = yield from self._retry(key, lambda now: _Change(now, value), ttl, timeout, tags)
        return found.value if found else default

    get_and_set, aget_and_set = _forms(_get_and_set)

    def _set_default(self, key: Hashable, value: V, *, ttl: Seconds | None = None, timeout: Seconds | None = None,
                     tags: str | Sequence[str] = ()) -> Steps[V]:
        """Returns the value of the key. If there is none, stores the given one and returns it."""
        return (yield from self._retry(key, lambda now: _Change(now.value) if now else _Change(value, value), ttl, timeout, tags))  # type: ignore[no-any-return]

    set_default, aset_default = _forms(_set_default)

    # --- keys, locks ---

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Yields the keys of type str that memory has at the moment of the call, in no order; with a prefix those that begin with it.
        Only for a cache without tiers: tiers do not list their keys, and ConfigError says so."""
        self._ensure_open()
        if self._has_tiers:
            raise ConfigError("keys() is for a cache without tiers: tiers do not list their keys")
        texts = (_text_key(name) for name, _, _ in self._items())
        return (text for text in texts if text is not None and text.startswith(prefix))

    async def akeys(self, prefix: str = "") -> AsyncIterator[str]:
        """Like keys."""
        for name in self.keys(prefix):
            yield name

    def lock(self, key: Hashable, ttl: Seconds, *, wait: Seconds | None = None) -> Lock:
        """Returns a lock of that name over all processes of the cache: `with cache.lock("report", 60): …`, or `async with`.

        ttl: after so many seconds without renew() the lock is free again, also if its holder has died. wait: how long `with` and
        acquire() wait for it, in seconds; None: without end; 0: not at all. A lock has no key in common with the values of the cache.
        A level that forgets (a restart of Redis, memory that is full) forgets locks as well: a lock protects against waste, not against
        disaster."""
        from ._locks import Lock

        return Lock(self, key, ttl, wait)  # type: ignore[arg-type]

    # --- shared ---

    def _current_of(self, found: Any) -> Current[V]:
        value, remaining, revision, _ = found
        if value is _core.MISS:
            return Current(None, None, revision, False)
        return Current(value if self._copier is None else self._copier(value), remaining, revision, True)

    def _current_call(self, key_bytes: bytes, timeout: float | None, may_guess: bool = False) -> _core.Call:
        self._ensure_open()
        return self._start_current(key_bytes, timeout, may_guess)

    def _swap_call(self, key_bytes: bytes, revision: Any, value: Any, ttl: float | None, keeps_life: bool, timeout: float | None,
                   tags: list[str]) -> _core.Call:
        self._ensure_open()
        return self._start_compare_and_set(key_bytes, revision, value, ttl, keeps_life, timeout, tags)

    def _retry(self, key: Hashable, decide: Callable[[Current[V]], _Change], ttl: Seconds | None, timeout: Seconds | None,
               tags: str | Sequence[str], *, life_of_new: float | None = None) -> Steps[Any]:
        """Reads, decides and swaps, until a swap succeeds or nothing is to change. life_of_new: of a key that had no value."""
        name, life, limit, listed = _core.key_bytes(key), checked_ttl(ttl), seconds(timeout, "timeout"), tag_list(tags)
        end = None if limit is None else time.monotonic() + limit
        for attempt in range(_MOST_ATTEMPTS):
            left = None if end is None else end - time.monotonic()
            if attempt and left is not None and left <= 0:
                raise Timeout(f"others have changed {key!r} at every attempt")
            found = yield self._current_call(name, left, attempt == 0)
            now, guessed = self._current_of(found), found[3]
            try:
                change = decide(now)
            except Exception:
                if guessed:
                    continue
                raise
            if change.value is _UNCHANGED:
                if guessed:
                    continue  # it needs the present value, not a former one
                return change.outcome
            refuse_markers([change.value])
            keeps = change.keeps_life and life is None
            swapped = yield self._swap_call(name, now.revision, change.value, life if now else life_of_new or life, keeps, left, listed)
            if swapped:
                return change.outcome
            if attempt > 2:  # the first attempts follow at once
                import random

                yield random.uniform(1e-6, min(2e-6 * 2**attempt, 0.02))
        raise Overloaded(f"others have changed {key!r} at every attempt")
