"""Memoized functions as objects: methods of them, pickles, copies, counters, what they say of themselves, and what is refused."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import copy
import functools
import inspect
import multiprocessing
import operator
import pickle
import sys
import threading
from typing import Any, AsyncIterator, Callable, Iterator

import pytest
import terrace
from servers import RedisServer

CACHE: terrace.Cache[Any] = terrace.Cache("functions")


@CACHE.memoize
def double(x: int) -> int:
    """Twice x."""
    return 2 * x


@CACHE.memoize
async def adouble(x: int) -> int:
    return 2 * x


class Shop:
    def __init__(self, name: str) -> None:
        self.name = name
        self.__terrace_key__ = name
        self.calls = 0

    @CACHE.memoize
    def price(self, item: str, count: int = 1) -> str:
        self.calls += 1
        return f"{item} at {self.name}"

    @CACHE.memoize(key="stock:{self.name}:{item}")
    async def stock(self, item: str) -> str:
        self.calls += 1
        return f"{item} of {self.name}"

    @classmethod
    @CACHE.memoize
    def kind(cls, x: int) -> str:
        return f"{cls.__name__}{x}"

    @staticmethod
    @CACHE.memoize
    def fixed(x: int) -> int:
        return x


class Branch(Shop):
    def price(self, item: str, count: int = 1) -> str:  # type: ignore[override]
        return super().price(item, count)


@pytest.fixture(autouse=True)
def empty() -> Iterator[None]:
    CACHE.clear()
    yield


def test_invalidate_and_key_through_an_object_or_its_class() -> None:
    one, two = Shop("one"), Shop("two")
    for shop in (one, two):
        shop.price("tea"), shop.price("tea", 2)
    assert one.price.key("tea") == Shop.price.key(one, "tea") == Shop.price.key(one, item="tea") == one.price.key(item="tea", count=1)
    assert one.price.invalidate("tea") is True and one.price.invalidate("tea") is False
    assert Shop.price.invalidate(two, "tea") is True and Shop.price.invalidate(two, "tea") is False
    assert one.price.invalidate("tea", count=2) is True and (one.price("tea"), one.calls) == ("tea at one", 3)
    assert two.price("tea", 2) == "tea at two" and two.calls == 2
    branch = Branch("branch")
    branch.price("tea")
    assert super(Branch, branch).price.invalidate("tea") is True
    assert Shop.fixed(1) == one.fixed(1) == 1 and one.fixed.invalidate(1) is True and Shop.fixed.invalidate(1) is False
    with pytest.raises(TypeError):
        one.price.invalidate()


def test_coroutine_methods() -> None:
    async def main() -> None:
        one, two = Shop("one"), Shop("two")
        assert [await shop.stock("tea") for shop in (one, two, one)] == ["tea of one", "tea of two", "tea of one"]
        assert one.stock.key("tea") == b"stock:one:tea" and one.calls == 1
        assert await one.stock.invalidate("tea") is True and await Shop.stock.invalidate(one, "tea") is False
        assert await Shop.stock.invalidate(two, "tea") is True
        kept = one.stock
        assert await kept("tea") == await kept(item="tea") == "tea of one" and one.calls == 2
        await Shop.stock.cache_clear()
        assert await one.stock.invalidate("tea") is False

    asyncio.run(main())


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="from CPython 3.13 on a class method does not ask the function that it holds")
def test_invalidate_through_a_class_method() -> None:
    assert Shop.kind(1) == "Shop1" and Branch.kind(1) == "Branch1"
    assert Branch.kind.invalidate(1) is True and Branch.kind.invalidate(1) is False and Shop.kind.invalidate(1) is True


def test_bound_methods_are_methods() -> None:
    one, two = Shop("one"), Shop("two")
    assert one.price == one.price and hash(one.price) == hash(one.price) and one.price != two.price
    assert inspect.ismethod(one.price) and one.price.__self__ is one and one.price.__name__ == "price"  # type: ignore[attr-defined]
    assert list(inspect.signature(one.price).parameters) == ["item", "count"]
    assert inspect.iscoroutinefunction(one.stock) and not inspect.iscoroutinefunction(one.price)
    assert list(map(one.price, ["tea", "tea"])) == ["tea at one"] * 2 and one.calls == 1
    assert Shop.price.__get__(one)("tea") == "tea at one"
    with pytest.raises(AttributeError):
        one.price.unknown  # type: ignore[attr-defined]


def test_what_they_say_of_themselves() -> None:
    for function, name in ((double, "double"), (adouble, "adouble"), (Shop.price, "Shop.price")):
        assert repr(function).startswith(f"<memoized {__name__}.{name} of <terrace.Cache 'functions'")
        assert function.__qualname__ == name and function.__module__ == __name__  # type: ignore[attr-defined]
        assert inspect.unwrap(function) is function.__wrapped__ is not function  # type: ignore[attr-defined]
    assert double.__doc__ == "Twice x." and str(inspect.signature(double)) == "(x: 'int') -> 'int'"
    assert inspect.iscoroutinefunction(adouble) and asyncio.iscoroutinefunction(adouble) and not inspect.iscoroutinefunction(double)
    assert double.cache_parameters() == {"maxsize": 10_000, "typed": True, "ttl": None, "key": None}
    assert Shop.stock.cache_parameters()["key"] == "stock:{self.name}:{item}"


def test_they_are_pickled_and_copied_by_name() -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        for function in (double, adouble, Shop.price, Shop.stock):
            assert pickle.loads(pickle.dumps(function, protocol)) is function or protocol < 4 and "." in function.__qualname__
    assert copy.copy(double) is double and copy.deepcopy({"f": [double]})["f"][0] is double
    shop = Shop("corner")
    method = pickle.loads(pickle.dumps(shop.price))
    assert method("tea") == "tea at corner" and method.__self__.name == "corner"
    assert copy.deepcopy(shop).price("tea") == "tea at corner"

    @CACHE.memoize
    def local() -> None: ...

    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(local)


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_in_process_pools(method: str) -> None:
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(method)) as pool:
        assert list(pool.map(double, [1, 2, 1])) == [2, 4, 2]
        assert pool.submit(Shop("far").price, "tea").result() == "tea at far"


def test_counters_of_their_own() -> None:
    cache: terrace.Cache[Any] = terrace.Cache("counters", memory=5)
    calls = []

    @cache.memoize
    def one(x: int) -> int:
        calls.append(x)
        if x < 0:
            raise ValueError(x)
        return x

    @cache.memoize
    def two(x: int) -> int:
        return x

    assert one.cache_info() == (0, 0, 5, 0)
    one(1), one(1), one(2), two(1), two(1), two(1)
    assert one.cache_info()[:3] == (1, 2, 5) and two.cache_info()[:2] == (2, 1) and one.cache_info().currsize == 3
    with pytest.raises(ValueError):
        one(-1)
    assert one.cache_info().misses == 3 == len(calls)
    one.cache_clear()
    assert one.cache_info()[:2] == (0, 0) and two.cache_info()[:2] == (2, 1)
    assert one(1) == 1 and len(calls) == 4 and two(1) == 1 and two.cache_info().misses == 1


def test_counters_under_threads() -> None:
    cache: terrace.Cache[Any] = terrace.Cache("counters")
    begun = threading.Event()

    @cache.memoize
    def slow() -> int:
        begun.wait(10)
        return 1

    threads = [threading.Thread(target=slow) for _ in range(8)]
    for thread in threads:
        thread.start()
    begun.set()
    for thread in threads:
        thread.join()
    assert slow.cache_info()[:2] == (7, 1)


def test_counters_of_coroutine_functions() -> None:
    async def main() -> None:
        await adouble.cache_clear()
        await asyncio.gather(*[adouble(1) for _ in range(10)])
        assert await adouble(1) == 2 and adouble.cache_info()[:2] == (10, 1)

    asyncio.run(main())


def test_cache_clear_reaches_every_level_and_leaves_others(redis_server: RedisServer) -> None:
    cache: terrace.Cache[Any] = terrace.Cache("cleared", tiers=[redis_server.url])
    cache["page:1"] = "by hand"

    @cache.memoize
    def plain(x: Any) -> Any:
        return x

    @cache.memoize(key="user:{x}:name")
    def named(x: Any) -> Any:
        return x

    @cache.memoize(key="we[i]rd*?{x}")
    def weird(x: Any) -> Any:
        return x

    for function in (plain, named, weird):
        function(1), function("long" * 100)
    cache.flush()
    for function in (plain, named, weird):
        function.cache_clear()
        assert cache.lookup(function.key(1).decode()).kind == "miss"
        assert function(1) == 1 and function.cache_info()[:2] == (0, 1)
    assert cache.lookup(named.key(1).decode()).kind == "hit" and cache["page:1"] == "by hand"
    cache.close()


# --- what is no function to be memoized ---


def numbers() -> Iterator[int]:
    yield 1


async def anumbers() -> AsyncIterator[int]:
    yield 1


class Numbers:
    def __call__(self) -> Iterator[int]:
        yield 1

    def method(self) -> Iterator[int]:
        yield 1


@pytest.mark.parametrize("function, words", [
    (numbers, "generator"), (anumbers, "generator"), (Numbers(), "generator"), (Numbers().method, "generator"), (functools.partial(numbers), "generator"),
    (lambda: (yield), "generator"), (60, "ttl=60"), ("users", "not a function"), (property(len), "@property above"),
    (classmethod(len), "@classmethod above"), (staticmethod(len), "@staticmethod above"), (functools.cached_property(len), "@cached_property above"),
], ids=repr)
def test_what_cannot_be_memoized_is_refused_when_it_is_decorated(function: Any, words: str) -> None:
    for decorate in (CACHE.memoize, CACHE.memoize(ttl=5), CACHE.memoize(key="k")):
        with pytest.raises(terrace.ConfigError, match=words):
            decorate(function)
        with pytest.raises(TypeError):
            decorate(function)


def test_a_generator_that_a_plain_function_returns_is_refused() -> None:
    function = CACHE.memoize(lambda: (x for x in range(3)))
    for _ in range(2):
        with pytest.raises(TypeError, match="read once"):
            function()
    collected = CACHE.memoize(functools.wraps(numbers)(lambda: list(numbers())))
    assert collected() == collected() == [1]


def test_keys_by_a_function() -> None:
    cache: terrace.Cache[Any] = terrace.Cache("by-function")
    calls: list[Any] = []

    class User:
        def __init__(self, number: int) -> None:
            self.number = number

    @cache.memoize(key=lambda user, verbose=False: user.number)
    def of(user: User, verbose: bool = False) -> int:
        calls.append(verbose)
        return user.number

    assert of(User(1)) == of(User(1), verbose=True) == 1 and of(User(2)) == 2 and len(calls) == 2
    assert of.invalidate(User(1)) is True and of.invalidate(User(1)) is False
    other = cache.memoize(key=lambda x: 1)(lambda x: x)
    assert other(5) == 5 and other(6) == 5
    by_type = cache.memoize(key=lambda x: x)(type)
    assert by_type(1) is int and by_type(True) is bool and by_type(1.0) is float

    async def key(x: Any) -> Any: ...

    with pytest.raises(terrace.ConfigError, match="plain one"):
        cache.memoize(key=key)(lambda x: x)
    with pytest.raises(terrace.KeyTypeError):
        cache.memoize(key=lambda x: [x])(lambda x: x)(1)


def test_timeouts() -> None:
    ended = threading.Event()
    with terrace.Cache("limits") as cache, contextlib.ExitStack() as stack:
        stack.callback(ended.set)

        @cache.memoize(timeout=0.05)
        def slow(x: int) -> bool:
            return ended.wait(20)

        @cache.memoize(timeout=0.05)
        async def aslow(x: int) -> None:
            await asyncio.Event().wait()

        with pytest.raises(terrace.Timeout):
            slow(1)
        with pytest.raises(terrace.Timeout):
            asyncio.run(aslow(1))
        for timeout in ("soon", float("nan")):
            with pytest.raises((terrace.ConfigError, TypeError), match="timeout"):
                cache.memoize(timeout=timeout)(len)  # type: ignore[arg-type]


@pytest.mark.parametrize("function, arguments, expected", [
    (len, ("abc",), 3), (operator.itemgetter(1), ((1, 2),), 2), (int, ("7",), 7), (functools.partial(int, base=2), ("11",), 3), (max, (1, 2), 2),
    ("a-b".split, ("-",), ["a", "b"]), (dict.fromkeys, (("a",),), {"a": None}), (functools.partial(pow, 2), (3,), 8),
], ids=repr)
def test_functions_of_c(function: Callable[..., Any], arguments: Any, expected: Any) -> None:
    memoized = CACHE.memoize(function)
    for _ in range(2):
        assert memoized(*arguments) == expected
    assert memoized.invalidate(*arguments) is True and "memoized" in repr(memoized)


def test_errors_name_the_call_as_the_program_wrote_it() -> None:
    ended = threading.Event()
    with terrace.Cache("named", load_timeout=0.1) as cache, concurrent.futures.ThreadPoolExecutor() as threads, contextlib.ExitStack() as stack:
        stack.callback(ended.set)

        def hangs(call: Callable[[], Any]) -> str:
            """What a caller is told who waits for another's load."""
            begun = threading.Event()

            def load() -> bool:
                begun.set()
                return ended.wait(20)

            waiting.append(load)
            threads.submit(call)
            assert begun.wait(20)
            with pytest.raises(terrace.Timeout) as error:
                call()
            return str(error.value)

        waiting: list[Callable[[], bool]] = []

        def slow(x: Any, y: Any = 1) -> bool:
            return waiting[-1]()

        for name in ("slow", "slow" * 30):
            slow.__qualname__ = name
            memoized = cache.memoize(slow)
            for arguments, shown in (((100,), "100"), (("a", None), "'a', None"), ((1.5,), "1.5")):
                text = hangs(lambda: memoized(*arguments))
                assert f".{name}({shown}" in text and "~" not in text and "\\x" not in text
        assert "(1, 'a')" in hangs(lambda: cache.get_or_load((1, "a"), lambda: waiting[-1]()))


@pytest.mark.parametrize("quoted, shown", [
    ('the loader of "__main__.fib~0123456789abcdef(5:\\x01i100)" took', "the loader of __main__.fib(100) took"),
    ('"app.f~0123456789abcdef(2:\\x01N2:\\x01T1:x3:\\xc3\\xa9z"… (90 bytes)', "app.f(None, True, 'x', 'éz'…)"),
    ('"app.f~0123456789abcdef#00FF"', "app.f(…)"), ('"\\x01t1:3:\\x01i1"', "(1,)"), ('"\\x01eapp.Colour.RED"', "app.Colour.RED"),
    ('"user:42" and "a~b"', '"user:42" and "a~b"'), ('"app.f~0123456789abcdef(500:xxxx"… (600 bytes)', "app.f('xxxx'…)"),
    ('"\\x01"', "<>"), ('"\\x01ix0x1f"', "0x1f"), ("a ~ \\x01", "a ~ \\x01"),
])
def test_keys_in_messages(quoted: str, shown: str) -> None:
    from terrace._readable import readable

    assert readable(quoted) == shown
