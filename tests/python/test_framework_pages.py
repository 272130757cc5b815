"""The pages about frameworks, and those about moving in: their Python blocks run, with the frameworks, over a real Redis."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest
from conftest import ROOT
from pages import blocks
from servers import RedisServer

# A page is one process and one namespace: settings of a framework are made once.
RUNNER = """
import pathlib, re, sys
sys.path.insert(0, sys.argv[1])
from pages import blocks
page, url = pathlib.Path(sys.argv[2]), sys.argv[3]
text = re.sub(r"redis://localhost(:6379)?", url, page.read_text())
names = {"__name__": "__main__"}
for line, code in blocks(text):
    exec(compile(code, str(page), "exec"), names)
"""
PAGES = sorted([*(ROOT / "docs/frameworks").glob("*.md"), *(ROOT / "docs/migrate").glob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}-{page.stem}")
def test_page(page: pathlib.Path, redis_server: RedisServer, tmp_path: pathlib.Path) -> None:
    done = subprocess.run([sys.executable, "-c", RUNNER, str(ROOT / "tests/python"), str(page), redis_server.url], cwd=tmp_path, capture_output=True,
                          text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", sorted((ROOT / "docs/frameworks").glob("*.md")), ids=lambda page: page.stem)
def test_a_page_about_a_framework_begins_with_ten_lines_that_run(page: pathlib.Path) -> None:
    _, first = next(iter(blocks(page.read_text())))
    lines = [line for line in first.splitlines() if line.strip()]
    assert 5 <= len(lines) <= 12, lines


@pytest.mark.parametrize("command", [["shop.py", "check"], ["shop.py", "test"]], ids=lambda command: command[1])
def test_the_django_example(command: list[str], redis_server: RedisServer) -> None:
    done = subprocess.run([sys.executable, *command], cwd=ROOT / "examples/django", capture_output=True, text=True, timeout=100,
                          env=os.environ | {"TERRACE_EXAMPLE_REDIS": redis_server.url})
    assert done.returncode == 0, done.stdout + done.stderr
    assert command[1] == "check" or "Ran 5 tests" in done.stderr, done.stderr
