"""What terrace raises: a small hierarchy under TerraceError, with the core's own words."""

from __future__ import annotations

__all__ = [
    "Closed",
    "ConfigError",
    "DecodeError",
    "EncodeError",
    "KeyTypeError",
    "LoaderFailed",
    "NotFound",
    "Overloaded",
    "TerraceError",
    "Timeout",
    "Unavailable",
    "WriteError",
]


class TerraceError(Exception):
    """Everything terrace raises. `code`: the kind, by the core's name for it: "timed_out", "partial_write", …"""

    code = ""


class ConfigError(TerraceError, ValueError):
    """A wrong option or argument: says which, and what would be right."""

    code = "invalid_argument"


class KeyTypeError(TerraceError, TypeError):
    """An object that cannot be a key."""

    code = "invalid_key"


class EncodeError(TerraceError, TypeError):
    """A value that tiers cannot store, or that copy=True cannot copy: says where in it, and the way out."""

    code = "unencodable"


class DecodeError(TerraceError, ValueError):
    """Stored bytes that are no value of this cache."""

    code = "corrupt"


class Unavailable(TerraceError):
    """A level could not be asked, or refused."""

    code = "unavailable"


class Timeout(TerraceError, TimeoutError):
    """A limit passed before an answer came. A write may have taken effect."""

    code = "timed_out"


class Closed(TerraceError):
    """The cache is closed."""

    code = "shutdown"


class NotFound(TerraceError, KeyError):
    """There is no such key. Loaders may raise it; then it is remembered for negative_ttl.

    from_read: a read of a cache has raised it. Out of a loader such a one says nothing about the key being loaded, and nothing
    is remembered: catch it there, and return ABSENT where one key's absence is the other's."""

    code = "not_found"
    from_read = False

    def __str__(self) -> str:
        return Exception.__str__(self)


class LoaderFailed(TerraceError):
    """A loader did what it must not. (What a loader raises reaches its callers as it is.)"""

    code = "loader_failed"


class Overloaded(TerraceError):
    """A bound on concurrent work was reached, or the system gives no thread for a load."""

    code = "overloaded"


class WriteError(TerraceError):
    """Some levels took a write and others did not, or nobody knows: the text names them."""

    code = "partial_write"


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
    "effect_unknown": WriteError,
}


def from_code(code: str, message: str) -> TerraceError:
    """The exception for an error of the core."""
    from ._readable import readable

    error = _CLASSES.get(code, TerraceError)(readable(message))
    error.code = code
    if isinstance(error, NotFound):
        error.from_read = True
    return error
