"""url_of_pool: the URL for the settings of a redis-py client. No setting may be lost on the way: every setting that is not
known to be safe is rejected."""

from __future__ import annotations

from typing import Any

from ._errors import ConfigError

# Classes of redis-py, and those of valkey-py with the same names; blocking and for asyncio.
_PACKAGES = {"redis", "valkey"}
_POOLS = {"ConnectionPool", "BlockingConnectionPool"}
_CONNECTIONS = {"Connection": "redis", "SSLConnection": "rediss", "UnixDomainSocketConnection": "unix"}
# These change which servers a connection trusts, or what it does first.
_TLS_FILES = ("ssl_ca_certs", "ssl_ca_path", "ssl_ca_data", "ssl_certfile", "ssl_keyfile")
_TLS_RULES = ("ssl_validate_ocsp", "ssl_validate_ocsp_stapled", "ssl_ciphers", "ssl_min_version", "ssl_include_verify_flags",
              "ssl_exclude_verify_flags")
_REMEDY = "give a URL such as redis://localhost:6379, a terrace.Tier, or a redis-py ConnectionPool"


def url_of_pool(given: Any) -> str:
    """The URL for the settings of a redis-py ConnectionPool, or of a client with one (sync or asyncio). Raises ConfigError for
    pools and connections of other classes, and for settings that no URL can express."""
    pool = getattr(given, "connection_pool", given)
    if not _is_known(type(pool), _POOLS):
        raise ConfigError(f"{_named(type(given))} is no tier{_instead(type(given), type(pool))}")
    connection = getattr(pool, "connection_class", None)
    if not isinstance(connection, type) or not _is_known(connection, set(_CONNECTIONS)):
        raise ConfigError(f"a pool of {_named(connection)} cannot be used, because it may choose its own addresses{_instead(connection)}")
    settings: dict[str, Any] = pool.connection_kwargs
    _refuse_code(settings)
    return _url(_CONNECTIONS[connection.__name__], settings)


def _url(scheme: str, settings: dict[str, Any]) -> str:
    from urllib.parse import quote

    user = quote(settings.get("username") or "", safe="")
    password = quote(settings.get("password") or "", safe="")
    login = f"{user}:{password}@" if user or password else ""
    database = settings.get("db") or 0
    if scheme == "unix":
        path = settings.get("path")
        if not path:
            raise ConfigError("the pool has no path of a Unix socket: give its URL, unix:///run/redis.sock")
        return f"unix://{login}{quote(str(path))}?db={database}"
    if scheme == "rediss":
        _refuse_tls_settings(settings)
    host = settings.get("host", "localhost")
    if not isinstance(host, str) or not host:
        raise ConfigError(f"the pool's host is {host!r}: {_REMEDY}")
    if ":" in host:
        host = f"[{host}]"
    return f"{scheme}://{login}{host}:{settings.get('port', 6379)}/{database}"


def _is_known(kind: type, names: set[str]) -> bool:
    return kind.__name__ in names and kind.__module__.partition(".")[0] in _PACKAGES


def _named(kind: Any) -> str:
    if not isinstance(kind, type):
        return repr(kind)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _instead(*kinds: Any) -> str:
    names = " ".join(getattr(kind, "__name__", "") for kind in kinds)
    if "Sentinel" in names:
        return ": terrace does not ask a Sentinel, give the URL of the server, or of an address that follows the master"
    if "Cluster" in names:
        return ": give the URL of the cluster, redis-cluster://host:6379"
    return f": {_REMEDY}"


def _refuse_code(settings: dict[str, Any]) -> None:
    """Settings that make the program's own code run when a connection is made."""
    for name in ("credential_provider", "redis_connect_func"):
        if settings.get(name) is not None:
            raise ConfigError(f"a pool with a {name} cannot be used: give a URL with user and password")


def _refuse_tls_settings(settings: dict[str, Any]) -> None:
    files = [name for name in _TLS_FILES if settings.get(name)]
    if files:
        raise ConfigError(f"the pool's {', '.join(files)} cannot be used: give a rediss:// URL, and name the authorities in "
                          "the environment variable SSL_CERT_FILE")
    rules = [name for name in _TLS_RULES if settings.get(name)]
    if rules:
        raise ConfigError(f"the pool's {', '.join(rules)} cannot be used: give a rediss:// URL; what terrace needs from a server is "
                          "in docs/tier-urls.md")
    checks = str(settings.get("ssl_cert_reqs", "required")).lower().rpartition("_")[2]
    if checks in ("none", "optional", "0", "1") or settings.get("ssl_check_hostname") is False:
        which = "ssl_cert_reqs" if checks in ("none", "optional", "0", "1") else "ssl_check_hostname"
        raise ConfigError(f"the pool does not verify certificates ({which}={settings[which]!r}), and terrace always does: "
                          "give a rediss:// URL")
