"""One terrace.Cache for each LOCATION and OPTIONS in a process. Django makes a backend object for every thread and task."""

from __future__ import annotations

import os
import threading
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from .._cache import Cache
from .._errors import TerraceError
from ._options import Configured
from ._values import StoredForm

_caches: dict[tuple[Any, ...], Cache[Any]] = {}
_lock = threading.Lock()


def cache_for(configured: Configured) -> Cache[Any]:
    """The cache of all backends with this configuration; made at the first call. Raises ImproperlyConfigured. Thread safe, and in the
    child of a fork as well."""
    identity = configured.identity
    with _lock:
        found = _caches.get(identity)
        if found is None or found._closed:
            found = _caches[identity] = _made(configured)
        return found


def _made(configured: Configured) -> Cache[Any]:
    try:
        return Cache(tiers=list(configured.levels), codec=StoredForm(), **configured.cache_options)
    except (TerraceError, TypeError) as wrong:
        raise ImproperlyConfigured(f"CACHES, terrace.django.TerraceCache: {wrong}") from wrong


def _new_lock() -> None:
    """Another thread may have held it at the moment of the fork."""
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_new_lock)
