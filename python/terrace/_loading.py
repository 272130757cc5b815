"""Loaders in the forms that Python programs use, run for the core."""

from __future__ import annotations

import contextvars
import functools
import inspect
from typing import TYPE_CHECKING, Any, Callable, Collection, Mapping, Sequence

from . import _aio, _core
from ._arity import loader_arguments
from ._errors import LoaderFailed, NotFound
from ._results import ABSENT, Load, LoadContext
from ._tags import tag_list
from ._times import ttl
from ._words import shown

if TYPE_CHECKING:
    import asyncio

# How often a loading coroutine is checked.
LOOK_SECONDS = 0.5

# The outcome of one key for the core: an exception, or (form, value, ttl, tags).
Outcome = Any

#: The keys that are being loaded in this context, as (id of the cache, key).
_under_way: contextvars.ContextVar[frozenset[tuple[int, bytes]]] = contextvars.ContextVar(
    "terrace_loading", default=frozenset()
)


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
        under_way = _under_way.get()
        #: A loader asks for it: the core gives it a turn beyond max_concurrent_loads, because that loader has one.
        self.nested = bool(under_way)
        mine = {(id(cache), key) for key in keys}
        if mine & under_way:
            raise LoaderFailed(
                "the loader asks the cache for the key that it is loading, and would wait for itself: "
                "read what it needs from the origin, or under another key"
            )

    def run(self, job: _core.Job) -> None:
        """Runs it in this thread. An exception of the loader is the outcome; KeyboardInterrupt and the like are raised as
        well."""
        # Frames below this one hold no job: a stored traceback would keep it alive.
        try:
            keys, call = job.keys, self._call_of(job)
            if self.context is None:
                returned = self._within(keys, call)
            else:
                returned = self.context.copy().run(self._within, keys, call)
            if inspect.isawaitable(returned):
                return self._await_elsewhere(job, returned)
            job.end(self.cache, self._outcomes(job, returned))
        except NotFound as raised:
            self._end_absent(job, raised)
            del job
        except Exception as raised:
            job.fail(_from_loader(raised))
            del job
        except BaseException as raised:
            job.fail(_from_loader(raised))
            del job
            raise

    async def run_async(self, job: _core.Job) -> None:
        """Runs it in the event loop."""
        token = _under_way.set(_under_way.get() | {(id(self.cache), key) for key in job.keys})
        try:
            await self._finish(job, self._call_of(job)())
        except Exception as raised:
            job.fail(_from_loader(raised))
        finally:
            _under_way.reset(token)

    def _within(self, keys: list[bytes], call: Callable[[], Any]) -> Any:
        token = _under_way.set(_under_way.get() | {(id(self.cache), key) for key in keys})
        try:
            return call()
        finally:
            _under_way.reset(token)

    async def _finish(self, job: _core.Job, awaitable: Any) -> None:
        import asyncio

        lookout = _Lookout(job)
        try:
            job.end(self.cache, self._outcomes(job, await awaitable))
        except NotFound as raised:
            self._end_absent(job, raised)
        except asyncio.CancelledError:
            job.fail(LoaderFailed("the loader was cancelled"))
            raise
        except Exception as raised:
            job.fail(_from_loader(raised))
        finally:
            lookout.end()

    def _await_elsewhere(self, job: _core.Job, awaitable: Any) -> None:
        """For a plain function, for instance a lambda, that has returned a coroutine."""
        if self.loop is not None:
            finishing = self._finish(job, awaitable)
            try:
                _aio.run_in(self.loop, finishing)
                return
            except RuntimeError as closed:
                finishing.close()
                job.fail(closed)
        else:
            job.fail(LoaderFailed(
                "the loader returned a coroutine, and nothing here awaits it: use aget_or_load, or a plain function"
            ))
        if inspect.iscoroutine(awaitable):
            awaitable.close()

    def _call_of(self, job: _core.Job) -> Callable[[], Any]:
        """The call of the loader with the arguments it takes."""
        if not self.single:
            return functools.partial(self.loader, [self.keys[key] for key in job.keys])
        takes = loader_arguments(self.loader)
        if takes == 0:
            return self.loader
        key = self.keys[job.keys[0]]
        if takes == 1:
            return functools.partial(self.loader, key)
        return functools.partial(self.loader, key, LoadContext(job.previous(self.cache)[0], job))

    def _end_absent(self, job: _core.Job, raised: NotFound) -> None:
        """NotFound raised by the loader itself says that the requested key does not exist; a loader for many keys does not say
        which. From a read that the loader made, it is about another key, and an error like any other."""
        if raised.from_read:
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

    def _outcomes(self, job: _core.Job, returned: Any) -> list[Outcome]:
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


class _Lookout:
    """Cancels the running task soon after the core has given up its load (load_timeout, a closed cache): a hung loader keeps a
    turn."""

    def __init__(self, job: _core.Job) -> None:
        self._job = job
        self._loop = _aio.running_loop()
        self._task = _aio.current_task()
        self._timer = self._loop.call_later(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        if self._job.stopped and self._task is not None:
            self._task.cancel()
        else:
            self._timer = self._loop.call_later(LOOK_SECONDS, self._look)

    def end(self) -> None:
        self._timer.cancel()


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
    life = ttl(returned.ttl)
    if returned._unchanged:
        return ("unchanged", None, life, ())
    if returned.value is ABSENT:
        return _absent(life) if returned.keep else ("absent now", None, None, ())
    if isinstance(returned.value, Load):
        raise LoaderFailed(f"the loader returned a Load in a Load, {shown(returned)}: give the inner one's value, ttl and tags to one Load")
    return ("value" if returned.keep else "passing", returned.value, life, tag_list(returned.tags))


def _absent(life: float | None) -> Outcome:
    return ("absent", None, life, ())
