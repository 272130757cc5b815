"""Django's cache API over Redis: terrace.django.TerraceCache against django-redis and Django's own RedisCache. Starts a server of its
own, and keeps the processors awake as bench_redis.py does (`--sleepy` leaves that out)."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import signal
import sys
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests/python"))

import django
from bench_redis import getter, keep_awake
from django.conf import settings
from servers import RedisServer
from turns import Contestant, Table, medians, quick

TIMES, ROUNDS = (200, 3) if quick() else (2_000, 15)
TEXT = "x" * 100
RECORD = {"id": 12345, "name": "Ada Lovelace", "scores": [1.5, 2.0, 2.5], "active": True}
TERRACE = "terrace.django.TerraceCache"


def backends(url: str) -> dict[str, Any]:
    """Without django-redis where it is not installed."""
    found = {"django-redis": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": url, "KEY_PREFIX": "dr"}}
    if importlib.util.find_spec("django_redis") is None:
        found = {}
    settings.configure(
        SECRET_KEY="a secret of the benchmark",
        CACHES={
            **found,
            "memory": {"BACKEND": TERRACE, "LOCATION": url},
            "redis": {"BACKEND": TERRACE, "LOCATION": url, "OPTIONS": {"memory": None}},
            "trusted": {"BACKEND": TERRACE, "LOCATION": url, "OPTIONS": {"memory": None, "trusted_pickle": True, "namespace": "trusted"}},
            "locmem": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
            "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": url},
        },
    )
    django.setup()
    from django.core.cache import caches

    return {name: caches[name] for name in settings.CACHES}


def gets(by_name: dict[str, Any], title: str, key: str) -> None:
    ns = medians([Contestant(name, getter(backend.get, key)) for name, backend in by_name.items()], TIMES, ROUNDS)
    table = Table(f"get of {title}")
    table.line("terrace, memory and Redis", ns["memory"])
    table.line("terrace, Redis alone", ns["redis"])
    table.line("terrace, Redis alone, not sealed", ns["trusted"])
    table.line("Django's LocMemCache, in memory alone", ns["locmem"])
    if "django-redis" in ns:
        table.at_least("django-redis, against memory and Redis", ns["django-redis"], ns["memory"], 20)
        table.at_least("django-redis, against Redis alone", ns["django-redis"], ns["redis"], 1.5)
    table.at_least("Django's RedisCache, against memory and Redis", ns["default"], ns["memory"])
    table.at_least("Django's RedisCache, against Redis alone", ns["default"], ns["redis"])


def others(by_name: dict[str, Any]) -> None:
    def setter(backend: Any) -> Any:
        return lambda times: [backend.set("written", RECORD, 60) for _ in range(times)]

    def counter(backend: Any) -> Any:
        return lambda times: [backend.incr("number") for _ in range(times)]

    def many(backend: Any) -> Any:
        keys = [f"many{number}" for number in range(20)]
        backend.set_many(dict.fromkeys(keys, RECORD))
        return lambda times: [backend.get_many(keys) for _ in range(times // 10)]

    shared = {name: backend for name, backend in by_name.items() if name != "locmem"}
    for title, run in (("set of the dict", setter), ("incr", counter), ("get_many of 20 dicts, a tenth of it", many)):
        ns = medians([Contestant(name, run(backend)) for name, backend in shared.items()], TIMES // 2, ROUNDS)
        table = Table(title)
        table.line("terrace, memory and Redis", ns["memory"])
        table.line("terrace, Redis alone", ns["redis"])
        if "django-redis" in ns:
            table.at_least("django-redis, against Redis alone", ns["django-redis"], ns["redis"])
        table.at_least("Django's RedisCache, against Redis alone", ns["default"], ns["redis"])


def main(url: str) -> None:
    by_name = backends(url)
    for backend in by_name.values():
        backend.set("text", TEXT, None)
        backend.set("record", RECORD, None)
        backend.set("number", 1, None)
    gets(by_name, "100 characters of text", "text")
    gets(by_name, "a dict of four", "record")
    others(by_name)


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
