"""The table of docs/patterns.md that sets the hand-written classes beside terrace.patterns says what is so."""

from __future__ import annotations

import enum
import inspect
import pathlib
from typing import Any

import pytest
from terrace import patterns


def rows() -> dict[str, list[str]]:
    page = (pathlib.Path(__file__).resolve().parents[2] / "docs/patterns.md").read_text()
    table = page.split("### Method by method")[1].split("\n|---|---|---|---|\n")[1].split("\n\n")[0]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.strip().splitlines()]
    return {row[0].strip("`"): row[1:] for row in cells}


def named(name: str) -> Any:
    owner, _, method = name.partition(".")
    return getattr(getattr(patterns, owner), method) if method else getattr(patterns, owner)


def signature(name: str) -> str:
    """Parameters as the table has them; a dash: there is none."""
    def text(p: inspect.Parameter) -> str:
        default = str(p.default) if isinstance(p.default, enum.Enum) else repr(p.default)
        return p.name if p.default is p.empty else f"{p.name}={default}"

    parameters = [p for p in inspect.signature(named(name)).parameters.values() if p.name != "self"]
    told = [text(p) for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    keywords = [text(p) for p in parameters if p.kind is p.KEYWORD_ONLY]
    assert len(told) + len(keywords) == len(parameters)
    return ", ".join(told + (["*", *keywords] if keywords else [])) or "–"


@pytest.mark.parametrize("name", list(rows()))
def test_the_table_has_the_parameters_that_there_are(name: str) -> None:
    assert rows()[name][1].strip("`") == signature(name)


@pytest.mark.parametrize("name", list(rows()))
def test_what_is_the_same_has_no_more_than_the_hand_written_one(name: str) -> None:
    """By position: additions are keywords, or stand in the table with the parameters there were."""
    before = rows()[name][0].strip("`")
    if before not in ("same", "–", "no parameters"):
        assert signature(name).startswith(before)


def test_the_table_has_every_class_and_method() -> None:
    there = set()
    for name in patterns.__all__:
        part = getattr(patterns, name)
        if isinstance(part, type) and issubclass(part, enum.Enum):
            continue
        if name != "CachingSetup":
            there.add(name)
        if isinstance(part, type):
            methods = {method for method in dir(part) if not method.startswith("_") and callable(getattr(part, method))}
            there |= {f"{name}.{method}" for method in methods | ({"__call__"} & set(vars(part)))}
    assert there == set(rows())


def test_results_have_the_keys_that_the_table_tells() -> None:
    def told(name: str) -> set[str]:
        listed = rows()[name][2].split("dict: ")[1].split(".")[0]
        return set(listed.replace(";", ",").replace(" and ", " ").split(" without")[0].replace(",", " ").split())

    l1, l2 = patterns.L1Cache(), patterns.L2Cache("redis://127.0.0.1:1")
    levels = patterns.MultiLevelCache(l1, l2)
    for cache in (l1, l2, levels, patterns.DistributedCache(["127.0.0.1:1"]), patterns.CacheSharding(["127.0.0.1:1"])):
        name = f"{type(cache).__name__}.get_metrics"
        assert set(cache.get_metrics()) <= told(name), name
    warming, monitoring = patterns.CacheWarming(l1), patterns.CacheMonitoring(l1)
    assert set(warming.warm_cache()) <= told("CacheWarming.warm_cache")
    assert set(warming.get_warming_metrics()) == told("CacheWarming.get_warming_metrics")
    health = monitoring.check_cache_health()
    assert set(health) <= told("CacheMonitoring.check_cache_health")
    assert (type(health["healthy"]), type(health["issues"]), type(health["timestamp"])) == (bool, list, str)
