"""For tests of programs that use terrace: a clock that the test moves, and a tier that needs no server.

    clock = terrace.testing.Clock()
    cache = terrace.Cache("users", ttl=60, clock=clock)
    cache["a"] = 1
    clock.advance(61)
    assert "a" not in cache

freezegun and time-machine replace Python's own time functions. terrace measures time in C++, where they have no effect.
"""

from __future__ import annotations

from . import _core, _process
from ._errors import ConfigError
from ._times import Seconds, span
from ._words import flag, shown

__all__ = ["Clock", "MemoryTier"]


class Clock(_core.Clock):
    """A clock that runs like the machine's and that advance() moves forward. Use one for all caches and tiers of a test.

    All times of a cache follow it: ttl, grace, negative_ttl, eager refresh, pauses between attempts, time limits. Times that a
    real server measures, such as the expiry in Redis, do not. Thread safe.
    """

    def advance(self, seconds: Seconds) -> None:
        """Moves the clock forward, by seconds or a timedelta. Entries whose lifetime is over are gone at once; work that is
        then due begins soon, on other threads. Raises ConfigError for an object that is no time, or a time below 0."""
        step = span(seconds, "seconds")
        if not 0 <= step < 1e9:
            raise ConfigError(f"seconds={shown(seconds)}: a clock goes forward only, by less than 1e9 seconds: give such a time")
        self._advance(step)

    @property
    def moved(self) -> float:
        """The sum of all steps, in seconds."""
        return self._moved

    def __repr__(self) -> str:
        return f"<terrace.testing.Clock: {self.moved:g} s ahead>"


class MemoryTier(_core.MemoryTier):
    """A tier in the memory of this process, which takes the place of Redis: caches that share one behave like processes over
    one server, with leases and notifications of changes. Values are stored as bytes, so a value that a tier cannot store is
    rejected here, too.

    clock: that of the caches over it; None: the machine's. Thread safe. In the child of a fork it begins empty.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        if clock is not None and not isinstance(clock, Clock):
            raise TypeError(f"clock={shown(clock)}: give a terrace.testing.Clock")
        super().__init__(clock)
        self.clock = clock
        _process.tiers.add(self)

    @property
    def away(self) -> bool:
        """True: every operation fails, as with a server that cannot be reached. Its content is kept."""
        return self._is_away

    @away.setter
    def away(self, value: bool) -> None:
        self._set_away(flag(value, "away"))

    def clear(self) -> None:
        """Removes everything at once, like a server that was emptied."""
        self._flush_all()

    def __repr__(self) -> str:
        return f"<terrace.testing.MemoryTier{': away' if self.away else ''}>"
