"""Counting and locking in Redis: atomic operations of terrace.Cache against redis-py. Starts a server of its own, and keeps the
processors awake as bench_redis.py does (`--sleepy` leaves that out)."""

from __future__ import annotations

import os
import pathlib
import signal
import sys
from typing import Any, Callable

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests/python"))

import redis
import terrace
from bench_redis import keep_awake
from servers import RedisServer
from turns import Contestant, Table, medians, quick

TIMES, ROUNDS = (100, 3) if quick() else (1_000, 15)


def repeated(call: Callable[[], Any]) -> Callable[[int], object]:
    return lambda times: [call() for _ in range(times)]


def counting(url: str, client: redis.Redis) -> None:
    alone = terrace.Cache[int]("alone", memory=None, tiers=[url])
    both, memory = terrace.Cache[int]("both", tiers=[url]), terrace.Cache[int]("memory")
    ns = medians([Contestant("redis-py", repeated(lambda: client.incr("n"))),
                  Contestant("alone", repeated(lambda: alone.increment("n", initial=0))),
                  Contestant("both", repeated(lambda: both.increment("n", initial=0))),
                  Contestant("memory", repeated(lambda: memory.increment("n", initial=0))),
                  Contestant("get", repeated(lambda: alone.get("n"))), Contestant("set", repeated(lambda: alone.set("s", 1)))], TIMES, ROUNDS)
    table = Table("increment")
    table.line("redis-py's incr", ns["redis-py"])
    table.at_most("terrace, Redis alone, against redis-py", ns["alone"], ns["redis-py"], 1.3)
    table.at_most("terrace, memory and Redis, against redis-py", ns["both"], ns["redis-py"], 1.3)
    table.line("terrace, memory alone", ns["memory"])
    table.line("terrace's get, Redis alone", ns["get"])
    table.line("terrace's set, Redis alone", ns["set"])


def locking(url: str, client: redis.Redis) -> None:
    cache = terrace.Cache[int]("locks", memory=None, tiers=[url])

    def peer() -> None:
        with client.lock("l", timeout=60):
            pass

    def ours() -> None:
        with cache.lock("l", 60):
            pass

    ns = medians([Contestant("redis-py", repeated(peer)), Contestant("ours", repeated(ours))], TIMES // 2, ROUNDS)
    table = Table("a lock: acquire and release")
    table.line("redis-py's lock", ns["redis-py"])
    table.at_most("terrace, against redis-py", ns["ours"], ns["redis-py"], 1.3)


if __name__ == "__main__":
    spinners = [] if "--sleepy" in sys.argv or quick() else keep_awake()
    server = RedisServer()
    try:
        server.start()
        with redis.Redis.from_url(server.url) as client:
            counting(server.url, client)
            locking(server.url, client)
    finally:
        server.stop()
        for spinner in spinners:
            os.kill(spinner, signal.SIGKILL)
