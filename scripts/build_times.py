#!/usr/bin/env python3
"""What the build took: the slowest sources, the sums of every folder, and the slowest test programs.

Usage: build_times.py [BUILD_FOLDER] [--slowest N] [--limit SECONDS] [--test-limit SECONDS]. In seconds of processor time,
from the log that scripts/timed.sh writes for every source (compile_times in the build folder); the newest time of each
source counts. What came from a compiler cache took next to nothing: for figures from nothing build with
CCACHE_DISABLE=1. Linking is in wall time, from Ninja's own log, and so are the tests, from the log of ctest's last run.
--limit: exits 1 and names the sources that took longer. --test-limit: the same for linking and running a test program.
"""

import argparse
import collections
import pathlib
import re
import subprocess
import sys


def outputs_of(folder):
    """What the build makes now; the log also knows what it made before the last configuration."""
    listing = subprocess.run(["ninja", "-C", folder, "-t", "targets", "all"], capture_output=True, text=True, check=True)
    return {line.split(": ")[0] for line in listing.stdout.splitlines()}


def steps(folder):
    """Every output and its newest time in seconds: compiled sources in processor time, the rest in wall time."""
    wanted = outputs_of(folder)
    newest = {}
    for line in (folder / ".ninja_log").read_text().splitlines():
        if not line.startswith("#"):
            start, end, _, output, _ = line.split("\t")
            if folder_of(output) == "linking":
                newest[output] = (int(end) - int(start)) / 1000
    for line in (folder / "compile_times").read_text().splitlines():
        seconds, output = line.split("\t")
        newest[output] = float(seconds)
    return [(output, seconds) for output, seconds in newest.items() if output in wanted]


def folder_of(output):
    """The folder of the sources, whose objects lie in CMakeFiles/TARGET.dir below it."""
    before = output.split("CMakeFiles/")[0].rstrip("/")
    return "linking" if output.startswith(("bin/", "peers/")) or output.endswith((".a", ".so")) else before or "other"


def tests(folder, linked):
    """Every test of ctest's last run, and its seconds: with those of linking its program."""
    log = folder / "Testing" / "Temporary" / "LastTest.log"
    if not log.exists():
        return []
    text = log.read_text(errors="replace")
    took = re.findall(r'^"([^"]+)" time elapsed: (\d+):(\d+):(\d+)', text, re.M)
    return [(name, int(h) * 3600 + int(m) * 60 + int(s) + linked.get(f"bin/{name}", 0)) for name, h, m, s in took]


def show(title, timed):
    print(f"{title}, in seconds:")
    for name, seconds in timed:
        print(f"{seconds:8.1f}  {name}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", default="build/release", type=pathlib.Path)
    parser.add_argument("--slowest", type=int, default=25, metavar="N")
    parser.add_argument("--limit", type=float, metavar="SECONDS")
    parser.add_argument("--test-limit", type=float, metavar="SECONDS")
    arguments = parser.parse_args()
    if not (arguments.folder / "compile_times").exists():
        sys.exit(f"{arguments.folder} holds no build: build first (make build)")
    timed = sorted(steps(arguments.folder), key=lambda step: -step[1])
    show(f"The slowest of {len(timed)} steps", timed[:arguments.slowest])
    sums = collections.Counter()
    for output, seconds in timed:
        sums[folder_of(output)] += seconds
    show("\nSums", [*sums.most_common(), ("all", sum(sums.values()))])
    ran = sorted(tests(arguments.folder, dict(timed)), key=lambda test: -test[1])
    if ran:
        show("\nThe slowest tests of the last run, with linking them", ran[:10])
    slow = [output for output, seconds in timed if seconds > (arguments.limit or seconds) and output.endswith(".o")]
    slow += [name for name, seconds in ran if seconds > (arguments.test_limit or seconds)]
    if slow:
        sys.exit("\nover the limit: " + ", ".join(slow))


if __name__ == "__main__":
    main()
