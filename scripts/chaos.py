#!/usr/bin/env python3
"""Runs every fault test at full size and prints a table, a line for each row of the fault list.

Usage: chaos.py BUILD_FOLDER [--write FILE]. A fault test is a GoogleTest test whose name begins with F and two digits,
the row's number. Exits 1 when one fails or is skipped, or a row that must have one has none. --write puts the table
between the marks <!-- chaos --> of a Markdown file.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree
import time

ROWS = {
    1: "Redis frozen, TCP alive",
    2: "half-open TCP",
    3: "killed mid-pipeline",
    4: "replies in 1-byte slices, reset mid-reply",
    5: "cancelled or timed out after sending",
    6: "watch connection lost",
    7: "watch connection half-open",
    8: "data connection lost",
    9: "PONG overtakes an invalidation",
    10: "own invalidation",
    11: "stale set in memory",
    12: "stale set in Redis",
    13: "reader joins a load from before the write",
    14: "FLUSHALL, FLUSHDB",
    15: "pushes read too slowly",
    16: "Redis full, noeviction",
    17: "lease or tag token evicted",
    18: "primary demoted (READONLY)",
    19: "LOADING, BUSY",
    20: "slots move under load",
    21: "primaries of a cluster killed",
    25: "a node of a quorum comes back empty or old",
    26: "write reached fewer nodes than it must",
    27: "clock jumps",
    28: "repair and deletions",
    29: "shards change under writes",
    30: "login fails, permission missing",
    31: "TLS certificate expired, wrong host",
    32: "bytes corrupted in a tier",
    33: "huge reply, huge value",
    34: "loader slower than its lease",
    35: "loader throws",
    36: "8 processes x 1,000 waiters on one expiry",
    37: "lease holder dies",
    38: "brown-out",
    39: "reconnect storm",
    40: "fork after construction",
    41: "kill -9 while flushing write-back",
    42: "journal torn or rotten",
    43: "disk full, fsync fails",
    44: "old flush after a new one",
    45: "poison record",
    46: "SQLite busy, corrupt, full",
    47: "PostgreSQL restarted, COMMIT reply lost",
    48: "closed with operations pending",
    49: "threads end, the interpreter exits in the midst",
    50: "callback calls the cache again",
    51: "memory outlives the tier",
    52: "starvation: loads that need other loads",
    53: "convoy: a load fails while processes wait for it",
    54: "storm: everything is loaded again at once",
}
REQUIRED = {1, 2, *range(5, 15), 16, 18, 20, 21, 25, 26, 28, 29, 32, 34, 35, 36, 37, 38, 40, 41, 42, 44, 49, 51, 52, 53, 54}
FULL_SIZE = {"TERRACE_CHAOS": "1", "TERRACE_CRASH_CYCLES": "1000", "TERRACE_MUTATIONS": "1000000"}
TEST = re.compile(r"F(\d\d)_\w+")


def tests_of(program):
    """The fault tests of a test program, by their full names."""
    listing = subprocess.run([program, "--gtest_list_tests"], capture_output=True, text=True, check=True).stdout
    suite = ""
    for line in listing.splitlines():
        name = line.split("#")[0].strip()
        if not line.startswith(" "):
            suite = name
        elif TEST.match(name):
            yield suite + name


def run(program, names):
    """The outcome of each test, and how many seconds it took."""
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        done = subprocess.run([program, f"--gtest_filter={':'.join(names)}", f"--gtest_output=json:{report.name}"],
                              env={**os.environ, **FULL_SIZE}, capture_output=True, text=True)
        try:
            suites = json.load(report)["testsuites"]
        except json.JSONDecodeError:
            suites = []
    outcomes = {name: ("crashed", 0.0) for name in names}
    for suite in suites:
        for test in suite["testsuite"]:
            failed = test.get("failures")
            verdict = "failed" if failed else "skipped" if test["result"] == "SKIPPED" else "ok"
            outcomes[f"{suite['name']}.{test['name']}"] = (verdict, float(test["time"].rstrip("s")))
    if done.returncode != 0 or any(verdict != "ok" for verdict, _ in outcomes.values()):
        print(done.stdout[-8000:], done.stderr[-4000:], file=sys.stderr)
    for line in done.stdout.splitlines():
        if re.match(r"(seed|hits in memory|\d+ cycles|mutated)", line):
            print("    " + line)
    return outcomes


def python_outcomes(root):
    """The same of the Python tests, if the package has been built."""
    python = root / ".venv/bin/python"
    if not python.exists():
        return {}
    with tempfile.NamedTemporaryFile(suffix=".xml") as report:
        done = subprocess.run([python, "-m", "pytest", "-q", "-k", "F40 or F49", "--junitxml", report.name, "tests/python"],
                              cwd=root, env={**os.environ, **FULL_SIZE}, capture_output=True, text=True)
        if done.returncode != 0:
            print(done.stdout[-8000:], done.stderr[-4000:], file=sys.stderr)
        outcomes = {}
        for case in xml.etree.ElementTree.parse(report.name).iter("testcase"):
            inner = {child.tag for child in case}
            verdict = "failed" if inner & {"failure", "error"} else "skipped" if "skipped" in inner else "ok"
            if TEST.search(case.get("name")):
                outcomes[f"python.{case.get('name')}"] = (verdict, float(case.get("time")))
    return outcomes


def table(by_row):
    yield "| row | fault | tests | outcome | seconds |"
    yield "|---|---|---|---|---|"
    for row in sorted(set(by_row) | REQUIRED):
        outcomes = by_row.get(row, {})
        bad = sorted({verdict for verdict, _ in outcomes.values() if verdict != "ok"})
        outcome = ", ".join(bad) if bad else "ok" if outcomes else "no test"
        seconds = sum(seconds for _, seconds in outcomes.values())
        yield f"| {row} | {ROWS.get(row, '')} | {len(outcomes)} | {outcome} | {seconds:.1f} |"


def main(build, write=None):
    began = time.monotonic()
    by_row = {}
    for program in sorted((pathlib.Path(build) / "bin").glob("*_test")):
        names = list(tests_of(program))
        if not names:
            continue
        print(f"{program.name}: {len(names)} tests", flush=True)
        for name, outcome in run(program, names).items():
            row = int(TEST.search(name)[1])
            by_row.setdefault(row, {})[name] = outcome
    root = pathlib.Path(__file__).resolve().parent.parent
    for name, outcome in python_outcomes(root).items():
        by_row.setdefault(int(TEST.search(name)[1]), {})[name] = outcome
    lines = list(table(by_row))
    print("\n".join(lines))
    missing = REQUIRED - set(by_row)
    bad = [name for outcomes in by_row.values() for name, (verdict, _) in outcomes.items() if verdict != "ok"]
    print(f"{sum(map(len, by_row.values()))} tests in {time.monotonic() - began:.0f} s; not ok: {bad or 'none'}; rows without one: {sorted(missing) or 'none'}")
    if write:
        page = pathlib.Path(write)
        before, _, after = page.read_text().split("<!-- chaos -->")
        page.write_text("<!-- chaos -->".join([before, "\n" + "\n".join(lines) + "\n", after]))
    return 1 if bad or missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[3] if len(sys.argv) > 3 else None))
