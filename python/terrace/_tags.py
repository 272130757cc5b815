"""tag_list: the tags of a call or of a Load, in any form that a program gives; sound_text: text that the core can take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ._errors import ConfigError, KeyTypeError
from ._words import shown

MOST_BYTES = 1024
MOST_TAGS = 64


def tag_list(tags: Any) -> list[str]:
    """The tags as a list. A str is one tag. Raises TypeError for an object that is neither a str nor an iterable of str,
    KeyTypeError for a str that cannot be written as UTF-8."""
    if isinstance(tags, str):
        return [sound_text(tags, "tag")]
    if not isinstance(tags, Iterable) or isinstance(tags, (bytes, bytearray, memoryview, Mapping)):
        raise TypeError(f'tags={tags!r}: give a str, or a list of str such as ["users"]')
    listed = list(tags)
    for tag in listed:
        if not isinstance(tag, str):
            raise TypeError(f'tags={tags!r}: the tag {tag!r} is no str; give a list such as ["users"]')
        sound_text(tag, "tag")
    return listed


def refuse_tags(tags: list[str]) -> None:
    """Raises ConfigError for tags that the core would reject, where the core is not asked."""
    if len(tags) > MOST_TAGS:
        raise ConfigError(f"{len(tags)} tags are given; an entry has at most {MOST_TAGS}: use fewer, such as one of a group of keys")
    for tag in tags:
        if not tag:
            raise ConfigError("a tag is empty; give it a name, or leave it out")
        if len(tag.encode()) > MOST_BYTES:
            raise ConfigError(f"the tag {shown(tag)} is longer than {MOST_BYTES} bytes; take a shorter one, such as a hash of it")


def sound_text(text: str, what: str) -> str:
    """Returns the text. Raises KeyTypeError if it cannot be written as UTF-8."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise KeyTypeError(f"a str with lone surrogates ({text!a}) is no {what}: encode it, for instance as base64") from None
    return text
