"""What CACHES may say, and which errors it gets; the key ring that is made from SECRET_KEY."""

from __future__ import annotations

import base64
import json
import pathlib
import pickle
from typing import Any

import django_settings  # noqa: F401
import pytest
import redis
from django.core.cache.backends.base import InvalidCacheBackendError
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings
from servers import PostgresServer, RedisServer
from terrace import generate_keys
from terrace.django import TerraceCache
from terrace.django._options import configured, ring_of_secret_keys
from test_django import unique

assert issubclass(InvalidCacheBackendError, ImproperlyConfigured)


@pytest.mark.parametrize(
    ("location", "levels"),
    [
        ("", ()),
        ("a-name", ()),
        ("redis://localhost", ("redis://localhost",)),
        ("redis://localhost:6379?db=1", ("redis://localhost:6379/1",)),
        ("redis://u:p@localhost:6379/?db=1", ("redis://u:p@localhost:6379/1",)),
        ("valkey://localhost/2", ("redis://localhost/2",)),
        ("valkeys://localhost", ("rediss://localhost",)),
        ("valkey-cluster://a:1,b:2", ("redis-cluster://a:1,b:2",)),
        ("sharded:a=valkey://x,b=valkeys://y", ("sharded:a=redis://x,b=rediss://y",)),
        (["redis://localhost", "sqlite:a.db"], ("redis://localhost", "sqlite:a.db")),
        (pathlib.Path("a.db"), (pathlib.Path("a.db"),)),
        ("redis://user:valkey-secret@localhost", ("redis://user:valkey-secret@localhost",)),
    ],
)
def test_locations(location: Any, levels: tuple[Any, ...]) -> None:
    assert configured(location, {}).levels == levels


@pytest.mark.parametrize(
    ("location", "options", "says"),
    [
        ("", {"memroy": 5}, "OPTIONS['memroy'].*not known.*memory"),
        ("", {"CLIENT_CLASS": "x"}, "CLIENT_CLASS.*sharded:"),
        ("", {"PASSWORD": "x"}, "PASSWORD.*into the URL"),
        ("", {"COMPRESSOR": "x"}, "compress_above"),
        ("", {"MAX_ENTRIES": "many"}, "MAX_ENTRIES.*many"),
        ("", {"MAX_ENTRIES": 5, "memory": 5}, "both bound"),
        ("", {"serializer": "json", "SERIALIZER": "json"}, "the same"),
        ("", {"serializer": object()}, "dumps"),
        (["redis://a", "redis://b"], {}, "several Redis servers"),
        ("redis://a,redis://b", {}, "several Redis servers"),
        ("redis://a;redis://b", {}, "several Redis servers"),
        ("redis://a", {"key_ring": None}, "trusted_pickle"),
        ("redis://a", {"key_ring": "x", "trusted_pickle": True}, "one of them"),
        ("", {"memory": -1}, "memory"),
        ("", {"tier_timeout": "1s"}, "tier_timeout"),
        ("", {"consistency": "very"}, "consistency"),
        ("", {"namespace": "no/slash"}, "name"),
        ("nothing://x", {}, "nothing"),
    ],
)
def test_what_is_not_understood_is_refused(location: Any, options: dict[str, Any], says: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=says.replace("[", r"\[").replace("]", r"\]")):
        TerraceCache(location, {"OPTIONS": options}).get("k")


def test_the_timeout_is_not_shortened_at_random(redis_server: RedisServer) -> None:
    backend = TerraceCache(redis_server.url, {"OPTIONS": {"namespace": unique()}})
    for number in range(20):
        backend.set(f"k{number}", 1, 1000)
        assert backend.ttl(f"k{number}") in (999, 1000)


def test_levels_of_other_kinds(redis_server: RedisServer, postgres_server: PostgresServer, tmp_path: pathlib.Path) -> None:
    valkey = redis_server.url.replace("redis", "valkey", 1)
    for levels in ([valkey, tmp_path / "a.db"], f"sqlite:{tmp_path}/b.db", postgres_server.url):
        backend = TerraceCache(levels, {"OPTIONS": {"namespace": unique(), "memory": None}})
        backend.set("k", [1])
        assert backend.get("k") == [1] and backend.incr("n", 2, ignore_key_check=True) == 2
        assert backend.add("k", 2) is False and backend.touch("k", 50) is True and backend.ttl("k") in (49, 50)
        assert backend.get_many(["k", "n"]) == {"k": [1], "n": 2}


