"""The threads of the service: as many as there are loads, an error where the system gives none, and no place where the code of
the user, which the garbage collector may run on any of them, holds up all loads."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import weakref

import programs
import pytest
import terrace
from terrace import _core


def test_loaders_of_one_cache_that_hang_keep_no_other_cache_waiting() -> None:
    release = threading.Event()
    with terrace.Cache("hangs") as hangs, terrace.Cache("healthy") as healthy:
        def hang(number: int) -> None:
            with pytest.raises(terrace.Timeout):
                hangs.get_or_load(number, lambda: release.wait(30), timeout=0.1)

        callers = [threading.Thread(target=hang, args=(number,)) for number in range(64)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        heard = threading.Event()
        monitor = terrace.Monitor([healthy], min_requests=1, interval=0.05)
        try:
            assert healthy.get_or_load("key", lambda: "value", timeout=10) == "value"
            assert healthy.warm([terrace.WarmTask("warm", lambda: 1)]).warmed == 1
            monitor.add_sink(lambda text: heard.set())
            monitor.add_rule("cold", "hit_rate < 50%")
            healthy.get("missing")
            assert heard.wait(30)
        finally:
            release.set()
            monitor.close()


def test_awaited_plain_loaders_that_load_with_a_limit_all_have_a_thread() -> None:
    async def main() -> None:
        async with terrace.Cache("outer", max_concurrent_loads=200) as outer, terrace.Cache("inner") as inner:
            together = threading.Barrier(200)

            async def page(number: int) -> object:
                def load() -> object:
                    together.wait(30)
                    return inner.get_or_load(number, lambda: number, timeout=30)

                return await outer.aget_or_load(number, load)

            assert await asyncio.gather(*[page(number) for number in range(200)]) == list(range(200))

    asyncio.run(main())


def test_threads_without_work_end() -> None:
    programs.fine(programs.run("""
        import threading, terrace
        from terrace import _service
        _service.IDLE_SECONDS = 0.05
        cache = terrace.Cache("burst")
        together = threading.Barrier(31)

        def ask(number):
            cache.get_or_load(number, lambda: together.wait(20), timeout=20)

        callers = [threading.Thread(target=ask, args=(number,)) for number in range(30)]
        for caller in callers:
            caller.start()
        together.wait(20)
        for caller in callers:
            caller.join()
        workers = [one for one in threading.enumerate() if one.name == "terrace-worker"]
        assert len(workers) >= 30, workers
        while len([one for one in workers if one.is_alive()]) > 2:
            for one in workers:
                one.join(0.05)
        assert cache.get_or_load("again", lambda: 1, timeout=20) == 1
        print("said")
    """), "said")


# No thread can be started while it is true.
REFUSES = """
        import threading, terrace
        refuses = False
        start = threading.Thread.start

        def start_or_refuse(thread):
            if refuses:
                raise RuntimeError("can't start new thread")
            start(thread)

        threading.Thread.start = start_or_refuse
