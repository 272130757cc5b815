"""Fixtures: servers for the whole run, emptied for each test that asks for them."""

from __future__ import annotations

import contextlib
import pathlib
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, TypeVar

import pytest
import redis
import terrace
from servers import PostgresServer, RedisServer

ROOT = pathlib.Path(__file__).resolve().parents[2]


AnyServer = TypeVar("AnyServer", RedisServer, PostgresServer)


@contextlib.contextmanager
def running(server: AnyServer) -> Iterator[AnyServer]:
    """Starts it, and removes it with all that it holds at the end, also when it does not start."""
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def root() -> pathlib.Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[RedisServer]:
    with running(RedisServer()) as server:
        yield server


@pytest.fixture
def redis_server(shared_redis: RedisServer) -> RedisServer:
    """A running, empty Redis: .url, .socket. Tests that stop a server start one of their own (own_redis)."""
    with redis.Redis.from_url(shared_redis.url) as client:
        client.flushall()
    return shared_redis


@pytest.fixture
def cache() -> Iterator[terrace.Cache[Any]]:
    """In memory alone."""
    with terrace.Cache("mine") as made:
        yield made


@pytest.fixture
def shared(redis_server: RedisServer) -> Iterator[terrace.Cache[Any]]:
    """Over a tier that other processes have, too."""
    with terrace.Cache("shared", tiers=[redis_server.url]) as made:
        yield made


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A running Redis that the test may stop() and start()."""
    with running(RedisServer()) as server:
        yield server


@pytest.fixture(scope="session")
def tls_redis() -> Iterator[RedisServer]:
    """A Redis that speaks TLS alone: .url, .certificate."""
    with running(RedisServer(tls=True)) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A running PostgreSQL: .url."""
    with running(PostgresServer()) as server:
        yield server


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A running PostgreSQL that the test may change and stop."""
    with running(PostgresServer()) as server:
        yield server


@pytest.fixture(scope="session")
def wheel(root: pathlib.Path) -> pathlib.Path:
    (only,) = (root / "build/wheel").glob("*.whl")
    return only


@pytest.fixture(scope="session")
def empty_environment(wheel: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A virtual environment with the wheel and what it asks for, and nothing else."""
    folder = tmp_path_factory.mktemp("empty") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    subprocess.run([str(folder / "bin/pip"), "install", "-q", "--disable-pip-version-check", str(wheel)], check=True)
    return folder
