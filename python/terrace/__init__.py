"""A multi-level cache: memory, Redis, database, loader."""

from terrace._core import __version__

__all__ = ["__version__"]
