"""Identifies functions: the part before the arguments in the keys of a memoized function without a template.

NAME~FINGERPRINT: module and qualified name, for people, and a hash of everything that distinguishes functions with one name:
the code, the module, the script for functions of __main__. So a new definition (a notebook's cell run again, a reload, a
deployment) never gets results of the old one, nor does another function with the same name. Names of the module that a function
reads while it runs do not count.

Some functions cannot be identified in this way: those that use variables of an enclosing function, bound methods, callable
objects. They get a token that no other function has, in this process or another: `alone` says why.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
import types
from typing import Any, NamedTuple

from . import _core
from ._identity import class_name, found_as, module_name, token_of

_SESSION = os.urandom(8).hex()


class Identity(NamedTuple):
    """fingerprint: 16 hexadecimal digits; code: the fingerprint without tokens, equal for two closures of one function;
    alone: why no other process can have the same function, or ""."""

    module: str
    qualname: str
    fingerprint: str
    code: str
    alone: str = ""

    @property
    def name(self) -> str:
        return f"{self.module}.{self.qualname}"


def identity_of(function: Any, prefix: str = "") -> Identity:
    """prefix: text that the caller puts before the name."""
    known: Any = getattr(function, "_identity", None)
    if isinstance(known, Identity) and isinstance(function, _core.Memoized):
        return known._replace(fingerprint=hashed(known.fingerprint, "memoized", prefix))
    parts, alone, token = _parts(function)
    named = function if hasattr(function, "__qualname__") else type(function)
    module, qualname = module_of(named), str(named.__qualname__)
    code = hashed(prefix, module, qualname, *parts)
    return Identity(module, qualname, hashed(code, token) if alone else code, code, alone)


def inner(function: Any) -> Any:
    """The function to which it passes exactly its arguments; usually itself."""
    return inspect.unwrap(function, stop=lambda f: not isinstance(f, (_core.Memoized, functools._lru_cache_wrapper)))


def name_of(function: Any) -> str:
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{module_of(named)}.{named.__qualname__}"


def module_of(named: Any) -> str:
    """Methods of C classes have the module of their class."""
    return module_name(getattr(named, "__module__", None) or getattr(getattr(named, "__objclass__", None), "__module__", None))


def _parts(function: Any) -> tuple[list[str], str, str]:
    """The parts that distinguish it; and, if they are not sufficient, the reason and a token."""
    owner = getattr(function, "__self__", None)
    if isinstance(function, types.FunctionType):
        profiled = _profiled_script(function)
        parts = [profiled or _module(function.__module__), *_code(function.__code__)]
        if _foreign_variables(function):
            return parts, "it uses variables of the function around it", token_of(function)
        if not profiled and getattr(sys.modules.get(function.__module__), "__dict__", None) is not function.__globals__:
            return parts, "its module cannot be found by name", token_of(function)
        return parts, "", ""
    if isinstance(function, types.MethodType):
        parts, alone, token = _parts(function.__func__)
        parts.append(class_name(owner if isinstance(owner, type) else type(owner)))
        if isinstance(owner, type):
            known = found_as(owner.__module__, owner.__qualname__) is owner
            return (parts, alone, token) if known else (parts, "its class cannot be found by name", token)
        return _of_object(owner, parts, alone or "it is the method of an object", token)
    if isinstance(function, type):
        return [_module(function.__module__)], "it is a class", token_of(function)
    name = getattr(function, "__qualname__", None)
    module = getattr(function, "__module__", None)
    if isinstance(function, functools._lru_cache_wrapper):
        return _parts(inner(function))
    if isinstance(name, str) and _is_of_c(function) and found_as(module, name) is function:
        return [_module(module)], "", ""
    if isinstance(function, (types.MethodDescriptorType, types.WrapperDescriptorType)):  # str.upper
        return _parts_of_descriptor(function)
    if owner is not None:
        return [class_name(type(owner))], "it is the method of an object", token_of(owner)
    parts, alone, token = _parts(call) if isinstance(call := type(function).__call__, types.FunctionType) else ([], "", "")
    return _of_object(function, [*parts, class_name(type(function))], alone or "it is an object", token)


def _is_of_c(function: Any) -> bool:
    """True if it contains no Python code that may change under this name."""
    if isinstance(type(function).__call__, types.FunctionType) or hasattr(function, "__wrapped__"):
        return False
    return not any(callable(value) for value in getattr(function, "__dict__", {}).values())


def _parts_of_descriptor(function: Any) -> tuple[list[str], str, str]:
    owner = function.__objclass__
    if found_as(owner.__module__, owner.__qualname__) is owner:
        return [class_name(owner)], "", ""
    return [class_name(owner)], "its class cannot be found by name", token_of(owner)


def _of_object(thing: Any, parts: list[str], alone: str, token: str) -> tuple[list[str], str, str]:
    own = getattr(thing, "__terrace_key__", None)
    if own is None or token:
        return parts, alone, token + token_of(thing)
    return [*parts, _core.argument_bytes(thing).hex()], "", ""


def _foreign_variables(function: types.FunctionType) -> bool:
    """The class that super() needs is none. Its own name is one: attributes may be added, or a decorator above."""
    return any(name != "__class__" or "<locals>" in function.__qualname__ for name in function.__code__.co_freevars)


def _module(name: Any) -> str:
    """For the started program: its module in a package, its file, or its text (-c), so that two scripts differ; an interactive
    session has a token."""
    if name not in ("__main__", "__mp_main__"):
        return str(name)
    main = sys.modules.get(name)
    spec = getattr(main, "__spec__", None)
    if spec is not None and "." in spec.name:
        return f"-m {spec.name}"
    file = getattr(main, "__file__", None)  # also for a module without a package: there may be one in each directory
    if file and not file.startswith("<"):  # "<stdin>"
        return f"script {os.path.realpath(file)}"
    return f"-c {_COMMAND}" if _COMMAND is not None else f"session {_SESSION}"


def _profiled_script(function: types.FunctionType) -> str:
    """For functions of a script that another program runs, as `python -m cProfile` does: the text they would have without it;
    otherwise ""."""
    file = function.__globals__.get("__file__")
    main = sys.modules.get("__main__")
    if function.__module__ != "__main__" or not isinstance(file, str) or not sys.argv or vars(main) is function.__globals__:
        return ""
    path = os.path.realpath(file)
    ours = path == os.path.realpath(sys.argv[0]) == os.path.realpath(function.__code__.co_filename)
    return f"script {path}" if ours and getattr(main, "__file__", None) != file else ""


def _command() -> str | None:
    """The text of python -c."""
    if sys.argv[:1] != ["-c"]:
        return None
    given = sys.orig_argv[:-len(sys.argv[1:])] if sys.argv[1:] else sys.orig_argv
    return given[-1]


_COMMAND = _command()


def _code(code: types.CodeType) -> list[str]:
    """Without the file and the lines: the function may be moved."""
    return [
        code.co_name, repr((code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)), code.co_code.hex(),
        repr((code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)), getattr(code, "co_exceptiontable", b"").hex(),
        *map(_constant, code.co_consts),
    ]


def _constant(value: Any) -> str:
    if isinstance(value, types.CodeType):
        return repr(_code(value))
    if isinstance(value, tuple):
        return f"({','.join(map(_constant, value))})"
    if isinstance(value, frozenset):  # its order differs in each process
        return f"{{{','.join(sorted(map(_constant, value)))}}}"
    return repr(value)


def hashed(*parts: str) -> str:
    import hashlib  # imports OpenSSL: only the first memoized function needs it, not the import of terrace

    return hashlib.blake2b("".join(f"{len(part)}:{part}" for part in parts).encode(errors="surrogatepass"), digest_size=8).hexdigest()
