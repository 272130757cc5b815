"""What a Python object weighs in memory, for caches that are bounded by bytes and have no tiers to tell the stored size."""

from __future__ import annotations

import sys
from typing import Any

# A big graph is measured so far, and the rest taken to be like it.
MOST_PARTS = 10_000


def size_of(value: Any) -> int:
    """Bytes of the object and what it holds: containers and attributes, each part once. Never below 1."""
    seen = {id(value)}
    waiting = [value]
    total = parts = 0
    while waiting and parts < MOST_PARTS:
        part = waiting.pop()
        parts += 1
        total += sys.getsizeof(part)
        for inner in _inner(part):
            if id(inner) not in seen:
                seen.add(id(inner))
                waiting.append(inner)
    if waiting:
        total += total // parts * len(waiting)
    return max(total, 1)


def _inner(part: Any) -> list[Any]:
    if isinstance(part, (str, bytes, bytearray, int, float, type, type(None))):
        return []
    if isinstance(part, dict):
        return [*part.keys(), *part.values()]
    if isinstance(part, (list, tuple, set, frozenset)):
        return list(part)
    inner = []
    attributes = getattr(part, "__dict__", None)
    if attributes is not None:
        inner.append(attributes)
    for kind in type(part).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            try:
                inner.append(getattr(part, name))
            except AttributeError:
                pass
    return inner
