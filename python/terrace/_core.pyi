from collections.abc import Sequence
import types


__version__: str

NOTHING: str = '<NOTHING>'

NEGATIVE: str = '<NEGATIVE>'

class Tier:
    """A tier from its URL; made when a cache first needs it."""

    def __init__(self, arg0: str, arg1: str, /) -> None: ...

    @property
    def key_prefix(self) -> str: ...

    def close(self) -> None: ...

class CacheBase:
    """What terrace.Cache is made of."""

    def __init__(self) -> None: ...

    def __getitem__(self, key, /):
        """Return self[key]."""

    def __contains__(self, key, /):
        """Return key in self."""

    get: types.MethodDescriptorType = ...

    get_or_load: types.MethodDescriptorType = ...

def is_plain(value: object | None) -> bool:
    """Whether MessagePack gives the value back as it is, type for type."""

def key_bytes(key: object | None) -> bytes:
    """The bytes that stand for an object as a key."""

class Job:
    """A load to run: keys, and the loader that Python gave for them."""

    @property
    def keys(self) -> list: ...

    @property
    def loader(self) -> object: ...

    @property
    def stopped(self) -> bool: ...

    def previous(self, arg: CacheBase, /) -> list: ...

    def end(self, arg0: CacheBase, arg1: list, /) -> None: ...

    def fail(self, arg: object, /) -> None: ...

class Port:
    """Where an event loop hears of its calls."""

    def __init__(self) -> None: ...

    @property
    def descriptor(self) -> int: ...

    def drain(self) -> object: ...

class Call:
    """An operation under way."""

    def wait(self) -> object:
        """The next load to run here; None: it has ended."""

    def poll(self) -> object: ...

    @property
    def ended(self) -> bool: ...

    def abandon(self) -> None: ...

    def attend_by(self, arg0: Port, arg1: object, /) -> None: ...

    def outcome(self) -> object:
        """Once, when it has ended: what it brought, or raises."""

    def value(self, key: object | None) -> object:
        """
        Once, when a read of one key has ended: its value, or raises; NOTHING: bytes that are no value.
        """

class Monitor:
    """Watches caches."""

    def __init__(self, window: float, interval: float, min_hit_rate: float, max_error_rate: float, min_requests: int) -> None: ...

    def watch(self, arg: CacheBase, /) -> None: ...

    def health(self) -> dict: ...

    def add_rule(self, name: str, when: str, lasting: float, severity: str, message: str, cache: str | None) -> None: ...

    def add_sink(self, arg: object, /) -> None: ...

    def alerts(self) -> list: ...

    def sample(self) -> None: ...

    def close(self) -> None: ...

def metrics_text(arg: list, /) -> str:
    """Every metric of the caches for Prometheus."""

class HashRing:
    """Which of several nodes owns a key."""

    def __init__(self, nodes: Sequence[tuple[str, float]], seed: int = 0) -> None: ...

    def owner(self, arg: bytes, /) -> str: ...

class Options:
    """Options of a cache out of a configuration file."""

    @property
    def max_entries(self) -> int: ...

    @property
    def eager_refresh(self) -> float: ...

    @property
    def has_soft_limit(self) -> bool: ...

def read_config(arg: str, /) -> list:
    """
    For each cache of the file: name, Options, [(tier, url, key_prefix)], whether it seals.
    """

class Memoized:
    def __call__(self, /, *args, **kwargs):
        """Call self as a function."""

    def __get__(self, instance, owner=None, /):
        """Return an attribute of instance, which is of type owner."""

    __vectorcalloffset__: types.MemberDescriptorType = ...

def service_item() -> object:
    """Blocks; a Job, (level, text), (receiver, text), or None: stopped."""

def service_stop() -> None: ...

def begin_exit(arg: float, /) -> None: ...

def set_main_thread(arg: int, /) -> None: ...

def reset_after_fork() -> None: ...
