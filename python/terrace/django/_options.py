"""What CACHES says: LOCATION as levels, OPTIONS as options of terrace.Cache. Everything that is not understood is refused."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import os
import re
from typing import Any, Iterable

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.crypto import salted_hmac
from django.utils.module_loading import import_string

from ._values import Packer, PickleSerializer, Serializer

#: OPTIONS that go to terrace.Cache as they are.
_OF_THE_CACHE = frozenset({
    "memory", "memory_ttl", "ttl_jitter", "grace", "retry_after", "consistency", "max_staleness", "lease_time", "write_mode", "eviction",
    "advisor", "compress_above", "max_value_bytes", "tier_timeout", "load_timeout", "max_concurrent_loads", "max_loads_per_second",
    "error_ttl", "clock",
})
_OWN = frozenset({"MAX_ENTRIES", "CULL_FREQUENCY", "IGNORE_EXCEPTIONS", "LOG_IGNORED_EXCEPTIONS", "serializer", "SERIALIZER", "namespace",
                  "key_ring", "trusted_pickle"})
#: Options of other backends, and what to write instead.
_ELSEWHERE = {
    "CLIENT_CLASS": "remove it; for several servers use a sharded:, replicated: or redis-cluster:// URL as LOCATION",
    "COMPRESSOR": 'use "compress_above": 1024',
    "PASSWORD": "put it into the URL, redis://user:password@host",
    "db": "put it into the URL, redis://host/1",
    "DB": "put it into the URL, redis://host/1",
    "SOCKET_TIMEOUT": 'use "tier_timeout", in seconds',
    "SOCKET_CONNECT_TIMEOUT": 'use "tier_timeout", in seconds',
    "socket_timeout": 'use "tier_timeout", in seconds',
    "socket_connect_timeout": 'use "tier_timeout", in seconds',
    "CONNECTION_POOL_KWARGS": "remove it: connections are made and closed as needed",
    "CONNECTION_POOL_CLASS": "remove it: connections are made and closed as needed",
    "CONNECTION_FACTORY": "remove it: connections are made and closed as needed",
    "pool_class": "remove it: connections are made and closed as needed",
    "parser_class": "remove it: the core reads the protocol",
    "PARSER_CLASS": "remove it: the core reads the protocol",
    "PICKLE_VERSION": "give a serializer of your own",
    "SENTINELS": "Sentinel is not supported: use redis-cluster:// or replicated:",
    "REPLICA_READ_ONLY": "remove it: reads go to the primary",
}
_REDIS = re.compile(r"(rediss?|valkeys?|unix|redis\+unix)://")
# Where a URL begins: at the front, or in a list of a sharded: or replicated: URL.
_VALKEY = re.compile(r"(?<![\w+.-])valkey(s?)(-cluster)?://")
_HAS_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.I)


@dataclasses.dataclass(frozen=True)
class Configured:
    """One entry of CACHES. Entries with equal `levels` and `cache_options` share one cache."""

    levels: tuple[Any, ...]
    cache_options: dict[str, Any]
    packer: Packer
    ignores_errors: bool
    logs_ignored: bool

    @property
    def identity(self) -> tuple[Any, ...]:
        """Equal for entries that share one cache."""
        levels = tuple(one if isinstance(one, (str, os.PathLike)) else id(one) for one in self.levels)
        return levels, repr(sorted(self.cache_options.items()))


def configured(location: Any, options: dict[str, Any]) -> Configured:
    """Raises ImproperlyConfigured for everything that is not understood."""
    for name in options:
        if name not in _OF_THE_CACHE and name not in _OWN:
            raise ImproperlyConfigured(_unknown(str(name)))
    levels, name = _levels(location)
    given = {option: value for option, value in options.items() if option in _OF_THE_CACHE}
    serializer = _serializer(options)
    cache_options = {
        "name": options.get("namespace", name),
        "ttl_jitter": 0,  # Django promises the timeout that it is given
        **given,
        **_memory(options),
        **(_key_ring(options, serializer is None) if levels else {}),
    }
    return Configured(
        levels,
        cache_options,
        Packer(serializer or PickleSerializer()),
        bool(options.get("IGNORE_EXCEPTIONS", getattr(settings, "DJANGO_REDIS_IGNORE_EXCEPTIONS", False))),
        bool(options.get("LOG_IGNORED_EXCEPTIONS", getattr(settings, "DJANGO_REDIS_LOG_IGNORED_EXCEPTIONS", True))),
    )


def _unknown(name: str) -> str:
    remedy = _ELSEWHERE.get(name)
    if remedy is None:
        remedy = "it is not known; there are " + ", ".join(sorted(_OF_THE_CACHE | _OWN - {"SERIALIZER"}))
    return f"OPTIONS[{name!r}] of terrace.django.TerraceCache: {remedy}"


def _memory(options: dict[str, Any]) -> dict[str, Any]:
    if "MAX_ENTRIES" not in options:
        return {}
    if "memory" in options:
        raise ImproperlyConfigured('OPTIONS has "MAX_ENTRIES" and "memory", which both bound the memory level: give one of them')
    try:
        return {"memory": int(options["MAX_ENTRIES"])}
    except (TypeError, ValueError):
        raise ImproperlyConfigured(f"OPTIONS['MAX_ENTRIES'] is {options['MAX_ENTRIES']!r}: give a number of entries") from None


def _serializer(options: dict[str, Any]) -> Serializer | None:
    """None: the default, pickle."""
    if "serializer" in options and "SERIALIZER" in options:
        raise ImproperlyConfigured('OPTIONS has "serializer" and "SERIALIZER", which are the same: give one of them')
    given = options.get("serializer", options.get("SERIALIZER"))
    if given is None:
        return None
    found = import_string(given) if isinstance(given, str) else given
    if isinstance(found, type):
        try:
            found = found()
        except TypeError:  # those of django-redis take the options
            found = found(options=options)
    if not callable(getattr(found, "dumps", None)) or not callable(getattr(found, "loads", None)):
        raise ImproperlyConfigured(f"OPTIONS['serializer'] is {given!r}: give an object with dumps(value) -> bytes and loads(bytes), its class, "
                                   "or the path of either")
    return found  # type: ignore[no-any-return]


def _levels(location: Any) -> tuple[tuple[Any, ...], str]:
    """The tiers, and the namespace of their keys."""
    if isinstance(location, str) and not _HAS_SCHEME.match(location):
        return (), re.sub(r"[^A-Za-z0-9_.-]", "_", location)[:64] or "django"
    given: Iterable[Any] = location if isinstance(location, (list, tuple, set)) else [location]
    levels = tuple(_url(one) if isinstance(one, str) else one for one in given)
    servers = [one for one in levels if isinstance(one, str) and _REDIS.match(one)]
    if len(servers) > 1 or any(re.search(r"[;,]\s*[a-z+]+://", one) for one in servers):
        raise ImproperlyConfigured("LOCATION names several Redis servers. Each would be a level of its own, and replicas take no writes: give the "
                                   "primary alone, or one sharded:, replicated: or redis-cluster:// URL")
    return levels, "django"


def _url(text: str) -> str:
    """terrace's form of a URL: valkey:// speaks the same protocol as redis://, and redis-py takes the database as ?db=N."""
    text = _VALKEY.sub(lambda found: f"redis{'s' if found[1] else ''}{found[2] or ''}://", text)
    return re.sub(r"^(rediss?://[^/?]+)/?\?db=(\d+)$", r"\1/\2", text)


