"""Cache.warm. Imported by its first call."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Callable

from . import _core
from ._loading import Loading, mark_of_load
from ._reports import WarmFailure, WarmReport
from ._results import WarmTask
from ._service import service
from ._tags import tag_list
from ._times import Seconds, span
from ._times import ttl as checked_ttl
from ._words import called, count, shown

if TYPE_CHECKING:
    from ._cache import Cache

#: Where the counts of a report have how many keys were there.
PRESENT = 2


def warm(cache: Cache[Any], tasks: Iterable[WarmTask], concurrency: int, attempts: int, task_timeout: Seconds,
         progress: Callable[[int, int], None] | None) -> WarmReport:
    """As Cache.warm says."""
    count(concurrency, "concurrency", 1)
    count(attempts, "attempts", 1, bits=31)
    limit = span(task_timeout, "task_timeout")
    if progress is not None:
        called(progress, "progress")
    keys, listed = {}, []
    for task in tasks_of(tasks):
        key_bytes = _core.key_bytes(task.key)
        keys[key_bytes] = task.key
        loading = None
        if task.loader is not None:
            loading = Loading(cache, task.loader, {key_bytes: task.key}, single=True, background=True)
        listed.append((key_bytes, loading, checked_ttl(task.ttl), tag_list(task.tags)))
    cache._ensure_open()
    service().ensure()
    tell = None if progress is None else lambda text: progress(*map(int, text.split()))
    inside = mark_of_load()
    *counts, elapsed, failures = cache._finish(cache._start_warm(listed, concurrency, attempts, limit, tell, inside))
    if counts[PRESENT] and (spoiled := cache._unreadable([key for key, loading, *_ in listed if loading])):
        cache._all_done(cache._finish(cache._erase(spoiled, None)))  # so that they are loaded
        again = [task for task in listed if task[0] in set(spoiled)]
        _, *more, longer, further = cache._finish(cache._start_warm(again, concurrency, attempts, limit, None, inside))
        counts[PRESENT] -= len(again)
        counts = [counts[0], *map(sum, zip(counts[1:], more))]
        elapsed, failures = elapsed + longer, failures + further
    total, warmed, present, absent, failed, skipped = counts
    told = [WarmFailure(keys[key], tries, error) for key, tries, error in failures]
    return WarmReport(total, warmed, present, absent, failed, skipped, elapsed, told)


def tasks_of(tasks: Any) -> list[WarmTask]:
    """The tasks of a call of warm. Raises TypeError for anything else."""
    if not isinstance(tasks, Iterable) or isinstance(tasks, (str, bytes)):
        raise TypeError(f"tasks={shown(tasks)}: give a list of WarmTask")
    listed = list(tasks)
    for task in listed:
        if not isinstance(task, WarmTask):
            raise TypeError(f"tasks holds {shown(task)}: give WarmTask(key, loader)")
        if task.loader is not None:
            called(task.loader, "loader")
    return listed
