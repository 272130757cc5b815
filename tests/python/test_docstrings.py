"""What help() shows is what the sources say, also of what is written in C++."""

from __future__ import annotations

import ast
import inspect
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest
import terrace
from terrace import _core, patterns


def words(text: str | None) -> str:
    return " ".join((text or "").split())


def functions_of(tree: ast.AST, owner: str = "") -> Iterator[tuple[str, ast.FunctionDef]]:
    """Every function of a stub, by its dotted name; the overloads of one are left out."""
    for node in getattr(tree, "body", []):
        if isinstance(node, ast.ClassDef):
            yield from functions_of(node, f"{owner}{node.name}.")
        elif isinstance(node, ast.FunctionDef):
            marks = {getattr(mark, "id", getattr(mark, "attr", "")) for mark in node.decorator_list}
            if not marks & {"overload", "property", "setter"}:
                yield owner + node.name, node


def found(path: str) -> Any:
    at: Any = _core
    for part in path.split("."):
        at = inspect.getattr_static(at, part)
    return at


def test_the_stub_tells_what_the_extension_module_has(root: pathlib.Path) -> None:
    stub = ast.parse((root / "python/terrace/_core.pyi").read_text())
    compared = 0
    for path, node in functions_of(stub):
        function = found(path)
        documented = ast.get_docstring(node)
        if documented is not None:
            assert words(documented) in words(function.__doc__), path
        if "__" in path or path.startswith("Memoized"):
            continue
        try:
            at_run_time = list(inspect.signature(function).parameters)
        except (TypeError, ValueError):  # nanobind's own functions tell it in their docstring
            first = (function.__doc__ or "").partition("\n")[0]
            assert first.startswith(node.name + "("), path
            (definition,) = ast.parse(f"def {first}: ...").body
            assert isinstance(definition, ast.FunctionDef)
            given = definition.args
            at_run_time = [one.arg for one in [*given.posonlyargs, *given.args, *given.kwonlyargs]]
        told = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        assert at_run_time == [one.arg for one in told], path
        compared += 1
    assert compared > 40


def test_editors_and_help_show_the_same_words(root: pathlib.Path) -> None:
    cache = ast.parse((root / "python/terrace/_cache.py").read_text())
    for name in ("get", "get_or_load"):
        texts = [ast.get_docstring(node) for node in ast.walk(cache) if isinstance(node, ast.FunctionDef) and node.name == name]
        (told,) = [text for text in texts if text]
        assert words(told) == words(getattr(terrace.Cache, name).__doc__)
    assert str(inspect.signature(terrace.Cache.get_or_load)) == "(self, /, key, loader, *, timeout=None, tags=())"
    assert str(inspect.signature(terrace.Cache.get)) == "(self, /, key, default=None)"


def public() -> Iterator[tuple[str, Any]]:
    for module in (terrace, patterns):
        for name in module.__all__:
            thing = getattr(module, name)
            if name.startswith("_") or not (inspect.isclass(thing) or inspect.isroutine(thing)):
                continue
            yield f"{module.__name__}.{name}", thing
            if inspect.isclass(thing):
                for attribute in dir(thing):
                    value = inspect.getattr_static(thing, attribute)
                    if attribute.startswith("_") or not (callable(value) or isinstance(value, (classmethod, staticmethod, property))):
                        continue
                    home = next(base for base in thing.__mro__ if attribute in vars(base))
                    if home.__module__.partition(".")[0] == "terrace":
                        yield f"{module.__name__}.{name}.{attribute}", value


@pytest.mark.parametrize("name, thing", [pytest.param(name, thing, id=name) for name, thing in public()])
def test_every_public_name_says_what_it_is_for(name: str, thing: Any) -> None:
    text = inspect.getdoc(thing)
    assert text and len(text) > 8, name
    assert "(*args, **kwargs)" not in text and "nanobind" not in text


def test_help_of_what_is_written_in_cpp_is_whole() -> None:
    import pydoc

    text = words(pydoc.plain(pydoc.render_doc(terrace.Cache.get_or_load)))
    for word in ("one loader runs", "Raises the loader's exception", "Thread safe", "timeout: how long to wait", "ABSENT"):
        assert word in text
