"""Loaders in the forms that Python programs use, run for the core."""

from __future__ import annotations

import contextvars
import functools
import inspect
import sys
import weakref
from typing import TYPE_CHECKING, Any, Callable, Collection, Mapping, Sequence

from . import _aio, _core
from ._arity import loader_arguments
from ._errors import LoaderFailed, NotFound
from ._results import ABSENT, Load, LoadContext
from ._tags import tag_list
from ._times import seconds
from ._words import shown

if TYPE_CHECKING:
    import asyncio

# The outcome of one key for the core: an exception, or (form, value, ttl, tags).
Outcome = Any


class _Inside:
    """A load whose loader runs in this context. Tasks and callbacks that a loader starts inherit it; those that outlive the load
    are no part of it any more."""

    __slots__ = ("depth", "keys", "mark", "outer")

    def __init__(self, job: _core.Job, cache: Any, outer: _Inside | None) -> None:
        self.mark = job.mark
        self.keys = frozenset((id(cache), key) for key in job.keys)
        self.outer = outer
        self.depth: int = 1 if outer is None else outer.depth + 1


_inside: contextvars.ContextVar[_Inside | None] = contextvars.ContextVar("terrace_loading", default=None)


def _load_here() -> _Inside | None:
    """The innermost load whose loader runs in this context."""
    inside = _inside.get()
    while inside is not None and not inside.mark.running:
        inside = inside.outer
    return inside


def mark_of_load() -> _core.Mark | None:
    """Of the load in which a read that begins here is nested: the core gives the read a turn beyond max_concurrent_loads, because
    that load has one, and finds loads that wait for each other."""
    inside = _load_here()
    return inside.mark if inside is not None else None


class MemoizedCall:
    """A call of a memoized function as a loader: what to call, and what to do with its result."""

    __slots__ = ("call", "count", "ran", "result")

    def __init__(self, call: Callable[[], Any], result: Callable[[Any], Any], count: Callable[[bool], None]) -> None:
        self.call = call
        self.result = result
        self.count = count
        self.ran = False

    def __call__(self) -> Any:
        raise NotImplementedError("Loading calls its parts")


class Loading:
    """A loader and the keys it was given for. `single`: it takes one key; otherwise a list of them."""

    def __init__(self, cache: Any, loader: Callable[..., Any], keys: Mapping[bytes, Any], *, single: bool,
                 loop: asyncio.AbstractEventLoop | None = None, background: bool = False) -> None:
        if not callable(loader):
            raise TypeError(f"the loader is {shown(loader)}: give a function that returns the value")
        self.cache = cache
        self.loader = loader
        self.keys = keys
        self.single = single
        self.loop = loop
        self.is_async = loop is not None and is_coroutine_function(loader)
        # Elsewhere it runs with the caller's context variables.
        self.context = contextvars.copy_context() if background or loop is not None else None
        inside = _load_here()
        self.inside = inside.mark if inside is not None else None
        if inside is not None and inside.depth >= sys.getrecursionlimit():
            raise RecursionError(f"{inside.depth} loads within each other: the limit is sys.getrecursionlimit()")
        while inside is not None:
            if inside.mark.running and not inside.keys.isdisjoint((id(cache), key) for key in keys):
                raise LoaderFailed(
                    "the loader asks the cache for the key that it is loading, and would wait for itself: "
                    "read what it needs from the origin, or under another key"
                )
            inside = inside.outer

    def run(self, job: _core.Job) -> None:
        """Runs it on this thread, which belongs to no caller."""
        try:
            if self.context is None:
                job.run()
            else:
                self.context.copy().run(job.run)
        finally:
            del self, job  # as in _service.py

    # The core runs a loader on a thread: begin, the call, then finish or failed. So a loader that reads, and the loader of that
    # read, have no frames of this file between them: recursive functions reach their depth, and a stored traceback holds no job.

    def begin(self, job: _core.Job) -> tuple[Callable[[], Any], Any]:
        """What to call. Until finish or failed, reads are part of this load."""
        call = self._call_of(job)
        return call, _inside.set(_Inside(job, self.cache, _load_here()))

    def finish(self, job: _core.Job, token: Any, returned: Any) -> None:
        try:
            if inspect.isawaitable(returned):
                self._await_elsewhere(job, returned)
            else:
                job.end(self.cache, self._outcomes(job, returned))
        except Exception as raised:
            self._end_raised(job, raised)
        finally:
            _inside.reset(token)

    def failed(self, job: _core.Job, token: Any, raised: BaseException) -> bool:
        """True: the exception is also the thread's own (KeyboardInterrupt)."""
        if token is not None:
            _inside.reset(token)
        return self._end_raised(job, raised)

    async def run_async(self, job: _core.Job, returned: Any = None) -> None:
        """Runs it in the event loop, in a task of its own. returned: what a plain function has returned, to be awaited."""
        if job.stopped:
            job.break_off(LoaderFailed("the loader was not run: nobody waited for it any more"))
            _close(returned)
            return
        _inside.set(_Inside(job, self.cache, _load_here()))
        try:
            await self._finish_async(job, self._call_of(job)() if returned is None else returned)
        except Exception as raised:
            self._end_raised(job, raised)

    async def _finish_async(self, job: _core.Job, awaitable: Any) -> None:
        task = _aio.current_task()
        if task is not None:
            job.end_when_stopped(_aio.port(_aio.running_loop()), functools.partial(_cancel, weakref.ref(task)))
        try:
            job.end(self.cache, self._outcomes(job, await awaitable))
        except BaseException as raised:
            if self._end_raised(job, raised):
                raise

    def _await_elsewhere(self, job: _core.Job, awaitable: Any) -> None:
        """For a plain function, for instance a lambda, that has returned a coroutine."""
        if self.loop is not None:
            job.look_after()
            try:
                self.loop.call_soon_threadsafe(_aio.start_load, job, awaitable)
                return
            except RuntimeError:
                job.break_off(LoaderFailed("the loader was not run: its event loop was closed"))
        else:
            job.fail(LoaderFailed(
                "the loader returned a coroutine, and nothing here awaits it: use aget_or_load, or a plain function"
            ))
        _close(awaitable)

    def _call_of(self, job: _core.Job) -> Callable[[], Any]:
        """The call of the loader with the arguments it takes."""
        if isinstance(self.loader, MemoizedCall):
            self.loader.ran = True
            self.loader.count(True)
            return self.loader.call
        if not self.single:
            return functools.partial(self.loader, [self.keys[key] for key in job.keys])
        takes = loader_arguments(self.loader)
        if takes == 0:
            return self.loader
        key = self.keys[job.keys[0]]
        if takes == 1:
            return functools.partial(self.loader, key)
        return functools.partial(self.loader, key, LoadContext(job.previous(self.cache)[0], job))

    def _end_raised(self, job: _core.Job, raised: BaseException) -> bool:
        """True: it must be raised on as well. NotFound raised by the loader itself says that the requested key does not exist; a
        loader for many keys does not say which. From a read that the loader made, it is about another key, and an error like any
        other."""
        if not isinstance(raised, Exception):
            job.break_off(_broken_off(raised))
            return True
        if not isinstance(raised, NotFound) or raised.from_read:
            job.fail(_from_loader(raised))
        elif self.single:
            job.end(self.cache, [_absent(None)])
        else:
            failed = LoaderFailed(
                f"the bulk loader raised {raised!r}, which does not say which of its {len(job.keys)} keys do not exist: leave "
                "those out of the dict that it returns, or return terrace.ABSENT for them"
            )
            failed.__cause__ = _from_loader(raised)
            job.fail(failed)
        return False

    def _outcomes(self, job: _core.Job, returned: Any) -> list[Outcome]:
        if isinstance(self.loader, MemoizedCall):
            returned = self.loader.result(returned)
        if self.single:
            return [_outcome(returned)]
        wanted = [self.keys[key] for key in job.keys]
        if isinstance(returned, Mapping):
            _refuse_foreign_keys(returned, wanted, self.keys.values())
            return [_outcome(returned.get(key, ABSENT)) for key in wanted]
        if isinstance(returned, Sequence) and not isinstance(returned, (str, bytes)):
            if len(returned) != len(wanted):
                raise LoaderFailed(f"the bulk loader returned {len(returned)} values for {len(wanted)} keys")
            return [_outcome(value) for value in returned]
        raise LoaderFailed(
            f"the bulk loader returned {type(returned).__name__}: return a dict from key to value, or a list of values "
            "in the order of the keys"
        )


