"""Runs the tests of a list of rows, and prints a table with a line for each row. chaos.py and attack.py are such lists.

A test belongs to the rows whose marks its name begins with, a letter and two digits each: F32_A24_EveryFlippedBit… to row
32 of the faults and to row 24 of the attacks. It may be a test of GoogleTest, of Python (test_a09_…) or of CTest.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
TEST_IN_SOURCE = re.compile(r"(?:TEST(?:_F|_P)?\(\w+, |def |add_test\(NAME )(\w+)")
MARKS = re.compile(r"(?:test_)?((?:[AF]\d\d_)+)", re.IGNORECASE)


def rows_of(name, letter):
    """The rows of this letter that the test belongs to."""
    marks = MARKS.match(name.split("[")[0].rsplit(".", 1)[-1])
    found = re.findall(r"([AF])(\d\d)_", marks[1].upper()) if marks else []
    return {int(row) for kind, row in found if kind == letter}


def tests_of(program, letter):
    """The tests of a test program that belong to a row, by their full names."""
    listing = subprocess.run([program, "--gtest_list_tests"], capture_output=True, text=True, check=True).stdout
    suite = ""
    for line in listing.splitlines():
        name = line.split("#")[0].strip()
        if not line.startswith(" "):
            suite = name
        elif rows_of(name, letter):
            yield suite + name


def show_failure(done):
    print(done.stdout[-8000:], done.stderr[-4000:], file=sys.stderr)


def run(program, names, environment):
    """The outcome of each test, and how many seconds it took."""
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        done = subprocess.run([program, f"--gtest_filter={':'.join(names)}", f"--gtest_output=json:{report.name}"],
                              env=environment, capture_output=True, text=True)
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
        show_failure(done)
    for line in done.stdout.splitlines():
        if re.match(r"(seed|hits in memory|\d+ cycles|mutated)", line):
            print("    " + line)
    return outcomes


def junit_outcomes(report, letter, prefix):
    outcomes = {}
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        inner = {child.tag for child in case}
        verdict = "failed" if inner & {"failure", "error"} else "skipped" if "skipped" in inner else "ok"
        if rows_of(case.get("name"), letter):
            outcomes[f"{prefix}.{case.get('name')}"] = (verdict, float(case.get("time")))
    return outcomes


def python_outcomes(letter, rows, environment):
    """The outcomes of the Python tests, if the package has been built."""
    python = ROOT / ".venv/bin/python"
    if not python.exists():
        return {}
    marks = " or ".join(f"{letter}{row:02}_" for row in rows)
    with tempfile.NamedTemporaryFile(suffix=".xml") as report:
        done = subprocess.run([python, "-m", "pytest", "-q", "-k", marks, "--junitxml", report.name, "tests/python"],
                              cwd=ROOT, env=environment, capture_output=True, text=True)
        if done.returncode != 0:
            show_failure(done)
        return junit_outcomes(report.name, letter, "python")


def ctest_outcomes(build, letter, environment):
    """The outcomes of tests that CTest knows by such a name: they test no program's inside but what was built."""
    with tempfile.NamedTemporaryFile(suffix=".xml") as report:
        done = subprocess.run(["ctest", "-R", rf"^{letter}[0-9][0-9]_", "--output-junit", report.name], cwd=build,
                              env=environment, capture_output=True, text=True)
        if done.returncode != 0:
            show_failure(done)
        return junit_outcomes(report.name, letter, "ctest")


def table(names, required, by_row, kind):
    yield f"| row | {kind} | tests | outcome | seconds |"
    yield "|---|---|---|---|---|"
    for row in sorted(set(by_row) | required):
        outcomes = by_row.get(row, {})
        bad = sorted({verdict for verdict, _ in outcomes.values() if verdict != "ok"})
        outcome = ", ".join(bad) if bad else "ok" if outcomes else "no test"
        seconds = sum(seconds for _, seconds in outcomes.values())
        yield f"| {row} | {names.get(row, '')} | {len(outcomes)} | {outcome} | {seconds:.1f} |"


def in_sources(letter):
    """The rows' tests by what the sources say, without running them: for each row the files."""
    by_row = {}
    for path in sorted((ROOT / "tests").rglob("*")):
        if path.suffix not in {".cpp", ".py"} and path.name != "CMakeLists.txt":
            continue
        for name in TEST_IN_SOURCE.findall(path.read_text()):
            for row in rows_of(name, letter):
                by_row.setdefault(row, {})[str(path.relative_to(ROOT))] = None
    return by_row


def print_sources(letter, kind, names, required, page):
    """The table of in_sources(), also as a part of the page. The exit code: 1 when a row has no test, there is a row that the
    list does not have, or the page has another table."""
    by_row = in_sources(letter)
    lines = [f"| row | {kind} | tests, in `tests/` |", "|---|---|---|"]
    for row in sorted(required | set(by_row)):
        files = ", ".join(f"`{file.removeprefix('tests/')}`" for file in by_row.get(row, {}))
        lines.append(f"| {letter}{row:02} | {names.get(row, 'unknown')} | {files or 'none'} |")
    text = "\n".join(lines)
    print(text)
    wrong = sorted((required - set(by_row)) | (set(by_row) - set(names)))
    if wrong:
        print(f"rows without a test, or tests without a row: {wrong}", file=sys.stderr)
    stale = text not in page.read_text()
    if stale:
        print(f"{page.name} has another table: put this one into it", file=sys.stderr)
    return 1 if wrong or stale else 0


def main(letter, kind, names, required, full_size, arguments):
    """Runs all tests of the rows at full size, prints the table, and writes it between the marks <!-- MARK --> of the page
    that --write names; MARK is the script's name. The exit code: 1 when a test fails or is skipped, a required row has
    none, or a test names a row that the list does not have."""
    build = arguments[0]
    environment = {**os.environ, **full_size}
    began = time.monotonic()
    outcomes = {}
    for program in sorted((pathlib.Path(build) / "bin").glob("*_test")):
        found = list(tests_of(program, letter))
        if not found:
            continue
        print(f"{program.name}: {len(found)} tests", flush=True)
        outcomes |= run(program, found, environment)
    outcomes |= python_outcomes(letter, names, environment)
    outcomes |= ctest_outcomes(build, letter, environment)
    by_row = {}
    for name, outcome in outcomes.items():
        for row in rows_of(name, letter):
            by_row.setdefault(row, {})[name] = outcome
    lines = list(table(names, required, by_row, kind))
    print("\n".join(lines))
    missing = required - set(by_row)
    unknown = set(by_row) - set(names)
    bad = sorted(name for name, (verdict, _) in outcomes.items() if verdict != "ok")
    print(f"{len(outcomes)} tests in {time.monotonic() - began:.0f} s; not ok: {bad or 'none'}; "
          f"rows without one: {sorted(missing) or 'none'}; unknown rows: {sorted(unknown) or 'none'}")
    if len(arguments) > 2:
        page = pathlib.Path(arguments[2])
        mark = f"<!-- {pathlib.Path(sys.argv[0]).stem} -->"
        before, _, after = page.read_text().split(mark)
        page.write_text(mark.join([before, "\n" + "\n".join(lines) + "\n", after]))
    return 1 if bad or missing or unknown else 0
