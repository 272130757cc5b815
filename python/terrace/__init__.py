"""terrace: a multi-level cache. Start with Cache; patterns has the classes that programs write by hand."""

from typing import TYPE_CHECKING, Any

from ._atomic import Current
from ._cache import Cache
from ._config import Caches, open_caches
from ._core import __version__
from ._errors import *  # noqa: F403
from ._errors import __all__ as _error_names
from ._key_rings import generate_keys
from ._monitor import Monitor, metrics
from ._results import ABSENT, Load, LoadContext, Lookup, WarmTask
from ._tiers import Tier
from ._times import FOREVER

if TYPE_CHECKING:
    from ._journal import Journal
    from ._locks import Lock
    from ._memoized import MemoizedCoroutine, MemoizedFunction
    from ._reports import Advice, AdvisedSize, CacheStats, ErrorCounts, Explanation, LatencyCounts, LevelExplanation, LevelStats
    from ._reports import WarmFailure, WarmReport, WriteBackStats

__all__ = [
    "ABSENT",
    "Advice",
    "AdvisedSize",
    "Cache",
    "Caches",
    "CacheStats",
    "Current",
    "ErrorCounts",
    "Explanation",
    "FOREVER",
    "Journal",
    "LatencyCounts",
    "LevelExplanation",
    "LevelStats",
    "Load",
    "LoadContext",
    "Lock",
    "Lookup",
    "MemoizedCoroutine",
    "MemoizedFunction",
    "Monitor",
    "Tier",
    "WarmFailure",
    "WarmReport",
    "WarmTask",
    "WriteBackStats",
    "generate_keys",
    "metrics",
    "open_caches",
    "__version__",
    *_error_names,
]

# Most of the import time goes into making classes, so these are made when first used.
_IN_REPORTS = {"Advice", "AdvisedSize", "CacheStats", "ErrorCounts", "Explanation", "LatencyCounts", "LevelExplanation", "LevelStats",
               "WarmFailure", "WarmReport", "WriteBackStats"}


def __getattr__(name: str) -> Any:
    if name in _IN_REPORTS:
        from . import _reports

        return getattr(_reports, name)
    if name == "Journal":
        from . import _journal

        return _journal.Journal
    if name == "Lock":
        from . import _locks

        return _locks.Lock
    if name in ("MemoizedCoroutine", "MemoizedFunction"):
        from . import _memoized

        return getattr(_memoized, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
