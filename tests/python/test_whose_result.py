"""A memoized call returns what this very function gave: not another of its name, not its former definition."""

from __future__ import annotations

import asyncio
import functools
import gc
import importlib
import operator
import pathlib
import subprocess
import sys
import textwrap
from typing import Any, Callable

import pytest
import terrace
from servers import RedisServer
from terrace.patterns import CacheDecorator, L1Cache, L2Cache, MultiLevelCache


# --- in one process: functions that were refused, or not, by chance ---


def closure_of(number: int) -> Callable[[], int]:
    def inner() -> int:
        return number

    return inner


class Client:
    def __init__(self, name: str) -> None:
        self.name = name

    def fetch(self, path: str) -> str:
        return f"{path} for {self.name}"

    @classmethod
    def kind(cls, path: str) -> str:
        return f"{path} of {cls.__name__}"

    def __call__(self, path: str) -> str:
        return f"{path} called by {self.name}"


class Other(Client):
    pass


class Slim:
    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number

    def get(self) -> int:
        return self.number


def with_tax(rate: float) -> Callable[[Callable[[int], float]], Callable[[int], float]]:
    def decorate(function: Callable[[int], float]) -> Callable[[int], float]:
        @functools.wraps(function)
        def taxed(x: int) -> float:
            return function(x) * rate

        return taxed

    return decorate


def price(x: int) -> float:
    return 100.0


def counting(function: Callable[[], int]) -> Callable[[], int]:
    state = [0]

    @functools.wraps(function)
    def counted() -> int:
        state[0] += 1
        return state[0] * 10 + function()

    return counted


ALONE: dict[str, tuple[Callable[[int], Callable[..., Any]], tuple[Any, ...]]] = {
    "closures": (closure_of, ()),
    "lambdas of a loop": (lambda n: (lambda: n), ()),
    "bound methods": (lambda n: Client(str(n)).fetch, ("/x",)),
    "callable objects": (lambda n: Client(str(n)), ("/x",)),
    "objects without references": (lambda n: Slim(n).get, ()),
    "wrapped functions": (lambda n: with_tax(n)(price), (1,)),
    "decorators with state": (lambda n: counting(closure_of(n)), ()),
    "methods of C": (lambda n: str(n).join, (("a", "b"),)),
    "objects of C": (lambda n: operator.itemgetter(n), (tuple(range(9)),)),
    "partials of closures": (lambda n: functools.partial(closure_of(n)), ()),
}
alone = pytest.mark.parametrize("make, arguments", ALONE.values(), ids=ALONE.keys())


@alone
def test_each_function_has_its_own_results(cache: terrace.Cache[Any], make: Any, arguments: Any) -> None:
    for round in range(3):  # a second call of a factory behaves like the first, whether or not the first result was collected
        functions = [make(number) for number in (1, 2, 3)]
        expected = [make(number)(*arguments) for number in (1, 2, 3)]
        assert [cache.memoize(function)(*arguments) for function in functions] == expected
        if round == 1:
            gc.collect()
        del functions
        for number in (1, 2, 3):  # gone at once
            assert cache.memoize(make(number))(*arguments) == expected[number - 1]


@alone
def test_over_a_tier_they_need_a_key(shared: terrace.Cache[Any], make: Any, arguments: Any) -> None:
    for _ in range(2):
        for number in (1, 2):
            with pytest.raises(terrace.ConfigError, match="key="):
                shared.memoize(make(number))
            gc.collect()
    for number in (1, 2, 1):
        of_number = shared.memoize(make(number), key=lambda *_: number)
        assert of_number(*arguments) == make(number)(*arguments)


@alone
def test_the_decorator_without_a_key_keeps_them_apart(redis_server: RedisServer, make: Any, arguments: Any, caplog: Any) -> None:
    from terrace import _memoize

    _memoize._told.clear()
    levels = MultiLevelCache(L1Cache(10), L2Cache(redis_server.url))
    for number in (1, 2):
        with caplog.at_level("WARNING", logger="terrace"):
            decorated = CacheDecorator(levels, ttl=60)(make(number))
        assert decorated(*arguments) == make(number)(*arguments)
    assert caplog.text.count("not shared with other processes") == 1


