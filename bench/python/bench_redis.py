"""Reads that end in Redis: terrace without a memory level against redis-py with hiredis and the hand-written classes. Starts a
server of its own.

A virtual processor that sleeps takes some 50 µs to wake, more than a whole read: beside the benchmark a process on each, of the
scheduling class for idle time, keeps them awake. `--sleepy` leaves that out."""

from __future__ import annotations

import asyncio
import os
import pathlib
import signal
import socket
import sys
import threading
import time
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests/python"))

import by_hand
import redis
import redis.asyncio
import redis.cache
import terrace
from servers import RedisServer
from terrace.patterns import L2Cache
from turns import Contestant, Table, medians, quick

TIMES, ROUNDS = (200, 3) if quick() else (4_000, 15)
KEY = "user:12345"
TEXT = "x" * 100
RECORD = {"id": 12345, "name": "Ada Lovelace", "scores": [1.5, 2.0, 2.5], "active": True}


def getter(get: Any, key: str) -> Any:
    def run(times: int) -> None:
        for _ in range(times):
            get(key)

    return run


def threaded(get: Any, threads: int) -> Any:
    """times calls in all."""

    def run(times: int) -> None:
        each = [threading.Thread(target=getter(get, KEY), args=(times // threads,)) for _ in range(threads)]
        for thread in each:
            thread.start()
        for thread in each:
            thread.join()

    return run


def bare(url: str) -> Any:
    """The least that a round trip takes here."""
    plain = socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])))
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    request = f"*2\r\n$3\r\nGET\r\n${len(KEY)}\r\n{KEY}\r\n".encode()

    def run(times: int) -> None:
        for _ in range(times):
            plain.sendall(request)
            plain.recv(4096)

    return run


def tasks(make: Any, under_way: int) -> Any:
    """times calls in all, so many at once; `make` gives an awaitable get in the running loop."""

    def run(times: int) -> None:
        async def main() -> None:
            get, close = await make()

            async def some() -> None:
                for _ in range(times // under_way):
                    await get(KEY)

            await asyncio.gather(*[some() for _ in range(under_way)])
            await close()

        asyncio.run(main())

    return run


def client_side_cached(url: str) -> Any:
    """None, and a word why, where the server is too old for it."""
    client = redis.Redis.from_url(url, protocol=3, cache_config=redis.cache.CacheConfig())
    try:
        client.get(KEY)
        return client
    except redis.ConnectionError as error:
        print(f"redis-py's client-side caching: not measured: {error}")
        return None


def main(url: str) -> None:
    client = redis.Redis.from_url(url)
    cached = client_side_cached(url)
    cache: terrace.Cache[Any] = terrace.Cache("bench", memory=None, tiers=[url])
    pattern, hand = L2Cache(url, "pattern:"), by_hand.L2(client, "hand:")
    client.set(KEY, TEXT)
    cache[KEY] = TEXT
    cache["record"] = RECORD
    pattern.set(KEY, RECORD)
    hand.set(KEY, RECORD)
    contestants = [Contestant("terrace", getter(cache.get, KEY)), Contestant("terrace record", getter(cache.get, "record")),
                   Contestant("redis-py", getter(client.get, KEY)), Contestant("pattern", getter(pattern.get, KEY)), Contestant("hand", getter(hand.get, KEY)),
                   Contestant("socket", bare(url))]
    if cached is not None:
        contestants.append(Contestant("redis-py cached", getter(cached.get, KEY)))
    for title, clock in (("A read that ends in Redis, one thread, on the clock", time.perf_counter),
                         ("The same, processor time of the thread: what the client costs", time.thread_time)):
        compare(title, medians(contestants, TIMES, ROUNDS, clock))

    by_name = medians([Contestant("terrace", threaded(cache.get, 8)), Contestant("redis-py", threaded(client.get, 8))], TIMES, ROUNDS)
    table = Table("Eight threads: time for each of all reads")
    table.line("terrace", by_name["terrace"])
    table.at_least("redis-py with hiredis", by_name["redis-py"], by_name["terrace"], 1.5)

    async def ours() -> Any:
        async def close() -> None:
            pass

        return cache.aget, close

    async def theirs() -> Any:
        other = redis.asyncio.Redis.from_url(url)
        return other.get, other.aclose

    by_name = medians([Contestant("terrace", tasks(ours, 64)), Contestant("redis-py", tasks(theirs, 64))], TIMES, ROUNDS)
    table = Table("asyncio, 64 tasks: time for each of all reads")
    table.line("terrace", by_name["terrace"])
    table.at_least("redis.asyncio with hiredis", by_name["redis-py"], by_name["terrace"], 1.5)
    cache.close()


def compare(title: str, by_name: dict[str, float]) -> None:
    table = Table(title)
    table.line("a bare socket, no client at all", by_name["socket"])
    table.line("terrace, 100 bytes of text", by_name["terrace"])
    table.at_least("redis-py with hiredis, the same", by_name["redis-py"], by_name["terrace"], 1.5)
    table.line("terrace, a dict of four", by_name["terrace record"])
    table.at_least("L2Cache by hand, a dict of four, against terrace get", by_name["hand"], by_name["terrace record"], 2)
    table.line("terrace.patterns.L2Cache, a dict of four", by_name["pattern"])
    table.at_least("L2Cache by hand, against terrace.patterns", by_name["hand"], by_name["pattern"], 2)
    if "redis-py cached" in by_name:
        table.line("redis-py with client-side caching (answers from memory)", by_name["redis-py cached"])


def keep_awake() -> list[int]:
    """A process for each processor that runs when nobody else wants to."""
    spinners = []
    for _ in range(os.cpu_count() or 1):
        child = os.fork()
        if child == 0:
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
            parent = os.getppid()
            while os.getppid() == parent:
                for _ in range(1_000_000):
                    pass
            os._exit(0)
        spinners.append(child)
    return spinners


if __name__ == "__main__":
    spinners = [] if "--sleepy" in sys.argv or quick() else keep_awake()
    server = RedisServer()
    try:
        server.start()
        main(server.url)
    finally:
        server.remove()
        for spinner in spinners:
            os.kill(spinner, signal.SIGKILL)
            os.waitpid(spinner, 0)
