"""`import terrace` brings what every program needs of it, and no more: the rest comes with what first uses it."""

from __future__ import annotations

import subprocess
import sys

#: Each takes as long as a good part of terrace, and a command-line program that never opens a cache needs none of them.
LATER = {"asyncio", "concurrent.futures", "logging", "msgspec", "pickle", "socket", "ssl", "subprocess", "urllib.parse", "uuid",
         "decimal", "terrace._codec", "terrace._reports", "terrace.patterns"}


def modules_after(program: str) -> set[str]:
    # -I -S: what site-packages and the environment bring by themselves is not terrace's.
    paths = f"import sys; sys.path[:] = {sys.path!r}; "
    done = subprocess.run([sys.executable, "-I", "-S", "-c", paths + program + "; print(*sys.modules)"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_the_import_leaves_out_what_is_not_used() -> None:
    assert modules_after("import terrace") & LATER == set()


def test_every_public_name_is_there() -> None:
    assert "terrace._reports" in modules_after("from terrace import *; assert CacheStats.__name__ == 'CacheStats'")
    import terrace

    assert set(terrace.__all__) <= set(dir(terrace))
    assert all(getattr(terrace, name) is not None for name in terrace.__all__)


def test_asyncio_comes_with_an_event_loop_only() -> None:
    used = 'import terrace; c = terrace.Cache("i"); c["k"] = 1; assert c.get_or_load("l", lambda: 2) == 2; c.close()'
    assert not modules_after(used) & {"asyncio", "logging", "ssl"}
