"""AsyncForms: the calls of a cache for asyncio. They never block the loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Hashable, Iterable, Mapping, Sequence, TypeVar, overload

from . import _aio, _core
from ._atomic import Atomics
from ._cache_core import (
    answered_names,
    check_loading,
    check_write,
    explanation_of,
    names_of,
    refuse_no_mapping,
    unreadable_among,
)
from ._errors import Closed, LoopStopped
from ._loading import Loading, is_coroutine_function
from ._results import Lookup
from ._service import service
from ._tags import tag_list
from ._times import Seconds, seconds
from ._typing import AsyncLoader, V

if TYPE_CHECKING:
    from ._reports import Explanation

D = TypeVar("D")
K = TypeVar("K", bound=Hashable)


class AsyncForms(Atomics[V]):
    """Each method is the async form of the method without the a, whose docstring applies."""

    @overload
    async def aget(self, key: Hashable) -> V | None: ...
    @overload
    async def aget(self, key: Hashable, default: V | D) -> V | D: ...
    async def aget(self, key: Hashable, default: Any = None) -> Any:
        """As get."""
        if _aio.asyncio_loop() is None:
            _aio.refuse_other_loops()
        found = self._lookup_in_memory(key)
        if found is _core.NEGATIVE:
            return default
        if found is not _core.MISS:
            return found
        if not self._has_tiers:
            return default
        read = self._read(names_of([key]), None, None, looked=True)
        below = self._lookup_of((await _aio.outcome_of(read))[0])
        if isinstance(below.error, Closed):
            raise below.error
        return below.value if below else default

    async def aget_or_load(self, key: Hashable, loader: AsyncLoader[V], *, timeout: Seconds | None = None,
                           tags: str | Sequence[str] = ()) -> V:
        """As get_or_load. A coroutine function runs in this loop; a plain function on a thread."""
        if _aio.asyncio_loop() is None:
            _aio.refuse_other_loops()
        found = self._lookup_for_load(key, loader, timeout, tags)
        if found is not _core.MISS and found is not _core.NEGATIVE:
            return found  # type: ignore[no-any-return]
        return await self._aload_bytes(_core.key_bytes(key), key, loader, timeout=timeout, tags=tags)  # type: ignore[no-any-return]

    async def _aload_bytes(self, key_bytes: bytes, key: Any, loader: Any, *, timeout: Seconds | None = None,
                           tags: str | Sequence[str] = (), looked: bool = True) -> Any:
        self._ensure_open()
        limit, listed = seconds(timeout, "timeout"), tag_list(tags)
        loop = _aio.running_loop()
        service().ensure()
        if self._eager and (memory := self._recall(key_bytes)) is not _core.MISS:
            self._refresh(key_bytes, Loading(self, loader, {key_bytes: key}, single=True, loop=loop), listed)
            return memory
        elsewhere = not is_coroutine_function(loader)
        while True:
            loading = Loading(self, loader, {key_bytes: key}, single=True, loop=loop)
            call = self._start_read([key_bytes], loading, elsewhere, limit, listed, looked)
            await _aio.ended(call)
            try:
                value = call.value(key)
            except LoopStopped:
                continue
            if value is not _core.MISS:
                return value if self._copier is None else self._copier(value)
            self._count_unreadable()
            await self._adelete_bytes(key_bytes)

    async def alookup(self, key: Hashable, *, timeout: Seconds | None = None) -> Lookup[V]:
        """Like lookup."""
        _aio.refuse_other_loops()
        return self._lookup_of((await _aio.outcome_of(self._read(names_of([key]), None, timeout)))[0])

    async def alookup_many(self, keys: Iterable[K], *, timeout: Seconds | None = None) -> dict[K, Lookup[V]]:
        """Like lookup_many."""
        _aio.refuse_other_loops()
        names, limit = answered_names(keys), seconds(timeout, "timeout")
        if not names:
            return {}
        return self._lookups(names, await _aio.outcome_of(self._read(names, None, limit)))

    async def aget_many(self, keys: Iterable[K]) -> dict[K, V]:
        """Like get_many."""
        found = await self.alookup_many(keys)
        return {key: one.value for key, one in found.items() if one}  # type: ignore[misc]

    async def aget_or_load_many(self, keys: Iterable[K], loader: Callable[[Sequence[Any]], Any], *,
                                timeout: Seconds | None = None, tags: str | Sequence[str] = ()) -> dict[K, V]:
        """Like get_or_load_many; the loader is a coroutine function or a plain function."""
        _aio.refuse_other_loops()
        names, limit, listed = answered_names(keys), seconds(timeout, "timeout"), tag_list(tags)
        check_loading(limit, listed)
        loading = Loading(self, loader, names, single=False, loop=_aio.running_loop())
        if not names:
            return {}
        service().ensure()
        elsewhere = not is_coroutine_function(loader)
        call = self._read(names, loading, limit, elsewhere, listed)
        found = self._lookups(names, await _aio.outcome_of(call))
        while stopped := {name: key for name, key in names.items() if isinstance(found[key].error, LoopStopped)}:
            loading = Loading(self, loader, stopped, single=False, loop=_aio.running_loop())
            found |= self._lookups(stopped, await _aio.outcome_of(self._read(stopped, loading, limit, elsewhere, listed)))
        while spoiled := unreadable_among(names, found):
            self._all_done(await _aio.outcome_of(self._erase(list(spoiled), None)))  # so that they are loaded
            loading = Loading(self, loader, spoiled, single=False, loop=_aio.running_loop())
            call = self._read(spoiled, loading, limit, elsewhere, listed)
            found |= self._lookups(spoiled, await _aio.outcome_of(call))
        return self._values_or_raise(found)

    async def aset(self, key: Hashable, value: V, *, ttl: Seconds | None = None, timeout: Seconds | None = None,
                   tags: str | Sequence[str] = ()) -> None:
        """Like set."""
        _aio.refuse_other_loops()
        self._all_done(await _aio.outcome_of(self._write([key], [value], ttl, timeout, tags)))

    async def aset_many(self, values: Mapping[Any, V], *, ttl: Seconds | None = None, timeout: Seconds | None = None,
                        tags: str | Sequence[str] = ()) -> None:
        """Like set_many."""
        _aio.refuse_other_loops()
        refuse_no_mapping(values)
        check_write(ttl, timeout, tags)
        if values:
            self._all_done(await _aio.outcome_of(self._write(values, list(values.values()), ttl, timeout, tags)))

    async def adelete(self, key: Hashable, *, timeout: Seconds | None = None) -> bool:
        """Like delete."""
        return await self.adelete_many([key], timeout=timeout) > 0

    async def adelete_many(self, keys: Iterable[Hashable], *, timeout: Seconds | None = None) -> int:
        """Like delete_many."""
        _aio.refuse_other_loops()
        names, limit = names_of(keys), seconds(timeout, "timeout")
        return sum(self._all_done(await _aio.outcome_of(self._erase(list(names), limit)))) if names else 0

    async def aclear(self, *, timeout: Seconds | None = None) -> None:
        """Like clear."""
        _aio.refuse_other_loops()
        await _aio.outcome_of(self._clear(timeout))

    async def aflush(self, *, timeout: Seconds | None = None) -> None:
        """Like flush."""
        _aio.refuse_other_loops()
        await _aio.outcome_of(self._flush(timeout))

    async def ainvalidate(self, *keys: Hashable, prefix: str | None = None, tag: str | None = None,
                          pattern: str | None = None, group: str | None = None, soft: bool = False,
                          timeout: Seconds | None = None) -> int:
        """Like invalidate."""
        _aio.refuse_other_loops()
        call = self._invalidate(keys, prefix, tag, pattern, group, soft, timeout)
        return await _aio.outcome_of(call)  # type: ignore[no-any-return]

    async def aexplain(self, key: Hashable) -> Explanation:
        """Like explain."""
        _aio.refuse_other_loops()
        self._ensure_open()
        return explanation_of(await _aio.outcome_of(self._start_explain(_core.key_bytes(key))))

    async def _adelete_bytes(self, key_bytes: bytes) -> bool:
        return any(self._all_done(await _aio.outcome_of(self._erase([key_bytes], None))))


# Users know them as methods of Cache, so messages about their arguments name them so.
for _name, _form in vars(AsyncForms).items():
    if callable(_form):
        _form.__qualname__ = f"Cache.{_name}"
