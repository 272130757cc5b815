"""Tiers: the levels below memory."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, Union

from . import _core, _process
from ._errors import ConfigError, KeyTypeError
from ._pools import url_of_pool
from ._tags import sound_text
from ._words import shown, text


class Tier(_core.Tier):
    """A tier from its URL. Several caches can share it, with one connection for all of them.

    url: redis://, rediss://, unix://, redis-cluster://, sqlite:PATH, postgres://, sharded:… or replicated:…; a pathlib.Path is
    the SQLite file with that name. Relative paths start at the program's working directory when the tier is made. key_prefix:
    prefix of every key in Redis servers.

    Raises ConfigError when a cache first uses a URL that cannot be right. A server that is down is no error. It is closed when
    the program ends, or by close().
    """

    def __init__(self, url: str | os.PathLike[str], key_prefix: str = "") -> None:
        if isinstance(url, os.PathLike):
            url = "sqlite:" + _quoted(absolute(url, "url") or "")
        super().__init__(_sound_url(url), sound_text(text(key_prefix, "key_prefix"), "key_prefix"))
        _process.tiers.add(self)

    def __repr__(self) -> str:
        return f"terrace.Tier({address_of(self)!r})"


TierLike = Union[str, "os.PathLike[str]", Tier, Any]


def tiers_of(given: Iterable[TierLike] | str, own: list[Tier], key_prefix: str = "") -> list[_core.Tier]:
    """Tiers, their URLs, or redis-py's connection pools and clients; tiers made here are added to `own`."""
    if isinstance(given, (str, bytes, os.PathLike, _core.Tier)):
        if isinstance(given, (str, bytes)):  # it may hold a password
            given = address_of(Tier(given)) if isinstance(given, str) else b"..."
        raise ConfigError(f"tiers={shown(given)}: give a list of them, [{shown(given)}]")
    if not isinstance(given, Iterable):
        raise ConfigError(f"tiers={shown(given)}: give a list of URLs or Tiers")
    made: list[_core.Tier] = []
    for one in given:
        if isinstance(one, _core.Tier):
            made.append(one)
            continue
        tier = Tier(one if isinstance(one, (str, os.PathLike)) else url_of_pool(one), key_prefix)
        own.append(tier)
        made.append(tier)
    return made


def absolute(path: Any, name: str) -> str | None:
    """The absolute path of a file or directory, as of now: the program may change its working directory. None stays None.
    Raises TypeError for an object that is no path."""
    if path is None:
        return None
    try:
        text = os.fspath(path)
    except TypeError:
        text = b""
    if not isinstance(text, str):
        raise TypeError(f"{name}={shown(path)}: give a path, a str or a pathlib.Path")
    if not text or "\0" in text:
        raise ConfigError(f"{name}={shown(path)}: give the path of a file or directory")
    return os.path.abspath(text)


def _quoted(path: str) -> str:
    """The path in the form of a URL's PATH."""
    for sign in "%?,[]":
        path = path.replace(sign, f"%{ord(sign):02X}")
    return path


def _sound_url(url: Any) -> str:
    """Returns the URL. Raises TypeError if it is no str, KeyTypeError if it cannot be written as UTF-8. Neither shows it: it may
    hold a password."""
    if not isinstance(url, str):
        raise TypeError(f"url: {type(url).__name__} is no URL: give one str, or a pathlib.Path")
    if any("\ud800" <= sign <= "\udfff" for sign in url):
        raise KeyTypeError("url: a str with lone surrogates is no URL: use %XX for the bytes")
    return url


def address_of(tier: Tier) -> str:
    """The tier's URL for messages: without user, password and query. Of a URL that cannot be right any part may be a secret."""
    try:
        address: str = tier._address
    except ConfigError:
        return "…"
    return address
