"""Times as users give them: numbers of seconds, or timedelta."""

from __future__ import annotations

import datetime
import math
from typing import Union

from ._errors import ConfigError

Seconds = Union[int, float, datetime.timedelta]


def seconds(value: Seconds | None, name: str) -> float | None:
    """The time in seconds; None stays None. Raises ConfigError for what is no time."""
    if value is None:
        return None
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ConfigError(f"{name}={value!r}: give a number of seconds, a timedelta, or None")
    if math.isnan(value):
        raise ConfigError(f"{name} is not a number (nan): give a number of seconds")
    return float(value)


def ttl(value: Seconds | None, name: str = "ttl") -> float | None:
    """As seconds(); a life must be above 0."""
    life = seconds(value, name)
    if life is not None and life <= 0:
        raise ConfigError(f"{name}={value!r} is not above 0: delete the key, or give None for the cache's own")
    return life