def _refuse_foreign_keys(returned: Mapping[Any, Any], wanted: Sequence[Any], asked: Collection[Any]) -> None:
    """A missing key does not exist, unless it is there in another form: then nothing is known about it."""
    missing = [key for key in wanted if key not in returned]
    if not missing:
        return
    known = set(asked)
    foreign = [key for key in returned if key not in known]
    if foreign:
        raise LoaderFailed(
            f"the bulk loader was asked for {shown(missing[0])} and returned a value for {shown(foreign[0])}, which is not a key of this call: "
            "return a dict with exactly the given keys, and leave out those that do not exist"
        )


def _close(awaitable: Any) -> None:
    if inspect.iscoroutine(awaitable):
        awaitable.close()


def _cancel(task: weakref.ref[asyncio.Task[Any]]) -> None:
    if (running := task()) is not None:
        running.cancel()


def _broken_off(raised: BaseException) -> BaseException:
    """For the callers of a loader that ended like this: only they get it, and others load themselves."""
    if type(raised).__name__ == "CancelledError":  # of asyncio, which may not be imported. The callers were not cancelled
        return LoaderFailed("the loader was cancelled")
    return _from_loader(raised)


def is_coroutine_function(function: Any) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))


def _from_loader(raised: BaseException) -> BaseException:
    """Makes the traceback begin in the loader: frames of this file are of no use to anyone, and keep the load alive."""
    trace = raised.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    return raised.with_traceback(trace)


def _outcome(returned: Any) -> Outcome:
    if returned is ABSENT:
        return _absent(None)
    if not isinstance(returned, Load):
        return ("value", returned, None, ())
    life, keep = seconds(returned.ttl, "ttl"), returned.keep
    if life is not None and life <= 0:  # it has expired already, as with "Cache-Control: max-age=0"
        life, keep = None, False
    if returned._unchanged:
        return ("unchanged" if keep else "unchanged now", None, life, ())
    if returned.value is ABSENT:
        return _absent(life) if keep else ("absent now", None, None, ())
    if isinstance(returned.value, Load):
        raise LoaderFailed(f"the loader returned a Load in a Load, {shown(returned)}: give the inner one's value, ttl and tags to one Load")
    return ("value" if keep else "passing", returned.value, life, tag_list(returned.tags))


def _absent(life: float | None) -> Outcome:
    return ("absent", None, life, ())
