"""Key rings, which seal the entries in tiers: docs/sealing.md."""

from __future__ import annotations

import os
import re
import sys
import warnings
from typing import Any

from . import _core
from ._errors import ConfigError
from ._words import shown


def generate_keys(path: str | os.PathLike[str] | None = None) -> str:
    """A new key ring with one key, fresh from the system's random source: the text that `terrace keys generate`
    prints, and that Cache(key_ring=…) takes.

    path: the text is also written to this file, readable only for its owner (mode 0600); `terrace keys rotate` changes it
    later. Raises OSError, and FileExistsError if the file exists: entries sealed with its keys would be lost. Anyone who has
    the text can read and make sealed entries: keep it where secrets are kept. Thread safe.
    """
    if path is not None and not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"path={shown(path)}: give a path, a str or a pathlib.Path, or None")
    text: str = _core.generate_key_ring()
    if path is not None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
    return text


def under_one_name(key_ring: Any, keys: Any) -> Any:
    """What a caller of Cache() gave as key_ring=, or as keys=, its former name. The latter gets a DeprecationWarning, at
    the caller's line. Raises ConfigError when both are given."""
    if keys is None:
        return key_ring
    if key_ring is not None:
        raise ConfigError("key_ring= and keys= are two names of one option: give key_ring= alone")
    through_alias = sys._getframe(2).f_globals.get("__name__") == "typing"  # Cache[int](…)
    warnings.warn("keys= is deprecated: the option is now called key_ring=", DeprecationWarning, stacklevel=3 + through_alias)
    return keys


def key_ring_settings(given: Any) -> dict[str, str]:
    """The option of the core for key_ring=: a path, or the text of a ring. Messages show neither."""
    if given is None:
        return {}
    if isinstance(given, str) and ("\n" in given or re.match(r"\s*\d+\s+(primary|secondary|retired)\s", given)):
        try:
            given.encode()
        except UnicodeEncodeError:  # the core would show what it cannot take
            raise ConfigError("key_ring: lone surrogates: give the text that generate_keys() made") from None
        return {"key_ring_text": given}
    return {"key_ring": _path(given)}


def _path(given: Any) -> str:
    """The absolute path as of now: the program may change its working directory. Messages do not show an object that is no
    path: it may be a key."""
    path = os.fspath(given) if isinstance(given, (str, os.PathLike)) else None
    if not isinstance(path, str):
        raise TypeError(f"key_ring: {type(given).__qualname__} is no path: give a path, a str or a pathlib.Path, or the text of a key ring")
    if not path or "\0" in path:
        raise ConfigError("key_ring=this str: give the path of a file, or the text of a key ring")
    return os.path.abspath(path)
