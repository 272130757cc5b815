"""The names of classes in keys, and tokens for objects without a name of their own."""

from __future__ import annotations

import os
import sys
import weakref
from typing import Any

#: The class that has each name that keys have held. Nothing: it is gone, and its results may still be kept.
_owners: dict[str, weakref.ref[type]] = {}

#: By id: an object's own __eq__ and __hash__ must not count. A weak reference reports when the id is free again.
_tokens: dict[int, tuple[weakref.ref[Any], str]] = {}


def class_name(kind: type) -> str:
    """Module and qualified name. A class that cannot be found under them (in a function), and a class that was defined
    again under the name of another (in a notebook), also has a token, so that no two classes have one name. A token is
    random, so no other process has it either."""
    name = f"{module_name(kind.__module__)}.{kind.__qualname__}"
    if found_as(kind.__module__, kind.__qualname__) is kind:
        owner = _owners.get(name) or _owners.setdefault(name, weakref.ref(kind))
        if owner() is kind:
            return name
    return f"{name}#{token_of(kind)}"


def module_name(module: Any) -> str:
    """In processes that multiprocessing has spawned, the main module has another name."""
    return "__main__" if module == "__mp_main__" else str(module)


def found_as(module: Any, qualname: str) -> Any:
    """The object that a program finds under the name; None: nothing."""
    found: Any = sys.modules.get(module)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return found


def token_of(thing: Any) -> str:
    """A token that only this object has: the same as long as it lives, and never that of another object. An object that has no
    weak references gets a new token each time. It takes no lock, which a fork or the garbage collector could find held: two
    threads that ask first at the same time may get two tokens, of which one lasts."""
    number, token = id(thing), os.urandom(8).hex()
    try:
        made = (weakref.ref(thing, _Forget(number, token)), token)
    except TypeError:
        return token
    while True:
        known = _tokens.setdefault(number, made)
        if known[0]() is thing:
            return known[1]
        _tokens.pop(number, None)  # the object is gone


class _Forget:
    """Called when the object is gone."""

    def __init__(self, of: int, token: str) -> None:
        self.of = of
        self.token = token

    def __call__(self, _: Any) -> None:
        known = _tokens.get(self.of)
        if known is not None and known[1] == self.token:  # the id may already belong to another object
            _tokens.pop(self.of, None)
