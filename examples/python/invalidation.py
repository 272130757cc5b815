"""A change is told to the memory of every process: here two caches over one Redis."""

import os
import time

import terrace

REDIS = os.environ.get("TERRACE_EXAMPLE_REDIS", "redis://localhost")


def pages() -> terrace.Cache[str]:
    return terrace.Cache("example-pages", ttl=60, tiers=[REDIS])


with pages() as here, pages() as there:
    here.set("home", "old", tags=["layout"])
    assert there["home"] == "old"
    here.invalidate(tag="layout")
    assert here.get("home") is None
    end = time.monotonic() + 10
    while there.get("home") is not None:  # within max_staleness, 1 s; most often at once
        assert time.monotonic() < end
    print("both have forgotten")
