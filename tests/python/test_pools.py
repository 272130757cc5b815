"""Clients of redis-py as tiers: the server that they mean, or a refusal; never another one by chance."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest
import redis
import redis.asyncio
import redis.asyncio.sentinel
import redis.sentinel
import terrace
from servers import RedisServer
from terrace._pools import url_of_pool


class OwnConnection(redis.Connection):
    """Finds its server by means of its own."""


class OwnPool(redis.ConnectionPool):
    pass


class OwnAsyncConnection(redis.asyncio.Connection):
    pass


TAKEN = [
    (lambda: redis.Redis(), "redis://localhost:6379/0"),
    (lambda: redis.Redis(host="h", port=7000, db=3), "redis://h:7000/3"),
    (lambda: redis.Redis(host="::1", db="4"), "redis://[::1]:6379/4"),
    (lambda: redis.Redis(host="h", username="a@b", password="p/:w"), "redis://a%40b:p%2F%3Aw@h:6379/0"),
    (lambda: redis.Redis(host="h", ssl=True), "rediss://h:6379/0"),
    (lambda: redis.Redis(unix_socket_path="/run/a?b.sock", db=2), "unix:///run/a%3Fb.sock?db=2"),
    (lambda: redis.from_url("unix:///run/redis.sock?db=1"), "unix:///run/redis.sock?db=1"),
    (lambda: redis.from_url("rediss://h:6380/5"), "rediss://h:6380/5"),
    (lambda: redis.ConnectionPool(host="h"), "redis://h:6379/0"),
    (lambda: redis.BlockingConnectionPool(host="h", max_connections=3), "redis://h:6379/0"),
    (lambda: redis.ConnectionPool.from_url("redis://u:p@h/7"), "redis://u:p@h:6379/7"),
    (lambda: redis.Redis(connection_pool=redis.BlockingConnectionPool(host="h")), "redis://h:6379/0"),
    (lambda: redis.asyncio.Redis(host="h", db=1), "redis://h:6379/1"),
    (lambda: redis.asyncio.Redis(unix_socket_path="/run/redis.sock"), "unix:///run/redis.sock?db=0"),
    (lambda: redis.asyncio.from_url("rediss://h"), "rediss://h:6379/0"),
    (lambda: redis.asyncio.BlockingConnectionPool(host="h"), "redis://h:6379/0"),
    (lambda: redis.Redis(host="h").pipeline(), "redis://h:6379/0"),
]


@pytest.mark.parametrize("make, url", TAKEN, ids=[f"{n}-{url}" for n, (_, url) in enumerate(TAKEN)])
def test_a_pool_is_the_server_that_it_names(make: Any, url: str) -> None:
    assert url_of_pool(make()) == url
    terrace.Tier(url)


def cluster() -> Any:
    with mock.patch.object(redis.RedisCluster, "__init__", lambda self: None):
        made = redis.RedisCluster()
    return made


REFUSED = [
    (lambda: redis.sentinel.Sentinel([("10.0.0.1", 26379)]).master_for("m", db=3), "does not ask a Sentinel"),
    (lambda: redis.sentinel.Sentinel([("10.0.0.1", 26379)]).slave_for("m"), "does not ask a Sentinel"),
    (lambda: redis.sentinel.Sentinel([("10.0.0.1", 26379)]).master_for("m", ssl=True), "does not ask a Sentinel"),
    (lambda: redis.sentinel.Sentinel([("10.0.0.1", 26379)]), "Sentinel is no tier"),
    (lambda: redis.asyncio.sentinel.Sentinel([("10.0.0.1", 26379)]).master_for("m"), "does not ask a Sentinel"),
    (lambda: redis.asyncio.RedisCluster(host="h"), "redis-cluster://"),
    (cluster, "redis-cluster://"),
    (lambda: redis.Redis(connection_pool=OwnPool(host="h")), "OwnPool|Redis is no tier"),
    (lambda: OwnPool(host="h"), "OwnPool is no tier"),
    (lambda: redis.ConnectionPool(connection_class=OwnConnection), "a pool of .*OwnConnection"),
    (lambda: redis.asyncio.ConnectionPool(connection_class=OwnAsyncConnection), "a pool of .*OwnAsyncConnection"),
    (lambda: redis.ConnectionPool(host="h", redis_connect_func=print), "redis_connect_func"),
    (lambda: redis.Redis(host="h", credential_provider=redis.UsernamePasswordCredentialProvider("a", "b")), "credential_provider"),
    (lambda: redis.ConnectionPool(connection_class=redis.UnixDomainSocketConnection), "no path of a Unix socket"),
    (lambda: redis.ConnectionPool(host=None), "host is None"),
    (lambda: redis.Redis(ssl=True, ssl_cert_reqs="none"), "ssl_cert_reqs='none'"),
    (lambda: redis.Redis(ssl=True, ssl_check_hostname=False), "ssl_check_hostname=False"),
    (lambda: redis.Redis(ssl=True, ssl_ca_certs="/ca.pem"), "ssl_ca_certs"),
    (lambda: redis.Redis(ssl=True, ssl_ciphers="ALL"), "ssl_ciphers"),
    (lambda: mock.Mock(), "Mock is no tier"), (lambda: mock.Mock(spec=redis.Redis), "is no tier"),
    (lambda: {"host": "h"}, "dict is no tier"), (lambda: None, "NoneType is no tier"), (lambda: 6379, "int is no tier"),
]


@pytest.mark.parametrize("make, words", REFUSED, ids=[f"{n}-{words}" for n, (_, words) in enumerate(REFUSED)])
def test_what_no_url_can_say_is_refused(make: Any, words: str) -> None:
    given = make()
    with pytest.raises(terrace.ConfigError, match=words) as refused:
        url_of_pool(given)
    assert "give" in str(refused.value)
    with pytest.raises(terrace.ConfigError):
        terrace.Cache("pools", tiers=[given])


def test_a_blocking_pool_and_a_socket_reach_the_server(redis_server: RedisServer) -> None:
    given = [redis.BlockingConnectionPool.from_url(redis_server.url), redis.Redis(unix_socket_path=redis_server.socket)]
    for number, one in enumerate(given):
        cache = terrace.Cache[int]("taken-over", memory=None, tiers=[one])
        cache["k"] = number
        assert cache["k"] == number
        cache.close()
