#!/usr/bin/env python3
"""What the build took: the slowest sources, and the sums of every folder.

Usage: build_times.py [BUILD_FOLDER] [--slowest N] [--limit SECONDS]. In seconds of processor time, from the log that
scripts/timed.sh writes for every source (compile_times in the build folder); the newest time of each source counts. What came from
a compiler cache took next to nothing: for figures from nothing build with CCACHE_DISABLE=1. Linking is in wall time, from Ninja's own
log. --limit: exits 1 and names the sources that took longer.
"""

import argparse
import collections
import pathlib
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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", default="build/release", type=pathlib.Path)
    parser.add_argument("--slowest", type=int, default=25, metavar="N")
    parser.add_argument("--limit", type=float, metavar="SECONDS")
    arguments = parser.parse_args()
    if not (arguments.folder / "compile_times").exists():
        sys.exit(f"{arguments.folder} holds no build: build first (make build)")
    timed = sorted(steps(arguments.folder), key=lambda step: -step[1])
    print(f"The slowest of {len(timed)} steps, in seconds:")
    for output, seconds in timed[:arguments.slowest]:
        print(f"{seconds:8.1f}  {output}")
    sums = collections.Counter()
    for output, seconds in timed:
        sums[folder_of(output)] += seconds
    print("\nSums, in seconds:")
    for folder, seconds in sums.most_common():
        print(f"{seconds:8.1f}  {folder}")
    print(f"{sum(sums.values()):8.1f}  all")
    if arguments.limit is not None:
        slow = [output for output, seconds in timed if seconds > arguments.limit and output.endswith(".o")]
        if slow:
            sys.exit(f"took longer than {arguments.limit:g} s: " + ", ".join(slow))


if __name__ == "__main__":
    main()
