#!/usr/bin/env python3
"""MemoryCache beside caches of Rust, Go and Java, in turns within one run: u64 keys and values, zipf 0.99.

  run.py [--quick] [--rounds N] [--only NAME,NAME] [--ours build/release/peers/bench_peer]

The peers are fetched from their languages' registries and built under build/peers; one whose toolchain is missing, or that
cannot be fetched, is left out with a line that says why. All caches are as they come: no option but their size.

The protocol. Every contestant is a program, called with WHAT ENTRIES THREADS FILE:
  WHAT   hit: a cache with room for all keys is filled with them before, and every look-up must be a hit;
         churn: get-or-insert into a cache that begins empty, has room for ENTRIES, and is asked for ten times as many keys.
  FILE   little-endian u64: how many keys there are, those keys, and then the stream of keys to look up, the same for all.
For each number on its input it goes so many times through the stream, THREADS threads having a part each, and prints a line of
JSON: "ns", an operation's time on the clock, and "made", the share of operations that were misses. All contestants of a case
wait at once and are asked one after the other, so that a slow moment of the machine meets them all. The processor time is
read here, that of the whole process: what a cache does behind its callers' backs is part of its price.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

from toolchains import PEERS, Missing

ROOT = pathlib.Path(__file__).resolve().parents[2]
OURS = "terrace"
TURN_SECONDS = 0.1


@dataclasses.dataclass
class Plan:
    stream: int
    hit_entries: list[int]
    churn_entries: list[int]
    warm_scale: float


FULL = Plan(1_000_000, [10_000, 1_000_000], [1_000, 100_000], 1)
QUICK = Plan(20_000, [10_000], [100], 0.1)


@dataclasses.dataclass(frozen=True)
class Case:
    what: str
    entries: int
    threads: int

    def __str__(self) -> str:
        return f"{self.entries:,} entries, {self.threads} thread{'s' if self.threads > 1 else ''}"


@dataclasses.dataclass
class Turn:
    clock_ns: float
    busy_ns: float
    made: float


def process_time(pid: int) -> float:
    """Seconds of processor time of another process, of all its threads: the clock that clock_getcpuclockid() names."""
    return time.clock_gettime((~pid << 3) | 2)


class Running:
    """A contestant's process in one case."""

    def __init__(self, command: list[str], case: Case, keys: pathlib.Path, length: int) -> None:
        arguments = [case.what, str(case.entries), str(case.threads), str(keys)]
        self._process = subprocess.Popen([*command, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._length = length // case.threads * case.threads
        self._passes = 1

    def turn(self) -> Turn:
        before = process_time(self._process.pid)
        self._process.stdin.write(f"{self._passes}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"ended with status {self._process.wait()}")
        busy = process_time(self._process.pid) - before
        seen = json.loads(line)
        return Turn(seen["ns"], busy * 1e9 / (self._length * self._passes), seen["made"])

    def warm(self, seconds: float) -> None:
        """Turns that do not count; then one turn is to take about TURN_SECONDS."""
        until = time.monotonic() + seconds
        self.turn()
        while time.monotonic() < until:
            self.turn()
        began = time.monotonic()
        self.turn()
        self._passes = max(1, round(TURN_SECONDS / (time.monotonic() - began)))

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()


@dataclasses.dataclass
class Contestant:
    command: list[str]
    warm_seconds: float


Contestants = dict[str, Contestant]
Seen = dict[Case, dict[str, list[Turn]]]


def measure(case: Case, contestants: Contestants, keys: pathlib.Path, plan: Plan, rounds: int) -> dict[str, list[Turn]]:
    """The turns of each. A peer that breaks down is left out of this case; when ours does, so does the run."""
    running: dict[str, Running] = {}
    turns: dict[str, list[Turn]] = {name: [] for name in contestants}

    def attempt(name: str, action: Callable[[], None]) -> None:
        try:
            action()
        except (OSError, RuntimeError) as error:
            if name == OURS:
                raise
            print(f"{name} is left out of {case.what}, {case}: {error}", flush=True)
            turns.pop(name)

    def begin(name: str, peer: Contestant) -> None:
        running[name] = Running(peer.command, case, keys, plan.stream)
        running[name].warm(peer.warm_seconds * plan.warm_scale)

    try:
        for name, peer in contestants.items():
            attempt(name, lambda name=name, peer=peer: begin(name, peer))
        for _ in range(rounds):
            for name in list(turns):
                attempt(name, lambda name=name: turns[name].append(running[name].turn()))
    finally:
        for process in running.values():
            process.stop()
    return turns


def print_table(title: str, value: Callable[[Turn], float], seen: Seen, names: list[str]) -> None:
    """Medians, with the ratio to ours in brackets."""
    print(f"\n{title}\n\n| | " + " | ".join(str(case) for case in seen) + " |\n|" + "---|" * (len(seen) + 1))
    medians = {case: {n: statistics.median(map(value, turns)) for n, turns in all.items()} for case, all in seen.items()}
    for name in names:
        cells = []
        for of in medians.values():
            ratio = "" if name == OURS or name not in of else f" ({of[name] / of[OURS]:.2f})"
            cells.append(f"{of[name]:.1f}{ratio}" if name in of else "-")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def print_misses(seen: Seen) -> None:
    """They differ, since each cache keeps what it thinks best; a miss costs more than a hit."""
    for case, turns in seen.items():
        if case.threads == 1:
            shares = [f"{name} {statistics.median(turn.made for turn in of):.1%}" for name, of in turns.items()]
            print(f"misses, {case}: " + ", ".join(shares), flush=True)


def compare(what: str, entries: list[int], contestants: Contestants, ours: str, plan: Plan, rounds: int) -> None:
    seen: Seen = {}
    for size in entries:
        with tempfile.TemporaryDirectory(prefix="terrace-peers-") as folder:
            keys = pathlib.Path(folder, "keys")
            universe, seed = (size, "42") if what == "hit" else (size * 10, "43")
            subprocess.run([ours, "keys", str(universe), str(plan.stream), seed, str(keys)], check=True)
            for threads in (1, 2):
                case = Case(what, size, threads)
                seen[case] = measure(case, contestants, keys, plan, rounds)
    names = [name for name in contestants if any(name in turns for turns in seen.values())]
    called = "a hit" if what == "hit" else "get or insert, ten times as many keys as entries"
    print_table(f"{called}: ns of processor time, median of {rounds}", lambda turn: turn.busy_ns, seen, names)
    print_table(f"{called}: ns on the clock, median of {rounds}", lambda turn: turn.clock_ns, seen, names)
    if what == "churn":
        print()
        print_misses(seen)


def gather(ours: str, only: set[str]) -> Contestants:
    """Ours first; then the peers that can be built here."""
    contestants = {OURS: Contestant([ours], 0.5)}
    for toolchain in PEERS:
        if only and not only & set(toolchain.names):
            continue
        try:
            commands = toolchain.build(ROOT)
        except Missing as missing:
            print(f"left out: {', '.join(toolchain.names)}: {missing}", flush=True)
            continue
        for name, command in commands.items():
            if not only or name in only:
                contestants[name] = Contestant(command, toolchain.warm_seconds)
    return contestants


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="tiny, to see that it works")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="of the peers only these; terrace: none")
    parser.add_argument("--ours", default=str(ROOT / "build/release/peers/bench_peer"))
    given = parser.parse_args()
    only = set(filter(None, given.only.split(",")))
    known = {OURS}.union(*(toolchain.names for toolchain in PEERS))
    if only - known:
        parser.error(f"--only: {', '.join(sorted(only - known))}: not among {', '.join(sorted(known))}")
    if given.rounds < 1:
        parser.error(f"--rounds {given.rounds}: at least 1")
    if not pathlib.Path(given.ours).is_file():
        parser.error(f"--ours: no file {given.ours}; build the target bench_peer, or say where it is")
    plan = QUICK if given.quick else FULL
    contestants = gather(given.ours, only)
    compare("hit", plan.hit_entries, contestants, given.ours, plan, given.rounds)
    compare("churn", plan.churn_entries, contestants, given.ours, plan, given.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
