"""Functions that differ only in what they capture, in the decorators above and below them, or in their key= function."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import functools
import importlib
import operator
import pathlib
import subprocess
import sys
import uuid
from typing import Any, Callable

import pytest
import terrace
from servers import RedisServer


# --- decorators that change the arguments ---


def with_db(function: Any) -> Any:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return function("db", *args, **kwargs)

    return call


def claims_too_much(function: Any) -> Any:
    import inspect

    call = with_db(function)
    call.__signature__ = inspect.signature(function)
    return call


class Adding:
    def __init__(self, function: Any) -> None:
        functools.update_wrapper(self, function)
        self.function = function

    def __call__(self, *args: Any) -> Any:
        return self.function("db", *args)


class Service:
    @with_db
    def user(self: Any, db: Any, user_id: Any = None) -> Any:
        return user_id

    method = claims_too_much(lambda db, self, user_id=None: user_id)


def user(db: Any, user_id: Any = None) -> Any:
    return user_id


@pytest.mark.parametrize("decorate", [with_db, claims_too_much, Adding], ids=lambda decorate: decorate.__name__)
def test_a_wrapper_that_adds_arguments(cache: terrace.Cache[Any], decorate: Any) -> None:
    for options in ({"key": "user:{user_id}"}, {"key": lambda *a: a, "tags": ["u:{user_id}"]}):
        with pytest.raises(terrace.ConfigError, match="put memoize below the other decorator"):
            cache.memoize(**options)(decorate(user))  # type: ignore[call-overload]
    plain, by_key = cache.memoize(decorate(user)), cache.memoize(key=lambda n: n)(decorate(user))
    assert [plain(5), plain(6), by_key(5), by_key(6)] == [5, 6, 5, 6]
    below = decorate(cache.memoize(key=f"{decorate.__name__}:{{user_id}}")(user))
    assert [below(5), below(6)] == [5, 6]


def test_methods_below_wrappers(cache: terrace.Cache[Any]) -> None:
    service = Service()
    assert [cache.memoize(service.method)(n) for n in (5, 6)] == [5, 6]
    with pytest.raises(terrace.ConfigError, match="below"):
        cache.memoize(key="s:{user_id}")(service.method)


def test_a_wrapper_with_another_default(cache: terrace.Cache[Any]) -> None:
    def q(limit: int = 1) -> int:
        return limit

    @functools.wraps(q)
    def outer(limit: int = 10) -> int:
        return q(limit)

    memoized = cache.memoize(outer)
    assert (memoized(), memoized(1), memoized(10)) == (10, 1, 10)
    by_template = cache.memoize(key="q:{limit}")(outer)
    assert (by_template(), by_template(1), by_template.key()) == (10, 1, b"q:10")


def test_what_hands_on_exactly_its_arguments_counts_as_what_it_wraps(cache: terrace.Cache[Any]) -> None:
    memoized = cache.memoize(key="lru:{user_id}")(functools.lru_cache(user))
    assert (memoized("db", 5), memoized("db", user_id=6), memoized.key("db", 6)) == (5, 6, b"lru:6")
    other = terrace.Cache[Any]("other")
    assert other.memoize(key="twice:{user_id}")(cache.memoize(user)).key("db", 5) == b"twice:5"


# --- key= functions ---


def pair(a: int, b: int = 0) -> tuple[int, int]:
    return a, b


def test_two_key_functions_of_one_function(cache: terrace.Cache[Any], shared: terrace.Cache[Any]) -> None:
    for some in (cache, shared):
        by_first, by_second = some.memoize(key=lambda a, b=0: a)(pair), some.memoize(key=lambda a, b=0: b)(pair)
        assert (by_first(1, 2), by_second(2, 1)) == ((1, 2), (2, 1))
        by_number = [some.memoize(key=lambda a, b=0, n=n: (a, b)[n])(pair) for n in (0, 1)]
        assert [by_number[0](3, 4), by_number[1](4, 3)] == [(3, 4), (4, 3)]
        by_item = [some.memoize(key=operator.itemgetter(n))(lambda pair: pair) for n in (0, 1)]
        assert [by_item[0]((5, 6)), by_item[1]((6, 5))] == [(5, 6), (6, 5)]


def test_defaults_that_hold_a_loop_s_variable(cache: terrace.Cache[Any], shared: terrace.Cache[Any]) -> None:
    for some in (cache, shared):
        assert [some.memoize(key=lambda x: x)(lambda x, i=i: x * i)(10) for i in (1, 2)] == [10, 20]
        below = [functools.lru_cache(lambda x, i=i: x * i) for i in (1, 2)]
        assert [some.memoize(key=lambda x: x)(function)(10) for function in below] == [10, 20]
        for key in ("below:{x}", "around:{x}"):
            one, two = below if key[0] == "b" else [lambda x, f=function: f(x) for function in below]
            some.memoize(key=key)(one)
            with pytest.raises(terrace.ConfigError, match="shared=True"):
                some.memoize(key=key)(two)


class Tenant:
    def __init__(self, name: str) -> None:
        self.name = name

    def load(self, x: int) -> str:
        return f"{self.name}'s {x}"


def test_closures_and_methods_with_a_key_function(cache: terrace.Cache[Any], shared: terrace.Cache[Any]) -> None:
    def times(n: int) -> Callable[[int], int]:
        return lambda x: n * x

    for some in (cache, shared):
        assert [some.memoize(key=lambda x: x)(times(n))(3) for n in (2, 10)] == [6, 30]
    a, b = Tenant("a"), Tenant("b")
    assert [cache.memoize(key=lambda x: x)(t.load)(1) for t in (a, b)] == ["a's 1", "b's 1"]
    first, second = (lambda t: shared.memoize(key=lambda x: x, shared=t is None)((t or a).load)), a
    assert first(second)(1) == first(a)(1) == "a's 1"
    with pytest.raises(terrace.ConfigError, match="shared=True"):
        first(b)
    assert [shared.memoize(key=lambda x, name=t.name: (name, x))(t.load)(1) for t in (a, b)] == ["a's 1", "b's 1"]


def callable_object(n: int) -> Any:
    class Times:
        def __call__(self, x: int) -> int:
            return n * x

    return Times()


TOLD_BY: dict[str, Callable[[int], Any]] = {
    "closures": lambda n: lambda x: n * x,
    "defaults": lambda n: lambda x, n=n: n * x,
    "closures over lists": lambda n: (lambda some: lambda x: some[0] * x)([n]),
    "partials": lambda n: functools.partial(lambda n, x: n * x, n),
    "partials of closures": lambda n: functools.partial(lambda _, x: n * x, 0),
    "methods": lambda n: Tenant(str(n)).load,
    "methods of C": lambda n: (n).__mul__,
    "objects": callable_object,
    "class methods": lambda n: type("Local", (), {"f": classmethod(lambda cls, x: n * x)}).f,  # type: ignore[attr-defined]
    "lru_cache": lambda n: functools.lru_cache(lambda x: n * x),
    "memoized": lambda n: terrace.Cache[Any]("inner").memoize(lambda x: n * x),
    "wrapped": lambda n: with_db(lambda _, x: n * x),
}


@pytest.mark.parametrize("make", TOLD_BY.values(), ids=TOLD_BY.keys())
def test_a_tier_never_changes_results(cache: terrace.Cache[Any], shared: terrace.Cache[Any], make: Any) -> None:
    """It may refuse."""
    functions = [make(n) for n in (2, 10)]
    expected = [function(3) for function in functions]
    assert [cache.memoize(key=lambda x: x)(function)(3) for function in functions] == expected
    assert shared.memoize(key=lambda x: x)(functions[0])(3) == expected[0]
    try:
        second = shared.memoize(key=lambda x: x)(functions[1])
    except terrace.ConfigError as refused:
        assert "shared=True" in str(refused)
    else:
        assert second(3) == expected[1]


def test_over_tiers_a_key_function_that_is_unknown_is_refused(cache: terrace.Cache[Any], shared: terrace.Cache[Any]) -> None:
    def key_of(thing: Any) -> Any:
        return lambda x: (thing.name, x)

    for thing in (Tenant("a"), Tenant("b")):
        with pytest.raises(terrace.ConfigError, match="key= function"):
            shared.memoize(key=key_of(thing))(pair)
        with pytest.raises(terrace.ConfigError, match="key= function"):
            shared.memoize(key=thing.load)(pair)
        cache.memoize(key=key_of(thing))(pair)


# --- templates over what is captured ---


class Color(enum.Enum):
    RED = 1
    BLUE = 2


@dataclasses.dataclass(frozen=True)
class Place:
    name: str


def shout(x: Any) -> Any:
    return x


CAPTURED: dict[str, tuple[Any, Any]] = {
    "UUID": (uuid.UUID(int=1), uuid.UUID(int=2)),
    "Decimal": (decimal.Decimal(1), decimal.Decimal(2)),
    "date": (datetime.date(2020, 1, 1), datetime.date(2020, 1, 2)),
    "Enum": (Color.RED, Color.BLUE),
    "dataclass": (Place("a"), Place("b")),
    "Path": (pathlib.Path("a"), pathlib.Path("b")),
    "class": (Tenant, Place),
    "function": (shout, user),
    "partial": (functools.partial(pair, 1), functools.partial(pair, 2)),
    "method": (Tenant("a").load, Tenant("b").load),
    "builtin": (len, abs),
    "module": (operator, functools),
    "itemgetter": (operator.itemgetter(1), operator.itemgetter(2)),
    "list": ([1], [2]),
    "dict": ({"a": 1}, {"a": 2}),
    "tuple of lists": (([1],), ([2],)),
    "object": (Tenant("a"), Tenant("b")),
    "deep functions": (with_db(with_db(with_db(with_db(with_db(shout))))), with_db(with_db(with_db(with_db(with_db(user)))))),
    "type and value": (1, True),
}


@pytest.mark.parametrize("captured", CAPTURED.values(), ids=CAPTURED.keys())
@pytest.mark.parametrize("how", ["closure", "default", "keyword default"])
def test_a_template_over_what_is_captured(cache: terrace.Cache[Any], captured: tuple[Any, Any], how: str) -> None:
    def make(tenant: Any) -> Any:
        if how == "closure":
            return lambda id: (tenant, id)
        if how == "default":
            return lambda id, tenant=tenant: (tenant, id)
        return lambda id, *, tenant=tenant: (tenant, id)

    one, two = captured
    function = make(one)
    for _ in range(2):
        cache.memoize(key="u:{id}")(function)
    with pytest.raises(terrace.ConfigError, match="shared=True"):
        cache.memoize(key="u:{id}")(make(two))


# --- a function's own name ---


def test_a_closure_s_own_name_is_a_variable(cache: terrace.Cache[Any], shared: terrace.Cache[Any]) -> None:
    def make(n: int, some: Any, decorate: Any = lambda f: f, **options: Any) -> Any:
        @decorate
        @some.memoize(**options)
        def f(x: int) -> Any:
            return f.n * x

        f.n = n
        return f

    def above(function: Any) -> Any:
        @functools.wraps(function)
        def call(x: int) -> Any:
            return function(x)

        return call

    for decorate in (lambda f: f, above):
        assert [make(n, cache, decorate)(3) for n in (2, 5)] == [6, 15]
        with pytest.raises(terrace.ConfigError, match="key="):
            make(2, shared, decorate)
    assert [make(n, cache, key=lambda x: x)(3) for n in (2, 5)] == [6, 15]
    for some, options in ((cache, {"key": "own:{x}"}), (shared, {"key": lambda x: x})):
        make(2, some, **options)
        with pytest.raises(terrace.ConfigError, match="shared=True"):
            make(5, some, **options)


# --- found by name, and not of C ---


def test_a_reload_of_functions_below_other_decorators(redis_server: RedisServer, tmp_path: pathlib.Path,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    text = """
import functools, terrace
class Wrapping:
    def __init__(self, function):
        functools.update_wrapper(self, function)
    def __call__(self, x):
        return self.__wrapped__(x)
