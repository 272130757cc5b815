"""stats(), advise() and the options of C++ have everything in Python that they have in C++."""

from __future__ import annotations

import dataclasses
import inspect
import pathlib
import re
import threading
from typing import Any

import pytest
import terrace
from terrace.patterns import CacheStrategy, L1Cache, MultiLevelCache
from terrace.testing import Clock, MemoryTier

INCLUDE = "include/terrace"


def members(header: pathlib.Path, struct: str) -> set[str]:
    """The data members of a struct, as the header declares them: each in a line, sometimes several of a type."""
    (body,) = re.findall(rf"^struct {struct} {{\n(.*?)^}};", header.read_text(), re.M | re.S)
    found = set()
    for line in body.splitlines():
        declared = re.sub(r"//.*|\[\[.*?\]\]", "", line).rstrip()
        if re.match(r"  [ ]?\w", declared) and declared.endswith(";") and "static" not in declared:
            declared = re.sub(r"<.*>|\{[^{}]*\}|=[^;]*|;", "", declared)
            if "(" not in declared:  # no function
                found |= {re.findall(r"\w+", part)[-1] for part in declared.split(",")}
    return found


def fields(kind: Any) -> set[str]:
    return {field.name for field in dataclasses.fields(kind)}


#: The struct of C++, what stands for it, and what only the latter has.
STRUCTS: dict[str, tuple[str, Any, set[str]]] = {
    "CacheStats": ("cache_stats.hpp", terrace.CacheStats, {"unreadable_values"}),
    "LevelStats": ("cache_stats.hpp", terrace.LevelStats, set()),
    "ErrorCounts": ("cache_stats.hpp", terrace.ErrorCounts, set()),
    "LatencyCounts": ("cache_stats.hpp", terrace.LatencyCounts, {"bounds"}),  # there a constant
    "WriteBackStats": ("write_back.hpp", terrace.WriteBackStats, set()),
    "Advice": ("advice.hpp", terrace.Advice, set()),
    "WriteBackOptions": ("write_back.hpp", terrace.Journal, set()),
}


@pytest.mark.parametrize("struct", list(STRUCTS))
def test_python_has_every_member_of_the_struct_in_cpp(struct: str, root: pathlib.Path) -> None:
    header, kind, own = STRUCTS[struct]
    there = members(root / INCLUDE / header, struct)
    assert len(there) >= 2 and there == fields(kind) - own


def test_python_has_every_option_of_a_cache_in_cpp(root: pathlib.Path) -> None:
    there = members(root / INCLUDE / "cache_options.hpp", "CacheOptions")
    only_in_cpp = {"scheduler", "writer"}  # clock= sets the first; a writer is a function of C++
    under_other_names = {"memory_level": "memory", "max_entries": "memory", "max_bytes": "memory", "write_back": "journal"}
    parameters = set(inspect.signature(terrace.Cache).parameters)
    assert len(there) > 25
    assert {under_other_names.get(name, name) for name in there - only_in_cpp} == parameters - {"tiers", "type", "types", "codec", "copy", "clock"}


def test_defaults_of_a_journal_are_those_of_cpp(root: pathlib.Path) -> None:
    text = (root / INCLUDE / "write_back.hpp").read_text()
    journal = terrace.Journal("x")
    for name, default in (("max_batch", "1000"), ("max_pending", "100'000"), ("max_attempts", "5"),
                          ("max_pending_bytes", "std::uint64_t{256} << 20"), ("max_journal_bytes", "std::uint64_t{1024} << 20")):
        assert f"{name} = {default};" in text
        number = eval(default.replace("'", "").replace("std::uint64_t{", "").replace("}", ""))
        assert getattr(journal, name) == number
    assert "JournalSync sync = JournalSync::durable;" in text and journal.sync == "durable"
    assert "flush_interval = std::chrono::milliseconds(100);" in text and journal.flush_interval == 0.1


def test_what_the_core_counts_is_what_stats_has(tmp_path: pathlib.Path) -> None:
    with terrace.Cache[int]("counted", tiers=[MemoryTier()], write_mode="back", journal=tmp_path / "journal", max_staleness=2) as cache:
        cache["k"] = 1
        assert cache["k"] == 1
        told = cache._stats()
        stats = cache.stats()
        assert fields(stats) == set(told)
        for part, kind in ((told["levels"][0], terrace.LevelStats), (told["levels"][0]["errors_by_kind"], terrace.ErrorCounts),
                           (told["load_latency"], terrace.LatencyCounts), (told["write_back"], terrace.WriteBackStats)):
            assert fields(kind) == set(part)
        assert stats.max_staleness == 2 and stats.loads_waiting == 0
        assert stats.load_latency.bounds == sorted(stats.load_latency.bounds) and len(stats.load_latency.up_to) == len(stats.load_latency.bounds)


def test_latencies_and_errors_of_a_tier_are_told_apart_by_kind() -> None:
    tier = MemoryTier()
    with terrace.Cache[int]("kinds", memory=None, tiers=[tier]) as cache:
        cache["k"] = 1
        assert cache["k"] == 1
        tier.away = True
        assert cache.get("k") is None
        below = cache.stats().levels[1]
    assert below.errors == below.errors_by_kind.total >= 1
    assert below.latency.count >= 1 and 0 <= below.p50 <= below.p99 <= below.p999
    assert below.latency.up_to == sorted(below.latency.up_to) and below.latency.up_to[-1] <= below.latency.count


