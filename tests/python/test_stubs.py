"""The types that the package tells are those it has."""

from __future__ import annotations

import pathlib
import subprocess
import sys


def run(root: pathlib.Path, *command: str) -> None:
    done = subprocess.run([sys.executable, "-m", *command], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_committed_stub_is_that_of_the_extension_module(root: pathlib.Path, tmp_path: pathlib.Path) -> None:
    made_file = tmp_path / "_core.pyi"
    run(root, "nanobind.stubgen", "--quiet", "--include-private", "-m", "terrace._core", "-p", "python/stub_patterns.txt", "-o", str(made_file))
    made = made_file.read_text()
    committed = (root / "python/terrace/_core.pyi").read_text()
    assert made == committed, "python/terrace/_core.pyi is old; `make python-stubs` writes it anew"


def test_the_package_and_the_examples_pass_strict_type_checks(root: pathlib.Path, tmp_path: pathlib.Path) -> None:
    examples = sorted(str(p) for p in (root / "examples/python").glob("*.py"))
    run(root, "mypy", "--cache-dir", str(tmp_path), "python/terrace")
    for example in examples:
        run(root, "mypy", "--cache-dir", str(tmp_path), example)
