"""Puts terrace in the place of Django's cache in memory, which the suites configure: LocMemCache is then a TerraceCache over the
levels that the environment variable TERRACE_LEVELS names, "memory", "redis" or "memory+redis"."""

import os
import re

from django.core.cache.backends import locmem
from terrace.django import TerraceCache

LEVELS = os.environ["TERRACE_LEVELS"]
LOCATION = "suite" if LEVELS == "memory" else os.environ["TERRACE_PEERS_REDIS"]
OPTIONS = {"memory": None} if LEVELS == "redis" else {}
#: For CACHES.
SETTING = {"BACKEND": "terrace.django.TerraceCache", "LOCATION": LOCATION, "OPTIONS": OPTIONS}


class LocMemCache(TerraceCache):
    """Each LOCATION is a namespace of its own, as in Django's class."""

    def __init__(self, name, params):
        options = {"namespace": re.sub(r"[^\w.-]", "_", name) or "default", **OPTIONS, **(params.get("OPTIONS") or {})}
        super().__init__(name if LEVELS == "memory" else LOCATION, {**params, "OPTIONS": options})


locmem.LocMemCache = LocMemCache
