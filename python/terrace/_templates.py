"""The key templates of memoize: how they are read, and why no two calls of one cache get the same key.

A template such as "user:{id}:secrets" is literal text and fields. What an argument puts into a field never contains the
template's *reserved* bytes: each of them is written as %XX. ALWAYS_RESERVED are reserved in every template, so "42:secrets"
cannot continue into the text of a longer template. This gives two rules:

- Within one template: the text between two fields must have a byte that no escaped argument contains. One of
  ALWAYS_RESERVED is such a byte; without one, all bytes of that text are reserved, too.
- Between two templates of a cache: register() refuses the second when some key could come from both. It goes through both
  texts at a time, a field being any number of bytes that an escaped argument may contain. Functions without a template are
  compared in the same way: their keys begin with their names.
"""

from __future__ import annotations

import inspect
import itertools
import string
import threading
import weakref
from typing import Any, NamedTuple, Union

from ._errors import ConfigError

#: Stay as they are in a field, unless the text between fields needs them; and so does all that is not ASCII.
PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.@+ ") | frozenset(range(128, 256))
ALWAYS_RESERVED = frozenset(range(256)) - PLAIN
# What an escape consists of: an escaped argument may contain these whatever is reserved.
ESCAPE = frozenset(b"%0123456789ABCDEF")

Field = tuple[str, int, str]
# A byte, or the bytes of which any number may stand there.
Item = Union[int, frozenset[int]]


class Template(NamedTuple):
    """fields: for each the text before it, the number of its parameter, and an attribute path; tail: the text after the last;
    reserved: the bytes that fields escape."""

    fields: list[Field]
    tail: str
    reserved: frozenset[int]

    def pattern(self) -> tuple[Item, ...]:
        """The keys that calls can have."""
        field = (frozenset(range(256)) - self.reserved) | ESCAPE
        items: list[Item] = []
        for before, _, _ in self.fields:
            items += [*before.encode(), field]
        return (*items, *self.tail.encode())


def parse_template(template: str, signature: inspect.Signature, what: str) -> tuple[list[Field], str]:
    """The fields, and the text after the last. Raises ConfigError."""
    names = list(signature.parameters)
    fields: list[Field] = []
    text = ""
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as wrong:
        raise ConfigError(f"{what}={template!r}: {wrong}; write {{{{ for a brace") from None
    for literal, field, specification, conversion in parts:
        text += literal
        if field is None:
            continue
        parameter, _, path = field.partition(".")
        if parameter not in names:
            raise ConfigError(f"{what}={template!r}: there is no parameter {parameter!r}; there are {', '.join(names)}")
        if specification or conversion or "[" in field:
            raise ConfigError(f"{what}={template!r}: {{{field}}} can only name a parameter and attributes of it")
        if fields and not text:
            raise ConfigError(f"{what}={template!r}: put text, such as a colon, between the fields, so that "
                              "different arguments cannot make the same key")
        fields.append((text, names.index(parameter), path))
        text = ""
    return fields, text


def key_template(template: str, signature: inspect.Signature) -> Template:
    """The template of a key. Raises ConfigError where different calls could get one key."""
    if not isinstance(template, str):
        raise ConfigError(f'key={template!r}: give a template such as "user:{{id}}", which names parameters')
    fields, tail = parse_template(template, signature, "key")
    if not fields and signature.parameters:
        raise ConfigError(f"key={template!r} names no parameter, so all calls would share one result: name those that the "
                          f"result depends on, as in {template + ':{' + next(iter(signature.parameters)) + '}'!r}, or memoize "
                          "a function without parameters")
    reserved = set(ALWAYS_RESERVED)
    for between, _, _ in fields[1:]:
        if not ALWAYS_RESERVED - ESCAPE & set(between.encode()):
            own = set(between.encode()) - ESCAPE
            if not own:
                raise ConfigError(f"key={template!r}: the text {between!r} between two fields could be part of an argument: "
                                  "put a colon there")
            reserved |= own
            if any(byte > 127 for byte in own):  # whole characters, so that keys stay UTF-8
                reserved |= set(range(128, 256))
    return Template(fields, tail, frozenset(reserved))


_lock = threading.Lock()


class Origin(NamedTuple):
    """Where the keys of a memoized function come from: its template, or, without one, what its name is made of."""

    key: str | None
    prefix: str = ""
    module: str = ""
    qualname: str = ""

    def name(self) -> str:
        """What the keys begin with where there is no template."""
        return f"{self.prefix}{self.module}.{self.qualname}"

    def __str__(self) -> str:
        if self.key is not None:
            return f"key={self.key!r}"
        return f"{self.module}.{self.qualname}" + (f" with key_prefix={self.prefix!r}" if self.prefix else "")


# For each cache the patterns of its keys, by where they come from. They stay when the function is gone, as its entries do.
_known: weakref.WeakKeyDictionary[Any, dict[Origin, list[tuple[Item, ...]]]] = weakref.WeakKeyDictionary()


def register(cache: Any, name: str, origin: Origin, template: Template | None) -> None:
    """Notes the keys of a memoized function. Raises ConfigError when another function's calls could have one of them."""
    anything = frozenset(range(256))
    if template is None:
        patterns: list[tuple[Item, ...]] = [(*f"{origin.name()}{mark}".encode(), anything) for mark in "(#"]
    else:
        patterns = [template.pattern()]
    with _lock:
        known = _known.setdefault(cache, {})
        if origin in known:  # functions with one template share their entries; a module may be loaded again
            return
        for other, theirs in known.items():
            if template is None and other.key is None and not _may_meet(origin.name(), other.name()):
                continue
            for mine, their in itertools.product(patterns, theirs):
                common = meeting(mine, their)
                if common is not None:
                    raise ConfigError(
                        f"{origin} of {name} can make the key {common.decode(errors='replace')!r}, and so can {other} of "
                        f"cache {cache.name!r}: give them different beginnings, so that none gets the other's results")
        known[origin] = patterns


def _may_meet(one: str, two: str) -> bool:
    """Says fast of nearly all pairs of names that none of their keys is one of the other's."""
    return one.startswith(two) or two.startswith(one)


def meeting(one: tuple[Item, ...], two: tuple[Item, ...]) -> bytes | None:
    """A key that both patterns have; None: there is none."""
    for a, b in zip(one, two):
        if isinstance(a, frozenset) or isinstance(b, frozenset):
            break
        if a != b:
            return None  # by far the most
    seen = {(0, 0)}
    ways = [((0, 0), b"")]
    for (i, j), key in ways:
        if i == len(one) and j == len(two):
            return key
        a = one[i] if i < len(one) else frozenset()
        b = two[j] if j < len(two) else frozenset()
        steps: list[tuple[tuple[int, int], bytes]] = []
        if i < len(one) and isinstance(a, frozenset):
            steps.append(((i + 1, j), key))  # the field ends
        if j < len(two) and isinstance(b, frozenset):
            steps.append(((i, j + 1), key))
        if isinstance(a, int) and (b == a or isinstance(b, frozenset) and a in b):
            steps.append(((i + 1, j + 1 if isinstance(b, int) else j), key + bytes([a])))
        elif isinstance(b, int) and isinstance(a, frozenset) and b in a:
            steps.append(((i, j + 1), key + bytes([b])))
        for state, so_far in steps:
            if state not in seen:
                seen.add(state)
                ways.append((state, so_far))
    return None
