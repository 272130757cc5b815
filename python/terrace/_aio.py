"""Waits for the core in an event loop, without a thread in between: a file descriptor becomes readable when there is news.

Only the functions that need asyncio import it: the import takes longer than that of the rest of the package, and most programs
have no event loop."""

from __future__ import annotations

import contextvars
import weakref
from typing import TYPE_CHECKING, Any, Callable, Coroutine

from . import _core
from ._errors import ConfigError

if TYPE_CHECKING:
    import asyncio

# The event loop itself holds its Ear, until it is closed: nothing here keeps a loop, its tasks or their caches.
_ears: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, weakref.ref[Ear]] = weakref.WeakKeyDictionary()


class Ear:
    """What terrace has in an event loop: the port where the loop hears of the core, and the tasks of its loads, which the loop
    would hold only weakly."""

    def __init__(self) -> None:
        self.port = _core.Port()
        self.loads: set[asyncio.Task[None]] = set()

    def attend(self) -> None:
        for attend in self.port.drain():
            attend()


def running_loop() -> asyncio.AbstractEventLoop:
    """The event loop of this thread. Raises ConfigError outside of one."""
    refuse_other_loops()
    import asyncio

    return asyncio.get_running_loop()


def current_task() -> asyncio.Task[Any] | None:
    """The task that runs now in the event loop of this thread."""
    import asyncio

    return asyncio.current_task()


def refuse_other_loops() -> None:
    """Raises ConfigError if no event loop of asyncio runs this coroutine."""
    if asyncio_loop() is None:
        raise ConfigError("terrace's asynchronous forms need asyncio, and no event loop of asyncio runs here (with trio, for "
                          "instance): use the blocking forms in a thread, or the asyncio backend of anyio")


def _import_asyncio() -> Any:
    global asyncio_loop
    import asyncio

    asyncio_loop = asyncio._get_running_loop
    return asyncio_loop()


#: The running event loop of asyncio; None: there is none. A function of C after its first call.
asyncio_loop: Callable[[], Any] = _import_asyncio


def start_load(job: _core.Job, returned: Any = None) -> None:
    """Starts its coroutine in this loop, with the context variables of its caller. returned: what a plain function has
    returned, to be awaited."""
    loading = job.loader
    task = loading.loop.create_task(loading.run_async(job, returned), context=loading.context.copy())
    loads = _ear(loading.loop).loads
    loads.add(task)
    task.add_done_callback(loads.discard)


async def outcome_of(call: _core.Call) -> Any:
    """The outcome of the call."""
    await ended(call)
    return call.outcome()


async def ended(call: _core.Call) -> None:
    """Waits until the call has ended. Its loads run in this loop. A cancelled caller leaves them to the other callers that wait
    for them; those that nobody waits for are cancelled."""
    if not call.ended:
        loop = running_loop()
        over = loop.create_future()

        def attend() -> None:
            while (job := call.poll()) is not None:
                start_load(job)
            if call.ended and not over.done():
                over.set_result(None)

        call.attend_by(port(loop), attend)
        try:
            await over
        except BaseException:
            call.drop()
            raise
        call.abandon()


def port(loop: asyncio.AbstractEventLoop) -> _core.Port:
    """Where the loop, which runs here, hears of the core."""
    return _ear(loop).port


def _ear(loop: asyncio.AbstractEventLoop) -> Ear:
    """Of the loop, which runs here."""
    known = _ears.get(loop)
    ear = known() if known is not None else None
    if ear is None:
        ear = Ear()
        _ears[loop] = weakref.ref(ear)
        # Otherwise the loop would keep the context of this caller.
        contextvars.Context().run(loop.add_reader, ear.port.descriptor, ear.attend)
    return ear


def renew_after_fork() -> None:
    _ears.clear()
