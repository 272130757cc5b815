"""dogpile.cache's tests of a backend, on the backends of terrace, over memory, Redis, and both."""

import os

import pytest
import terrace
from dogpile.cache.api import CacheBackend
from dogpile.testing.fixtures import _GenericBackendTestSuite, _GenericMutexTestSuite, _GenericSerializerTestSuite

URL = os.environ["TERRACE_PEERS_REDIS"]
RING = terrace.generate_keys()
MEMORY = {"name": "memory"}
REDIS = {"name": "redis", "url": URL, "memory": None}
BOTH = {"name": "both", "url": URL}


@pytest.fixture(autouse=True)
def close_backends(monkeypatch):
    """The suites make a backend for each test, and close none."""
    made = []
    from terrace.dogpile import TerraceBackend

    begin = TerraceBackend.__init__

    def noted(self, arguments):
        begin(self, arguments)
        made.append(self)

    monkeypatch.setattr(TerraceBackend, "__init__", noted)
    yield
    for backend in made:
        backend.close()


class Memory:
    backend = "terrace"
    config_args = {"arguments": MEMORY}


class Redis:
    backend = "terrace"
    config_args = {"arguments": REDIS}


class Both:
    backend = "terrace"
    config_args = {"arguments": BOTH}


class PickledOverBoth:
    backend = "terrace_pickle"
    config_args = {"arguments": {**BOTH, "name": "pickled", "key_ring": RING}}


class TestMemory(Memory, _GenericBackendTestSuite):
    pass


class TestRedis(Redis, _GenericBackendTestSuite):
    pass


class TestBoth(Both, _GenericBackendTestSuite):
    pass


class TestPickledOverBoth(PickledOverBoth, _GenericBackendTestSuite):
    pass


class TestMemorySerialized(Memory, _GenericSerializerTestSuite, _GenericBackendTestSuite):
    pass


class TestBothSerialized(Both, _GenericSerializerTestSuite, _GenericBackendTestSuite):
    pass


class TestPickledSerialized(PickledOverBoth, _GenericSerializerTestSuite, _GenericBackendTestSuite):
    pass


class TestMemoryMutex(Memory, _GenericMutexTestSuite):
    pass


class TestRedisMutex(Redis, _GenericMutexTestSuite):
    pass


class TestBothMutex(Both, _GenericMutexTestSuite):
    pass


def test_the_suites_are_about_backends_of_dogpile():
    from terrace.dogpile import TerraceBackend

    assert issubclass(TerraceBackend, CacheBackend)
