"""gevent and eventlet: the core cannot wait in the threads that they make."""

from __future__ import annotations

import sys

from ._errors import ConfigError


def refuse_green_threads() -> None:
    """Raises ConfigError if gevent or eventlet has replaced the threads of this process: a call that waits in the core stops
    the one thread that all greenlets share, and with it the load that it waits for."""
    modules = sys.modules
    if "gevent.monkey" not in modules and "eventlet.patcher" not in modules:
        return
    who = _patched_by()
    if who is not None:
        raise ConfigError(f"{who} has replaced the threads of this process, and terrace needs threads of the operating system: "
                          "use terrace in processes without it, such as threaded workers (gunicorn --worker-class gthread) or "
                          "asyncio")


def _patched_by() -> str | None:
    # A module that is being imported exists, but has no functions yet.
    patched = getattr(sys.modules.get("gevent.monkey"), "is_module_patched", None)
    if patched is not None and any(patched(name) for name in ("threading", "_thread", "thread")):
        return "gevent.monkey.patch_all()"
    patched = getattr(sys.modules.get("eventlet.patcher"), "is_monkey_patched", None)
    if patched is not None and patched("thread"):
        return "eventlet.monkey_patch()"
    return None
