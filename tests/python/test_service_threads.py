"""The threads of loads without a caller: as many as there are loads, an error where the system gives none, no user's
code on the thread that hands them out."""

from __future__ import annotations

import contextlib
import logging
import pathlib
import threading
from collections.abc import Iterator

import pytest

import terrace
from terrace import _service


@contextlib.contextmanager
def _service_that_has_not_begun(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The thread of the running one goes on beside it, and takes what comes from the core."""
    with monkeypatch.context() as patch:
        patch.setattr(_service.service(), "_thread", None)
        yield


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
        try:
            assert healthy.get_or_load("key", lambda: "value", timeout=10) == "value"
        finally:
            release.set()


def test_threads_without_work_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_service, "IDLE_SECONDS", 0.05)
    workers = _service.Workers("idle-test")
    ran = threading.Barrier(9)
    for _ in range(8):
        workers.submit(lambda: ran.wait(30) and None)
    ran.wait(30)
    for thread in threading.enumerate():
        if thread.name == "idle-test":
            thread.join(30)
            assert not thread.is_alive()
    again = threading.Event()
    workers.submit(again.set)
    assert again.wait(30)


def test_a_load_without_a_thread_raises_and_the_next_one_works(monkeypatch: pytest.MonkeyPatch) -> None:
    with terrace.Cache("no-thread") as cache:
        cache.get_or_load("first", lambda: 1)
        _service.service().ensure()

        def refuse(thread: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(_service.service(), "loads", _service.Workers("no-thread-test"))
        with monkeypatch.context() as system:
            system.setattr(threading.Thread, "start", refuse)
            for _ in range(3):
                with pytest.raises(terrace.Overloaded, match="ulimit -u"):
                    cache.get_or_load("key", lambda: 2, timeout=30)
        assert cache.get_or_load("key", lambda: 2, timeout=30) == 2


def test_a_cache_without_the_thread_of_the_service_raises_and_the_next_one_works(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with _service_that_has_not_begun(monkeypatch):
        with monkeypatch.context() as system:
            system.setattr(threading.Thread, "start", refuse)
            with pytest.raises(terrace.Overloaded, match="ulimit -u"):
                terrace.Cache("no-service", tiers=[f"sqlite:{tmp_path}/cache.db"])
        with terrace.Cache("service", tiers=[f"sqlite:{tmp_path}/cache.db"]) as cache:
            assert cache.get_or_load("key", lambda: 2, timeout=30) == 2


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
            _service.service()._handle((logging.WARNING, "a line of the core"))
            assert done.wait(30)
        finally:
            log.removeHandler(handler)
    assert loaded == ["value"]


def test_a_bounded_number_of_threads_forgets_no_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks that waited for a thread, then none for so long that it ended, then another task."""
    monkeypatch.setattr(_service, "IDLE_SECONDS", 0.01)
    workers = _service.Workers("bounded", 1)
    first, last = threading.Event(), threading.Event()
    workers.submit(lambda: first.wait(30) and None)
    for _ in range(5):
        workers.submit(lambda: None)
    workers.submit(last.set)
    first.set()
    assert last.wait(30)
    for thread in threading.enumerate():
        if thread.name == "bounded":
            thread.join(30)
    assert workers._threads == 0
    again = threading.Event()
    workers.submit(again.set)
    assert again.wait(10)
