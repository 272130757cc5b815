"""The options memory= and advisor= of a cache: how much memory holds, and whether other sizes are watched."""

from __future__ import annotations

import re
from typing import Any

from ._errors import ConfigError
from ._words import flag, shown

# More than any machine holds, and less than the core can count.
MOST_ENTRIES = 1 << 62
MOST_BYTES = 1 << 62


def memory_bounds(memory: int | str | tuple[int, str] | None, advisor: bool = False) -> dict[str, Any]:
    """The options of the core for them. Raises ConfigError."""
    bounds = _bounds(memory) | {"advisor": flag(advisor, "advisor")}
    if advisor and bounds.get("max_entries") == 0:
        raise ConfigError(f"advisor=True needs a bound in entries, which memory={shown(memory)} has not: give a number of entries, or both "
                          "as a tuple")
    return bounds


def _bounds(memory: int | str | tuple[int, str] | None) -> dict[str, Any]:
    if memory is None:
        return {"memory_level": False}
    entries: Any
    size: Any
    entries, size = memory if isinstance(memory, tuple) and len(memory) == 2 else (memory, None)
    if isinstance(entries, str) and size is None:
        entries, size = 0, entries
    fine = (isinstance(entries, int) and not isinstance(entries, bool) and (entries > 0 or size is not None and entries == 0)
            and entries < MOST_ENTRIES)
    if fine and size is None:
        return {"max_entries": entries}
    parsed = re.fullmatch(r"(\d{1,18})\s*([KMGT]?)B?", size.strip(), re.IGNORECASE | re.ASCII) if fine and isinstance(size, str) else None
    bytes_ = 0 if parsed is None else int(parsed[1]) << 10 * " KMGT".index(parsed[2].upper() or " ")
    if not 0 < bytes_ < MOST_BYTES:
        raise ConfigError(f'memory={shown(memory)}: give a number of entries above 0, a size such as "64MB", both as a tuple, or None')
    return {"max_entries": entries, "max_bytes": bytes_}
