"""terrace: a multi-level cache. Start with Cache; patterns has the classes that programs write by hand."""

from ._cache import Cache
from ._config import Caches, open_caches
from ._core import __version__
from ._errors import *  # noqa: F403
from ._errors import __all__ as _error_names
from ._monitor import Monitor, metrics
from ._results import (
    ABSENT,
    CacheStats,
    Explanation,
    LevelExplanation,
    LevelStats,
    Load,
    LoadContext,
    Lookup,
    WarmFailure,
    WarmReport,
    WarmTask,
)
from ._tiers import Tier

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
    "Monitor",
    "Tier",
    "WarmFailure",
    "WarmReport",
    "WarmTask",
    "metrics",
    "open_caches",
    "__version__",
    *_error_names,
]
