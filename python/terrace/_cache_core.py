"""CacheCore: the common part of the blocking and the awaited calls of Cache: it starts operations, and turns answers into
values or exceptions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Callable, Generic, Hashable, Sequence

from . import _core
from ._errors import Closed, ConfigError, KeyTypeError, TerraceError, Timeout
from ._green import refuse_green_threads
from ._loading import Loading
from ._results import Lookup, refuse_markers
from ._service import log, service
from ._tags import refuse_tags, sound_text, tag_list
from ._times import Seconds, seconds
from ._times import ttl as checked_ttl
from ._typing import V
from ._words import flag, shown
from ._words import text as one_text

if TYPE_CHECKING:
    from ._codec import Codec
    from ._reports import Explanation


# The most keys of one read that the caller did not list.
BATCH = 1000


class CacheCore(_core.CacheBase, Generic[V]):
    """Not for users."""

    name: str
    _settings: dict[str, Any] | _core.Options
    _tiers: list[_core.Tier]
    _codec: Codec
    _clock: tuple[()] | tuple[_core.Clock | None]
    _copier: Callable[[Any], Any] | None
    _eager: bool
    _closed: bool

    def _open_now(self) -> None:
        refuse_green_threads()
        self._open(self._settings, self._tiers, self._codec, self._codec.schema, self._copier, *self._clock)
        if self._tiers:
            service().ensure()

    def _reopen(self) -> None:
        """Called when the core is not open: after close(), or in the child of a fork."""
        if self._closed:
            raise Closed(f"cache {self.name!r} is closed")
        self._leave_the_journal()
        self._open_now()

    def _leave_the_journal(self) -> None:
        """Only one process writes back into a namespace: the one that made the cache. This process is its child."""
        settings = self._settings
        if isinstance(settings, dict):
            if settings["write_mode"] != "back":
                return
            journal = settings["journal"]
            self._settings = {k: v for k, v in settings.items() if k != "journal"} | {"write_mode": "through"}
        elif settings.writes_back:
            journal = settings.journal
            self._settings = settings.writing_through()
        else:
            return
        log().warning("cache %r writes through in this child of a fork: the journal %s belongs to the process that made the cache",
                      self.name, journal)

    def _ensure_open(self) -> None:
        refuse_green_threads()
        if not self._is_open:
            self._reopen()

    def _ensure_opened_once(self) -> None:
        if not self._is_open and not self._closed:
            self._reopen()

    def _settle(self) -> None:
        if self._has_tiers:
            try:
                self._finish(self._flush(1))
            except TerraceError:
                pass  # it stays in the journal, or is loaded again

    def _end(self) -> None:
        """The program is ending."""
        if self._is_open:
            self._settle()
            self._closed = True
            self._close()
        self._release()

    def _finish(self, call: _core.Call) -> Any:
        call.run()
        return call.outcome()

    def _read(self, names: Mapping[bytes, Any], loading: Loading | None, timeout: Seconds | None,
              elsewhere: bool = False, tags: str | Sequence[str] = (), looked: bool = False) -> _core.Call:
        """looked: memory has been asked already, which counts as an access; otherwise the read makes one."""
        self._ensure_open()
        return self._start_read(list(names), loading, elsewhere, seconds(timeout, "timeout"), tag_list(tags), looked)

    def _write(self, keys: Iterable[Any], stored: list[V], ttl: Seconds | None, timeout: Seconds | None,
               tags: str | Sequence[str]) -> _core.Call:
        self._ensure_open()
        refuse_markers(stored)
        names = [_core.key_bytes(key) for key in keys]
        return self._start_write(names, stored, checked_ttl(ttl), seconds(timeout, "timeout"), tag_list(tags))

    def _set_bytes(self, key_bytes: bytes, value: Any, life: float | None) -> None:
        self._ensure_open()
        self._all_done(self._finish(self._start_write([key_bytes], [value], life, None, [])))

    def _entries(self) -> list[tuple[bytes, Any, float | None]]:
        """The content of memory: keys, values, and the remaining seconds of each."""
        self._ensure_open()
        return self._items()

    def _forget_key(self, key: Hashable) -> bool:
        """Removes it from memory only."""
        self._ensure_open()
        return self._forget(_core.key_bytes(key))

    def _forget_everything(self) -> None:
        """Removes everything from memory only."""
        self._ensure_open()
        self._forget_all()

    def _erase(self, names: list[bytes], timeout: Seconds | None) -> _core.Call:
        self._ensure_open()
        return self._start_erase(names, seconds(timeout, "timeout"))

    def _delete_bytes(self, key_bytes: bytes) -> bool:
        return any(self._all_done(self._finish(self._erase([key_bytes], None))))

    def _clear(self, timeout: Seconds | None) -> _core.Call:
        self._ensure_open()
        return self._start_clear(seconds(timeout, "timeout"))

    def _flush(self, timeout: Seconds | None) -> _core.Call:
        self._ensure_open()
        return self._start_flush(seconds(timeout, "timeout"))

    def _invalidate(self, keys: tuple[Hashable, ...], prefix: str | None, tag: str | None, pattern: str | None,
                    group: str | None, soft: bool, timeout: Seconds | None) -> _core.Call:
        self._ensure_open()
        named = {k: v for k, v in {"prefix": prefix, "tag": tag, "pattern": pattern, "group": group}.items() if v is not None}
        if len(named) + bool(keys) != 1:
            raise ConfigError("invalidate takes keys, or one of prefix=, tag=, pattern= and group=")
        kind, text = next(iter(named.items())) if named else ("keys", "")
        if named:
            sound_text(one_text(text, kind), kind)
        flag(soft, "soft")
        names = list(names_of(keys))
        return self._start_invalidate("glob" if kind == "pattern" else kind, names, text, soft, seconds(timeout, "timeout"))

    def _unreadable(self, names: Sequence[bytes]) -> list[bytes]:
        """Which of them some level has, and this cache cannot read. Reads only what memory does not have."""
        unsure = [name for name in names if self._recall(name) is _core.MISS]
        found = []
        for i in range(0, len(unsure), BATCH):
            part = unsure[i : i + BATCH]
            answers = self._finish(self._start_read(part, None, False, None, [], False))
            found += [name for name, answer in zip(part, answers) if answer[0] == "unreadable"]
        return found

    def _lookups(self, names: Mapping[bytes, Any], answers: list[Any]) -> dict[Any, Lookup[V]]:
        return {key: self._lookup_of(answer) for key, answer in zip(names.values(), answers)}

    def _lookup_of(self, answer: Any) -> Lookup[V]:
        if answer[0] == "unreadable":
            self._count_unreadable()
        if self._copier is not None and answer[1] is not None:
            answer = (answer[0], self._copier(answer[1]), *answer[2:])
        return Lookup(*answer)

    def _values_or_raise(self, found: Mapping[Any, Lookup[V]]) -> dict[Any, V]:
        error = next((one.error for one in found.values() if one.error is not None), None)
        if error is None:
            return {key: one.value for key, one in found.items() if one}  # type: ignore[misc]
        try:
            raise error
        finally:
            del error, found  # its traceback holds this frame

    def _all_done(self, outcomes: list[Any]) -> list[Any]:
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return outcomes


def names_of(keys: Iterable[Any]) -> dict[bytes, Any]:
    """The keys as objects, each once, under the bytes that stand for them."""
    if isinstance(keys, (str, bytes)):
        raise ConfigError(f"keys={shown(keys)}: give a list of keys, [{shown(keys)}]")
    if not isinstance(keys, Iterable):
        raise TypeError(f"keys={shown(keys)}: give a list of keys")
    return {_core.key_bytes(key): key for key in keys}


def answered_names(keys: Iterable[Any]) -> dict[bytes, Any]:
    """Like names_of, for answers in a dict: raises KeyTypeError for keys that cannot be separate keys of a dict."""
    names = names_of(keys)
    seen: dict[Any, bytes] = {}
    for name, key in names.items():
        try:
            other = seen.setdefault(key, name)
        except TypeError:
            raise KeyTypeError(f"{key!r} has no hash, and the answer is a dict: ask for it alone, or give its class a __hash__") from None
        if other is not name:
            raise KeyTypeError(f"{names[other]!r} and {key!r} are two keys here and one in the dict of the answer: ask for them apart")
    return names


def unreadable_among(names: Mapping[bytes, Any], found: Mapping[Any, Lookup[Any]]) -> dict[bytes, Any]:
    return {name: key for name, key in names.items() if found[key].kind == "unreadable"}


def refuse_no_mapping(values: Any) -> None:
    if not isinstance(values, Mapping):
        raise TypeError(f"values={shown(values)}: give a dict from key to value")


def check_write(life: Any, timeout: Any, tags: Any) -> None:
    """Checks the options of a call that writes many entries, even if there are none. Raises like set."""
    checked_ttl(life)
    seconds(timeout, "timeout")
    if not isinstance(tags, Iterator):  # an iterator can be read only once
        refuse_tags(tag_list(tags))


def check_loading(limit: float | None, tags: list[str]) -> None:
    """Checks the options of a call that loads many keys, also if memory has them all. Raises like get_or_load."""
    refuse_tags(tags)
    if limit is not None and limit <= 0:
        raise Timeout("the timeout of the call is not above 0: give it time, or no timeout")


def explanation_of(parts: tuple[list[tuple[Any, ...]], bool, str]) -> Explanation:
    from ._reports import Explanation, LevelExplanation

    levels, in_flight, text = parts
    return Explanation([LevelExplanation(*level) for level in levels], in_flight, text)
