"""What a loader is called with, and what may be read into its answer: nothing is guessed, and nothing wrong is remembered."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import contextvars
import dataclasses
import functools
import operator
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import terrace
from servers import RedisServer

Call = Callable[[Any, Any], Any]


@pytest.fixture
def cache() -> Iterator[terrace.Cache[Any]]:
    with terrace.Cache[Any]("loaders", ttl=60, negative_ttl=60) as made:
        yield made


def blocking(cache: terrace.Cache[Any]) -> Call:
    return cache.get_or_load


def limited(cache: terrace.Cache[Any]) -> Call:
    return lambda key, loader: cache.get_or_load(key, loader, timeout=30)


def awaited(cache: terrace.Cache[Any]) -> Call:
    def call(key: Any, loader: Any) -> Any:
        async def main() -> Any:
            return await cache.aget_or_load(key, loader)

        return asyncio.run(main())

    return call


def warmed(cache: terrace.Cache[Any]) -> Call:
    def call(key: Any, loader: Any) -> Any:
        report = cache.warm([terrace.WarmTask(key, loader)], attempts=1)
        for failure in report.failures:
            raise failure.error
        return cache[key]

    return call


FORMS = [blocking, limited, awaited, warmed]


class Repository:
    def load(self, key: str) -> tuple[str, str]:
        return ("method", key)

    @classmethod
    def make(cls, key: str) -> tuple[str, str]:
        return ("class method", key)

    @staticmethod
    def find(key: str) -> tuple[str, str]:
        return ("static", key)

    def everything(self) -> str:
        return "everything"

    def __call__(self, key: str) -> tuple[str, str]:
        return ("called", key)


class Plain:
    def __init__(self, key: str) -> None:
        self.key = key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Plain) and other.key == self.key


@dataclasses.dataclass
class Row:
    key: str


Pair = collections.namedtuple("Pair", "key context")


def named(key: str, retries: int = 3) -> tuple[str, int]:
    return (key, retries)


def two(key: str, context: terrace.LoadContext) -> tuple[str, bool]:
    return (key, isinstance(context, terrace.LoadContext))


def logged(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def given_a_connection(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(key: str) -> Any:
        return function("connection", key)

    return wrapper


@logged
def decorated(key: str) -> tuple[str, str]:
    return ("decorated", key)


@given_a_connection
def injected(connection: str, key: str) -> tuple[str, str]:
    return (connection, key)


@functools.lru_cache
def remembered(key: str) -> tuple[str, str]:
    return ("lru_cache", key)


def optional(user_id: Any = None) -> Any:
    return user_id


def several(*keys: Any) -> Any:
    return keys


def unwrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


TOLD = [
    (lambda: "nothing", "nothing"), (lambda key: key, "k"), (lambda key, context: (key, context.stopped()), ("k", False)),
    (lambda key, *rest: (key, rest), ("k", ())), (lambda key, *, limit=5: (key, limit), ("k", 5)), (lambda *, limit=5: limit, 5),
    (lambda **rest: rest, {}), (lambda kept="loop": kept, "loop"), (lambda key, kept="loop": (key, kept), ("k", "loop")),
    (named, ("k", 3)), (two, ("k", True)), (Repository().load, ("method", "k")), (Repository.make, ("class method", "k")),
    (Repository.find, ("static", "k")), (Repository().everything, "everything"), (Repository(), ("called", "k")),
    (Plain, Plain("k")), (Row, Row("k")), (decorated, ("decorated", "k")), (injected, ("connection", "k")), (remembered, ("lru_cache", "k")),
    (functools.partial(named, "bound"), None), (functools.partial(operator.add, "x"), "xk"), (functools.partial(decorated, "b"), ("decorated", "b")),
    (functools.partial(named, retries=5), ("k", 5)), (functools.partial(optional, 5), 5), (functools.partial(optional, user_id=6), 6),
    (len, 1), (str.upper, "K"), (str, None), (int, None), (set, None), (dict, None), (list, None), (tuple, None), (bytes, None),
    (frozenset, None), (collections.deque, None), (collections.OrderedDict, None), (collections.Counter, None), (float, None), (bool, None),
    (optional, None), (several, None), (unwrapped(named), None), (functools.partial(several), None), (getattr, None), (max, None), (iter, None),
    (lambda a, b, c: 1, None), (lambda *, key: key, None), (lambda *keys: keys, None), (operator.itemgetter(0), None),
    (list[int], None), ({"k": 7}.get, 7), (type("Sub", (dict,), {}), None), (type("Sub", (set,), {}), None),
]
NAMES = [f"{number}-{getattr(loader, '__name__', type(loader).__name__)}" for number, (loader, _) in enumerate(TOLD)]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("loader, expected", [pair for pair in TOLD if pair[1] is not None],
                         ids=[name for name, pair in zip(NAMES, TOLD) if pair[1] is not None])
def test_a_loader_gets_the_key_if_it_insists_on_an_argument(form: Any, loader: Any, expected: Any, cache: terrace.Cache[Any]) -> None:
    assert form(cache)("k", loader) == expected


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("loader", [pair[0] for pair in TOLD if pair[1] is None],
                         ids=[name for name, pair in zip(NAMES, TOLD) if pair[1] is None])
def test_a_loader_that_may_or_may_not_want_the_key_is_refused(form: Any, loader: Any, cache: terrace.Cache[Any]) -> None:
    with pytest.raises(TypeError, match="give lambda key: .* or lambda: ") as refused:
        form(cache)("k", loader)
    assert repr(loader)[:100] in str(refused.value)
    assert cache.get("k", "nothing") == "nothing"
    cache["k"] = "there"
    if form is not warmed:
        assert form(cache)("k", loader) == "there"  # it is not called


@pytest.mark.parametrize("form", [blocking, limited, awaited])
@pytest.mark.parametrize("loader", [5, None, "load", [len]])
def test_what_is_no_function_is_refused_on_a_hit_too(form: Any, loader: Any, cache: terrace.Cache[Any]) -> None:
    for _ in range(2):
        with pytest.raises(TypeError, match=re.escape(repr(loader)) + ".*give a function"):
            form(cache)("k", loader)
        cache["k"] = 1


@pytest.mark.parametrize("options, error, words", [
    ({"tiemout": 1}, TypeError, r"Cache\.a?get_or_load\(\).*tiemout"), ({"ttl": 5}, TypeError, r"Cache\.a?get_or_load\(\).*ttl"),
    ({"timeout": "1"}, ValueError, "timeout='1'.*seconds"), ({"timeout": True}, ValueError, "timeout=True"),
    ({"timeout": float("nan")}, ValueError, "timeout"), ({"timeout": 0}, TimeoutError, "timeout"), ({"timeout": -1.5}, TimeoutError, "timeout"),
    ({"timeout": 10**400}, ValueError, "timeout=1000"), ({"tags": 5}, TypeError, "tags=5"), ({"tags": ["fine", 5]}, TypeError, "5"),
    ({"tags": ""}, ValueError, "tag is empty"), ({"tags": [""]}, ValueError, "tag is empty"), ({"tags": b"x"}, TypeError, "tags=b'x'"),
    ({"tags": "x" * 2000}, ValueError, "longer than 1024"), ({"tags": None}, TypeError, "tags=None"), ({"tags": "\ud800"}, TypeError, "surrogates")])
def test_options_are_checked_on_a_hit_as_on_a_miss(options: dict[str, Any], error: type[Exception], words: str, cache: terrace.Cache[Any]) -> None:
    def load() -> int:
        return 1

    async def aload() -> Any:
        return await cache.aget_or_load("k", load, **options)

    for _ in range(2):  # a miss, a hit
        with pytest.raises(error, match=words):
            cache.get_or_load("k", load, **options)
        with pytest.raises(error, match=words):
            asyncio.run(aload())
        assert cache.stats().loads == 0
        cache["k"] = 1


def test_options_that_are_right_are_taken_on_a_hit(cache: terrace.Cache[Any]) -> None:
    import datetime

    cache["k"] = 1
    for options in ({}, {"timeout": None}, {"timeout": 5}, {"timeout": 0.5}, {"timeout": datetime.timedelta(seconds=1)}, {"tags": ()},
                    {"tags": "one"}, {"tags": ["one", "two"]}, {"tags": ("ö",)}, {"tags": (t for t in ["one"])}, {"timeout": 5, "tags": {"one"}}):
        assert cache.get_or_load("k", lambda: 2, **options) == 1
        assert cache.get_or_load(key="k", loader=lambda: 2, **options) == 1
    with pytest.raises(TypeError, match="get_or_load"):
        cache.get_or_load("k", lambda: 2, 5)  # type: ignore[misc]
    with pytest.raises(TypeError, match="get_or_load.*loader"):
        cache.get_or_load("k")  # type: ignore[call-arg]


# --- bulk loaders ---


@pytest.mark.parametrize("form", ["plain", "awaited"])
@pytest.mark.parametrize("returned, foreign", [
    ({1: "a", 2: "b"}, "1"), ({"1": "a", 2: "b"}, "2"), ({b"1": "a"}, "b'1'"), ({"1": "a", "3": "c"}, "'3'"), ({None: "a"}, "None"), ({("1",): 1}, "'1',")])
def test_keys_that_nobody_asked_for_do_not_make_the_others_absent(form: str, returned: Any, foreign: str, cache: terrace.Cache[Any]) -> None:
    async def main() -> Any:
        return await cache.aget_or_load_many(["1", "2"], lambda keys: returned)

    with pytest.raises(terrace.LoaderFailed, match=f"asked for '[12]'.*{re.escape(foreign)}.*exactly the given keys"):
        if form == "plain":
            cache.get_or_load_many(["1", "2"], lambda keys: returned)
        else:
            asyncio.run(main())
    assert cache.get_or_load_many(["1", "2"], lambda keys: {key: key for key in keys}) == {"1": "1", "2": "2"}


def test_more_than_was_asked_for_is_left_alone(cache: terrace.Cache[Any]) -> None:
    cache["1"] = "there"
    # The key that memory has was asked for by the call, so it is not foreign.
    assert cache.get_or_load_many(["1", "2"], lambda keys: {"1": "loaded"}) == {"1": "there"}
    assert cache.lookup("2").kind == "negative"
    assert cache.get_or_load_many(["3", "4"], lambda keys: {"3": 3, "4": 4, "5": 5}) == {"3": 3, "4": 4}
    assert cache.get_or_load_many(["6", "7"], lambda keys: {}) == {}


# --- NotFound ---


def test_not_found_of_the_loader_itself_is_the_keys_absence(cache: terrace.Cache[Any]) -> None:
    def load(key: str) -> Any:
        raise terrace.NotFound(key)

    for _ in range(2):
        with pytest.raises(terrace.NotFound):
            cache.get_or_load("gone", load)
    assert cache.lookup("gone").kind == "negative" and cache.stats().loads == 1


@pytest.mark.parametrize("form", ["get_or_load", "memoized", "coroutine", "coroutine, known", "many", "other key", "other key, known", "aget_or_load"])
def test_not_found_of_another_read_is_not_the_keys_absence(form: str, cache: terrace.Cache[Any]) -> None:
    users = terrace.Cache[Any]("users", ttl=60, negative_ttl=60)
    table: dict[str, str] = {}

    def load_user(key: str) -> Any:
        return table.get(key, terrace.ABSENT)

    @users.memoize(key="user:{key}")
    def user(key: str) -> Any:
        return load_user(key)

    @users.memoize(key="auser:{key}")
    async def auser(key: str) -> Any:
        return load_user(key)

    async def page() -> Any:
        return await auser("u1")

    def ask() -> Any:
        if form == "get_or_load":
            return cache.get_or_load("p1", lambda: users.get_or_load("u1", load_user))
        if form == "memoized":
            return cache.get_or_load("p1", lambda: user("u1"))
        if form.startswith("coroutine"):
            return asyncio.run(awaited_page())
        if form == "many":
            return cache.get_or_load_many(["p1"], lambda keys: {key: users.get_or_load("u1", load_user) for key in keys})["p1"]
        if form == "aget_or_load":
            return asyncio.run(cache.aget_or_load("p1", lambda: users.get_or_load("u1", load_user)))  # type: ignore[arg-type]
        return cache.get_or_load("p1", lambda: cache.get_or_load("u1", load_user))

    async def awaited_page() -> Any:
        return await cache.aget_or_load("p1", page)

    if form.endswith("known"):
        with contextlib.suppress(terrace.NotFound):
            cache.get_or_load("u1", load_user)
        with contextlib.suppress(terrace.NotFound):
            asyncio.run(auser("u1"))  # type: ignore[arg-type]
    for _ in range(2):
        with pytest.raises(terrace.NotFound, match="u"):
            ask()
    assert cache.lookup("p1").kind == "miss"
    table["u1"] = "Ada"
    users.clear()
    cache.delete("u1")
    assert ask() == "Ada"


def test_a_loader_may_make_the_absence_its_own(cache: terrace.Cache[Any]) -> None:
    users = terrace.Cache[Any]("users", negative_ttl=60)

    def load() -> Any:
        try:
            return users.get_or_load("u1", lambda: terrace.ABSENT)
        except terrace.NotFound:
            raise terrace.NotFound("no page without its user") from None

    with pytest.raises(terrace.NotFound):
        cache.get_or_load("p1", load)
    assert cache.lookup("p1").kind == "negative"


# --- markers are no values ---


@pytest.mark.parametrize("marker", [terrace.ABSENT, terrace.Load(1), terrace.Load.unchanged(), terrace.Load(terrace.ABSENT)], ids=repr)
def test_what_only_a_loader_may_say_is_not_stored(marker: Any, cache: terrace.Cache[Any]) -> None:
    def assign() -> None:
        cache["k"] = marker

    calls: list[Any] = [lambda: cache.set("k", marker), lambda: cache.set_many({"j": 1, "k": marker}), assign,
                        lambda: asyncio.run(cache.aset("k", marker)), lambda: asyncio.run(cache.aset_many({"k": marker}))]
    for call in calls:
        with pytest.raises(terrace.EncodeError, match="is not a value, only a result of loaders: (delete|give)"):
            call()
    assert cache.get_many(["j", "k"]) == {}


def test_a_load_in_a_load_is_refused(cache: terrace.Cache[Any]) -> None:
    with pytest.raises(terrace.LoaderFailed, match="Load in a Load"):
        cache.get_or_load("k", lambda: terrace.Load(terrace.Load(1)))


def test_a_key_that_is_a_tuple_is_the_one_argument_of_its_error(cache: terrace.Cache[Any]) -> None:
    for key in [(1, 2), (), "k", (("a",), 1)]:
        with pytest.raises(KeyError) as missing:
            cache[key]
        assert missing.value.args == (key,)
        with pytest.raises(KeyError) as missing:
            del cache[key]
        assert missing.value.args == (key,)


# --- prefixes ---


def test_every_prefix_of_l2_caches_is_a_namespace_of_its_own(redis_server: RedisServer) -> None:
    from terrace.patterns import L2Cache

    caches = {prefix: L2Cache(redis_server.url, key_prefix=prefix) for prefix in ["", "l2:", "a", "al2:", "a:", "a:l2:", "l2", "cache:", ":"]}
    for prefix, made in caches.items():
        assert made.set("k", prefix)
    assert [made.get("k") for made in caches.values()] == list(caches)
    for made in caches.values():
        made.close()
    with pytest.raises(TypeError, match="key_prefix=5: give one str"):
        L2Cache(redis_server.url, key_prefix=5)  # type: ignore[arg-type]


# --- context variables ---


def test_every_loader_has_the_context_variables_of_its_caller(cache: terrace.Cache[Any]) -> None:
    """Not those of the first caller in the loop."""
    request: contextvars.ContextVar[str] = contextvars.ContextVar("request", default="none")

    async def coroutine() -> str:
        return request.get()

    async def main() -> None:
        async def handle(name: str) -> None:
            request.set(name)
            assert await cache.aget_or_load(("coroutine", name), coroutine) == name
            assert await cache.aget_or_load(("made", name), lambda: coroutine()) == name
            assert await cache.aget_or_load(("plain", name), lambda: request.get()) == name
            assert await cache.aget_or_load_many([("many", name)], lambda keys: [request.get()]) == {("many", name): name}

        await handle("first")
        await asyncio.gather(*[asyncio.create_task(handle(str(number))) for number in range(5)])

    asyncio.run(main())
    request.set("a thread")
    assert cache.get_or_load("blocking", lambda: request.get()) == "a thread"
    assert cache.get_or_load("with a limit", lambda: request.get(), timeout=30) == "a thread"
