"""Copies for caches with copy=True."""

from __future__ import annotations

import copy
from typing import Any

from ._errors import EncodeError


def copied(value: Any) -> Any:
    """Returns a deep copy. Raises EncodeError for a value that cannot be copied."""
    try:
        return copy.deepcopy(value)
    except Exception as wrong:
        raise EncodeError(
            f"copy=True: this {type(value).__qualname__} cannot be copied: {wrong}; leave out what cannot, give its"
            " class a __deepcopy__, or use a cache without copy=True"
        ) from wrong
