"""The classes of the contract as programs write them by hand."""

from __future__ import annotations

import functools
import hashlib
import json
import pickle
import threading
import time
from collections import OrderedDict
from typing import Any

import redis


class L1:
    """One lock, an OrderedDict, and a pickle of every value only to learn its size."""

    def __init__(self, max_size: int = 1000) -> None:
        self.max_size = max_size
        self.cache: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self.lock = threading.RLock()
        self.metrics = {"hits": 0, "misses": 0, "evictions": 0, "size": 0}

    def get(self, key: str) -> Any:
        with self.lock:
            entry = self.cache.get(key)
            if entry is None:
                self.metrics["misses"] += 1
                return None
            if entry["ttl"] is not None and time.time() - entry["created_at"] > entry["ttl"]:
                del self.cache[key]
                self.metrics["misses"] += 1
                return None
            entry["accessed_at"] = time.time()
            entry["access_count"] += 1
            self.cache.move_to_end(key)
            self.metrics["hits"] += 1
            return entry["value"]

    def set(self, key: str, value: Any, ttl: float | None = None) -> None:
        with self.lock:
            while len(self.cache) >= self.max_size:
                self.cache.popitem(last=False)
                self.metrics["evictions"] += 1
            now = time.time()
            self.cache[key] = {"value": value, "created_at": now, "accessed_at": now, "access_count": 0, "ttl": ttl,
                               "size": len(pickle.dumps(value))}


class L2:
    def __init__(self, client: redis.Redis, key_prefix: str = "cache:") -> None:
        self.client = client
        self.key_prefix = key_prefix
        self.metrics = {"hits": 0, "misses": 0, "errors": 0}

    def get(self, key: str) -> Any:
        try:
            data = self.client.get(f"{self.key_prefix}{key}")
            if data is not None:
                self.metrics["hits"] += 1
                return pickle.loads(data)
            self.metrics["misses"] += 1
        except Exception:
            self.metrics["errors"] += 1
        return None

    def set(self, key: str, value: Any, ttl: int | None = None) -> bool:
        data = pickle.dumps(value)
        return bool(self.client.setex(f"{self.key_prefix}{key}", ttl, data) if ttl else self.client.set(f"{self.key_prefix}{key}", data))


class MultiLevel:
    def __init__(self, l1: L1, l2: L2) -> None:
        self.l1 = l1
        self.l2 = l2
        self.metrics = {"l1_hits": 0, "l2_hits": 0, "misses": 0}
        self.lock = threading.RLock()

    def get(self, key: str) -> Any:
        value = self.l1.get(key)
        if value is not None:
            with self.lock:
                self.metrics["l1_hits"] += 1
            return value
        value = self.l2.get(key)
        if value is not None:
            with self.lock:
                self.metrics["l2_hits"] += 1
            self.l1.set(key, value)
            return value
        with self.lock:
            self.metrics["misses"] += 1
        return None

    def set(self, key: str, value: Any, ttl: int | None = None) -> None:
        self.l1.set(key, value, ttl)
        self.l2.set(key, value, ttl)


def decorator(cache: Any, ttl: int | None = None) -> Any:
    """The key from the function's name and the arguments as JSON."""

    def decorate(function: Any) -> Any:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            text = json.dumps({"args": args, "kwargs": kwargs}, sort_keys=True, default=str)
            key = f"{function.__name__}:{hashlib.md5(text.encode()).hexdigest()}"
            value = cache.get(key)
            if value is not None:
                return value
            value = function(*args, **kwargs)
            cache.set(key, value, ttl)
            return value

        return wrapper

    return decorate
