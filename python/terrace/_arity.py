"""Decides how a loader is called: with nothing, the key, or the key and a LoadContext. Its required parameters decide."""

from __future__ import annotations

import inspect
import types
from typing import Any, Callable, Sequence

from ._words import shown

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
# Flags of a code object: it has *args.
_TAKES_ANY_NUMBER = inspect.CO_VARARGS


def loader_arguments(loader: Callable[..., Any]) -> int:
    """How many of (key, context) the loader is called with. Raises TypeError if that is unclear: a guess could store a value
    under a wrong key."""
    plain = _plain_count(loader)
    if plain is not None and plain <= 2:
        return plain
    parameters = _parameters(loader)
    if parameters is None:
        raise _refused(loader, "does not say which arguments it takes")
    needed = _needed(parameters)
    named = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    if named:
        raise _refused(loader, f"insists on the keyword argument {named[0]}")
    if len(needed) > 2:
        raise _refused(loader, f"insists on {len(needed)} arguments ({', '.join(needed)}), and there are only the key and a LoadContext")
    if not needed and not _is_lambda(loader):
        perhaps = [p.name for p in parameters if p.kind in _POSITIONAL]
        if perhaps:
            raise _refused(loader, f"has a default for its argument {perhaps[0]}, so it may be meant for the key or not")
        if _takes_any_number(parameters):
            raise _refused(loader, "takes any number of arguments, so the key may be meant for it or not")
    return len(needed)


def insists(function: Callable[..., Any]) -> bool:
    """True if it cannot be called without a positional argument, and its signature says so."""
    return bool(_needed(_signature(function, follow_wrapped=True) or ()))


def _plain_count(loader: Any) -> int | None:
    """The answer for a Python function or method without defaults and the like, which is the usual case; None: examine it
    further."""
    function, bound = (loader.__func__, 1) if type(loader) is types.MethodType else (loader, 0)
    if type(function) is not types.FunctionType or function.__defaults__:
        return None
    code = function.__code__
    if code.co_flags & _TAKES_ANY_NUMBER or code.co_kwonlyargcount or code.co_argcount < bound:
        return None
    return code.co_argcount - bound


def _parameters(function: Any) -> Sequence[inspect.Parameter] | None:
    """Its own parameters; or those of the function that it wraps, if it passes on everything it gets. None: unknown."""
    own = _signature(function, follow_wrapped=False)
    if own is None or not _needed(own) and _takes_any_number(own):
        return _signature(function, follow_wrapped=True)
    return own


def _signature(function: Any, *, follow_wrapped: bool) -> Sequence[inspect.Parameter] | None:
    try:
        return list(inspect.signature(function, follow_wrapped=follow_wrapped).parameters.values())
    except (TypeError, ValueError):  # a C function without a signature
        return None


def _needed(parameters: Sequence[inspect.Parameter]) -> list[str]:
    return [p.name for p in parameters if p.kind in _POSITIONAL and p.default is p.empty]


def _takes_any_number(parameters: Sequence[inspect.Parameter]) -> bool:
    return any(p.kind is p.VAR_POSITIONAL for p in parameters)


def _is_lambda(loader: Any) -> bool:
    """A lambda uses defaults to keep a loop's variable: `lambda i=i: load(i)`."""
    return type(loader) is types.FunctionType and loader.__name__ == "<lambda>" and not loader.__code__.co_flags & _TAKES_ANY_NUMBER


def _refused(loader: Any, why: str) -> TypeError:
    name = getattr(loader, "__name__", None)
    name = name if isinstance(name, str) and name.isidentifier() else "load"
    return TypeError(f"the loader {shown(loader)} {why}: give lambda key: {name}(key) to have it called with the key, or lambda: {name}(…)")
