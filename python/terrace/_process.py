"""The two events that concern every cache of the process: a fork, and the end."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from typing import Any

from . import _aio, _core, _service
from ._errors import Closed

caches: weakref.WeakSet[Any] = weakref.WeakSet()
tiers: weakref.WeakSet[Any] = weakref.WeakSet()
monitors: weakref.WeakSet[Any] = weakref.WeakSet()

#: How long threads that wait in the core may take to return when the program ends.
EXIT_SECONDS = 2.0


def _in_child() -> None:
    """The threads and sockets of the parent do not belong to the child: objects that use them are left alone, and made again
    when first needed. Memory starts empty."""
    _core.reset_after_fork()
    for monitor in list(monitors):
        monitor._abandon()
    for cache in list(caches):
        cache._abandon()
    for tier in list(tiers):
        tier._abandon()
    _service.renew_after_fork()
    _aio.renew_after_fork()


def _quiet_about_closed() -> None:
    """Daemon threads that wait in a cache now end with Closed. That is expected, and printing it while the interpreter ends
    can be fatal to it: they may hold the lock of standard error for the last time."""
    told = threading.excepthook

    def tell(what: Any) -> None:
        if what.exc_type is None or not issubclass(what.exc_type, Closed):
            told(what)

    threading.excepthook = tell


def _at_exit() -> None:
    _quiet_about_closed()
    for monitor in list(monitors):
        monitor.close()
    for cache in list(caches):
        cache._end()
    for tier in list(tiers):
        tier.close()
    _service.service().stop()
    _core.begin_exit(EXIT_SECONDS)


_core.set_main_thread(threading.main_thread().ident or 0)
os.register_at_fork(after_in_child=_in_child)
atexit.register(_at_exit)