def test_loads_that_wait_for_their_turn_are_counted() -> None:
    began, go_on = threading.Event(), threading.Event()

    def slow() -> int:
        began.set()
        assert go_on.wait(30)
        return 1

    with terrace.Cache[int]("turns", max_concurrent_loads=1) as cache:
        first = threading.Thread(target=cache.get_or_load, args=("a", slow))
        second = threading.Thread(target=cache.get_or_load, args=("b", lambda: 2))
        first.start()
        assert began.wait(30)
        second.start()
        while cache.stats().loads_waiting == 0:
            assert second.is_alive()
        assert cache.stats().loads_in_flight == 1
        go_on.set()
        first.join()
        second.join()
        assert cache.stats().loads_waiting == 0 and cache.stats().load_latency.count == 2


# --- the journal ---


def test_the_bounds_of_a_journal_hold(tmp_path: pathlib.Path) -> None:
    tier = MemoryTier()
    tier.away = True
    journal = terrace.Journal(tmp_path / "journal", max_pending=2)
    cache = terrace.Cache[int]("bounded", tiers=[tier], write_mode="back", journal=journal)
    cache["a"], cache["b"] = 1, 2
    with pytest.raises(terrace.Overloaded):
        cache["c"] = 3
    waiting = cache.stats().write_back
    assert waiting is not None and waiting.pending == 2 and waiting.acknowledged == 2 and waiting.lag >= 0
    tier.away = False
    cache.flush()
    done = cache.stats().write_back
    assert done is not None and done.pending == 0 and done.flushed == 2
    cache.close()


@pytest.mark.parametrize("sync", ["durable", "os_cache"])
def test_a_journal_syncs_as_it_is_told(sync: str, tmp_path: pathlib.Path) -> None:
    with terrace.Cache[int]("synced", tiers=[MemoryTier()], write_mode="back", journal=terrace.Journal(tmp_path / "journal", sync=sync)) as cache:
        for number in range(10):
            cache[number] = number
        told = cache.stats().write_back
    assert told is not None and told.acknowledged == 10 and (told.syncs >= 10) == (sync == "durable")


def test_a_change_waits_for_the_flush_interval_at_most(tmp_path: pathlib.Path) -> None:
    clock = Clock()
    tier = MemoryTier(clock)
    with terrace.Cache[int]("slow", tiers=[tier], write_mode="back", clock=clock,
                            journal=terrace.Journal(tmp_path / "journal", flush_interval=3600, max_batch=10)) as cache:
        cache["k"] = 1
        waiting = cache.stats().write_back
        assert waiting is not None and waiting.pending == 1
        cache.flush()
        done = cache.stats().write_back
        assert done is not None and done.pending == 0


def test_levels_by_hand_take_a_journal_with_limits(tmp_path: pathlib.Path) -> None:
    journal = terrace.Journal(tmp_path / "journal", sync="os_cache")
    levels = MultiLevelCache(L1Cache(), None, f"sqlite:{tmp_path / 'a.db'}", CacheStrategy.WRITE_BACK, journal=journal)
    levels.set("k", 1)
    told = levels._cache.stats().write_back
    assert told is not None and told.acknowledged == 1 and told.syncs == 0
    levels.close()


def test_a_journal_is_where_the_program_was_when_it_was_made(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    journal = terrace.Journal("journal")
    monkeypatch.chdir("/")
    terrace.Cache[int]("placed", tiers=[MemoryTier()], write_mode="back", journal=journal).close()
    assert journal.path == str(tmp_path / "journal") and (tmp_path / "journal").is_dir()
    with pytest.raises(terrace.ConfigError, match='journal=Journal.* is for write_mode="back"'):
        terrace.Cache("through", journal=journal)


def test_no_journal_no_counters() -> None:
    with terrace.Cache[int]("through") as cache:
        assert cache.stats().write_back is None


# --- advice ---


def test_advice_tells_what_more_memory_would_do() -> None:
    with terrace.Cache[int]("advised", memory=1000, advisor=True) as cache:
        for _ in range(6):
            for key in range(2000):  # twice what memory holds
                cache.get_or_load(key, lambda: 0)
        advice = cache.advise()
        assert advice is not None and advice.requests > 0
        assert [size.factor for size in advice.sizes] == [0.25, 0.5, 1, 2, 4]
        assert [size.entries for size in advice.sizes] == [250, 500, 1000, 2000, 4000]
        now, four_times = advice.sizes[2], advice.sizes[4]
        assert 0 <= now.hit_rate < four_times.hit_rate <= 1 and four_times.hit_rate == four_times.hits / advice.requests
        later = cache.advise()
        assert later is not None
        between = later.since(advice)
        assert between.requests == 0 and all(size.hits == 0 and size.hit_rate == 0 for size in between.sizes)


def test_no_advice_without_an_advisor() -> None:
    with terrace.Cache[int]("unadvised") as cache:
        assert cache.advise() is None
    with terrace.Cache[int]("no-memory", memory=None, advisor=True) as cache:
        assert cache.advise() is None
    with pytest.raises(terrace.Closed):
        cache.advise()
    with pytest.raises(terrace.ConfigError, match="advisor=True needs a bound in entries, which memory='64MB' has not"):
        terrace.Cache("bytes", memory="64MB", advisor=True)
    terrace.Cache("both", memory=(1000, "64MB"), advisor=True).close()
