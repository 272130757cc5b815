from collections.abc import Sequence
from typing import Any, overload


__version__: str

MISS: str = '<MISS>'

NEGATIVE: str = '<NEGATIVE>'

NO_VALUE: str = '<NO_VALUE>'

class Tier:
    """A tier from its URL; made when a cache first needs it."""

    def __init__(self, arg0: str, arg1: str, /) -> None: ...

    @property
    def _address(self) -> str: ...

    @property
    def key_prefix(self) -> str: ...

    def close(self) -> None: ...

    def _abandon(self) -> None: ...

class Clock:
    """A clock that tests move."""

    def __init__(self) -> None: ...

    def _advance(self, seconds: float) -> None: ...

    @property
    def _moved(self) -> float: ...

class MemoryTier(Tier):
    """A tier in the memory of the process."""

    def __init__(self, clock: Clock | None) -> None: ...

    def _set_away(self, away: bool) -> None: ...

    @property
    def _is_away(self) -> bool: ...

    def _flush_all(self) -> None: ...

class CacheBase:
    """The base class of terrace.Cache."""

    def __init__(self) -> None: ...

    def __getitem__(self, key: object, /) -> Any: ...

    def __contains__(self, key: object, /) -> bool: ...

    def get(self, key: object, default: object = None) -> Any:
        """
        Returns the value, from memory or the tiers. Returns `default` if no level has the key, if it is known not to exist,
        or if no level could be asked (lookup() says which). A stored None is a hit. Waits at most
        tier_timeout for each answer of a tier, and at most load_timeout for another process that loads the key, if a tier below
        Redis may have it. Raises KeyTypeError and Closed. Thread safe.
        """

    def get_or_load(self, key: object, loader: object, *, timeout: object = None, tags: object = ()) -> Any:
        """
        Returns the value from the levels, otherwise from the loader. If many callers miss a key at the same time, in this
        process and in all processes that share one Redis, one loader runs; the other callers wait for it.

        loader: is called with nothing, with the key, or with the key and a LoadContext, depending on the number of its required
        arguments. It returns the value, ABSENT, or a Load. TypeError is raised if its arguments do not show how to call it. It
        runs in the calling thread; with a timeout, soft_load_timeout or eager_refresh it runs on a thread of its own, with the
        caller's context variables. No lock is held: the loader may use any cache, but must not ask for its own key.

        timeout: how long to wait at most, in seconds or a timedelta; None: load_timeout alone is the limit. tags: of the loaded
        value, a list of str or one str. Both are checked even if the key is there.

        Raises the loader's exception (also in the callers that waited for it), NotFound (ABSENT, now or within negative_ttl),
        Timeout, EncodeError (the tiers cannot store the value), KeyTypeError, Closed. Thread safe.
        """

    def _get_from_memory(self, key: object) -> Any:
        """What memory has, otherwise None."""

    def _lookup_in_memory(self, key: object, /) -> Any:
        """What memory has, otherwise MISS or NEGATIVE."""

    def _lookup_for_load(self, key: object, loader: object, timeout: object, tags: object, /) -> Any:
        """
        As _lookup_in_memory, for a call of aget_or_load; MISS for one that memory may not answer, or whose value is due to be refreshed.
        """

    def _recall(self, key_bytes: bytes, /) -> Any:
        """The value that memory has, otherwise MISS; counts as no access."""

    @overload
    def _open(self, settings: dict, tiers: Sequence[Tier], codec: object, schema: int | None, copier: object | None, clock: Clock | None = None) -> None: ...

    @overload
    def _open(self, options: Options, tiers: Sequence[Tier], codec: object, schema: int | None, copier: object | None) -> None: ...

    def _close(self) -> None: ...

    def _release(self) -> None: ...

    def _abandon(self) -> None: ...

    @property
    def _is_open(self) -> bool: ...

    @property
    def _has_tiers(self) -> bool: ...

    def _stats(self) -> dict: ...

    def _advise(self) -> dict | None: ...

    def _items(self) -> list: ...

    def _forget(self, arg: bytes, /) -> bool: ...

    def _forget_all(self) -> None: ...

    def _define_group(self, arg0: str, arg1: list, /) -> None: ...

    def _count_unreadable(self) -> None: ...

    def _start_read(self, keys: list, loader: object | None, in_background: bool, timeout: float | None, tags: Sequence[str], looked: bool) -> Call: ...

    def _refresh(self, arg0: bytes, arg1: object, arg2: Sequence[str], /) -> None: ...

    def _start_write(self, keys: list, values: list, ttl: float | None, timeout: float | None, tags: Sequence[str]) -> Call: ...

    def _start_erase(self, keys: list, timeout: float | None) -> Call: ...

    def _start_current(self, key: bytes, timeout: float | None, may_guess: bool) -> Call: ...

    def _start_compare_and_set(self, key: bytes, revision: Revision, value: object | None, ttl: float | None, keeps_life: bool, timeout: float | None, tags: Sequence[str]) -> Call: ...

    def _start_invalidate(self, kind: str, keys: list, text: str, soft: bool, timeout: float | None) -> Call: ...

    def _start_warm(self, tasks: list, concurrency: int, attempts: int, task_timeout: float, progress: object | None, inside: object | None) -> Call: ...

    def _start_clear(self, timeout: float | None) -> Call: ...

    def _start_flush(self, timeout: float | None) -> Call: ...

    def _start_explain(self, arg: bytes, /) -> Call: ...