def _key_ring(options: dict[str, Any], pickles: bool) -> dict[str, Any]:
    """The encryption keys of what tiers store. Bytes that anyone could have written must not reach pickle."""
    given = options.get("key_ring", ...)
    if options.get("trusted_pickle"):
        if given not in (..., None):
            raise ImproperlyConfigured('OPTIONS has "key_ring" and "trusted_pickle": with a key ring nothing needs to be trusted, so give one of them')
        return {}
    if given is None and pickles:
        raise ImproperlyConfigured(
            'OPTIONS["key_ring"] is None: anyone who can write to a tier could run code in this program by its pickles. Leave key_ring out (it is then '
            'made from SECRET_KEY), or give a serializer that runs no code, or "trusted_pickle": True if nobody else can write to the tiers')
    if given is None:
        return {}
    return {"key_ring": ring_of_secret_keys() if given is ... else given}


def ring_of_secret_keys() -> str:
    """The text of a key ring: a key derived from SECRET_KEY seals; those of SECRET_KEY_FALLBACKS open, too. Processes with the same
    SECRET_KEY have the same ring."""
    lines: list[str] = []
    ids: set[int] = set()
    for secret in [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]:
        key = salted_hmac("terrace.django.key_ring", b"sealing", secret=secret, algorithm="sha256").digest()
        number = int.from_bytes(hashlib.sha256(b"id:" + key).digest()[:4], "big") or 1
        if number not in ids:
            ids.add(number)
            lines.append(f"{number} {'secondary' if lines else 'primary'} {base64.b64encode(key).decode()}")
    return "\n".join(lines) + "\n"
