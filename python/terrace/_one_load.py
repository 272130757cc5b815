"""A blocking read of one key with a loader."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Sequence

from . import _core
from ._loading import Loading
from ._service import service
from ._tags import tag_list
from ._times import Seconds, seconds

if TYPE_CHECKING:
    from ._cache import Cache


class OneLoad:
    """In steps: while `call` is not None, call.run() waits and runs the loader, and end() takes what came of it; then `value` is
    there. So the frames of its users alone lie between a recursive function and itself: each of them costs depth.

    looked: memory has been asked already; that counts as an access. Raises like Cache.get_or_load.
    """

    __slots__ = ("_cache", "_key", "_key_bytes", "_limit", "_loader", "_looked", "_tags", "call", "value")

    def __init__(self, cache: Cache[Any], key_bytes: bytes, key: Any, loader: Any, timeout: Seconds | None,
                 tags: str | Sequence[str], looked: bool) -> None:
        cache._ensure_open()
        self._cache = cache
        self._key_bytes = key_bytes
        self._key = key
        self._loader = loader
        self._limit = seconds(timeout, "timeout")
        self._tags = tag_list(tags)
        self._looked = looked
        self.value: Any = None
        self.call: _core.Call | None = None
        if cache._eager and (found := cache._recall(key_bytes)) is not _core.MISS:
            service().ensure()
            cache._refresh(key_bytes, self._loading(True), self._tags)
            self.value = found
        else:
            self._begin()

    def end(self) -> None:
        """When the call has ended: an entry that cannot be read is loaded in another one."""
        assert self.call is not None
        value = self.call.value(self._key)
        if value is not _core.MISS:
            copier = self._cache._copier
            self.value = value if copier is None else copier(value)
            self.call = None
            return
        self._cache._count_unreadable()
        self._cache._delete_bytes(self._key_bytes)  # so that it is loaded
        self._begin()

    def _begin(self) -> None:
        # A limit can end the call before its loader has ended: then the loader must run elsewhere.
        elsewhere = self._cache._loads_elsewhere or self._limit is not None
        if elsewhere:
            service().ensure()
        self.call = self._cache._start_read([self._key_bytes], self._loading(elsewhere), elsewhere, self._limit, self._tags,
                                            self._looked)

    def _loading(self, background: bool) -> Loading:
        return Loading(self._cache, self._loader, {self._key_bytes: self._key}, single=True, background=background)
