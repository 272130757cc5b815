"""Two processes with four threads each use one Django cache at the same time: no increment is lost, and `add` is a lock."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest
import redis
from conftest import ROOT
from servers import RedisServer

PROCESSES, THREADS = 2, 4
INCREMENTS, ACQUISITIONS, KEYS = 100, 60, 60

# Each of its threads waits until all threads of all processes are there.
PROGRAM = f"""
import json, sys, threading
sys.path.insert(0, {str(ROOT / "tests/python")!r})
import django_settings, redis
from terrace.django import TerraceCache

url, memory, processes, threads, increments, acquisitions, keys = sys.argv[1], *map(json.loads, sys.argv[2:])
cache = TerraceCache(url, {{"OPTIONS": {{"namespace": "race", "memory": memory}}}})
client = redis.Redis.from_url(url)
results = {{"won": 0, "second holders": 0, "acquired": 0}}
lock = threading.Lock()


def count(name, by=1):
    with lock:
        results[name] += by


def meet(stage):
    client.incr(stage)
    while int(client.get(stage)) < processes * threads:
        pass


def run():
    meet("one")
    for _ in range(increments):
        cache.incr("n")
    meet("two")
    for key in range(keys):
        count("won", cache.add(f"key{{key}}", 1, 60))
    meet("three")
    for _ in range(acquisitions):
        while not cache.add("lock", 1, 60):
            pass
        count("acquired")
        count("second holders", client.incr("inside") != 1)
        client.decr("inside")
        assert cache.delete("lock") is True


everyone = [threading.Thread(target=run) for _ in range(threads)]
for one in everyone:
    one.start()
for one in everyone:
    one.join()
print(json.dumps(results))
"""


@pytest.mark.parametrize("memory", [10_000, None], ids=["memory+redis", "redis"])
def test_race(redis_server: RedisServer, memory: int | None) -> None:
    sizes = [json.dumps(size) for size in (memory, PROCESSES, THREADS, INCREMENTS, ACQUISITIONS, KEYS)]
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM), redis_server.url, *sizes]
    import django_settings  # noqa: F401
    from terrace.django import TerraceCache

    counter = TerraceCache(redis_server.url, {"OPTIONS": {"namespace": "race", "memory": None}})
    counter.set("n", 0, 600)
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(PROCESSES)]
    ended = [process.communicate(timeout=110) for process in running]
    assert all(process.returncode == 0 for process in running), ended
    results = [json.loads(out) for out, _ in ended]
    total = {name: sum(result[name] for result in results) for name in results[0]}
    assert counter.get("n") == PROCESSES * THREADS * INCREMENTS and counter.ttl("n") <= 600
    assert total == {"won": KEYS, "second holders": 0, "acquired": PROCESSES * THREADS * ACQUISITIONS}
    with redis.Redis.from_url(redis_server.url) as client:
        assert client.get("inside") == b"0"