@functools.lru_cache
def cached(x): return x * {factor}
@Wrapping
def wrapping(x): return x * {factor}
"""
    file = tmp_path / "below_others.py"
    for factor in (2, 3):
        file.write_text(text.format(factor=factor))
        importlib.invalidate_caches()
        module = importlib.import_module("below_others") if factor == 2 else importlib.reload(module)  # noqa: F821
        with terrace.Cache("below", tiers=[redis_server.url]) as cache:
            assert cache.memoize(module.cached)(1) == factor
            with pytest.raises(terrace.ConfigError, match="key="):
                cache.memoize(module.wrapping)
            assert cache.memoize(str.upper)("a") == "A" and cache.memoize(operator.add)(1, factor) == 1 + factor
        with terrace.Cache("memory") as cache:
            assert cache.memoize(module.wrapping)(1) == factor


def test_results_that_can_be_read_once(cache: terrace.Cache[Any], tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("a")
    for make in (lambda: map(str, [1]), lambda: zip([1]), lambda: iter([1]), lambda: (tmp_path / "file").open(), lambda: (x for x in "a")):
        with pytest.raises(TypeError, match="read once"):
            cache.memoize(make)()


PROGRAM = """
import sys, terrace
cache = terrace.Cache("programs", tiers=[sys.argv[1]])
SOURCE = {source!r}

@cache.memoize
def load(day):
    print("loads")
    return SOURCE + day

print(load("monday"))
cache.close()
"""


def started(folder: pathlib.Path, *command: str) -> list[str]:
    done = subprocess.run([sys.executable, *command], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if line == "loads" or "monday" in line]


def test_programs_of_one_name_in_two_folders(redis_server: RedisServer, tmp_path: pathlib.Path) -> None:
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "same_name.py").write_text(PROGRAM.format(source=name))
        assert started(folder, "-m", "same_name", redis_server.url) == ["loads", f"{name}monday"]
        for command in (["-m", "same_name"], ["same_name.py"], ["-m", "cProfile", "same_name.py"]):
            assert started(folder, *command, redis_server.url) == [f"{name}monday"], command
