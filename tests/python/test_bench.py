"""The benchmarks run, so that they do not rot; their figures are not judged here."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest


@pytest.mark.parametrize("name", ["bench_memory", "bench_redis", "bench_django", "bench_atomic"])
def test_the_benchmark_runs(name: str, root: pathlib.Path) -> None:
    done = subprocess.run([sys.executable, str(root / f"bench/python/{name}.py"), "--quick"], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("| goal |") >= 2