class Reversed:
    """As the serializers of Django and django-redis: a class."""

    def dumps(self, value: Any) -> bytes:
        return json.dumps(value).encode()[::-1]

    def loads(self, data: bytes) -> Any:
        return json.loads(data[::-1])


@pytest.mark.parametrize("serializer", [Reversed, Reversed(), f"{__name__}.Reversed", json])
def test_a_serializer_of_the_program(redis_server: RedisServer, serializer: Any) -> None:
    name = unique()
    backend = TerraceCache(redis_server.url, {"OPTIONS": {"namespace": name, "serializer": serializer, "key_ring": None}})
    backend.set("k", {"a": [1]})
    assert backend.get("k") == {"a": [1]}
    with redis.Redis.from_url(redis_server.url) as client:
        (stored,) = [client.get(key) for key in client.keys("*") if b"k" in key and client.type(key) == b"string"]
    assert serializer is not json or b'{"a": [1]}' in stored
    with pytest.raises(TypeError):
        backend.set("k", {1, 2})


# --- sealed by SECRET_KEY ---


def entries(server: RedisServer, part: bytes) -> dict[bytes, bytes]:
    with redis.Redis.from_url(server.url) as client:
        return {key: client.get(key) for key in client.keys("*") if part in key and client.type(key) == b"string"}


def reader(server: RedisServer, name: str, **options: Any) -> TerraceCache:
    return TerraceCache(server.url, {"OPTIONS": {"namespace": name, "memory": None, **options}})


def test_what_redis_holds_is_sealed(redis_server: RedisServer) -> None:
    name = unique()
    reader(redis_server, name).set("k", {"secret": "nobody else reads this"})
    assert all(b"nobody" not in stored for stored in entries(redis_server, b"1:k").values())
    with override_settings(SECRET_KEY="another"):
        assert reader(redis_server, name).get("k") is None
    with override_settings(SECRET_KEY="another", SECRET_KEY_FALLBACKS=["a secret of the tests"]):
        assert reader(redis_server, name).get("k") == {"secret": "nobody else reads this"}
    assert reader(redis_server, name, key_ring=generate_keys()).get("k") is None


ran: list[int] = []


def run() -> list[int]:
    ran.append(1)
    return ran


class Attack:
    def __reduce__(self) -> Any:
        return run, ()


def test_a_pickle_of_someone_else_does_not_run(redis_server: RedisServer) -> None:
    name = unique()
    victim = reader(redis_server, name)
    victim.set("k", ["mine"])
    attacker = reader(redis_server, name + "-other", trusted_pickle=True)  # can write to Redis, and has no key
    attacker.set("k", Attack())
    (mine,), (theirs,) = ([key for key in entries(redis_server, b":1:k") if part in key and (b"-other" in key) == other]
                          for part, other in ((name.encode(), False), (name.encode(), True)))
    with redis.Redis.from_url(redis_server.url) as client:
        client.set(mine, client.get(theirs))
    assert victim.get("k", "missing") == "missing" and victim.get_many(["k"]) == {} and ran == []
    attacker.get("k")
    assert ran == [1]  # it would have worked without the key ring


def test_the_ring_of_the_secret_key() -> None:
    with override_settings(SECRET_KEY="one"):
        first = ring_of_secret_keys()
        assert first == ring_of_secret_keys() and first.count("\n") == 1
    with override_settings(SECRET_KEY="two", SECRET_KEY_FALLBACKS=["one", "two"]):
        second = ring_of_secret_keys()
    lines = [line.split() for line in second.splitlines()]
    assert [line[1] for line in lines] == ["primary", "secondary"] and lines[1][::2] == first.split()[::2]
    assert all(len(base64.b64decode(line[2])) == 32 and 0 < int(line[0]) < 2**32 for line in lines)


def test_trusted_pickles_are_as_pickle_makes_them(redis_server: RedisServer) -> None:
    name = unique()
    reader(redis_server, name, trusted_pickle=True).set("k", ["v"])
    (stored,) = [value for key, value in entries(redis_server, b":1:k").items() if name.encode() in key]
    assert pickle.dumps(["v"], pickle.HIGHEST_PROTOCOL) in stored
