"""readable: messages of the core, with keys in the form that a Python program writes instead of their bytes."""

from __future__ import annotations

import re
from typing import Any

SHOWN = 64

# The core's quotes of keys: cut after SHOWN bytes, then with their length.
_QUOTED = re.compile(r'"((?:[^"\\]|\\x[0-9a-f]{2})*)"(… \(\d+ bytes\))?')
_ESCAPE = re.compile(rb"\\x([0-9a-f]{2})")
_CALL = re.compile(rb"(.+)~[0-9a-f]{16}(?:([(])(.*)|#.*)", re.DOTALL)
_CONSTANTS = {b"N": "None", b"T": "True", b"F": "False"}
# Types whose text follows the letter: int, float, UUID, datetime, date, time, Decimal, complex, a class, a member of an Enum.
_TEXTS = b"ifudDhmxce"


def readable(message: str) -> str:
    """app.fib(100) for "app.fib~0123456789abcdef(5:\x01i100)", (1, 'a') for the key of a tuple. Other keys are not changed."""
    return _QUOTED.sub(_rewritten, message) if "\\x01" in message or "~" in message else message


def name_the_call(error: Exception, head: str, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """For a function with such a long name that the core has cut the key before the arguments."""
    if len(head) < SHOWN or not error.args or not isinstance(error.args[0], str):
        return
    import reprlib

    given = [*map(reprlib.repr, args), *(f"{key}={reprlib.repr(value)}" for key, value in kwargs.items())]
    cut = re.compile(f'"{re.escape(head[:SHOWN])}"(… \\(\\d+ bytes\\))?')
    error.args = (cut.sub(lambda _: f"{name}({', '.join(given)})", error.args[0]), *error.args[1:])


def _rewritten(quoted: re.Match[str]) -> str:
    key = _ESCAPE.sub(lambda escape: bytes([int(escape[1], 16)]), quoted[1].encode())
    rest = "…" if quoted[2] else ""
    if key.startswith(b"\1"):
        return _value(key) + rest
    call = _CALL.fullmatch(key)
    if call is None:
        return quoted[0]
    arguments = "…" if call[2] is None else ", ".join(_items(call[3])) + rest
    return f"{_text(call[1])}({arguments})"


def _items(written: bytes) -> list[str]:
    items = []
    while (head := re.match(rb"(\d+):", written)) is not None:
        end = head.end() + int(head[1])
        items.append(_value(written[head.end():end]))
        written = written[end:]
    return items


def _value(key: bytes) -> str:
    if not key.startswith(b"\1"):
        return repr(_text(key))
    kind, rest = key[1:2], key[2:]
    if kind in _CONSTANTS:
        return _CONSTANTS[kind]
    if kind == b"b":
        return repr(rest)
    if kind == b"s":
        return repr(_text(rest))
    if kind == b"t":
        items = _items(rest.partition(b":")[2])
        return f"({', '.join(items)}{',' * (len(items) == 1)})"
    if kind and kind in _TEXTS:
        return _text(rest).removeprefix("x") if kind == b"i" else _text(rest)
    return f"<{_text(rest.partition(b':')[0])}>"


def _text(part: bytes) -> str:
    return "".join(c if c.isprintable() else "?" for c in part.decode(errors="replace"))
