"""tag_list: the tags of a call, however the program gives them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def tag_list(tags: Any) -> list[str]:
    """The tags as a list. A str is one tag. Raises TypeError for anything that is no str and no iterable of str."""
    if isinstance(tags, str):
        return [tags]
    if not isinstance(tags, Iterable) or isinstance(tags, (bytes, bytearray, memoryview, Mapping)):
        raise TypeError(f'tags={tags!r}: give a str, or a list of str such as ["users"]')
    listed = list(tags)
    for tag in listed:
        if not isinstance(tag, str):
            raise TypeError(f'tags={tags!r}: the tag {tag!r} is no str; give a list such as ["users"]')
    return listed
