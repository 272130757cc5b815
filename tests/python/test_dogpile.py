"""The backends of dogpile.cache. dogpile's own tests of backends run in make test-peers; here are the promises beyond them."""

from __future__ import annotations

import datetime
import importlib.metadata
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import redis
import terrace
from dogpile.cache import CacheRegion, make_region
from dogpile.cache.api import NO_VALUE
from servers import RedisServer
from terrace.dogpile import TerraceBackend, TerracePickleBackend

made = 0


@pytest.fixture
def name() -> str:
    global made
    made += 1
    return f"dogpile-{made}"


@pytest.fixture
def regions() -> Iterator[list[CacheRegion]]:
    """Regions in this list are closed at the end."""
    listed: list[CacheRegion] = []
    yield listed
    for region in listed:
        region.actual_backend.close()


def region_of(regions: list[CacheRegion], backend: str = "terrace", **arguments: Any) -> CacheRegion:
    region = make_region().configure(backend, expiration_time=3600, arguments=arguments)
    regions.append(region)
    return region


def test_the_backends_are_registered() -> None:
    found = {point.name: point.load() for point in importlib.metadata.entry_points(group="dogpile.cache") if point.name.startswith("terrace")}
    assert found == {"terrace": TerraceBackend, "terrace_pickle": TerracePickleBackend}


def test_a_region_in_memory_keeps_the_objects(regions: list[CacheRegion], name: str) -> None:
    region, value = region_of(regions, name=name), object()
    region.set("k", value)
    assert region.get("k") is value and region.get("no") is NO_VALUE
    region.delete("k")
    assert region.get("k") is NO_VALUE


def test_values_over_redis(regions: list[CacheRegion], name: str, redis_server: RedisServer) -> None:
    value = {"a": (1, datetime.date(2026, 1, 1)), "b": [None, b"x"]}
    one, two = (region_of(regions, name=name, url=redis_server.url) for _ in range(2))
    one.set("k", value)
    one.set_multi({"x": 1, "y": "2"})
    assert two.get("k") == value and two.get_multi(["x", "no", "y"]) == [1, NO_VALUE, "2"]
    two.delete_multi(["x", "k"])
    assert two.get("x") is NO_VALUE
    found: list[Any] = []
    assert two.get_or_create("made", lambda: found.append(1) or [7]) == [7] and one.get_or_create("made", lambda: 1 // 0) == [7]
    assert found == [1]


class Point:
    def __init__(self, x: int) -> None:
        self.x = x


def test_pickled_values_are_sealed(regions: list[CacheRegion], name: str, redis_server: RedisServer) -> None:
    ring = terrace.generate_keys()
    with pytest.raises(terrace.ConfigError, match="key_ring"):
        make_region().configure("terrace_pickle", arguments={"url": redis_server.url})
    sealed = region_of(regions, "terrace_pickle", name=name, url=redis_server.url, key_ring=ring)
    sealed.set("k", Point(3))
    again = region_of(regions, "terrace_pickle", name=name, url=redis_server.url, key_ring=ring)
    assert again.get("k").x == 3 and again.get("k") is not again.get("k")
    with redis.Redis.from_url(redis_server.url) as client:
        assert not [key for key in client.keys("*") if client.type(key) == b"string" and b"Point" in client.get(key)]
    trusting = region_of(regions, "terrace_pickle", name=name + "t", url=redis_server.url, trusted_pickle=True)
    trusting.set("k", Point(4))
    assert trusting.get("k").x == 4
    memory = region_of(regions, "terrace_pickle", name=name)
    memory.set("k", Point(5))
    assert memory.get("k").x == 5


def test_wrong_arguments() -> None:
    with pytest.warns(UserWarning, match="'hots' has no effect.*lock_timeout"):
        TerraceBackend({"hots": "localhost"}).close()
    for arguments in ({"url": "redis://a", "tiers": ["redis://a"]}, {"cache": {}}, {"ttl": -1}, {"url": "nothing://x"}):
        with pytest.raises(terrace.ConfigError):
            TerraceBackend(arguments).get("k")


def test_a_configuration_file(regions: list[CacheRegion], name: str, redis_server: RedisServer) -> None:
    region = make_region().configure_from_config(
        {"cache.backend": "terrace", "cache.expiration_time": "60", "cache.arguments.url": redis_server.url, "cache.arguments.name": name,
         "cache.arguments.memory": "500", "cache.arguments.lock_timeout": "30", "cache.arguments.ttl": "3600"}, "cache.")
    regions.append(region)
    region.set("k", 1)
    assert region.get("k") == 1 and region.actual_backend.cache.max_entries == 500


def test_a_cache_of_the_program(name: str) -> None:
    with terrace.Cache(name) as cache:
        region = make_region().configure("terrace", arguments={"cache": cache})
        region.set("k", 1)
        region.actual_backend.close()
        assert "k" in cache  # it is the program's, so it is open


def test_without_locks_between_processes(regions: list[CacheRegion], name: str) -> None:
    region = region_of(regions, name=name, distributed_lock=False)
    assert region.actual_backend.get_mutex("k") is None and region.get_or_create("k", lambda: 1) == 1


def test_values_are_made_while_redis_is_away(regions: list[CacheRegion], name: str, own_redis: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    region = region_of(regions, name=name, url=own_redis.url, memory=None)
    own_redis.stop()
    mutex = region.actual_backend.get_mutex("k")
    with caplog.at_level(logging.WARNING, "terrace.dogpile"):
        assert mutex.acquire() is True and mutex.locked() is True
        mutex.release()
    assert "no lock between processes" in caplog.text
    with pytest.raises(terrace.TerraceError):
        region.set("k", 1)


def test_a_mutex(regions: list[CacheRegion], name: str, redis_server: RedisServer) -> None:
    one, two = (region_of(regions, name=name, url=redis_server.url).actual_backend for _ in range(2))
    mine, theirs = one.get_mutex("k"), two.get_mutex("k")
    assert mine.acquire() is True and theirs.acquire(False) is False and theirs.locked() is True
    waiter = threading.Thread(target=theirs.acquire)
    waiter.start()
    mine.release()
    waiter.join(20)
    assert not waiter.is_alive() and mine.acquire(False) is False
    theirs.release()
    assert one.has_lock_timeout()


PROGRAM = """
import sys, threading, redis
from dogpile.cache import make_region

region = make_region().configure("terrace", expiration_time=60, arguments={"url": sys.argv[1], "name": "creators"})
client = redis.Redis.from_url(sys.argv[1])


def create():
    client.incr("created")
    return client.incr("running") and client.decr("running")


def run():
    client.incr("here")
    while int(client.get("here")) < 8:
        pass
    for number in range(25):
        region.get_or_create(f"k{number}", create)


threads = [threading.Thread(target=run) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_one_process_makes_a_value(redis_server: RedisServer) -> None:
    running = [subprocess.Popen([sys.executable, "-c", PROGRAM, redis_server.url], stderr=subprocess.PIPE, text=True) for _ in range(2)]
    ended = [process.communicate(timeout=60) for process in running]
    assert all(process.returncode == 0 for process in running), ended
    with redis.Redis.from_url(redis_server.url) as client:
        assert int(client.get("created")) == 25
