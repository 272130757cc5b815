"""gevent and eventlet: refused in words, at whatever moment they replace threads, instead of a process that hangs."""

from __future__ import annotations

import pathlib

import programs
import pytest

PATCHES = {
    "gevent": "from gevent import monkey; monkey.patch_all()",
    "gevent, threads alone": "from gevent import monkey; monkey.patch_thread()",
    "eventlet": "import eventlet; eventlet.monkey_patch()",
    "eventlet, threads alone": "import eventlet; eventlet.monkey_patch(all=False, thread=True)",
}
every_patch = pytest.mark.parametrize("patch", PATCHES.values(), ids=PATCHES.keys())


def program(*parts: str) -> str:
    return "\n".join(("import sys, warnings; warnings.simplefilter('ignore')", *parts))


REFUSED = """
def refused(call):
    try:
        call()
    except terrace.ConfigError as error:
        assert "gevent" in str(error) or "eventlet" in str(error), error
        assert "gthread" in str(error), error
    else:
        raise AssertionError("accepted")
"""


@every_patch
def test_a_cache_is_refused(patch: str) -> None:
    programs.fine(programs.run(program(patch, "import terrace, terrace.patterns", REFUSED, """
refused(lambda: terrace.Cache("memory"))
refused(lambda: terrace.Cache("tiers", tiers=["redis://127.0.0.1:1"]))
refused(lambda: terrace.patterns.L1Cache(10))
refused(lambda: terrace.patterns.L2Cache("redis://127.0.0.1:1"))
refused(lambda: terrace.patterns.AsyncL2Cache("redis://127.0.0.1:1"))
refused(lambda: terrace.patterns.DistributedCache(["127.0.0.1:1"]))
refused(lambda: terrace.patterns.setup_caching_strategies())
refused(lambda: terrace.patterns.setup_caching_strategies({"redis": "redis://127.0.0.1:1"}))
refused(lambda: terrace.Monitor([]).add_sink(print))
print("said")
""")), "said")


@every_patch
def test_a_patch_after_the_cache_is_seen_too(patch: str, tmp_path: pathlib.Path) -> None:
    programs.fine(programs.run(program("import os, asyncio, terrace, terrace.patterns", f"os.chdir({str(tmp_path)!r})", REFUSED, """
memory = terrace.Cache("memory", ttl=60)
below = terrace.Cache("below", tiers=["redis://127.0.0.1:1"])
square = memory.memoize(lambda x: x * x)
l1 = terrace.patterns.L1Cache(10)
levels = terrace.patterns.MultiLevelCache(l1, None, "sqlite:cache.db")

@terrace.patterns.CacheDecorator(memory)
def cube(x):
    return x ** 3

async def asynchronous(call):
    return await call
memory["old"] = 1
""", patch, """
refused(lambda: memory.get_or_load("k", lambda: 1))
refused(lambda: memory.get_or_load("k", lambda: 1, timeout=1))
refused(lambda: below.lookup("k"))
refused(lambda: below.set("k", 1))
refused(lambda: square(2))
refused(lambda: cube(2))
refused(lambda: cube([2]))
refused(lambda: levels.set("k", 1))
refused(lambda: memory.get_or_load_many(["k"], lambda keys: keys))
refused(lambda: terrace.patterns.L1Cache(10))
refused(lambda: terrace.patterns.MultiLevelCache(l1, None))
refused(lambda: asyncio.new_event_loop().run_until_complete(memory.aget_or_load("k", lambda: 1)))
refused(lambda: memory.warm([terrace.WarmTask("k", lambda: 1)]))
refused(lambda: terrace.Cache("new"))
assert memory["old"] == 1 and below.get("k") is None  # they wait for no loader
print("said")
""")), "said")


def test_gevent_that_leaves_threads_alone_is_fine() -> None:
    programs.fine(programs.run(program("from gevent import monkey; monkey.patch_socket()", "import terrace", """
cache = terrace.Cache("memory")
assert cache.get_or_load("k", lambda: 1) == 1
print("said")
""")), "said")
