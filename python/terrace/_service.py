"""The threads for work that no caller waits for: loads in the background, and lines of the core's log."""

from __future__ import annotations

import functools
import queue
import threading
from typing import TYPE_CHECKING, Any, Callable

from . import _aio, _core
from ._errors import Overloaded
from ._green import refuse_green_threads

if TYPE_CHECKING:
    import logging

# Seconds after which a thread without work ends.
IDLE_SECONDS = 5.0

# Seconds that the end of the program waits for running tasks. Most have reported their outcome and are about to return; objects
# held by a thread that is cut off are never freed.
LAST_SECONDS = 0.25


def start_thread(run: Callable[[], None], name: str) -> threading.Thread:
    """Starts a daemon thread: a hung load must not keep the program from ending. Raises Overloaded if the system has no
    thread."""
    thread = threading.Thread(target=run, name=name, daemon=True)
    try:
        thread.start()
    except RuntimeError as none:
        raise Overloaded(
            f"{none}: the process is at its limit of threads or memory; raise ulimit -u, or pids.max of its cgroup"
        ) from None
    return thread


class Workers:
    """Threads that run tasks.

    Without a bound there is always a thread for a task. So a nested load never waits for the thread of the load that waits for
    it; each cache limits its own loads (`max_concurrent_loads`). With a bound, tasks take turns in their order.
    """

    def __init__(self, name: str, most: int | None = None) -> None:
        self._tasks: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._lock = threading.Condition()
        self._name = name
        self._most = most
        self._threads = 0
        self._idle = 0  # number of idle threads
        self._queued = 0  # tasks that no thread has taken yet

    def submit(self, task: Callable[[], None]) -> None:
        """Raises Overloaded if the system has no thread for it."""
        with self._lock:
            if self._queued >= self._idle and (self._most is None or self._threads < self._most):
                try:
                    start_thread(self._run, self._name)
                except Overloaded:
                    if self._most is None or self._threads == 0:
                        raise
                else:
                    self._threads += 1
                    self._idle += 1
            self._queued += 1
            self._tasks.put(task)

    def _run(self) -> None:
        while True:
            try:
                task = self._tasks.get(timeout=IDLE_SECONDS)
            except queue.Empty:
                with self._lock:
                    if self._queued < self._idle:
                        self._idle -= 1
                        self._threads -= 1
                        return
                continue  # a task will come
            with self._lock:
                self._queued -= 1
                self._idle -= 1
            try:
                task()
            except BaseException:  # tasks report their own errors
                log().exception("a background task failed")
            del task
            with self._lock:
                self._idle += 1
                self._lock.notify_all()

    def rest(self, seconds: float) -> None:
        """Waits until no task runs, at most this long."""
        with self._lock:
            self._lock.wait_for(lambda: self._queued == 0 and self._idle == self._threads, seconds)


class Service:
    """One for each process; a fork makes a new one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self.loads = Workers("terrace-load")
        # Sinks of alerts and progress, and handlers of the log: a slow one does not delay loads.
        self.notices = Workers("terrace-notice", 8)
        self.lines = Workers("terrace-log", 1)

    def ensure(self) -> None:
        """Raises Overloaded if the system has no thread for it."""
        refuse_green_threads()
        # Does not wait for the lock: a finalizer may run while this thread has it, and then the service thread is starting.
        if self._thread is None and self._lock.acquire(blocking=False):
            try:
                if self._thread is None:
                    self._thread = start_thread(self._run, "terrace-service")
            finally:
                self._lock.release()

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
        try:
            if isinstance(receiver, int):
                self.lines.submit(functools.partial(_write_line, receiver, text))
            else:
                self.notices.submit(functools.partial(receiver, text))
        except Overloaded as none:
            log().error("lost a notice: %s", none)
        return True

    def stop(self, wait: float) -> None:
        _core.service_stop()
        if self._thread is not None:
            self._thread.join(wait)
        for workers in (self.loads, self.notices, self.lines):
            workers.rest(LAST_SECONDS)

    def _start(self, job: _core.Job) -> None:
        loading: Any = job.loader
        if not loading.is_async:
            try:
                self.loads.submit(functools.partial(loading.run, job))  # without a frame that a traceback could keep alive
            except Overloaded as none:
                job.fail(none)
            return
        coroutine = loading.run_async(job)
        try:
            _aio.run_in(loading.loop, coroutine)
        except RuntimeError as closed:  # the loop
            coroutine.close()
            job.fail(closed)


def log() -> logging.Logger:
    import logging

    return logging.getLogger("terrace")


def _write_line(level: int, text: str) -> None:
    log().log(level, "%s", text)


_service = Service()


def service() -> Service:
    return _service


def renew_after_fork() -> None:
    global _service
    _service = Service()
