"""How messages show what a program gave, and the checks of arguments that several calls share."""

from __future__ import annotations

from typing import Any

from ._errors import ConfigError

#: More of a value helps nobody to find it.
MOST_SHOWN = 200


def shown(value: Any) -> str:
    """Its repr, cut where it is long; its type where it has none, as an int of more than 4,300 digits."""
    try:
        text = repr(value)
    except Exception:
        return f"<{type(value).__name__}>"
    return text if len(text) <= MOST_SHOWN else text[: MOST_SHOWN - 1] + "…"


def flag(value: Any, name: str) -> bool:
    """The value. Raises ConfigError for what is no bool."""
    if not isinstance(value, bool):
        raise ConfigError(f"{name}={shown(value)}: give True or False")
    return value


def share(value: Any, name: str) -> float:
    """The value. Raises ConfigError for what is no number; which numbers are right, the core knows."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ConfigError(f"{name}={shown(value)}: give a number from 0 to 1")
    return value


def count(value: Any, name: str, least: int = 0, bits: int = 63) -> int:
    """The value. Raises ConfigError for what is no whole number, below `least`, or beyond what the core can count, which `bits` tell."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value < 1 << bits:
        raise ConfigError(f"{name}={shown(value)}: give a whole number from {least} to 2**{bits}-1")
    return value


def text(value: Any, name: str) -> str:
    """The value. Raises TypeError for what is no str."""
    if not isinstance(value, str):
        raise TypeError(f"{name}={shown(value)}: give one str")
    return value


def called(value: Any, name: str) -> Any:
    """The value. Raises TypeError for what cannot be called."""
    if not callable(value):
        raise TypeError(f"{name}={shown(value)}: give a function")
    return value


def one_word(value: Any, name: str) -> str:
    """The value. Raises ConfigError for what is no str, or cannot be written as UTF-8; which words there are, the core knows."""
    if not isinstance(value, str):
        raise ConfigError(f"{name}={shown(value)}: give a str")
    if not value.isascii():
        raise ConfigError(f"{name}={ascii(value)}: give a word of ASCII letters")
    return value
