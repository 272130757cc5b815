"""The key templates of memoize: how they are read, and why no two calls of one cache get the same key.

A template such as "user:{id}:secrets" is literal text and fields. What an argument puts into a field never contains the
template's *reserved* bytes: each of them is written as %XX. ALWAYS_RESERVED are reserved in every template, so "42:secrets"
cannot continue into the text of a longer template. This gives two rules:

- Within one template: the text between two fields must have a byte that no escaped argument contains. One of
  ALWAYS_RESERVED is such a byte; without one, all bytes of that text are reserved, too.
- Between two templates of a cache: register() refuses the second when some key could come from both. It goes through both
  texts at a time, a field being any number of bytes that an escaped argument may contain. Functions without a template are
  compared in the same way: their keys begin with their names and a "~". One template is for one function.
"""

from __future__ import annotations

import inspect
import string
import threading
import weakref
from typing import Any, NamedTuple, Union

from ._errors import ConfigError

#: Unchanged in a field, unless the text between fields needs them; the same is true for all bytes beyond ASCII.
PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.@+ ") | frozenset(range(128, 256))
ALWAYS_RESERVED = frozenset(range(256)) - PLAIN
# The bytes of an escape: an escaped argument may contain these, whatever is reserved.
ESCAPE = frozenset(b"%0123456789ABCDEF")

ANYTHING = frozenset(range(256))
Field = tuple[str, int, str]
# One byte, or a set of bytes of which any number may follow.
Item = Union[int, frozenset[int]]


class Template(NamedTuple):
    """fields: for each the text before it, the number of its parameter, and an attribute path; tail: the text after the last
    field; reserved: the bytes that fields escape."""

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

    def glob(self) -> str:
        """Matches all these keys, and keys that are longer by a part."""
        texts = [*(before for before, _, _ in self.fields), self.tail]
        return "*".join("".join("?" if c in "*?[]\\^" else c for c in text) for text in texts)


def names_in(template: str) -> set[str]:
    """The parameters that it names; nothing for a template that cannot be parsed."""
    try:
        return {field.partition(".")[0] for _, field, _, _ in string.Formatter().parse(template) if field}
    except ValueError:
        return set()


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
            raise ConfigError(f"{what}={template!r}: there is no parameter {parameter!r}; there are {', '.join(names)}"
                              f"{_below(signature, what)}")
        if specification or conversion or "[" in field:
            raise ConfigError(f"{what}={template!r}: {{{field}}} can only name a parameter and attributes of it")
        if fields and not text:
            raise ConfigError(f"{what}={template!r}: put text, such as a colon, between the fields, so that "
                              "different arguments cannot make the same key")
        fields.append((text, names.index(parameter), path))
        text = ""
    return fields, text


def _below(signature: inspect.Signature, what: str) -> str:
    if not any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in signature.parameters.values()):
        return ""
    return (". Only the outermost function's own parameters count, because a decorator may change the arguments: put memoize below "
            f"the other decorator, or give a function of the arguments as {what}=")


def key_template(template: str, signature: inspect.Signature) -> Template:
    """The template of a key. Raises ConfigError if different calls could get one key."""
    if not isinstance(template, str):
        raise ConfigError(f'key={template!r}: give a template such as "user:{{id}}", which names parameters, or a function of them')
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


class _Known(NamedTuple):
    """A template, or the name of functions without one: the pattern of the keys, a function that has it, the identity of all
    functions that have it, and whether they share it."""

    pattern: tuple[Item, ...]
    name: str
    who: set[str]
    shared: bool


# For each cache its templates, and the names of its functions without one (as 1-tuples). They are kept when the function is
# gone, like its entries.
_known: weakref.WeakKeyDictionary[Any, dict[str | tuple[str], _Known]] = weakref.WeakKeyDictionary()


def register(cache: Any, name: str, key: str | None, template: Template | None, who: str, shared: bool) -> None:
    """Records the keys of a memoized function: those of its template, or NAME~ and more. Raises ConfigError if calls of another
    function could have one of them. who: equal for functions that are the same; shared: it shares its template with all
    functions that are marked so."""
    pattern = (*f"{name}~".encode(), ANYTHING) if key is None or template is None else template.pattern()
    origin = (name,) if key is None else key
    with _lock:
        known = _known.setdefault(cache, {})
        if (same := known.get(origin)) is not None:
            if key is not None and who not in same.who:
                if not (shared and same.shared):
                    raise ConfigError(_told_twice(cache, name, key, same.name))
                same.who.add(who)
            return  # functions of one name are distinguished by their fingerprints
        for other, theirs in known.items():
            if key is None and isinstance(other, tuple):
                continue
            common = meeting(pattern, theirs.pattern)
            if common is not None:
                raise ConfigError(
                    f"{_origin(origin)} of {name} can make the key {common.decode(errors='replace')!r}, and so can {_origin(other)} of "
                    f"cache {cache.name!r}: give them different beginnings, so that none gets the other's results")
        known[origin] = _Known(pattern, name, {who}, shared)


def register_keyed(cache: Any, name: str, head: str, who: str, shared: bool) -> None:
    """Records a function whose keys a key= function makes. Raises ConfigError if another one has the same beginning."""
    with _lock:
        same = _known.setdefault(cache, {}).setdefault((head,), _Known((*head.encode(), ANYTHING), name, {who}, shared))
        if who not in same.who:
            if not (shared and same.shared):
                raise ConfigError(
                    f"the key= function of {name} makes the keys of another function of this name in cache {cache.name!r}, and one would "
                    "get the other's results: have it return also what they differ in, or, when they compute the same, give both "
                    "shared=True")
            same.who.add(who)


def _origin(origin: str | tuple[str]) -> str:
    return origin[0] if isinstance(origin, tuple) else f"key={origin!r}"


def _told_twice(cache: Any, name: str, key: str, other: str) -> str:
    whose = f"that of {other}" if other != name else "that of another function of this name or a former definition"
    return (f"key={key!r} of {name} is {whose} in cache {cache.name!r}, and one would get the other's results: give it another key, "
            "name in it what they differ in ({self.name} for the method of an object), or, when they compute the same, give both "
            "shared=True")


def meeting(one: tuple[Item, ...], two: tuple[Item, ...]) -> bytes | None:
    """A key that both patterns have; None: there is none."""
    for a, b in zip(one, two):
        if isinstance(a, frozenset) or isinstance(b, frozenset):
            break
        if a != b:
            return None  # the usual case
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
