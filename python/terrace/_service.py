"""The threads that run what no caller waits for: loads in the background, and lines of the core's log."""

from __future__ import annotations

import asyncio
import functools
import logging
import queue
import threading
from typing import Any, Callable

from . import _core
from ._green import refuse_green_threads

log = logging.getLogger("terrace")

# As many loads as a cache runs at a time by default.
MOST_WORKERS = 64


class Workers:
    """Daemon threads, as many as are needed at a time: a load that hangs must not keep the program from ending."""

    def __init__(self, most: int) -> None:
        self._tasks: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._most = most
        self._threads = 0
        self._idle = 0

    def submit(self, task: Callable[[], None]) -> None:
        with self._lock:
            if self._idle > 0:
                self._idle -= 1
            elif self._threads < self._most:
                self._threads += 1
                threading.Thread(target=self._run, name=f"terrace-load-{self._threads}", daemon=True).start()
        self._tasks.put(task)

    def _run(self) -> None:
        while True:
            try:
                self._tasks.get()()
            except BaseException:  # a task tells its own errors
                log.exception("a background task failed")
            with self._lock:
                self._idle += 1


class Service:
    """One a process; a fork makes a new one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self.workers = Workers(MOST_WORKERS)

    def ensure(self) -> None:
        refuse_green_threads()
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="terrace-service", daemon=True)
                    self._thread.start()

    def _run(self) -> None:
        while self._handle(_core.service_item()):
            pass

    def _handle(self, item: Any) -> bool:
        """False: there will be no more. Nothing of it stays here."""
        if item is None:
            return False
        if isinstance(item, _core.Job):
            self._start(item)
            return True
        receiver, text = item
        if isinstance(receiver, int):
            log.log(receiver, "%s", text)
        else:
            self.workers.submit(lambda: receiver(text))
        return True

    def stop(self, wait: float) -> None:
        _core.service_stop()
        if self._thread is not None:
            self._thread.join(wait)

    def _start(self, job: _core.Job) -> None:
        loading: Any = job.loader
        if not loading.is_async:
            self.workers.submit(functools.partial(loading.run, job))  # no frame that a traceback could keep
            return
        coroutine = loading.run_async(job)
        try:
            asyncio.run_coroutine_threadsafe(coroutine, loading.loop)
        except RuntimeError as closed:  # the loop
            coroutine.close()
            job.fail(closed)


_service = Service()


def service() -> Service:
    return _service


def renew_after_fork() -> None:
    global _service
    _service = Service()
