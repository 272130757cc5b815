"""Loads of keys that no level has, over a SQLite file: the time and the processor time of one load, fills included.

Usage: bench_database_loads.py [KEYS [RUNS]]. It measures the installed package; run it with two installations in turns to
compare them.
"""

import os
import statistics
import sys
import tempfile
import time

import terrace


def run(keys: int) -> tuple[float, float]:
    """Wall and processor time of a load, in microseconds."""
    with tempfile.TemporaryDirectory() as folder:
        with terrace.Cache(name="bench", ttl=60, tiers=["sqlite:" + os.path.join(folder, "cache.db")]) as cache:
            cpu, wall = time.process_time(), time.perf_counter()
            for i in range(keys):
                cache.get_or_load(f"k{i}", lambda: b"x" * 100)
            cache.flush()
            return (time.perf_counter() - wall) / keys * 1e6, (time.process_time() - cpu) / keys * 1e6


def main() -> None:
    keys, runs = (int(given) for given in (sys.argv[1:] + ["3000", "5"][len(sys.argv) - 1 :])[:2])
    results = [run(keys) for _ in range(runs)]
    print(f"wall {statistics.median(r[0] for r in results):.0f} us, cpu {statistics.median(r[1] for r in results):.0f} us")


main()
