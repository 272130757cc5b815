"""The wheel brings the program `terrace`, which runs where nothing else is."""

from __future__ import annotations

import pathlib
import subprocess

import pytest
from test_wheel import libraries_outside


def run(folder: pathlib.Path, *command: object) -> subprocess.CompletedProcess[str]:
    """In an environment without variables."""
    return subprocess.run([str(part) for part in command], cwd=folder, env={}, capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="module")
def version(root: pathlib.Path) -> str:
    text = (root / "CMakeLists.txt").read_text()
    return text.split("project(terrace VERSION ")[1].split()[0]


def test_it_is_a_command(empty_environment: pathlib.Path, tmp_path: pathlib.Path, version: str) -> None:
    done = run(tmp_path, empty_environment / "bin/terrace", "--version")
    assert (done.returncode, done.stdout) == (0, f"terrace {version}\n"), done.stderr


def test_python_runs_it(empty_environment: pathlib.Path, tmp_path: pathlib.Path, version: str) -> None:
    python = empty_environment / "bin/python"
    assert run(tmp_path, python, "-m", "terrace", "--version").stdout == f"terrace {version}\n"
    wrong = run(tmp_path, python, "-m", "terrace", "simulate", "gone.keys", "--policy", "lru", "--entries", "2")
    assert wrong.returncode == 2 and wrong.stderr.startswith("terrace: gone.keys")


def test_it_simulates(empty_environment: pathlib.Path, tmp_path: pathlib.Path) -> None:
    (tmp_path / "trace.keys").write_text("1\n2\n1\n3\n1\n2\n" * 100)
    done = run(tmp_path, empty_environment / "bin/python", "-m", "terrace", "simulate", "trace.keys", "--policy", "lru", "--entries", "2")
    assert done.returncode == 0, done.stderr
    assert "lru" in done.stdout and "600" in done.stdout


def test_it_takes_its_libraries_from_the_wheel(empty_environment: pathlib.Path) -> None:
    (program,) = empty_environment.glob("lib/python*/site-packages/terrace/bin/terrace")
    assert libraries_outside(program, empty_environment) == []


def test_without_the_program_it_says_so(empty_environment: pathlib.Path, tmp_path: pathlib.Path) -> None:
    lost = "import pathlib, terrace.__main__ as m; m.PROGRAM = pathlib.Path('gone/terrace'); m.main()"
    done = run(tmp_path, empty_environment / "bin/python", "-c", lost)
    assert done.returncode == 1
    assert done.stderr.startswith("terrace: cannot run gone/terrace: No such file") and "install it again" in done.stderr
    assert done.stderr.count("\n") == 1
