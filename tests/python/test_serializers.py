"""codec=: a serializer of the program's own, pickle, and the keys that seal."""

from __future__ import annotations

import asyncio
import json
import os
import pathlib
import pickle
import stat
import threading
import types
import warnings
from typing import Any

import pytest
import redis
import terrace
from servers import RedisServer


class Counted:
    """JSON, with a count of what it is asked."""

    def __init__(self, name: str = "json-1") -> None:
        self.name = name
        self.read: list[bytes] = []

    def dumps(self, value: Any) -> bytes:
        return json.dumps(value).encode()

    def loads(self, stored: bytes) -> Any:
        assert type(stored) is bytes
        self.read.append(stored)
        return json.loads(stored)


@pytest.fixture
def keys(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "terrace.keys"
    terrace.generate_keys(path)
    return path


@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize("where", ["redis", "sqlite"])
def test_a_serializer_of_the_programs_own_stores_and_reads(
    sealed: bool, where: str, redis_server: RedisServer, tmp_path: pathlib.Path, keys: pathlib.Path
) -> None:
    url = redis_server.url if where == "redis" else f"sqlite:{tmp_path / 'own.db'}"
    options: dict[str, Any] = {"key_ring": keys} if sealed else {}
    codec = Counted()
    value = {"a": [1, "x" * 5000]}  # long enough to be compressed
    with terrace.Cache[Any]("own", tiers=[url], codec=codec, **options) as cache:
        cache["k"] = value
        assert cache.get_or_load("loaded", lambda: [1]) == [1]
        assert cache.memoize(key="square:{x}")(lambda x: x * x)(5) == 25
        cache.flush()
    with terrace.Cache[Any]("own", tiers=[url], codec=codec, **options) as cache:
        assert cache["k"] == value and cache.get_many(["loaded", "square:5"]) == {"loaded": [1], "square:5": 25}
        assert asyncio.run(cache.aget("k")) == value
        assert cache["k"] is cache["k"]  # memory keeps what was read
        assert cache.stats().unreadable_values == 0
    assert len(codec.read) == 3


def test_what_was_written_under_another_name_is_not_handed_to_it(redis_server: RedisServer) -> None:
    first, second = Counted("orders-1"), Counted("orders-2")
    old: terrace.Cache[Any] = terrace.Cache("names", memory=None, tiers=[redis_server.url], codec=first)
    new: terrace.Cache[Any] = terrace.Cache("names", memory=None, tiers=[redis_server.url], codec=second)
    plain: terrace.Cache[Any] = terrace.Cache("names", memory=None, tiers=[redis_server.url])
    old["k"] = [1]
    for other in (new, plain):
        assert other.get("k", "a miss") == "a miss"
        assert other.stats().levels[1].unreadable == 1
    assert new.get_or_load("k", lambda: [2]) == [2]
    new.flush()
    assert new["k"] == [2] and old["k"] == [1]  # each keeps its own entry, until the key is changed
    plain["k"] = [3]
    assert old.get("k", "a miss") == new.get("k", "a miss") == "a miss"
    assert first.read == [b"[1]"] and second.read == [b"[2]"]


def test_modules_have_a_name(redis_server: RedisServer) -> None:
    cache: terrace.Cache[Any] = terrace.Cache("module", memory=None, tiers=[redis_server.url], codec=json)
    cache["k"] = {"a": None}
    assert cache["k"] == {"a": None}


class ByClass:
    """Known by the name of its class."""

    def dumps(self, value: Any) -> bytes:
        return json.dumps(value).encode()

    def loads(self, stored: bytes) -> Any:
        return json.loads(stored)


class OtherClass(ByClass):
    pass


def test_a_class_that_others_can_find_is_a_name(redis_server: RedisServer) -> None:
    stored: terrace.Cache[Any] = terrace.Cache("classes", memory=None, tiers=[redis_server.url], codec=ByClass())
    stored["k"] = 1
    for codec, found in ((ByClass(), 1), (OtherClass(), "a miss")):
        with terrace.Cache[Any]("classes", memory=None, tiers=[redis_server.url], codec=codec) as cache:
            assert cache.get("k", "a miss") == found


def local() -> Any:
    class Local(ByClass):
        pass

    return Local()


@pytest.mark.parametrize(
    "codec, words",
    [
        (types.SimpleNamespace(dumps=json.dumps, loads=json.loads), "no name"),
        (local(), "no name"),
        (Counted(""), "no name"),
        (ByClass, "instance"),
        (5, "no dumps and no loads"),
        (object(), "dumps"),
        ("yaml", "msgpack"),
        (pickle, "key ring"),
        
        (None, "dumps"),
    ],
)
def test_what_is_no_serializer_is_refused_with_the_reason(codec: Any, words: str) -> None:
    with pytest.raises(terrace.ConfigError, match=words):
        terrace.Cache("refused", codec=codec)
    with pytest.raises(terrace.ConfigError, match="types"):
        terrace.Cache("refused", codec=Counted(), types=[int])


def test_pickle_as_a_module_works_over_sealed_entries(redis_server: RedisServer, keys: pathlib.Path) -> None:
    cache: terrace.Cache[Any] = terrace.Cache("pickles", memory=None, tiers=[redis_server.url], codec=pickle, key_ring=keys)
    cache["k"] = ByClass
    assert cache["k"] is ByClass


class Broken:
    name = "broken"

    def dumps(self, value: Any) -> Any:
        if value == "raise":
            raise ZeroDivisionError("no")
        return 5 if value == "number" else b"fine"

    def loads(self, stored: bytes) -> Any:
        raise ZeroDivisionError("unreadable")


def test_what_a_serializer_raises_is_the_cause(redis_server: RedisServer) -> None:
    cache: terrace.Cache[Any] = terrace.Cache("broken", memory=None, tiers=[redis_server.url], codec=Broken())
    for set_it in (lambda: cache.set("k", "raise"), lambda: cache.get_or_load("k", lambda: "raise")):
        with pytest.raises(terrace.EncodeError, match="'broken' cannot store this str: no") as refused:
            set_it()
        assert isinstance(refused.value.__cause__, ZeroDivisionError)
    with pytest.raises(terrace.EncodeError, match="returned a int"):
        cache["k"] = "number"
    cache["k"] = "fine"
    assert cache.get("k", "a miss") == "a miss" and cache.stats().unreadable_values == 1
    found = cache.lookup("k")
    assert found.kind == "unreadable" and isinstance(found.error, terrace.DecodeError)
    assert isinstance(found.error.__cause__, ZeroDivisionError)


@pytest.mark.parametrize("value", [threading.Lock(), lambda: 0, (i for i in [1])], ids=["lock", "lambda", "generator"])
def test_what_pickle_refuses_is_an_encode_error_and_a_pickling_error(
    value: Any, redis_server: RedisServer, keys: pathlib.Path
) -> None:
    cache: terrace.Cache[Any] = terrace.Cache(
        "pickled", memory=None, tiers=[redis_server.url], codec="pickle", key_ring=keys
    )
    for store in (
        lambda: cache.set("k", [value]),
        lambda: cache.get_or_load("k", lambda: [value]),
        lambda: asyncio.run(cache.aset("k", [value])),
    ):
        with pytest.raises(terrace.EncodeError, match="pickle cannot store this list") as refused:
            store()
        assert (
            isinstance(refused.value, pickle.PickleError)
            and refused.value.__cause__ is not None
            and refused.value.code == "unencodable"
        )


# --- keys ---


def test_generated_keys_seal_as_a_file_and_as_text(redis_server: RedisServer, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "new.keys"
    text = terrace.generate_keys(path)
    assert path.read_text() == text and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert text != terrace.generate_keys()
    by_path: terrace.Cache[Any] = terrace.Cache("sealed", memory=None, tiers=[redis_server.url], key_ring=path)
    by_text: terrace.Cache[Any] = terrace.Cache("sealed", memory=None, tiers=[redis_server.url], key_ring=text)
    other: terrace.Cache[Any] = terrace.Cache(
        "sealed", memory=None, tiers=[redis_server.url], key_ring=terrace.generate_keys()
    )
    by_path["k"] = "secret words"
    assert by_text["k"] == "secret words" and other.get("k", "a miss") == "a miss"
    with redis.Redis.from_url(redis_server.url) as client:
        assert b"secret words" not in client.get("sealed:k")


def test_a_key_file_is_never_replaced_and_keys_are_never_shown(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "new.keys"
    text = terrace.generate_keys(path)
    with pytest.raises(FileExistsError):
        terrace.generate_keys(path)
    assert path.read_text() == text
    for wrong in (
        text.replace("primary", "retired"),
        text + text,
        text.replace("\n", "\udcff\n"),
        text.split("\n")[-2][:30],
    ):
        with pytest.raises(terrace.ConfigError) as refused:
            terrace.Cache("keys", key_ring=wrong)  # type: ignore[arg-type]
        assert text.split()[-1][:20] not in str(refused.value)


def test_the_command_rotates_generated_keys(tmp_path: pathlib.Path, root: pathlib.Path) -> None:
    import subprocess
    import sys

    path = tmp_path / "new.keys"
    terrace.generate_keys(path)
    for step in ("--add", "--promote", "--retire"):
        subprocess.run(
            [sys.executable, "-m", "terrace", "keys", "rotate", os.fspath(path), step], check=True, capture_output=True
        )
    terrace.Cache("rotated", key_ring=path)


def test_the_former_name_of_the_key_ring_is_taken_and_deprecated_once(redis_server: RedisServer) -> None:
    text = terrace.generate_keys()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        former: terrace.Cache[Any] = terrace.Cache("sealed", memory=None, tiers=[redis_server.url], keys=text)
        terrace.Cache[Any]("sealed", memory=None, tiers=[redis_server.url], keys=text).close()
        now: terrace.Cache[Any] = terrace.Cache("sealed", memory=None, tiers=[redis_server.url], key_ring=text)
    assert [warning.category for warning in told] == [DeprecationWarning] * 2
    for warning in told:
        assert "key_ring=" in str(warning.message) and warning.filename == __file__
    former["former"] = 1
    assert now["former"] == 1


def test_both_names_of_the_key_ring_are_refused() -> None:
    text = terrace.generate_keys()
    with pytest.raises(terrace.ConfigError, match="key_ring= and keys= are two names of one option: give key_ring= alone") as refused:
        terrace.Cache("both", key_ring=text, keys=text)
    assert text not in str(refused.value)
