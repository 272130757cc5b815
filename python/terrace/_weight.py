"""The size of a Python object in memory, for caches that are bounded by bytes and have no tiers that give the stored size."""

from __future__ import annotations

import gc
import io
import mmap
import sys
import types
from typing import Any, Iterable

# Values with up to this many parts are counted part by part; larger ones are estimated from a sample of this size.
MOST_PARTS = 10_000
SAMPLE = 2_000
# No object is larger, whatever it reports.
MOST_BYTES = 1 << 48
# A chain is followed this far.
MOST_LOOKS = 40_000

#: Objects that do not belong to one value alone.
_SHARED = (type, types.ModuleType, types.CodeType, types.FrameType, types.TracebackType, types.BuiltinFunctionType)
_BARE = (str, bytes, bytearray, int, float, complex)
_WHOLE = frozenset({*_BARE, bool, type(None)})
_ITEMS = frozenset({list, tuple})


def size_of(value: Any) -> int:
    """The bytes of the object and of everything it refers to, each part once: items, attributes, variables of a closure, the
    array of a view. Without classes, modules and the globals of functions. Never below 1."""
    counted = _counted(value)
    return max(round(_estimated(value)) if counted is None else counted, 1)


def _counted(value: Any) -> int | None:
    """None: it has too many parts."""
    seen = {id(value)}
    waiting = [value]
    total = 0
    while waiting:
        part = waiting.pop()
        total += _own(part)
        for inner in _inner(part):
            if id(inner) in seen:
                continue
            if len(seen) == MOST_PARTS:
                return None
            if type(inner) in _WHOLE:
                total += sys.getsizeof(inner)
            elif isinstance(inner, _SHARED):
                continue
            else:
                waiting.append(inner)
            seen.add(id(inner))
    return total


def _estimated(value: Any) -> float:
    """Parts that have parts themselves share the number of parts that may still be examined; when none is left, one part stands
    for all."""
    seen = {id(value)}
    # Parts, how many similar parts each one represents, and how many more may be examined for it.
    waiting: list[tuple[Any, float, int]] = [(value, 1.0, SAMPLE)]
    total = 0.0
    looks = 0
    while waiting and looks < MOST_LOOKS:
        part, stands_for, share = waiting.pop()
        looks += 1
        total += stands_for * _own(part)
        parts = list(_inner(part))
        few = _spread(parts, max(share, 100))
        each = stands_for * len(parts) / max(len(few), 1)
        fresh = {id(inner): inner for inner in few if id(inner) not in seen and not isinstance(inner, _SHARED)}
        seen.update(fresh)
        wholes = [inner for inner in fresh.values() if type(inner) in _WHOLE]
        total += each * sum(map(sys.getsizeof, wholes))
        others = [inner for inner in fresh.values() if type(inner) not in _WHOLE]
        followed = _spread(others, max(share, 1))
        for inner in followed:
            waiting.append((inner, each * len(others) / len(followed), share // len(followed)))
    return total + total / looks * len(waiting)


def _spread(items: list[Any], most: int) -> list[Any]:
    """This many of them, from all along the list, with irregular steps that match no pattern in it."""
    if len(items) <= most:
        return items
    step = len(items) / most
    return [items[int((i + i * 0.618034 % 1) * step)] for i in range(most)]


def _own(part: Any) -> int:
    """The bytes of the object itself, with the memory that only it refers to."""
    kind = type(part)
    if kind in _WHOLE or kind in _ITEMS or kind is dict or kind is set:
        return sys.getsizeof(part)
    if _module(kind) == "pandas":
        return kind.__basicsize__  # its own size includes what it refers to
    if kind is mmap.mmap:
        return len(part)
    if isinstance(part, (io.BytesIO, io.StringIO)):  # their own size may not include their content
        return kind.__basicsize__ + _held(part)
    try:
        size = sys.getsizeof(part, kind.__basicsize__)
        if _module(kind) == "numpy":
            # The owner's size includes the elements.
            return size if getattr(part, "base", None) is None or _is_memory(part.base) else size + int(part.nbytes)
        if kind is memoryview:
            return size if part.obj is not None else size + int(part.nbytes)
        # Some libraries keep their memory where Python does not see it.
        nbytes = part.nbytes if hasattr(kind, "nbytes") else None
        return max(size, kind.__basicsize__ + min(nbytes, MOST_BYTES)) if isinstance(nbytes, int) else size
    except Exception:  # the object's own code can raise anything
        return kind.__basicsize__


def _held(file: io.BytesIO | io.StringIO) -> int:
    if file.closed:
        return 0
    if isinstance(file, io.BytesIO):
        return len(io.BytesIO.getvalue(file))
    return 4 * len(io.StringIO.getvalue(file))  # bytes of a character


def _inner(part: Any) -> Iterable[Any]:
    kind = type(part)
    if kind in _WHOLE:
        return ()
    if kind in _ITEMS:
        return part  # type: ignore[no-any-return]
    if kind is dict:
        return [*part.keys(), *part.values()]
    if isinstance(part, (*_BARE, io.BytesIO)):  # their own size includes everything except their attributes
        return [*vars(part).values()] if hasattr(part, "__dict__") else ()
    if isinstance(part, types.FunctionType):
        return [inner for inner in (part.__closure__, part.__defaults__, part.__kwdefaults__, part.__dict__) if inner]
    if _module(kind) == "numpy" and hasattr(kind, "base"):
        if part.base is not None:
            return [part.base]
        return part.ravel().tolist() if hasattr(kind, "ravel") and part.dtype.hasobject else ()
    if kind is memoryview:
        return [part.obj]
    if hasattr(kind, "__struct_fields__"):  # the garbage collector may not track it
        return [getattr(part, name, None) for name in kind.__struct_fields__]
    if isinstance(part, dict):  # the collector skips keys that are str
        return [*dict.keys(part), *gc.get_referents(part)]
    return gc.get_referents(part)


def _is_memory(base: Any) -> bool:
    """Whether the object behind a view is measured together with the view."""
    return isinstance(base, (bytes, bytearray, memoryview, mmap.mmap)) or _module(type(base)) in ("numpy", "array")


def _module(kind: type) -> str:
    return str(kind.__module__).partition(".")[0]
