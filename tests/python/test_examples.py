"""What the documentation shows runs, in an environment that has nothing but the wheel: each file in examples/python, each Python block of
the pages."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess

import pytest
from conftest import ROOT
from pages import blocks
from servers import RedisServer

EXAMPLES = sorted((ROOT / "examples/python").glob("*.py"))
PAGES = [p for p in ("docs/python.md", "docs/patterns.md", "docs/runbook.md", "README.md", "python/README.md") if (ROOT / p).exists()]


def run(environment: pathlib.Path, script: list[str], url: str, folder: pathlib.Path) -> None:
    done = subprocess.run([str(environment / "bin/python"), *script], cwd=folder, capture_output=True, text=True, timeout=60,
                          env=os.environ | {"TERRACE_EXAMPLE_REDIS": url})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nanobind: leaked" not in done.stderr, done.stderr


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda p: p.name)
def test_example(example: pathlib.Path, empty_environment: pathlib.Path, redis_server: RedisServer, tmp_path: pathlib.Path) -> None:
    run(empty_environment, [str(example)], redis_server.url, tmp_path)


# A page is one process, each block a namespace of its own; every block is run by its order on the page.
RUNNER = """
import pathlib, sys
sys.path.insert(0, sys.argv[1])
from pages import blocks
page, url = pathlib.Path(sys.argv[2]), sys.argv[3]
import re
text = re.sub(r"redis://localhost(:6379)?", url, page.read_text())
for line, code in blocks(text):
    exec(compile(code, str(page), "exec"), {"__name__": "__main__"})
"""


@pytest.mark.parametrize("page", PAGES)
def test_page(page: str, empty_environment: pathlib.Path, redis_server: RedisServer, tmp_path: pathlib.Path) -> None:
    run(empty_environment, ["-c", RUNNER, str(ROOT / "tests/python"), str(ROOT / page), redis_server.url], redis_server.url, tmp_path)


def test_blocks_of_a_page_are_found() -> None:
    page = "# A\n```python\na = 1\n```\n\n<!-- not run -->\n```python\nno\n```\n- b\n  ```python\n  if a:\n\n      b\n  ```\n```sh\nc\n```\n"
    found = [(line, code.lstrip("\n")) for line, code in blocks(page)]
    assert found == [(3, "a = 1\n"), (12, "if a:\n\n    b\n")]
    for line, code in blocks(page):
        assert re.match(r"\n*", code).end() == line - 1  # type: ignore[union-attr]
