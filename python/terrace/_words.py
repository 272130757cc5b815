"""How messages show the program's arguments, and checks of arguments that several calls share."""

from __future__ import annotations

from typing import Any

from ._errors import ConfigError

#: Showing more of a value does not help to find it.
MOST_SHOWN = 200


def shown(value: Any) -> str:
    """Its repr, cut if it is long; its type if it has no repr, such as an int of more than 4,300 digits."""
    try:
        text = repr(value)
    except Exception:
        return f"<{type(value).__name__}>"
    return text if len(text) <= MOST_SHOWN else text[: MOST_SHOWN - 1] + "…"


def flag(value: Any, name: str) -> bool:
    """Returns the value. Raises ConfigError if it is no bool."""
    if not isinstance(value, bool):
        raise ConfigError(f"{name}={shown(value)}: give True or False")
    return value


def share(value: Any, name: str) -> float:
    """Returns the value. Raises ConfigError if it is no number; the core checks the range."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ConfigError(f"{name}={shown(value)}: give a number from 0 to 1")
    return value


def rate(value: Any, name: str) -> float:
    """Returns the value. Raises ConfigError if it is no number; the core checks the range."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ConfigError(f"{name}={shown(value)}: give a number per second, or 0 for no limit")
    return value


def count(value: Any, name: str, least: int = 0, bits: int = 63) -> int:
    """Returns the value. Raises ConfigError if it is no whole number, below `least`, or too large for the core, which counts in
    `bits`."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value < 1 << bits:
        raise ConfigError(f"{name}={shown(value)}: give a whole number from {least} to 2**{bits}-1")
    return value


def text(value: Any, name: str) -> str:
    """Returns the value. Raises TypeError if it is no str."""
    if not isinstance(value, str):
        raise TypeError(f"{name}={shown(value)}: give one str")
    return value


def called(value: Any, name: str) -> Any:
    """Returns the value. Raises TypeError if it cannot be called."""
    if not callable(value):
        raise TypeError(f"{name}={shown(value)}: give a function")
    return value


def one_word(value: Any, name: str) -> str:
    """Returns the value. Raises ConfigError if it is no str, or cannot be written as UTF-8; the core checks the word."""
    if not isinstance(value, str):
        raise ConfigError(f"{name}={shown(value)}: give a str")
    if not value.isascii():
        raise ConfigError(f"{name}={ascii(value)}: give a word of ASCII letters")
    return value
