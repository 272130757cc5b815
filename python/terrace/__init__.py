"""terrace: a multi-level cache. Start with Cache; patterns has the classes that programs write by hand."""

from typing import TYPE_CHECKING, Any

from ._cache import Cache
from ._config import Caches, open_caches
from ._core import __version__
from ._errors import *  # noqa: F403
from ._errors import __all__ as _error_names
from ._key_rings import generate_keys
from ._monitor import Monitor, metrics
from ._results import ABSENT, Load, LoadContext, Lookup, WarmTask
from ._tiers import Tier

if TYPE_CHECKING:
    from ._memoized import MemoizedCoroutine, MemoizedFunction
    from ._reports import CacheStats, Explanation, LevelExplanation, LevelStats, WarmFailure, WarmReport

__all__ = [
    "ABSENT",
    "Cache",
    "Caches",
    "CacheStats",
    "Explanation",
    "LevelExplanation",
    "LevelStats",
    "Load",
    "LoadContext",
    "Lookup",
    "MemoizedCoroutine",
    "MemoizedFunction",
    "Monitor",
    "Tier",
    "WarmFailure",
    "WarmReport",
    "WarmTask",
    "generate_keys",
    "metrics",
    "open_caches",
    "__version__",
    *_error_names,
]

# Most of the import time goes into making classes, so these are made when first used.
_IN_REPORTS = {"CacheStats", "Explanation", "LevelExplanation", "LevelStats", "WarmFailure", "WarmReport"}


def __getattr__(name: str) -> Any:
    if name in _IN_REPORTS:
        from . import _reports

        return getattr(_reports, name)
    if name in ("MemoizedCoroutine", "MemoizedFunction"):
        from . import _memoized

        return getattr(_memoized, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
