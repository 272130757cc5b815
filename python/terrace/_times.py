"""Times as users give them: numbers of seconds, or timedelta."""

from __future__ import annotations

import datetime
import math
import sys
from typing import Any, Union

from ._errors import ConfigError
from ._words import shown

Seconds = Union[int, float, datetime.timedelta]

#: A ttl of one write: the value does not expire, although the cache has a ttl.
FOREVER = math.inf


def seconds(value: Seconds | None, name: str) -> float | None:
    """The time in seconds; None stays None. Raises ConfigError for an object that is no time."""
    return None if value is None else span(value, name, ", or None")


def span(value: Seconds, name: str, instead: str = "") -> float:
    """The time in seconds, where there must be one. `instead`: what else may be given, for the message."""
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, bool) or not (isinstance(value, (int, float)) or _is_number(value)):
        raise ConfigError(f"{name}={shown(value)}: give a number of seconds or a timedelta{instead}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if math.isinf(number) and number != value:
        raise ConfigError(f"{name}={shown(value)} is more seconds than a float holds: give float('inf') for no end")
    if math.isnan(number):
        raise ConfigError(f"{name} is not a number (nan): give a number of seconds")
    return number


def ttl(value: Seconds | None, name: str = "ttl", instead: str = "delete the key, or give None for the cache's own") -> float | None:
    """Like seconds(); a ttl must be above 0. `instead`: what to do instead of giving 0, for the message."""
    life = seconds(value, name)
    if life is not None and life <= 0:
        raise ConfigError(f"{name}={shown(value)} is not above 0: {instead}")
    return life


def _is_number(value: Any) -> bool:
    """Numbers that are neither int nor float: of numpy, decimal, fractions. A module that is not imported cannot have made
    one."""
    numbers, decimal = sys.modules.get("numbers"), sys.modules.get("decimal")
    if type(value).__name__ == "timedelta64":  # numpy treats it as an integer, in its own unit
        return False
    return numbers is not None and isinstance(value, numbers.Real) or decimal is not None and isinstance(value, decimal.Decimal)
