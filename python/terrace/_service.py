"""The threads for work that no caller waits for: loads in the background, receivers of notices, and lines of the core's log."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Callable

from . import _aio, _core
from ._errors import LoaderFailed, LoopStopped, Overloaded
from ._green import refuse_green_threads

if TYPE_CHECKING:
    import logging

# Seconds after which a thread without work ends, if enough others wait.
IDLE_SECONDS = 5.0

# Seconds that the end of the program waits for running work. Most has reported its outcome and is about to return; objects held
# by a thread that is cut off are never freed.
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


class Service:
    """One for each process; a fork makes a new one.

    Some threads always wait for work (Service::spare, python/src/service.hpp). A thread that gets work first makes sure that
    enough others wait, and then runs it itself. So there is a thread for every load, and a nested load never waits for the
    thread of the load that waits for it; each cache limits its own loads (`max_concurrent_loads`). User code may hold up any of
    these threads, at any place: the garbage collector runs finalizers wherever it begins. No lock of Python is held anywhere.
    """

    def __init__(self) -> None:
        self._begun = False

    def ensure(self) -> None:
        """Raises Overloaded if the system has no thread for it."""
        refuse_green_threads()
        if not self._begun:
            start_missing_threads()
            self._begun = True

    def stop(self) -> None:
        _core.service_stop()
        _core.service_rest(LAST_SECONDS)


def start_missing_threads() -> None:
    """Raises Overloaded if the system has no thread."""
    while _core.service_wants_thread():
        try:
            start_thread(_work, "terrace-worker")
        except BaseException:
            _core.service_not_started()
            raise


# An exception of a loader refers to the frame of the loader, and that one to the frames below it, as long as a program keeps the
# exception. So these functions delete their variables at the end: otherwise it would keep the load and the cache, too.


def _work() -> None:
    worker = _core.Worker()
    try:
        while take_and_run(worker):
            pass
    finally:
        del worker


def take_and_run(worker: _core.Worker) -> bool:
    """False: the thread is to end. Nothing of the work stays here."""
    work = worker.take(IDLE_SECONDS)
    try:
        if work is None:
            return False
        try:
            start_missing_threads()
        except Overloaded as none:
            # If it ran here, nobody would wait for the loads that it needs.
            if worker.alone and isinstance(work, _core.Job):
                work.fail(none)
                return True
        try:
            run(work)
        except BaseException:  # a load reports its own errors
            log().exception("a background task failed")
    finally:
        del work, worker
    return True


def run(work: Any) -> None:
    try:
        if isinstance(work, _core.Job):
            _run_load(work)
        elif not work:
            look_around()
        elif isinstance(work[0], int):
            log().log(work[0], "%s", work[1])
        else:
            work[0](work[1])
    finally:
        del work


def _run_load(job: _core.Job) -> None:
    loading: Any = job.loader
    try:
        if not loading.is_async:
            loading.run(job)
            return
        try:
            loading.loop.call_soon_threadsafe(_aio.start_load, job)
        except RuntimeError:
            job.break_off(LoaderFailed("the loader was not run: its event loop was closed"))
    finally:
        del loading, job


def look_around() -> None:
    """Loads of event loops that do not run now: other callers that wait for them load instead."""
    jobs = _core.looked_after()
    while closed := [job for job in jobs if job.loader.loop.is_closed()]:
        for job in closed:
            job.break_off(LoaderFailed("the loader was not run to its end: its event loop was closed"))
        del job, closed
        jobs = _core.looked_after()  # their turns may have gone to loads of the same loop
    for job in jobs:
        if not job.loader.loop.is_running() and job.others_wait():
            job.break_off(LoopStopped("the event loop of the loader does not run, and another caller's loader took over"))


def log() -> logging.Logger:
    import logging

    return logging.getLogger("terrace")


_service = Service()


def service() -> Service:
    return _service


def renew_after_fork() -> None:
    global _service
    _service = Service()
