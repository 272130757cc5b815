"""Tiers: what lies below memory."""

from __future__ import annotations

import re
from typing import Any, Iterable, Union

from . import _core, _process
from ._errors import ConfigError


class Tier(_core.Tier):
    """A tier from its URL, to be shared by several caches: one connection for all of them.

    url: redis://, rediss://, unix://, redis-cluster://, sqlite:PATH, postgres://, sharded:… or replicated:…
    key_prefix: of every key in Redis servers. Raises ConfigError when a cache first uses a URL that cannot be right. A
    server that is away is no error. Closed with the program, or by close().
    """

    def __init__(self, url: str, key_prefix: str = "") -> None:
        super().__init__(url, key_prefix)
        self._shown = without_secrets(url)
        _process.tiers.add(self)

    def __repr__(self) -> str:
        return f"terrace.Tier({self._shown!r})"


TierLike = Union[str, Tier, Any]


def tiers_of(given: Iterable[TierLike] | str, own: list[Tier], key_prefix: str = "") -> list[_core.Tier]:
    """Tiers, their URLs, or redis-py's connection pools and clients; those made here are added to `own`."""
    if isinstance(given, str):
        raise ConfigError(f"tiers={without_secrets(given)!r}: give a list of them, [{without_secrets(given)!r}]")
    made: list[_core.Tier] = []
    for one in given:
        if isinstance(one, _core.Tier):
            made.append(one)
            continue
        tier = Tier(one if isinstance(one, str) else url_of_pool(one), key_prefix)
        own.append(tier)
        made.append(tier)
    return made


def url_of_pool(pool: Any) -> str:
    """The URL that stands for the settings of a redis-py ConnectionPool, or of a client with one (sync or asyncio)."""
    pool = getattr(pool, "connection_pool", pool)
    settings = getattr(pool, "connection_kwargs", None)
    if settings is None:
        raise ConfigError(f"{type(pool).__name__} is no tier: give a URL such as redis://localhost:6379, a terrace.Tier, "
                          "or a redis-py ConnectionPool")
    if settings.get("credential_provider") is not None:
        raise ConfigError("a pool with a credential_provider cannot be taken over: give a URL with user and password")
    from urllib.parse import quote

    user = quote(settings.get("username") or "", safe="")
    password = quote(settings.get("password") or "", safe="")
    login = f"{user}:{password}@" if user or password else ""
    database = settings.get("db") or 0
    if settings.get("path"):
        return f"unix://{login}{settings['path']}?db={database}"
    _refuse_tls_settings(settings)
    names = {kind.__name__ for kind in getattr(pool, "connection_class", type(pool)).__mro__}
    scheme = "rediss" if "SSLConnection" in names else "redis"
    host = settings.get("host", "localhost")
    if ":" in host:
        host = f"[{host}]"
    return f"{scheme}://{login}{host}:{settings.get('port', 6379)}/{database}"


def _refuse_tls_settings(settings: dict[str, Any]) -> None:
    """What a URL cannot say must not be lost on the way."""
    files = [name for name in ("ssl_ca_certs", "ssl_ca_path", "ssl_ca_data", "ssl_certfile", "ssl_keyfile") if settings.get(name)]
    if files:
        raise ConfigError(f"the pool's {', '.join(files)} cannot be taken over: give a rediss:// URL, and name the authorities in "
                          "the environment variable SSL_CERT_FILE")
    if "ssl_cert_reqs" in settings and str(settings["ssl_cert_reqs"]).lower().rpartition("_")[2] in ("none", "optional", "0"):
        raise ConfigError(f"the pool does not verify certificates (ssl_cert_reqs={settings['ssl_cert_reqs']!r}), and terrace always does: "
                          "give a rediss:// URL")


def without_secrets(url: str) -> str:
    """The URL for messages."""
    return re.sub(r"//[^/@\s]*@", "//…@", url)
