"""The results of cache reads, and the values that loaders may return."""

from __future__ import annotations

import dataclasses
from typing import Any, Generic, Iterable, Literal, Sequence, TypeVar

from ._errors import EncodeError
from ._words import shown

V = TypeVar("V")


class _Absent:
    """The type of ABSENT."""

    def __repr__(self) -> str:
        return "terrace.ABSENT"

    def __reduce__(self) -> str:
        return "ABSENT"


#: A loader returns this (or raises NotFound) if the key does not exist. None is a value like any other.
ABSENT = _Absent()


@dataclasses.dataclass(frozen=True)
class Load(Generic[V]):
    """The return value of a loader that says more than a value.

    value: the value, or ABSENT. ttl: its lifetime, a number of seconds or a timedelta; None: the cache's own; 0 or less: as
    keep=False. tags: in addition to those of the call; kept only if the cache knew them before. keep: False gives the value to the
    callers that wait for it and to no level; ABSENT is then not remembered.
    """

    value: V | _Absent
    ttl: Any = None
    tags: str | Sequence[str] = ()
    keep: bool = True
    _unchanged: bool = dataclasses.field(default=False, repr=False)

    @classmethod
    def unchanged(cls, ttl: Any = None) -> Load[Any]:
        """The former value (LoadContext.previous) is still right, for another ttl."""
        return Load(None, ttl=ttl, _unchanged=True)


@dataclasses.dataclass(frozen=True)
class LoadContext:
    """The second argument of a loader, beside the key.

    previous: the stale value that the cache still has; None: nothing. Call stopped() in long loads: True means that no caller
    will use the result.
    """

    previous: Any
    _job: Any = dataclasses.field(repr=False)

    def stopped(self) -> bool:
        """True if no caller will use the result: the callers have gone, or load_timeout has passed."""
        return bool(self._job.stopped)


def refuse_markers(values: Iterable[Any]) -> None:
    """Raises EncodeError for objects that only loaders may return: stored as a value, every reader would get the marker."""
    for value in values:
        if value is ABSENT:
            raise EncodeError("terrace.ABSENT is not a value, only a result of loaders: delete the key, or let a loader return it")
        if isinstance(value, Load):
            raise EncodeError(f"{shown(value)} is not a value, only a result of loaders: give the value itself, and ttl= and tags= "
                              "to the call")


Kind = Literal["hit", "stale", "negative", "miss", "unavailable", "unreadable"]


@dataclasses.dataclass(frozen=True)
class Lookup(Generic[V]):
    """The result of a read: the value, where it was found, and how long it lasts. True if it holds a value.

    kind: hit; stale (past its ttl, within its grace); negative (known not to exist); miss; unavailable (a level could not be
    asked: error says why); unreadable (bytes that are not a value of this cache: a miss). level: "memory", a tier's name,
    "loader", or "". age, remaining: seconds; remaining None: no expiry. joined: answered by work that another caller had begun.
    """

    kind: Kind
    value: V | None = None
    level: str = ""
    age: float = 0.0
    remaining: float | None = None
    joined: bool = False
    error: BaseException | None = None

    def __bool__(self) -> bool:
        return self.kind in ("hit", "stale")


@dataclasses.dataclass(frozen=True)
class WarmTask:
    """A key to warm. loader: as for get_or_load, run on a thread; None: the key is only copied from lower levels to those
    above."""

    key: Any
    loader: Any = None
    ttl: Any = None
    tags: str | Sequence[str] = ()
