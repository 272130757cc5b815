"""glob: the patterns of Redis, read as delete_pattern reads them: src/base/glob.cpp. A pattern matches bytes: `?` is one byte of UTF-8."""

from __future__ import annotations

import re
from typing import Callable


def glob(pattern: str) -> Callable[[str], bool]:
    """Whether a text matches the whole pattern."""
    matches = re.compile(_regular(pattern.encode("utf-8", "surrogatepass")), re.S).fullmatch
    return lambda text: matches(text.encode("utf-8", "surrogatepass")) is not None


def _regular(pattern: bytes) -> bytes:
    parts, at = [], 0
    while at < len(pattern):
        sign = pattern[at : at + 1]
        at += 1
        if sign == b"*":
            parts.append(b".*")
        elif sign == b"?":
            parts.append(b".")
        elif sign == b"[":
            part, at = _class(pattern, at)
            parts.append(part)
        else:
            if sign == b"\\" and at < len(pattern):
                sign = pattern[at : at + 1]
                at += 1
            parts.append(re.escape(sign))
    return b"".join(parts)


def _class(pattern: bytes, at: int) -> tuple[bytes, int]:
    """The part that begins after the bracket, and where it ends. Without a closing bracket it extends to the end."""
    negated = pattern[at : at + 1] == b"^"
    at += negated
    ranges = []
    while at < len(pattern) and pattern[at : at + 1] != b"]":
        if pattern[at : at + 1] == b"\\" and at + 1 < len(pattern):
            low = high = pattern[at + 1]
            at += 2
        elif at + 2 < len(pattern) and pattern[at + 1 : at + 2] == b"-":
            low, high = sorted((pattern[at], pattern[at + 2]))
            at += 3
        else:
            low = high = pattern[at]
            at += 1
        ranges.append(b"\\x%02x-\\x%02x" % (low, high))
    inner = b"".join(ranges)
    if not inner:
        return (b"." if negated else b"(?!)"), at + 1
    return b"[" + (b"^" if negated else b"") + inner + b"]", at + 1