def is_plain(value: object | None) -> bool:
    """Whether MessagePack gives the value back as it is, type for type."""

def generate_key_ring() -> str:
    """The text of a new key ring."""

def key_bytes(key: object | None) -> bytes:
    """The bytes that stand for an object as a key."""

def argument_bytes(argument: object | None) -> bytes:
    """
    The bytes that stand for an argument of a memoized function: subclasses count.
    """

class Mark:
    """A load whose loader runs: reads by the loader carry it."""

    @property
    def running(self) -> bool: ...

class Job:
    """A load to run: the keys, and the Python loader for them."""

    @property
    def keys(self) -> list: ...

    @property
    def loader(self) -> Any: ...

    @property
    def stopped(self) -> bool: ...

    def previous(self, arg: CacheBase, /) -> list: ...

    @property
    def mark(self) -> Mark: ...

    def run(self) -> None:
        """Runs the loader on this thread."""

    def end(self, arg0: CacheBase, arg1: list, /) -> None: ...

    def fail(self, arg: object, /) -> None: ...

    def break_off(self, arg: object, /) -> None:
        """
        It failed through no fault of the keys: its own callers get the exception, and the loader of another caller takes over.
        """

    def others_wait(self) -> bool:
        """
        It has not ended, and another caller waits whose loader could take over.
        """

    def look_after(self) -> None:
        """It runs in an event loop, which may stop."""

    def end_when_stopped(self, arg0: Port, arg1: object, /) -> None:
        """
        From now on a stop ends it at once; then `cancel` is called in the loop.
        """

class Revision:
    """What a level has under a key, for Cache.compare_and_set."""

class Port:
    """Notifies an event loop of its calls."""

    def __init__(self) -> None: ...

    @property
    def descriptor(self) -> int: ...

    def drain(self) -> list: ...

class Call:
    """An operation under way."""

    def run(self) -> None:
        """Waits until the call has ended, and runs its loads here."""

    def poll(self) -> Job | None: ...

    @property
    def ended(self) -> bool: ...

    def abandon(self) -> None: ...

    def drop(self) -> None: ...

    def attend_by(self, arg0: Port, arg1: object, /) -> None: ...

    def outcome(self) -> object:
        """Call it once, when the call has ended: returns the result, or raises."""

    def value(self, key: object | None) -> object:
        """
        Once, when a read of one key has ended: its value, or raises; MISS: bytes that are no value.
        """

class Monitor:
    """Watches caches."""

    def __init__(self, window: float, interval: float, min_hit_rate: float, max_error_rate: float, min_requests: int) -> None: ...

    def watch(self, arg: CacheBase, /) -> None: ...

    def health(self) -> dict: ...

    def add_rule(self, name: str, when: str, lasting: float, severity: str, message: str, cache: str | None) -> None: ...

    def add_sink(self, arg: object, /) -> None: ...

    def log_notices(self) -> None: ...

    def alerts(self) -> list: ...

    def sample(self) -> None: ...

    def close(self) -> None: ...

    def _abandon(self) -> None: ...

def metrics_text(arg: list, /) -> str:
    """Every metric of the caches for Prometheus."""

class HashRing:
    """Decides which of several nodes owns a key."""

    def __init__(self, nodes: Sequence[tuple[str, float]], seed: int = 0) -> None: ...

    def owner(self, arg: bytes, /) -> str: ...

class Options:
    """The options of a cache from a configuration file."""

    @property
    def max_entries(self) -> int: ...

    @property
    def eager_refresh(self) -> float: ...

    @property
    def has_soft_limit(self) -> bool: ...

    @property
    def writes_back(self) -> bool: ...

    @property
    def journal(self) -> str: ...

    def writing_through(self) -> Options:
        """The same options without write-back."""

    def for_locks(self, arg: str, /) -> Options:
        """The options of the cache that has its locks."""

def read_config(arg: str, /) -> list:
    """
    For each cache of the file: name, Options, [(tier, url, key_prefix)], whether it seals.
    """

class Memoized:
    def __init__(self, cache: CacheBase, miss: object, bind: object, defaults: tuple[object, ...], positional: bool, name: str, fields: list[tuple[str, int, str]] | None, owners: tuple[type | None, ...], tail: str, reserved: bytes, run: object) -> None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    def __get__(self, instance: object, owner: object = None, /) -> Any: ...
    def _lookup_call(self, *args: Any, **kwargs: Any) -> Any: ...
    def _key(self, *args: Any, **kwargs: Any) -> bytes: ...
    def _count(self, ran: bool, /) -> None: ...
    def _counts(self) -> tuple[int, int]: ...
    def _forget_counts(self) -> None: ...

class Worker:
    """A thread of the service, made by that thread."""

    def __init__(self) -> None: ...

    def take(self, idle: float) -> object:
        """
        Waits for the next item: a Job, (level, text), (receiver, text) or (), to look around; None: the thread is to end. Whatever was taken before has been run.
        """

    @property
    def alone(self) -> bool:
        """No other thread waits."""

def service_wants_thread() -> bool:
    """True: start a thread, or call service_not_started."""

def service_not_started() -> None: ...

def service_stop() -> None: ...

def service_rest(arg: float, /) -> None: ...

def looked_after() -> list: ...

def begin_exit(arg: float, /) -> None: ...

def set_main_thread(arg: int, /) -> None: ...

def reset_after_fork() -> None: ...
