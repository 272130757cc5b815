"""Type checkers in strict mode infer what programs get: typed_program.py says what."""

from __future__ import annotations

import asyncio
import inspect
import json
import pathlib
import subprocess
import sys
from typing import Any

import terrace
import typed_program
from terrace._options import CacheOptions

PROGRAM = pathlib.Path(typed_program.__file__)


def passes(*command: str) -> None:
    done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_mypy(tmp_path: pathlib.Path) -> None:
    passes("mypy", "--strict", "--cache-dir", str(tmp_path), str(PROGRAM))


def test_pyright(tmp_path: pathlib.Path) -> None:
    prefix = pathlib.Path(sys.prefix)
    config = tmp_path / "pyrightconfig.json"
    config.write_text(json.dumps({"include": [str(PROGRAM)], "typeCheckingMode": "strict", "venvPath": str(prefix.parent), "venv": prefix.name}))
    passes("basedpyright", "--project", str(config))


def test_what_is_checked_runs() -> None:
    shop = typed_program.Shop("corner")
    typed_program.reads()
    typed_program.calls(shop)
    asyncio.run(typed_program.awaited_reads())
    asyncio.run(typed_program.awaited_calls(shop))


def test_the_options_that_are_checked_are_those_there_are() -> None:
    parameters = set(inspect.signature(terrace.Cache).parameters)
    assert set(CacheOptions.__annotations__) == parameters - {"name", "type"}
    from terrace._memoized import MemoizedCoroutine, MemoizedFunction, MemoizeOptions

    assert set(MemoizeOptions.__annotations__) == set(inspect.signature(terrace.Cache.memoize).parameters) - {"self", "function"}
    for kind in (terrace.MemoizedFunction, terrace.MemoizedCoroutine):
        members = {name for name in vars(kind) if not name.startswith("_")}
        decorated: Any = typed_program.area if kind is MemoizedFunction else typed_program.fetch
        assert kind in (MemoizedFunction, MemoizedCoroutine) and members <= set(dir(decorated)) and len(members) == 5
