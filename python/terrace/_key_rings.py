"""Key rings, which seal the entries in tiers: docs/sealing.md."""

from __future__ import annotations

import os
import re
from typing import Any

from . import _core
from ._errors import ConfigError
from ._words import shown


def generate_keys(path: str | os.PathLike[str] | None = None) -> str:
    """Returns the text of a new key ring with one key, from the system's random source. `terrace keys generate` prints the same
    text, and Cache(keys=…) takes it.

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


def key_ring(keys: Any) -> dict[str, str]:
    """The option of the core for keys=: a path, or the text of a ring. Messages show neither."""
    if keys is None:
        return {}
    if isinstance(keys, str) and ("\n" in keys or re.match(r"\s*\d+\s+(primary|secondary|retired)\s", keys)):
        try:
            keys.encode()
        except UnicodeEncodeError:  # the core's message would show the text
            raise ConfigError("keys: lone surrogates: give the text that generate_keys() made") from None
        return {"keys_text": keys}
    return {"keys": _path(keys)}


def _path(given: Any) -> str:
    """The absolute path as of now: the program may change its working directory. Messages do not show an object that is no
    path: it may be a key."""
    path = os.fspath(given) if isinstance(given, (str, os.PathLike)) else None
    if not isinstance(path, str):
        raise TypeError(f"keys: {type(given).__qualname__} is no path: give a path, a str or a pathlib.Path, or the text of a key ring")
    if not path or "\0" in path:
        raise ConfigError("keys=this str: give the path of a file, or the text of a key ring")
    return os.path.abspath(path)
