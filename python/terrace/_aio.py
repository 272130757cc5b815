"""Waits for the core in an event loop, without a thread in between: a file descriptor becomes readable when there is news.

Only the functions that need asyncio import it: the import takes longer than that of the rest of the package, and most programs
have no event loop."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, Coroutine

from . import _core

if TYPE_CHECKING:
    import asyncio

_ports: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _core.Port] = weakref.WeakKeyDictionary()
# An event loop holds its tasks only weakly.
_loads: set[asyncio.Task[None]] = set()


def running_loop() -> asyncio.AbstractEventLoop:
    """The event loop of this thread. Raises RuntimeError outside of one."""
    import asyncio

    return asyncio.get_running_loop()


def current_task() -> asyncio.Task[Any] | None:
    """The task that runs now in the event loop of this thread."""
    import asyncio

    return asyncio.current_task()


def run_in(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any]) -> None:
    """Starts the coroutine from another thread. Raises RuntimeError if the loop is closed; then the caller must close the
    coroutine."""
    import asyncio

    asyncio.run_coroutine_threadsafe(coroutine, loop)


async def outcome_of(call: _core.Call) -> Any:
    """The outcome of the call."""
    await ended(call)
    return call.outcome()


async def ended(call: _core.Call) -> None:
    """Waits until the call has ended. Its loads run in this loop. A cancelled caller leaves them to the other callers that wait
    for them."""
    if not call.ended:
        loop = running_loop()
        over = loop.create_future()

        def attend() -> None:
            while (job := call.poll()) is not None:
                task = loop.create_task(job.loader.run_async(job))
                _loads.add(task)
                task.add_done_callback(_loads.discard)
            if call.ended and not over.done():
                over.set_result(None)

        call.attend_by(_port(loop), attend)
        try:
            await over
        finally:
            call.abandon()


def _port(loop: asyncio.AbstractEventLoop) -> _core.Port:
    port = _ports.get(loop)
    if port is None:
        port = _ports[loop] = _core.Port()
        loop.add_reader(port.descriptor, _attend, port)
    return port


def _attend(port: _core.Port) -> None:
    for attend in port.drain():
        attend()


def renew_after_fork() -> None:
    _ports.clear()
    _loads.clear()
