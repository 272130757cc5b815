"""Journal: where a cache that writes back keeps its writes. Imported when a cache has one."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from ._errors import ConfigError
from ._tiers import absolute
from ._times import Seconds, span
from ._words import count, shown

#: What an acknowledged write survives.
SYNC = ("durable", "os_cache")

LEAST_JOURNAL_BYTES = 32 << 20


@dataclasses.dataclass(frozen=True)
class Journal:
    """The journal of a cache with write_mode="back", and its limits. As an argument a path stands for Journal(path).

        counters = terrace.Cache("counters", tiers=["redis://localhost"], write_mode="back",
                                 journal=terrace.Journal("/var/lib/app/journal", sync="os_cache"))

    path: its folder, on a local disk. It is made if it is not there; its parent must be. One process has it at a time.
    sync: what a write survives once set() has returned: "durable": kill -9 and a power cut (fdatasync); "os_cache": kill -9,
        while a power cut loses the last seconds.
    flush_interval: how long a change waits at most before it goes to the tiers, while these keep up: seconds or a timedelta,
        above 0.
    max_batch: changes in one batch.
    max_pending, max_pending_bytes, max_journal_bytes: bounds on what waits for the tiers: changes; bytes of their keys and
        values, in memory; bytes of the journal's files, at least 32 MiB. A write above one of them raises Overloaded.
    max_attempts: a change that is rejected so often, while others of its batch are stored, becomes a dead letter: it is kept
        in the journal's folder and not tried again. A tier that is away rejects nothing: the change waits for it.

    A relative path begins where the program is when this is made. Raises ConfigError, and TypeError for what is no path.
    Immutable.
    """

    path: str | os.PathLike[str]
    sync: str = "durable"
    flush_interval: Seconds = 0.1
    max_batch: int = 1000
    max_pending: int = 100_000
    max_pending_bytes: int = 256 << 20
    max_journal_bytes: int = 1 << 30
    max_attempts: int = 5

    def __post_init__(self) -> None:
        if self.path is None:
            raise TypeError("path=None: give a path, a str or a pathlib.Path")
        object.__setattr__(self, "path", absolute(self.path, "path"))
        if not isinstance(self.sync, str) or self.sync not in SYNC:
            raise ConfigError(f'sync={shown(self.sync)}: give "durable" or "os_cache"')
        interval = span(self.flush_interval, "flush_interval")
        if interval <= 0:
            raise ConfigError(f"flush_interval={shown(self.flush_interval)} is not above 0: give the most seconds that a change waits")
        object.__setattr__(self, "flush_interval", interval)
        for name in ("max_batch", "max_pending", "max_pending_bytes"):
            count(getattr(self, name), name, 1)
        count(self.max_journal_bytes, "max_journal_bytes", LEAST_JOURNAL_BYTES)
        count(self.max_attempts, "max_attempts", 1, bits=32)


def journal_of(given: Any) -> Journal | None:
    """The argument journal= of a cache: a Journal, or a path. Raises TypeError for anything else, and ConfigError."""
    if given is None or isinstance(given, Journal):
        return given
    return Journal(absolute(given, "journal") or "")


def journal_settings(given: Any, write_mode: str) -> dict[str, Any]:
    """The options of the core for it. Raises as journal_of."""
    journal = journal_of(given)
    if journal is None:
        return {}
    if write_mode != "back":
        raise ConfigError(f'journal={shown(given)} is for write_mode="back": give that, or no journal')
    options = dataclasses.asdict(journal)
    return {"journal": options.pop("path"), **options}
