"""Programs of a few lines, run as processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

PROGRESS = 30.0


def run(program: str, *arguments: str, timeout: float = PROGRESS) -> subprocess.CompletedProcess[str]:
    """What it printed and how it ended. Raises TimeoutExpired when it hangs."""
    return subprocess.run([sys.executable, "-c", textwrap.dedent(program), *arguments], capture_output=True, text=True, timeout=timeout,
                          env=os.environ | {"TERRACE_LEAK_WARNINGS": ""})


def fine(done: subprocess.CompletedProcess[str], says: str = "") -> None:
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Fatal" not in done.stderr and "terminate called" not in done.stderr, done.stderr
    assert says in done.stdout, done.stdout + done.stderr