def test_a_function_that_is_memoized_again_finds_its_results(cache: terrace.Cache[Any]) -> None:
    calls = []

    def slow(x: int) -> int:
        calls.append(x)
        return x

    client = Client("ada")
    assert [cache.memoize(slow)(1) for _ in range(3)] == [1, 1, 1] and calls == [1]
    assert cache.memoize(client.fetch).key("/x") == cache.memoize(client.fetch).key("/x")
    assert cache.memoize(client).key("/x") == cache.memoize(client).key("/x")


def test_namesakes_of_one_module(cache: terrace.Cache[Any], shared: terrace.Cache[Any]) -> None:
    for some in (cache, shared):
        area, perimeter = functools.singledispatch(price), functools.singledispatch(price)

        @area.register
        @some.memoize
        def _(x: int) -> int:
            return x * x

        @perimeter.register
        @some.memoize
        def _(x: int) -> int:
            return 4 * x

        assert (area(3), perimeter(3)) == (9, 12)
        squares = [some.memoize(lambda x: x), some.memoize(lambda x: x * x), some.memoize(lambda x: x ** 3)]
        assert [square(3) for square in squares] == [3, 9, 27]


def test_class_methods_and_static_methods(cache: terrace.Cache[Any], shared: terrace.Cache[Any]) -> None:
    for some in (cache, shared):
        assert some.memoize(Client.kind)("/x") == "/x of Client" and some.memoize(Other.kind)("/x") == "/x of Other"
    local = [type("Local", (Client,), {}) for _ in range(2)]
    keys = {cache.memoize(kind.kind).key("/x") for kind in local}  # type: ignore[attr-defined]
    assert len(keys) == 2
    with pytest.raises(terrace.ConfigError, match="key="):
        shared.memoize(local[0].kind)  # type: ignore[attr-defined]


class Base:
    def __init__(self, name: str) -> None:
        self.__terrace_key__ = name

    def get(self) -> str:
        return "base"


SHARED: list[terrace.Cache[Any]] = []


def test_recursions_and_super_of_a_module_are_no_foreign_variables(shared: terrace.Cache[Any]) -> None:
    namespace: dict[str, Any] = {"Base": Base, "shared": shared, "__name__": "with_super"}
    module = sys.modules["with_super"] = type(sys)("with_super")
    module.__dict__.update(namespace)
    exec("@shared.memoize\ndef fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)", module.__dict__)
    assert module.fib(30) == 832040
    exec("class Sub(Base):\n    @shared.memoize\n    def get(self): return super().get() + '+'", module.__dict__)
    assert module.Sub("a").get() == "base+"
    del sys.modules["with_super"]


def test_partials_count_as_their_function_with_all_arguments(cache: terrace.Cache[Any]) -> None:
    def power(base: int, exponent: int = 2) -> int:
        return int(base ** exponent)

    whole = cache.memoize(power)
    square, cube, of_two = (functools.partial(power, exponent=2), functools.partial(power, exponent=3), functools.partial(power, 2))
    assert [cache.memoize(p)(3) for p in (square, cube, of_two)] == [9, 27, 8]
    assert cache.memoize(square).key(3) == whole.key(3, 2) == whole.key(3)
    assert cache.memoize(functools.partial(square))(5, exponent=3) == 125
    templates = [cache.memoize(p, key="power:{base}:{exponent}") for p in (square, of_two)]
    assert [t(3) for t in templates] == [9, 8] and templates[0].key(3) == b"power:3:2"
    with pytest.raises(terrace.ConfigError, match="shared=True"):  # the exponents would not be in the key
        for p in (square, cube):
            cache.memoize(p, key="p:{base}")


def test_defaults_that_differ(cache: terrace.Cache[Any]) -> None:
    def make(default: int) -> Any:
        def call(x: int = default) -> int:
            return x

        return cache.memoize(call)

    assert (make(1)(), make(2)(), make(1)()) == (1, 2, 1)


def test_coroutine_functions_too(cache: terrace.Cache[Any], shared: terrace.Cache[Any]) -> None:
    def make(number: int) -> Any:
        async def inner() -> int:
            return number

        return inner

    async def main() -> None:
        assert [await cache.memoize(make(number))() for number in (1, 2, 1)] == [1, 2, 1]
        with pytest.raises(terrace.ConfigError, match="key="):
            shared.memoize(make(1))

    asyncio.run(main())


