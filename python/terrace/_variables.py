"""The state of a function besides its code and its arguments: the variables of the enclosing function, and its defaults."""

from __future__ import annotations

import functools
import operator
import types
from typing import Any, Iterator, NamedTuple

from . import _core
from ._functions import identity_of, inner
from ._identity import token_of

#: C objects that consist exactly of the parts they were made of.
_MADE = (functools.partial, operator.itemgetter, operator.attrgetter, operator.methodcaller)


class Variables(NamedTuple):
    """known: everything that has the bytes of an argument, and the code of functions; tokens: one for each other object.
    Functions with the same code that are equal in both compute the same. A token lasts as long as its object, and no other
    process has it."""

    known: str
    tokens: str


def variables_of(function: Any, within: int = 3) -> Variables:
    """within: how deep functions in variables of functions are examined; deeper ones have tokens."""
    known: list[str] = []
    tokens: list[str] = []
    for name, content in _contents(function):
        told, token = ("", token_of(function)) if content is _core.NO_VALUE else what_it_is(content, within)
        known.append(f"{name}={told}")
        if token or not told:
            tokens.append(f"{name}={token or token_of(function)}")
    return Variables(",".join(known), ",".join(tokens))


def what_it_is(thing: Any, within: int = 3) -> Variables:
    """The same for any object. Both are empty for an unknown object that cannot have a lasting token."""
    thing = inner(thing)
    if isinstance(thing, types.ModuleType):
        return Variables(f"module {thing.__name__}", "")
    if isinstance(thing, _MADE):
        made_of = thing.__reduce__()
        parts = (thing.func, thing.args, *sorted(thing.keywords.items())) if isinstance(thing, functools.partial) else made_of[1:]
        return _joined(type(thing).__qualname__, parts, within)
    if isinstance(thing, types.MethodType):
        return _joined("method", (thing.__func__, thing.__self__), within)
    if isinstance(thing, tuple) and type(thing) is tuple:
        return _joined("tuple", thing, within)
    if isinstance(thing, types.FunctionType):
        if not within:
            return Variables(identity_of(thing).code, token_of(thing))
        own = identity_of(thing)
        around = variables_of(thing, within - 1)
        apart = token_of(thing) if own.alone and not thing.__closure__ else ""
        return Variables(f"{own.code}({around.known})", f"{apart}{around.tokens}")
    try:
        return Variables(_core.argument_bytes(thing).hex(), "")
    except (TypeError, ValueError):
        pass
    if callable(thing) and not (own := identity_of(thing)).alone:
        return Variables(own.code, "")
    return Variables("", token_of(thing) if _has_references(thing) else "")


def _joined(what: str, parts: Any, within: int) -> Variables:
    """For an object that has parts."""
    if not within:
        return Variables("", "")
    each = [what_it_is(part, within - 1) for part in parts]
    if any(not part.known and not part.tokens for part in each):
        return Variables("", "")
    return Variables(f"{what}({';'.join(part.known for part in each)})", ";".join(filter(None, (part.tokens for part in each))))


def _contents(function: Any) -> Iterator[tuple[str, Any]]:
    """NO_VALUE: a variable that has no value yet, such as the function's own name while it is being decorated."""
    for number, value in enumerate(function.__defaults__ or ()):
        yield str(number), value
    yield from (function.__kwdefaults__ or {}).items()
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
        if name == "__class__" and "<locals>" not in function.__qualname__:
            continue
        try:
            content = cell.cell_contents
        except ValueError:
            content = _core.NO_VALUE
        if content is not function:
            yield name, content


def _has_references(thing: Any) -> bool:
    return bool(getattr(type(thing), "__weakrefoffset__", 0))
