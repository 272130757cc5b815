"""A server that goes away and comes back is in the log, once each."""

from __future__ import annotations

import logging
import pathlib
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
import terrace
from servers import PostgresServer, RedisServer, free_port


class Lines(logging.Handler):
    """What the logger "terrace" was told. expect() waits for a line."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.news = threading.Condition()

    def emit(self, record: logging.LogRecord) -> None:
        with self.news:
            self.lines.append(f"{record.levelname} {record.getMessage()}")
            self.news.notify_all()

    def expect(self, words: str) -> None:
        with self.news:
            assert self.news.wait_for(lambda: self.count(words) > 0, 60), (words, self.lines)

    def count(self, words: str) -> int:
        return sum(words in line for line in self.lines)


@pytest.fixture
def log() -> Iterator[Lines]:
    listener = Lines()
    logger = logging.getLogger("terrace")
    logger.addHandler(listener)
    yield listener
    logger.removeHandler(listener)


def goes_and_returns(server: RedisServer | PostgresServer, name: str, log: Lines, cache: terrace.Cache[int]) -> None:
    cache["a"] = 1
    assert log.count(name) == 0
    server.stop()
    log.expect(f"WARNING {name} is away")
    for _ in range(50):
        assert cache.get("nothing") is None
    server.start()
    log.expect(f"WARNING {name} is back after")
    assert cache.get_or_load("b", lambda: 2) == 2
    assert log.count(f"{name} is away") == log.count(f"{name} is back") == 1, log.lines


def test_a_redis_that_is_stopped_and_started_is_logged_once_each(own_redis: RedisServer, log: Lines) -> None:
    tier = terrace.Tier(own_redis.url)
    with terrace.Cache[int]("one", tiers=[tier]) as cache, terrace.Cache[int]("two", tiers=[tier]):
        goes_and_returns(own_redis, f"Redis 127.0.0.1:{own_redis.port}", log, cache)
    tier.close()


def test_a_postgresql_that_is_stopped_and_started_is_logged_once_each(own_postgres: PostgresServer, log: Lines) -> None:
    with terrace.Cache[int]("one", tiers=[own_postgres.url], tier_timeout=5) as cache:
        goes_and_returns(own_postgres, f"PostgreSQL 127.0.0.1:{own_postgres.port}/postgres", log, cache)


def test_the_program_tells_it_on_standard_error_alone(tmp_path: pathlib.Path) -> None:
    """Standard output is for what programs read: the address of `serve`, JSON of the others."""
    file = tmp_path / "terrace.toml"
    file.write_text(f'[admin]\nlisten = "127.0.0.1:0"\n[caches.users]\ntiers = ["redis://127.0.0.1:{free_port()}"]\n')
    program = [sys.executable, "-m", "terrace"]
    once = subprocess.run([*program, "get", "users", "42", "--config", str(file)], capture_output=True, text=True, timeout=60)
    assert once.returncode == 1 and once.stdout == "" and once.stderr.count("cannot connect") == 1
    with subprocess.Popen([*program, "serve", "--config", str(file)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as served:
        assert served.stdout is not None and served.stderr is not None
        assert served.stdout.readline().startswith("http://127.0.0.1:")
        for line in served.stderr:
            if "is away: cannot connect" in line:
                break
        else:
            pytest.fail("serve says nothing of the Redis that is away")
        served.terminate()
        assert served.stdout.read() == ""
