"""A server that makes its cache first and forks its workers then: each has memory and connections of its own."""

import os
from typing import Any

import terrace

REDIS = os.environ.get("TERRACE_EXAMPLE_REDIS", "redis://localhost")

cache = terrace.Cache[Any]("example-prefork", ttl=60, tiers=[REDIS])
cache["configuration"] = {"colour": "green"}


def work(number: int) -> int:
    if cache["configuration"] != {"colour": "green"}:
        return 1
    cache[f"worker:{number}"] = os.getpid()
    return 0


workers = []
for number in range(4):
    child = os.fork()
    if child == 0:
        os._exit(work(number))
    workers.append(child)
for number, child in enumerate(workers):
    _, status = os.waitpid(child, 0)
    assert status == 0
    assert cache[f"worker:{number}"] == child
print("four workers, one Redis")
