"""Filling a cache before its users ask, side by side, with what failed and why."""

import terrace

with terrace.Cache[int]("example-warming", ttl=60) as cache:
    tasks = [terrace.WarmTask(f"user:{number}", lambda key: int(key.split(":")[1])) for number in range(100)]
    tasks.append(terrace.WarmTask("user:bad", lambda: 1 // 0))
    report = cache.warm(tasks, concurrency=16, attempts=1, progress=lambda ended, total: print(f"{ended} of {total}"))
    assert report.warmed == 100 and report.failed == 1
    print(report.failures[0].key, repr(report.failures[0].error))
    assert cache["user:42"] == 42
