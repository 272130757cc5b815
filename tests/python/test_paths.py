"""Paths: given as text or as pathlib has them, and of the directory that the program was in when it gave them."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest
import terrace
from programs import fine, run


def test_a_relative_path_stays_what_it_was_when_it_was_given(tmp_path: pathlib.Path) -> None:
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    (tmp_path / "first/terrace.toml").write_text(
        '[tiers.disk]\nurl = "sqlite:config.db"\n[caches.configured]\ntiers = ["disk"]\n'
        '[caches.back]\ntiers = ["disk"]\nwrite_mode = "back"\nwrite_back = { path = "config-journal" }\n')
    fine(run("""
        import os, pathlib, sys, terrace
        os.chdir(sys.argv[1] + "/first")
        early = terrace.Tier("sqlite:early.db")
        one = terrace.Cache("one", tiers=["sqlite:url.db"])
        two = terrace.Cache("two", tiers=[pathlib.Path("path.db")])
        three = terrace.Cache("three", tiers=["sharded:a=sqlite:shard-a.db,b=sqlite:shard-b.db"])
        back = terrace.Cache("back", tiers=["sqlite:back.db"], write_mode="back", journal=pathlib.Path("journal"))
        configured = terrace.open_caches("terrace.toml")
        os.chdir(sys.argv[1] + "/second")
        late = terrace.Cache("late", tiers=[early])
        def use():
            for cache in (one, two, three, back, late, *configured.values()):
                for at in range(50):
                    cache[f"k{at}"] = os.getpid()
                assert cache["k1"] == os.getpid()
                cache.flush()
        use()
        child = os.fork()
        if child == 0:
            use()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        for cache in (one, two, three, late):
            cache.close()
        print("fine")
    """, str(tmp_path)), "fine")
    assert list((tmp_path / "second").iterdir()) == []
    made = {path.name for path in (tmp_path / "first").iterdir() if not path.name.endswith(("-wal", "-shm"))}
    assert made == {"terrace.toml", "url.db", "path.db", "shard-a.db", "shard-b.db", "back.db", "journal", "config.db", "config-journal",
                    "early.db"}


def test_paths_of_pathlib(tmp_path: pathlib.Path) -> None:
    strange = tmp_path / "a?b, c%d [e]#=*.db"
    for given in (strange, terrace.Tier(strange)):
        cache = terrace.Cache[int]("paths", memory=None, tiers=[given])
        cache["k"] = 1
        assert cache["k"] == 1 and strange.exists()
        cache.close()
    keys = tmp_path / "keys"
    keys.write_text("1 primary AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n")
    keys.chmod(0o600)
    with terrace.Cache[int]("sealed", memory=None, tiers=[strange], key_ring=keys) as sealed:
        sealed["k"] = 2
        assert sealed["k"] == 2


@pytest.mark.parametrize("path", [5, b"journal", ["journal"], object()], ids=repr)
def test_what_is_no_path_is_named(path: Any) -> None:
    for name in ("journal", "key_ring"):
        with pytest.raises(TypeError, match=f"{name}.*: give a path"):
            terrace.Cache("paths", **{name: path})


@pytest.mark.parametrize("path", ["", "a\0b"], ids=repr)
def test_a_path_that_cannot_be_is_named(path: str) -> None:
    for name in ("journal", "key_ring"):
        with pytest.raises(terrace.ConfigError, match=f"{name}=.*: give the path"):
            terrace.Cache("paths", **{name: path})  # type: ignore[arg-type]


def test_one_path_instead_of_a_list_is_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(terrace.ConfigError, match=r"tiers=PosixPath.*give a list"):
        terrace.Cache("paths", tiers=tmp_path / "a.db")  # type: ignore[arg-type]