# --- over Redis: definitions and programs ---


MODULE = """
import terrace
cache = terrace.Cache("modules", tiers=[{url!r}])

@cache.memoize
def rate(x):
    return x * {factor}
"""


def test_a_reloaded_module_does_not_get_results_of_the_old_one(redis_server: RedisServer, tmp_path: pathlib.Path,
                                                               monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    file = tmp_path / "reloaded_rates.py"
    file.write_text(MODULE.format(url=redis_server.url, factor=2))
    module = importlib.import_module("reloaded_rates")
    assert module.rate(1) == 2
    module.cache.flush()
    key = module.rate.key(1)
    file.write_text("# moved\n\n" + MODULE.format(url=redis_server.url, factor=2))
    importlib.invalidate_caches()
    module.cache.close()
    assert importlib.reload(module).rate.key(1) == key and module.cache.lookup(key.decode()).level == "redis"
    file.write_text(MODULE.format(url=redis_server.url, factor=3))
    module.cache.close()
    assert importlib.reload(module).rate(1) == 3
    module.cache.close()


def program(folder: pathlib.Path, name: str, text: str, *arguments: str) -> str:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(textwrap.dedent(text))
    return run(folder / name, *arguments)


def run(*command: Any) -> str:
    done = subprocess.run([sys.executable, *map(str, command)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


SCRIPT = """
    import sys, terrace
    SOURCE = {source!r}
    cache = terrace.Cache("scripts", tiers=[sys.argv[1]])

    @cache.memoize
    def load(day):
        print("loads")
        return SOURCE + day

    print(load("monday"))
    cache.close()
"""


def test_two_scripts_do_not_share_functions_of_their_main(redis_server: RedisServer, tmp_path: pathlib.Path) -> None:
    one, two = SCRIPT.format(source="one's "), SCRIPT.format(source="two's ")
    assert program(tmp_path / "a", "job.py", one, redis_server.url) == "loads\none's monday"
    assert program(tmp_path / "b", "job.py", two, redis_server.url) == "loads\ntwo's monday"
    assert program(tmp_path / "a", "job.py", one, redis_server.url) == "one's monday"  # the same program does
    for round in range(2):
        for text in (one, two):  # programs without a file
            assert run("-c", textwrap.dedent(text), redis_server.url).startswith("loads") == (round == 0)
            assert run("-Ic", textwrap.dedent(text), redis_server.url).startswith("one's" if text == one else "two's")
            session = subprocess.run([sys.executable, "-", redis_server.url], input=textwrap.dedent(text), capture_output=True, text=True, timeout=60)
            assert session.stdout.startswith("loads"), session.stderr


def test_processes_of_one_program_share(redis_server: RedisServer, tmp_path: pathlib.Path) -> None:
    text = """
        import multiprocessing, sys, terrace
        cache = terrace.Cache("pool", tiers=[sys.argv[1]])

        @cache.memoize
        def load(x):
            return multiprocessing.current_process().name

        if __name__ == "__main__":
            mine = load(1)
            cache.flush()
            for method in ("spawn", "fork"):
                with multiprocessing.get_context(method).Pool(2) as pool:
                    print(set(pool.map(load, [1] * 4)) == {mine})
    """
    assert program(tmp_path, "pooled.py", text, redis_server.url) == "True\nTrue"


def test_a_fingerprint_is_the_same_in_every_process(tmp_path: pathlib.Path) -> None:
    (tmp_path / "constants.py").write_text(
        "import terrace\ncache = terrace.Cache('c')\n"
        "@cache.memoize\ndef f(x): return x in {'a', 'b', 'c', 1, (2, 'd')} or (lambda y: y in {'e', 'f'})(x)\n")
    keys = {subprocess.run([sys.executable, "-c", "import constants; print(constants.f.key(1))"], cwd=tmp_path, text=True,
                           capture_output=True, check=True, env={"PYTHONHASHSEED": str(seed)}).stdout for seed in range(1, 4)}
    assert len(keys) == 1
