"""Contestants measured in turns: each round runs all of them, so that a slow moment of the machine meets them all."""

from __future__ import annotations

import dataclasses
import statistics
import sys
import time
from collections.abc import Callable


@dataclasses.dataclass
class Contestant:
    """`run(times)` does the thing so often. `goal`: the least ratio of its time to terrace's, or, below 1 times it, the most of
    terrace's to its: see Table."""

    name: str
    run: Callable[[int], object]


def medians(contestants: list[Contestant], times: int, rounds: int, clock: Callable[[], float] = time.perf_counter) -> dict[str, float]:
    """The median of nanoseconds for one call of each."""
    for contestant in contestants:
        contestant.run(max(1, times // 10))
    seen: dict[str, list[float]] = {contestant.name: [] for contestant in contestants}
    for _ in range(rounds):
        for contestant in contestants:
            began = clock()
            contestant.run(times)
            seen[contestant.name].append((clock() - began) / times * 1e9)
    return {name: statistics.median(figures) for name, figures in seen.items()}


class Table:
    """Lines of a Markdown table: what it takes, what the peer takes, the ratio, the goal."""

    def __init__(self, title: str) -> None:
        print(f"\n## {title}\n\n| | ns | ratio | goal | |\n|---|---|---|---|---|")

    def line(self, name: str, ns: float, ratio: float | None = None, goal: str = "", reached: bool | None = None) -> None:
        verdict = "" if reached is None else "reached" if reached else "**missed**"
        shown = "" if ratio is None else f"{ratio:.2f}"
        print(f"| {name} | {ns:,.0f} | {shown} | {goal} | {verdict} |", flush=True)

    def at_most(self, name: str, ns: float, peer: float, most: float) -> None:
        """Ours against the peer's time."""
        self.line(name, ns, ns / peer, f"≤ {most}", ns / peer <= most)

    def at_least(self, name: str, ns: float, ours: float, least: float | None = None) -> None:
        """A peer's time against ours."""
        goal = "" if least is None else f"≥ {least}"
        self.line(name, ns, ns / ours, goal, None if least is None else ns / ours >= least)


def quick() -> bool:
    return "--quick" in sys.argv
