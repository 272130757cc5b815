"""The fixtures' servers answer, and the extension module reaches them."""

from __future__ import annotations

import redis
from servers import PostgresServer, RedisServer
from terrace import _core


def test_redis(redis_server: RedisServer) -> None:
    with redis.Redis.from_url(redis_server.url) as client:
        assert client.dbsize() == 0
        assert _core.round_trip(redis_server.url, "k", "v") == "v"
        assert _core.round_trip(f"unix://{redis_server.socket}", "k", "w") == "w"
        assert client.dbsize() > 0


def test_a_redis_that_stops_and_starts(own_redis: RedisServer) -> None:
    own_redis.stop()
    assert _core.round_trip(own_redis.url, "k", "v") is None
    own_redis.start()
    assert _core.round_trip(own_redis.url, "k", "v") == "v"


def test_postgres(postgres_server: PostgresServer) -> None:
    assert _core.round_trip(postgres_server.url, "k", "v") == "v"
