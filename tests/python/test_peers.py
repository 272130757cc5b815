"""The runner of other projects' suites (tests/peers) counts what their programs print."""

from __future__ import annotations

import importlib.util
import sys
from typing import Any

import pytest
from conftest import ROOT


@pytest.fixture(scope="module")
def runner() -> Any:
    spec = importlib.util.spec_from_file_location("peers_run", ROOT / "tests/peers/run.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("output", "counts"),
    [
        ("....\n12 passed in 0.31s\n", (12, 0, 0)),
        ("== 2 failed, 10 passed, 3 skipped, 1 xfailed, 4 deselected in 75.20s (0:01:15) ==\n", (10, 2, 4)),
        ("FAILED a - assert 'in 3 passed'\n1 failed, 2 errors in 1.00s\n", (0, 3, 0)),
        ("Ran 54 tests in 20.1s\n\nOK (skipped=3)\n", (51, 0, 3)),
        ("Ran 5 tests in 0.1s\n\nFAILED (failures=1, errors=2)\n", (2, 3, 0)),
        ("Ran 5 tests in 0.1s\n\nOK\n", (5, 0, 0)),
        ("Ran 5 tests in 0.1s\nkilled", (0, 1, 0)),
        ("no tests ran in 0.01s\n", (0, 0, 0)),
        ("Traceback\nImportError: x\n", (0, 0, 0)),
    ],
)
def test_counts_of_a_summary(runner: Any, output: str, counts: tuple[int, int, int]) -> None:
    found = runner.counts_of(output)
    assert (found.passed, found.failed, found.skipped) == counts


def test_every_suite_pins_what_it_installs_and_records_its_counts(runner: Any) -> None:
    for file in (ROOT / "tests/peers").glob("*/suite.toml"):
        suite = runner.Suite(file.parent.name)
        wanted = [*suite.settings.get("packages", []), *([suite.settings["source"]] if "source" in suite.settings else [])]
        assert all("==" in package for package in wanted), file
        for _, settings in suite.runs():
            assert settings["passed"] > 0 and all(why for _, why in suite.left_out(settings)), file
