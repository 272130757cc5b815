"""A password or a key that a program gives never comes back: not in a repr, an error, or the statistics."""

from __future__ import annotations

import pathlib
import re

import pytest
import terrace
from terrace import ConfigError

CANARY = "c4n4ry"
URLS = [
    f"redis://app:{CANARY}@cache.example:6379/3",
    f"redis://:{CANARY}@cache.example",
    f"rediss://app:{CANARY}@cache.example?allowed_hosts=other.example",
    f"redis://app:{CANARY}%2Fpart%40@cache.example",
    f"redis-cluster://app:{CANARY}@a.example,b.example",
    f"unix://app:{CANARY}@/run/redis.sock?db=1",
    f"postgresql://app:{CANARY}@db.example/shop",
    f"postgresql://db.example/shop?user=app&password={CANARY}",
    f"postgres://db.example/shop?sslpassword={CANARY}&sslmode=verify-full",
    f"sharded:redis://app:{CANARY}@a.example,redis://app:{CANARY}@b.example",
    f"replicated:redis://app:{CANARY}@a.example,redis://:{CANARY}@b.example,redis://c.example?consistency=strong",
    # That cannot be right: any part may be the secret.
    f"redis://app:{CANARY}/part@cache.example",
    f"redis://app:{CANARY}@part@cache.example",
    f"redis://app:pass {CANARY}@cache.example",
    f"rdis://app:{CANARY}@cache.example",
    f"{CANARY}",
]


def told(call: object) -> str:
    """What the caller is told, with the errors behind the error."""
    try:
        return repr(call()) if callable(call) else repr(call)
    except Exception as error:
        texts = []
        one: BaseException | None = error
        while one is not None:
            texts += [str(one), repr(one)]
            one = one.__cause__ or one.__context__
        return "\n".join(texts)


@pytest.mark.parametrize("url", URLS, ids=range(len(URLS)))
def test_a15_a37_no_url_shows_its_secret(url: str) -> None:
    tier = terrace.Tier(url)
    assert CANARY not in repr(tier) and CANARY not in str(tier)
    assert CANARY not in told(lambda: terrace.Cache("a", tiers=url))  # not a list of them
    assert CANARY not in told(lambda: terrace.Cache("a", tiers=[tier, tier, 5]))  # type: ignore[list-item]


@pytest.mark.parametrize("url", [url for url in URLS[:11] if not url.startswith(("unix", "replicated"))])
def test_a15_a37_no_cache_shows_the_secrets_of_its_tiers(url: str) -> None:
    with terrace.Cache[str]("a", tiers=[url]) as cache:
        assert CANARY not in repr(cache)
        assert CANARY not in repr(cache.stats())
        assert CANARY not in repr(cache.explain("k"))


@pytest.mark.parametrize("url", [f"redis://app:{CANARY}@a".encode(), bytearray(CANARY.encode()), [f"redis://:{CANARY}@a"],
                                 f"redis://:{CANARY}\ud800@a"], ids=range(4))
def test_a15_what_is_no_url_is_not_shown(url: object) -> None:
    assert CANARY not in told(lambda: terrace.Tier(url))  # type: ignore[arg-type]
    assert CANARY not in told(lambda: terrace.Cache("a", tiers=[url]))  # type: ignore[list-item]
    if not isinstance(url, list):
        assert CANARY not in told(lambda: terrace.Cache("a", tiers=url))  # type: ignore[arg-type]


def test_a15_the_repr_names_the_store() -> None:
    assert repr(terrace.Tier("redis://app:x@Cache.example:6380/3")) == "terrace.Tier('redis://cache.example:6380/3')"
    assert repr(terrace.Tier("postgresql://u:p@db/shop?password=x")) == "terrace.Tier('postgres://db/shop')"
    assert repr(terrace.Tier("sqlite:/tmp/a.db")) == "terrace.Tier('sqlite:/tmp/a.db')"


def test_a15_a37_no_error_shows_a_key_of_a_ring(tmp_path: pathlib.Path) -> None:
    ring = terrace.generate_keys()
    (secret,) = re.findall(r"primary\s+(\S+)", ring)
    line = ring.splitlines()[-1]
    for given in (ring.replace("primary", "primry"), line + " " + line, line[:-8], "x " + line, line.replace("primary ", "primary")):
        said = told(lambda: terrace.Cache("a", key_ring=given))  # noqa: B023
        assert secret[:12] not in said, said
    with pytest.raises(ConfigError):
        terrace.Cache("a", key_ring=tmp_path / "none")
