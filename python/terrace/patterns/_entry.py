"""CacheEntry: an entry as an object of the program."""

from __future__ import annotations

import dataclasses
import datetime
import time
from typing import Any, Union

Moment = Union[float, int, datetime.datetime]


@dataclasses.dataclass
class CacheEntry:
    """A value with its lifetime. created_at and accessed_at are seconds since 1970 or datetimes, as given (a datetime without a
    time zone is UTC, as from datetime.utcnow()); ttl is in seconds, None: it never expires.

    The age is computed from created_at once, when the entry is made, and follows the monotonic clock from then on: a step of
    the wall clock neither expires an entry nor makes an expired one valid again."""

    key: Any
    value: Any
    created_at: Moment
    accessed_at: Moment
    access_count: int = 0
    ttl: float | None = None
    size: int = 0

    def __post_init__(self) -> None:
        self._born = time.monotonic() - max(0.0, _now_like(self.created_at) - _seconds(self.created_at))

    def is_expired(self) -> bool:
        """True if its ttl is over; for a ttl of 0 or less at once."""
        return self.ttl is not None and time.monotonic() - self._born >= self.ttl

    def update_access(self) -> None:
        """Records an access: accessed_at, in the form that it has, and access_count."""
        self.accessed_at = _moment_like(self.accessed_at)
        self.access_count += 1


def _seconds(moment: Moment) -> float:
    if not isinstance(moment, datetime.datetime):
        return float(moment)
    return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.timezone.utc)).timestamp()


def _now_like(moment: Moment) -> float:
    return _seconds(_moment_like(moment))


def _moment_like(moment: Moment) -> Moment:
    if not isinstance(moment, datetime.datetime):
        return time.time()
    now = datetime.datetime.now(moment.tzinfo or datetime.timezone.utc)
    return now if moment.tzinfo else now.replace(tzinfo=None)