"""


def test_a_load_without_a_thread_raises_and_the_next_one_works() -> None:
    programs.fine(programs.run(REFUSES + """
        from terrace import _service
        _service.IDLE_SECONDS = 0.01
        cache = terrace.Cache("no-thread")
        assert cache.get_or_load("first", lambda: 1, timeout=30) == 1
        while len([one for one in threading.enumerate() if one.name == "terrace-worker"]) > 2:
            threading.Event().wait(0.01)
        release, both = threading.Event(), threading.Barrier(2)

        def hang():
            both.wait(20)
            release.wait(20)

        def give_up():
            try:
                cache.get_or_load("hangs", hang, timeout=0.1)
            except terrace.Timeout:
                pass

        refuses = True
        hanging = threading.Thread(target=give_up)
        start(hanging)
        both.wait(20)
        for _ in range(3):  # one thread hangs, and the other one waits for nested loads
            try:
                cache.get_or_load("key", lambda: 2, timeout=30)
            except terrace.Overloaded as error:
                assert "ulimit -u" in str(error)
            else:
                raise AssertionError
        refuses = False
        assert cache.get_or_load("key", lambda: 2, timeout=30) == 2
        release.set()
        print("said")
    """), "said")


def test_a_cache_without_the_threads_of_the_service_raises_and_the_next_one_works() -> None:
    programs.fine(programs.run(REFUSES + """
        import tempfile
        url = f"sqlite:{tempfile.mkdtemp()}/cache.db"
        refuses = True
        try:
            terrace.Cache("no-service", tiers=[url])
        except terrace.Overloaded as error:
            assert "ulimit -u" in str(error)
        else:
            raise AssertionError
        refuses = False
        with terrace.Cache("service", tiers=[url]) as cache:
            assert cache.get_or_load("key", lambda: 2, timeout=30) == 2
        print("said")
    """), "said")


def test_a_handler_of_the_log_may_load_with_a_limit() -> None:
    loaded: list[object] = []
    done = threading.Event()
    with terrace.Cache("log-handler") as cache:
        class Handler(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                loaded.append(cache.get_or_load("key", lambda: "value", timeout=10))
                done.set()

        handler = Handler()
        log = logging.getLogger("terrace")
        log.addHandler(handler)
        try:
            with terrace.Cache("away", tiers=["redis://127.0.0.1:1"]) as away:
                away.get("a line of the core: the server cannot be reached")
                assert done.wait(30)
        finally:
            log.removeHandler(handler)
    assert loaded[0] == "value"


def test_receivers_that_hang_keep_no_load_waiting() -> None:
    release, hangs = threading.Event(), threading.Barrier(9)

    def progress(ended: int, total: int) -> None:
        if not release.is_set():
            hangs.wait(30)
            release.wait(30)

    with terrace.Cache("warmed") as cache:
        for number in range(20):
            cache.warm([terrace.WarmTask(number, lambda: 1)], progress=progress)
        hangs.wait(30)  # eight at a time
        assert cache.get_or_load("key", lambda: "value", timeout=10) == "value"
        release.set()
        _core.service_rest(30)


FINALIZERS = """
        import functools, gc, sys, threading
        import terrace

        cache = terrace.Cache("finalizers")
        ran, failed = 0, []

        class Garbage:
            def __init__(self):
                self.itself = self

            def __del__(self):
                global ran
                ran += 1
                try:
                    cache.get_or_load(("finalizer", ran), lambda: 1, timeout=10)
                except BaseException as error:
                    failed.append(error)

            def load(self):
                return 1
"""


def test_finalizers_that_load_run_anywhere() -> None:
    """On the threads of the service as well, whose every allocation may begin a collection."""
    programs.fine(programs.run(FINALIZERS + """
        gc.set_threshold(50, 5, 5)
        more = True

        def litter():
            while more:
                Garbage()

        littering = threading.Thread(target=litter)
        littering.start()
        for number in range(2000):
            assert cache.get_or_load(number, lambda: 1, timeout=10) == 1
        more = False
        littering.join()
        assert ran > 100 and not failed, (ran, failed[:3])
        print("said")
    """), "said")


def test_a_finalizer_that_loads_while_the_first_threads_are_started() -> None:
    programs.fine(programs.run(FINALIZERS + """
        gc.set_threshold(5, 2, 2)
        for _ in range(200):
            Garbage()
        assert cache.get_or_load("key", lambda: 1, timeout=10) == 1
        gc.collect()
        assert ran == 200 and not failed, (ran, failed[:3])
        print("said")
    """), "said")


def test_a_loader_whose_last_reference_ends_on_a_thread_of_the_service() -> None:
    programs.fine(programs.run(FINALIZERS + """
        class Kept(Garbage):
            def __init__(self):
                pass

        for number in range(300):
            assert cache.get_or_load(number, Kept().load, timeout=10) == 1
        assert not failed, failed[:3]
        print("said")
    """), "said")


def test_nothing_of_a_load_stays_on_a_thread_that_waits() -> None:
    class Value:
        pass

    with terrace.Cache("kept") as cache:
        value = Value()
        gone = threading.Event()
        weakref.finalize(value, gone.set)
        held = [value]
        del value
        cache.get_or_load("key", lambda: bool(held.pop()), timeout=10)
        _core.service_rest(30)
        gc.collect()
        assert gone.wait(30)
