"""The exceptions of terrace: a small hierarchy under TerraceError, with the messages of the core."""

from __future__ import annotations

__all__ = [
    "Closed",
    "ConfigError",
    "DecodeError",
    "EffectUnknown",
    "EncodeError",
    "KeyTypeError",
    "LoaderFailed",
    "LockLost",
    "LockTimeout",
    "NotFound",
    "Overloaded",
    "TerraceError",
    "Timeout",
    "Unavailable",
    "WriteError",
]


class TerraceError(Exception):
    """The base class of everything that terrace raises. `code`: the kind, by its name in the core: "timed_out",
    "partial_write", …"""

    code = ""


class ConfigError(TerraceError, ValueError):
    """A wrong option or argument. The message says which, and what would be right."""

    code = "invalid_argument"


class KeyTypeError(TerraceError, TypeError):
    """An object that cannot be a key."""

    code = "invalid_key"


class EncodeError(TerraceError, TypeError):
    """A value that tiers cannot store, or that copy=True cannot copy. The message says where in it, and what to do."""

    code = "unencodable"


class DecodeError(TerraceError, ValueError):
    """Stored bytes that are not a value of this cache."""

    code = "corrupt"


class Unavailable(TerraceError):
    """A level could not be asked, or rejected the request."""

    code = "unavailable"


class Timeout(TerraceError, TimeoutError):
    """A time limit passed before an answer came. A write may have taken effect."""

    code = "timed_out"


class Closed(TerraceError):
    """The cache is closed."""

    code = "shutdown"


class NotFound(TerraceError, KeyError):
    """The key does not exist. A loader may raise it; then that is remembered for negative_ttl.

    from_read: True if a read of a cache raised it. If a loader raises such a NotFound, it says nothing about the key being
    loaded, and nothing is remembered: catch it in the loader, and return ABSENT if the absence of the other key means that this
    key does not exist."""

    code = "not_found"
    from_read = False

    def __str__(self) -> str:
        return Exception.__str__(self)


class LoaderFailed(TerraceError):
    """A loader broke a rule, for example it asked for its own key. (An exception of a loader reaches its callers unchanged.)"""

    code = "loader_failed"


class LoopStopped(LoaderFailed):
    """Its caller asks again when its event loop runs again. Not for users."""


class Overloaded(TerraceError):
    """A limit on concurrent work was reached, or the system has no thread for a load."""

    code = "overloaded"


class WriteError(TerraceError):
    """A write succeeded in some levels and failed in others, or its effect is unknown. The message names the levels."""

    code = "partial_write"


class EffectUnknown(WriteError):
    """No answer came to an atomic operation: it may or may not have taken effect. It is not repeated by itself."""

    code = "effect_unknown"


class LockLost(TerraceError):
    """A lock is not held by this object any more."""

    code = "lock_lost"


class LockTimeout(TerraceError, TimeoutError):
    """A lock could not be acquired in time."""

    code = "lock_timeout"


_CLASSES: dict[str, type[TerraceError]] = {
    "unavailable": Unavailable,
    "timed_out": Timeout,
    "shutdown": Closed,
    "invalid_key": KeyTypeError,
    "value_too_large": EncodeError,
    "not_found": NotFound,
    "loader_failed": LoaderFailed,
    "overloaded": Overloaded,
    "corrupt": DecodeError,
    "incompatible": DecodeError,
    "unencodable": EncodeError,
    "denied": Unavailable,
    "partial_write": WriteError,
    "io_error": Unavailable,
    "would_deadlock": Unavailable,
    "invalid_argument": ConfigError,
    "effect_unknown": EffectUnknown,
}


def from_code(code: str, message: str) -> TerraceError:
    """The exception for an error of the core."""
    from ._readable import readable

    error = _CLASSES.get(code, TerraceError)(readable(message))
    error.code = code
    if isinstance(error, NotFound):
        error.from_read = True
    return error
