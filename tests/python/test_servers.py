"""The fixtures' servers answer, and the extension module reaches them."""

from __future__ import annotations

import socket

import pytest
import redis
import terrace
from servers import PostgresServer, RedisServer


def round_trip(url: str, value: str) -> object:
    """What one cache stores, another one reads."""
    with terrace.Cache("trip", memory=None, tiers=[url], tier_timeout=5) as writer:
        writer["k"] = value
    with terrace.Cache("trip", memory=None, tiers=[url], tier_timeout=5) as reader:
        return reader.get("k")


def test_redis(redis_server: RedisServer) -> None:
    with redis.Redis.from_url(redis_server.url) as client:
        assert client.dbsize() == 0
        assert round_trip(redis_server.url, "v") == "v"
        assert round_trip(f"unix://{redis_server.socket}", "w") == "w"
        assert client.dbsize() > 0


def test_a_redis_that_stops_and_starts(own_redis: RedisServer) -> None:
    own_redis.stop()
    with pytest.raises(terrace.WriteError, match="redis"):
        round_trip(own_redis.url, "v")
    own_redis.start()
    assert round_trip(own_redis.url, "v") == "v"


def test_a_server_that_does_not_start_says_why() -> None:
    server = RedisServer()
    try:
        with socket.create_server(("127.0.0.1", server.port)), pytest.raises(RuntimeError, match="Address already in use"):
            server.start()
    finally:
        server.remove()


def test_postgres(postgres_server: PostgresServer) -> None:
    assert round_trip(postgres_server.url, "v") == "v"
