#!/usr/bin/env python3
"""Runs the test suites of other projects on terrace's adapters. Usage: run.py [SUITE...]; without a name: all of them.

Each folder beside this file with a suite.toml is a suite; README.md describes that file. Prints a table of counts, and exits with 1 if a
run passed fewer tests than recorded, failed a test, or counted none.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from typing import Any

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = ROOT / "build/peers"
sys.path.insert(0, str(ROOT / "tests/python"))

from servers import RedisServer  # noqa: E402

# The last line of pytest and of unittest, such as "5 passed, 1 skipped in 0.12s" and "Ran 6 tests in 0.1s … OK (skipped=1)".
PYTEST = re.compile(r"(\d+) (passed|failed|error|errors|skipped|xfailed|xpassed|deselected)\b")
RAN = re.compile(r"^Ran (\d+) tests?", re.M)
UNITTEST = re.compile(r"^(?:OK|FAILED)(?: \((.*)\))?$", re.M)
COLUMNS = ("suite", "run", "passed", "recorded", "failed", "skipped", "left out")


@dataclasses.dataclass(frozen=True)
class Counts:
    passed: int = 0
    failed: int = 0
    skipped: int = 0


def counts_of(output: str) -> Counts:
    """The counts that the last summary of pytest or unittest in the output names."""
    ran = RAN.findall(output)
    if ran:
        ended = UNITTEST.findall(output)
        if not ended:
            return Counts(failed=1)
        parts = dict(part.split("=") for part in ended[-1].split(", ") if "=" in part)
        failed = sum(int(parts.get(name, 0)) for name in ("failures", "errors", "unexpected successes"))
        skipped = sum(int(parts.get(name, 0)) for name in ("skipped", "expected failures"))
        return Counts(int(ran[-1]) - failed - skipped, failed, skipped)
    lines = [line for line in output.splitlines() if PYTEST.search(line) and re.search(r" in [\d.:]+s?", line)]
    words: dict[str, int] = {}
    for number, word in PYTEST.findall(lines[-1]) if lines else []:
        words[word.rstrip("s") if word == "errors" else word] = int(number)
    return Counts(words.get("passed", 0) + words.get("xpassed", 0), words.get("failed", 0) + words.get("error", 0),
                  words.get("skipped", 0) + words.get("xfailed", 0))


class Suite:
    """One folder with a suite.toml."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.folder = HERE / name
        self.settings: dict[str, Any] = tomllib.loads((self.folder / "suite.toml").read_text())
        self.build = BUILD / name
        self.source = self.build / "source"
        self.python = self.build / "venv/bin/python"

    def prepare(self) -> None:
        """Makes the virtual environment and the folder with the peer's source, if they are not there yet. The wheel is installed again
        when it has changed."""
        self.build.mkdir(parents=True, exist_ok=True)
        packages = self.settings.get("packages", [])
        stamp = self.build / "packages"
        if not stamp.exists() or stamp.read_text() != repr(packages):
            subprocess.run([sys.executable, "-m", "venv", "--clear", self.build / "venv"], check=True)
            self.pip("install", *packages)
            stamp.write_text(repr(packages))
            (self.build / "wheel").unlink(missing_ok=True)
        self.install_terrace()
        self.unpack()
        for ours, theirs in self.settings.get("copy", {}).items():
            shutil.copy(self.folder / ours, self.source / theirs)

    def install_terrace(self) -> None:
        (wheel,) = (ROOT / "build/wheel").glob("*.whl")
        stamp, state = self.build / "wheel", f"{wheel.name} {wheel.stat().st_mtime_ns}"
        if not stamp.exists() or stamp.read_text() != state:
            self.pip("install", "--no-deps", "--force-reinstall", str(wheel))
            self.pip("install", "msgspec")
            stamp.write_text(state)

    def unpack(self) -> None:
        wanted = self.settings.get("source")
        stamp = self.build / "unpacked"
        if wanted is None or (stamp.exists() and stamp.read_text() == wanted):
            return
        shutil.rmtree(self.source, ignore_errors=True)
        archives = self.build / "archives"
        shutil.rmtree(archives, ignore_errors=True)
        self.pip("download", "--no-deps", "--no-binary", ":all:", "--dest", str(archives), wanted)
        (archive,) = archives.iterdir()
        opened = zipfile.ZipFile(archive) if archive.suffix == ".zip" else tarfile.open(archive)
        with opened:
            opened.extractall(self.build / "unpacking")
        (top,) = (self.build / "unpacking").iterdir()
        top.rename(self.source)
        (self.build / "unpacking").rmdir()
        stamp.write_text(wanted)

    def pip(self, *arguments: str) -> None:
        subprocess.run([self.python, "-m", "pip", arguments[0], "--quiet", "--disable-pip-version-check", *arguments[1:]], check=True)

    def run(self, name: str, settings: dict[str, Any], redis_url: str) -> Counts:
        """Runs one command of the suite. Its output is in build/peers/SUITE/RUN.log."""
        places = {"python": str(self.python), "source": str(self.source), "suite": str(self.folder), "redis": redis_url,
                  "build": str(self.build), "port": redis_url.rpartition(":")[2]}

        def filled(text: str) -> str:
            return re.sub(r"\{(\w+)\}", lambda found: places.get(found[1], found[0]), text)

        command = [filled(word) for word in settings.get("command", self.settings.get("command", []))]
        for test, _ in self.left_out(settings):
            command += ["--deselect", filled(test)]
        variables = {k: filled(v) for k, v in (self.settings.get("env", {}) | settings.get("env", {})).items()}
        folder = pathlib.Path(filled(settings.get("folder", self.settings.get("folder", "{build}"))))
        done = subprocess.run(command, cwd=folder, env=os.environ | {"TERRACE_PEERS_REDIS": redis_url} | variables,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                              timeout=settings.get("timeout", 900))
        (self.build / f"{name}.log").write_text(done.stdout)
        counts = counts_of(done.stdout)
        return counts if done.returncode == 0 or counts.failed else dataclasses.replace(counts, failed=1)

    def left_out(self, settings: dict[str, Any]) -> list[tuple[str, str]]:
        """Tests, each with the reason."""
        listed = [*self.settings.get("left_out", []), *settings.get("left_out", [])]
        return [(test, why) for tests, why in listed for test in ([tests] if isinstance(tests, str) else tests)]

    def runs(self) -> Iterator[tuple[str, dict[str, Any]]]:
        yield from self.settings["runs"].items()


def report(suite: Suite, name: str, counts: Counts, settings: dict[str, Any]) -> bool:
    """Prints a row of the table; returns whether the run is as recorded."""
    recorded = settings["passed"]
    fine = counts.passed >= recorded and not counts.failed
    note = "" if fine else f" see build/peers/{suite.name}/{name}.log"
    row = (suite.name, name, counts.passed, recorded, counts.failed, counts.skipped, len(suite.left_out(settings)))
    print("| " + " | ".join(map(str, row)) + " |" + note, flush=True)
    return fine


def main(names: list[str]) -> int:
    known = sorted(path.parent.name for path in HERE.glob("*/suite.toml"))
    if unknown := sorted(set(names) - set(known)):
        print(f"no suite {', '.join(unknown)}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    print("| " + " | ".join(COLUMNS) + " |\n|" + "---|" * len(COLUMNS), flush=True)
    fine = True
    for suite in map(Suite, names or known):
        suite.prepare()
        for name, settings in suite.runs():
            server = RedisServer()  # an empty one for each run
            try:
                server.start()
                fine &= report(suite, name, suite.run(name, settings, server.url), settings)
            finally:
                server.remove()
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
