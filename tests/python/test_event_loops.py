"""Several event loops over one cache: one that ends, stops or never runs again costs the callers of the others nothing. A
coroutine without asyncio is refused in words."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import programs
import pytest
import terrace

MINE = "of my own loader"


class Callers:
    """Calls of one key at the same time, each in its own thread."""

    def __init__(self, cache: terrace.Cache[Any]) -> None:
        self.cache = cache
        self.threads = concurrent.futures.ThreadPoolExecutor(8)

    def blocking(self, **options: Any) -> concurrent.futures.Future[Any]:
        return self.threads.submit(self.cache.get_or_load, "k", lambda: MINE, **options)

    def awaited(self) -> concurrent.futures.Future[Any]:
        async def load() -> str:
            return MINE

        return self.threads.submit(lambda: asyncio.run(self._ask(load)))

    async def _ask(self, load: Any) -> Any:
        return await self.cache.aget_or_load("k", load)

    def wait_until_they_wait(self, loads: int = 1) -> None:
        """They have joined, or will find the value."""
        while self.cache.stats().loads < loads:
            threading.Event().wait(0.01)
        threading.Event().wait(0.05)


OTHERS: dict[str, Callable[[Callers], list[concurrent.futures.Future[Any]]]] = {
    "blocking": lambda callers: [callers.blocking() for _ in range(2)],
    "with a limit": lambda callers: [callers.blocking(timeout=30) for _ in range(2)],
    "awaited": lambda callers: [callers.awaited() for _ in range(2)],
    "all": lambda callers: [callers.blocking(), callers.blocking(timeout=30), callers.awaited()],
}
each_kind_of_others = pytest.mark.parametrize("others", OTHERS.values(), ids=OTHERS.keys())


def begin(loop: asyncio.AbstractEventLoop, cache: terrace.Cache[Any], load: Any) -> asyncio.Task[Any]:
    """Runs the loop until the load has begun."""
    async def main() -> asyncio.Task[Any]:
        task = asyncio.ensure_future(cache.aget_or_load("k", load))
        while cache.stats().loads == 0:
            await asyncio.sleep(0)
        for _ in range(5):
            await asyncio.sleep(0)
        return task

    return loop.run_until_complete(main())


async def hang() -> None:
    await asyncio.Event().wait()


@each_kind_of_others
@pytest.mark.parametrize("end", ["the caller is cancelled", "the loop ends", "the loop is closed", "the loop stops"])
def test_the_end_of_the_first_callers_loop_costs_the_others_nothing(end: str, others: Any) -> None:
    with terrace.Cache[Any]("loops", load_timeout=3600) as cache:
        callers, loop = Callers(cache), asyncio.new_event_loop()
        task = begin(loop, cache, hang)
        waiting = others(callers)
        callers.wait_until_they_wait()
        if end == "the caller is cancelled":
            task.cancel()
            loop.run_until_complete(asyncio.wait([task]))
            load = asyncio.all_tasks(loop)  # goes on for the others until asyncio.run cancels it
            assert len(load) == 1
            load.pop().cancel()
            loop.run_until_complete(asyncio.sleep(0))
        elif end == "the loop ends":  # as asyncio.run ends it
            for one in asyncio.all_tasks(loop):
                one.cancel()
            loop.run_until_complete(asyncio.gather(*asyncio.all_tasks(loop), return_exceptions=True))
            loop.close()
        elif end == "the loop is closed":
            loop.close()
        for one in waiting:
            assert one.result(30) == MINE
        if end == "the loop stops":  # the first caller gets the value when its loop runs again
            assert loop.run_until_complete(asyncio.wait_for(task, 30)) == MINE
            for one in asyncio.all_tasks(loop):
                one.cancel()
        if not loop.is_closed():
            loop.run_until_complete(asyncio.sleep(0))
            loop.close()


def test_three_loops_with_limits_of_their_own() -> None:
    cache = terrace.Cache[Any]("three", load_timeout=30)
    begun, go_on = threading.Barrier(3), threading.Event()
    loads = 0

    async def load() -> str:
        nonlocal loads
        loads += 1
        if loads == 1:
            await hang()
        return "value"

    def caller(limit: float) -> Any:
        async def main() -> Any:
            return await asyncio.wait_for(cache.aget_or_load("k", load), limit)

        begun.wait(30)
        if limit > 1:
            go_on.wait(30)
        else:
            threading.Timer(0.1, go_on.set).start()
        try:
            return asyncio.run(main())
        except asyncio.TimeoutError:
            return "its own limit"

    with concurrent.futures.ThreadPoolExecutor(3) as threads:
        assert list(threads.map(caller, [0.3, 20, 20])) == ["its own limit", "value", "value"]
    cache.close()


def test_a_loop_that_stops_between_two_calls_goes_on_with_its_load() -> None:
    loop, go_on = asyncio.new_event_loop(), asyncio.Event()
    with terrace.Cache[Any]("pauses", load_timeout=60) as cache:
        async def load() -> str:
            await go_on.wait()
            return "its own"

        task = begin(loop, cache, load)
        threading.Event().wait(1.2)  # nobody else waits, so nobody takes it away
        go_on.set()
        assert loop.run_until_complete(asyncio.wait_for(task, 30)) == "its own"
        assert cache.stats().loads == 1
    loop.close()


def test_many_loops_in_turn_and_at_once() -> None:
    """A loop for each request, as WSGI servers run asynchronous views."""
    with terrace.Cache[Any]("requests") as cache:
        async def load(key: Any) -> Any:
            await asyncio.sleep(0)
            return key

        def request(number: int) -> Any:
            async def view() -> Any:
                return await asyncio.gather(*[cache.aget_or_load(one, load) for one in (number % 7, ("own", number))])

            return asyncio.run(view())

        with concurrent.futures.ThreadPoolExecutor(8) as threads:
            assert list(threads.map(request, range(200))) == [[n % 7, ("own", n)] for n in range(200)]


# --- exceptions that are not about the key ---


class Odd(BaseException):
    pass


@each_kind_of_others
@pytest.mark.parametrize("raised", [SystemExit, KeyboardInterrupt, GeneratorExit, Odd, asyncio.CancelledError])
@pytest.mark.parametrize("own", ["blocking", "with a limit"])
def test_what_ends_a_thread_ends_no_other(own: str, raised: type[BaseException], others: Any) -> None:
    with terrace.Cache[Any]("ends", load_timeout=3600) as cache:
        callers, go_on = Callers(cache), threading.Event()

        def load() -> None:
            go_on.wait(30)
            raise raised("mine")

        first = callers.threads.submit(cache.get_or_load, "k", load, **{"timeout": 3000} if own == "with a limit" else {})
        callers.wait_until_they_wait()
        waiting = others(callers)
        callers.wait_until_they_wait()
        go_on.set()
        for one in waiting:
            assert one.result(30) == MINE
        if raised is asyncio.CancelledError and own == "with a limit":  # its own thread was not cancelled
            with pytest.raises(terrace.LoaderFailed, match="cancelled"):
                first.result(30)
        else:
            with pytest.raises(raised, match="mine"):
                first.result(30)


def test_what_ends_a_coroutine_ends_no_other() -> None:
    async def main() -> None:
        go_on = asyncio.Event()

        async def load() -> None:
            await go_on.wait()
            raise Odd("mine")

        async def other() -> str:
            return MINE

        async with terrace.Cache[Any]("coroutines", load_timeout=3600) as cache:
            first = asyncio.create_task(cache.aget_or_load("k", load))
            while cache.stats().loads == 0:
                await asyncio.sleep(0)
            waiting = [asyncio.create_task(cache.aget_or_load("k", other)) for _ in range(3)]
            await asyncio.sleep(0)
            go_on.set()
            assert await asyncio.wait_for(asyncio.gather(*waiting), 30) == [MINE] * 3
            with pytest.raises(Odd, match="mine"):
                await asyncio.wait_for(first, 30)

    asyncio.run(main())


def test_an_inner_task_that_is_cancelled_is_told_in_true_words() -> None:
    async def main() -> None:
        async def load() -> None:
            inner = asyncio.create_task(hang())
            inner.cancel()
            await inner

        async with terrace.Cache[Any]("inner") as cache:
            with pytest.raises(terrace.LoaderFailed, match="the loader was cancelled"):
                await cache.aget_or_load("k", load)

    asyncio.run(main())


# --- coroutines without asyncio ---

FORMS: dict[str, Callable[[terrace.Cache[Any]], Coroutine[Any, Any, Any]]] = {
    "aget": lambda cache: cache.aget("k"),
    "aget_or_load": lambda cache: cache.aget_or_load("k", lambda: 1),
    "alookup": lambda cache: cache.alookup("k"),
    "alookup_many": lambda cache: cache.alookup_many([]),
    "aget_many": lambda cache: cache.aget_many([]),
    "aget_or_load_many": lambda cache: cache.aget_or_load_many([], lambda keys: {}),
    "aset": lambda cache: cache.aset("k", "changed"),
    "aset_many": lambda cache: cache.aset_many({}),
    "adelete": lambda cache: cache.adelete("k"),
    "adelete_many": lambda cache: cache.adelete_many([]),
    "aclear": lambda cache: cache.aclear(),
    "aflush": lambda cache: cache.aflush(),
    "ainvalidate": lambda cache: cache.ainvalidate("k"),
    "aexplain": lambda cache: cache.aexplain("k"),
    "acurrent": lambda cache: cache.acurrent("k"),
    "acompare_and_set": lambda cache: cache.acompare_and_set("k", cache.current("k").revision, "changed"),
    "acompare_and_erase": lambda cache: cache.acompare_and_erase("k", cache.current("k").revision),
    "aupdate": lambda cache: cache.aupdate("k", lambda now: "changed"),
    "aadd": lambda cache: cache.aadd("k", "changed"),
    "areplace": lambda cache: cache.areplace("k", "changed"),
    "aincrement": lambda cache: cache.aincrement("k", "changed"),
    "adecrement": lambda cache: cache.adecrement("k", 1),
    "atouch": lambda cache: cache.atouch("k"),
    "apersist": lambda cache: cache.apersist("k"),
    "apop": lambda cache: cache.apop("k"),
    "aget_and_set": lambda cache: cache.aget_and_set("k", "changed"),
    "aset_default": lambda cache: cache.aset_default("k", "changed"),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_a_form_without_asyncio_is_refused_on_a_hit_too_and_does_nothing(form: Any, cache: terrace.Cache[Any]) -> None:
    cache["k"] = "there"
    with pytest.raises(terrace.ConfigError, match="asynchronous forms need asyncio.*trio"):
        form(cache).send(None)
    assert cache["k"] == "there"


def test_every_form_is_among_them() -> None:
    assert {name for name in dir(terrace.Cache) if name.startswith("a") and hasattr(terrace.Cache, name[1:])} - {"akeys"} == set(FORMS)


def test_a_memoized_coroutine_without_asyncio_is_refused(cache: terrace.Cache[Any]) -> None:
    @cache.memoize
    async def square(x: int) -> int:
        return x * x

    assert asyncio.run(square(2)) == 4  # type: ignore[arg-type]
    for call in (square(2), square(3)):
        with pytest.raises(terrace.ConfigError, match="asynchronous forms need asyncio"):
            call.send(None)


def test_the_package_imports_no_asyncio_before_it_is_needed() -> None:
    programs.fine(programs.run("""
        import sys, terrace
        cache = terrace.Cache("plain")
        cache.get_or_load("k", lambda: 1)
        cache.get_or_load("j", lambda: 1, timeout=10)
        assert "asyncio" not in sys.modules
        print("said")
    """), "said")
