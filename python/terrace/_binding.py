"""Binding: which parts of a memoized call count in its key, and in which order."""

from __future__ import annotations

import functools
import inspect
import types
from typing import Any, Callable

from . import _core
from ._errors import ConfigError
from ._functions import inner
from ._loading import is_coroutine_function
from ._templates import names_in

_ANY = inspect.signature(lambda *args, **kwargs: None)


class Binding:
    """Called with the arguments of a call, it returns one object for each parameter; or the result of `key`, if that is a
    function.

    A functools.partial counts as its function, with the arguments that it adds. The template of a bound method may name self.
    """

    def __init__(self, function: Any, key: Any) -> None:
        if is_coroutine_function(key):
            raise ConfigError(f"key={key!r} is a coroutine function: give a plain one")
        self.key: Callable[..., Any] | None = key if callable(key) else None
        self.before: tuple[Any, ...] = ()
        self.named: dict[str, Any] = {}
        #: Whether the object of a bound method is in the key.
        self.names_self = False
        if isinstance(function, functools.partial):
            function, self.before, self.named = function.func, function.args, function.keywords
        if isinstance(function, types.MethodType) and isinstance(key, str):
            first = next(iter(_signature(function.__func__).parameters), None)
            if first in names_in(key):
                self.names_self = True
                self.before = (function.__self__, *self.before)
                function = function.__func__
        self.function = function
        self.signature = _signature(function)

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        if self.key is not None:
            return (self.key(*args, **kwargs),)
        bound = self.arguments(args, kwargs)
        return tuple(
            tuple(sorted(value.items())) if kind is inspect.Parameter.VAR_KEYWORD else value
            for value, kind in zip(bound.arguments.values(), (p.kind for p in self.signature.parameters.values()))
        )

    def arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> inspect.BoundArguments:
        bound = self.signature.bind(*self.before, *args, **{**self.named, **kwargs})
        bound.apply_defaults()
        return bound

    def plain_parameters(self) -> tuple[tuple[Any, ...], bool]:
        """The default of each parameter, and whether positional arguments are these parameters in this order."""
        if self.key is not None or self.before or self.named:
            return (), False
        parameters = list(self.signature.parameters.values())
        plain = all(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)
        return tuple(_core.NO_VALUE if p.default is p.empty else p.default for p in parameters), plain

    def owner(self, number: int, path: str) -> type | None:
        """The type that the parameter's annotation gives to a field of a template (_fields.py)."""
        annotation = list(self.signature.parameters.values())[number].annotation
        if path or annotation is inspect.Parameter.empty:
            return None
        from ._fields import owner_of

        return owner_of(annotation, self.function)

    def added(self, template: str = "") -> str:
        """The arguments that a partial adds to the calls, except those that are in the keys because a template names them."""
        added = self.signature.bind_partial(*self.before, **self.named).arguments
        for name in names_in(template):
            added.pop(name, None)
        return _core.argument_bytes(tuple(added.items())).hex() if added else ""


def _signature(function: Any) -> inspect.Signature:
    """Its own signature, not that of the function that it wraps: a wrapper may add or remove arguments and have other defaults.
    Only a wrapper that passes on exactly its arguments counts as the wrapped function."""
    function = inner(function)
    if isinstance(function, types.MethodType):
        parameters = list(_signature(function.__func__).parameters.values())
        if parameters and parameters[0].kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD):
            del parameters[0]
        return inspect.Signature(parameters)
    if isinstance(function, types.FunctionType):
        bare = types.FunctionType(function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__)
        bare.__kwdefaults__, bare.__annotations__ = function.__kwdefaults__, function.__annotations__
        return inspect.signature(bare)  # without a __signature__ that claims more than it takes
    call = type(function).__call__
    if isinstance(call, types.FunctionType) and not isinstance(function, type):
        return _signature(types.MethodType(call, function))
    try:
        return inspect.signature(function, follow_wrapped=False)
    except (TypeError, ValueError):  # a C function without a signature
        return _ANY
