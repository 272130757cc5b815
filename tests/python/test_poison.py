"""What somebody plants in the store is never run: an audit hook sees every import of a pickle's globals and every command."""

from __future__ import annotations

import pathlib

import pytest
from programs import fine, run
from servers import RedisServer

KEYS = "1 primary AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
OTHER_KEYS = "1 primary ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=\n"

BEGIN = """
import os, pickle, sys
import msgspec, redis, terrace
url, codec, keys, other_keys, mark = sys.argv[1:]

class Poison:
    def __reduce__(self):
        return os.system, ("touch " + mark,)

poison = pickle.dumps(Poison())
heard = []
sys.addaudithook(lambda event, arguments: heard.append(event) if event in ("os.system", "subprocess.Popen", "exec", "pickle.find_class") and armed else None)
armed = False
client = redis.Redis.from_url(url)
options = {"codec": "pickle", "key_ring": keys} if codec == "pickle" else {}
cache = terrace.Cache("victim", memory=None, tiers=[url], **options)

def refused(stored):
    global armed
    client.set("victim:k", stored)
    armed = True
    assert cache.get("k", "nothing") == "nothing"
    assert cache.get_or_load("k", lambda: "loaded") == "loaded"
    cache.flush()
    armed = False
    assert not os.path.exists(mark)
    # Only what the program itself has stored since is unpickled, and it names nothing.
    assert heard == [], heard
"""


@pytest.fixture
def files(tmp_path: pathlib.Path) -> list[str]:
    paths = []
    for name, text in (("keys", KEYS), ("other-keys", OTHER_KEYS)):
        path = tmp_path / name
        path.write_text(text)
        path.chmod(0o600)
        paths.append(str(path))
    return [*paths, str(tmp_path / "touched")]


@pytest.mark.parametrize("codec", ["msgpack", "pickle"])
def test_a29_a_bare_pickle_is_never_loaded(codec: str, redis_server: RedisServer, files: list[str]) -> None:
    fine(run(BEGIN + "refused(poison)\nprint('fine')", redis_server.url, codec, *files), "fine")


@pytest.mark.parametrize("codec", ["msgpack", "pickle"])
def test_a29_a_pickle_in_a_whole_envelope_is_never_loaded_unsealed_or_sealed_with_another_key(
        codec: str, redis_server: RedisServer, files: list[str]) -> None:
    fine(run(BEGIN + """
# An entry whose checksum is right, of codec 2, with the poison in it: sealed with a key of the attacker's, under the very name and key.
attacker = terrace.Cache("victim", memory=None, tiers=[url], codec="pickle", key_ring=other_keys)
attacker["k"] = Poison()
sealed = client.get("victim:k")
attacker.close()
refused(sealed)
# The same bytes as an unsealed entry of MessagePack.
plain = terrace.Cache("victim", memory=None, tiers=[url])
plain["k"] = poison
unsealed = client.get("victim:k")
plain.close()
if codec == "pickle": refused(unsealed)
# Marked as codec 2: the checksum tells.
refused(unsealed[:3] + bytes([2]) + unsealed[4:])
refused(unsealed[:2] + bytes([2]) + unsealed[3:])
print('fine')
""", redis_server.url, codec, *files), "fine")


def test_a29_an_ext_that_names_a_class_makes_only_those_that_were_given(redis_server: RedisServer, files: list[str]) -> None:
    fine(run(BEGIN + """
from terrace import _exact
for code, what in ((_exact.RECORD, ["os.system", {"command": "touch " + mark}]), (_exact.RECORD, ["subprocess.Popen", {"args": ["touch", mark]}]),
                   (_exact.ENUM, ["os.environ", "PATH"]), (99, [])):
    evil = terrace.Cache("victim", memory=None, tiers=[url])
    evil._codec = None
    payload = msgspec.msgpack.encode(msgspec.msgpack.Ext(code, msgspec.msgpack.encode(what)))
    class Raw:
        id = 1
        schema = None
        def encode(self, value): return payload, 7
        def decode(self, payload, schema): return payload
    evil._close(); evil._open(evil._settings, evil._tiers, Raw(), None, None)
    evil["k"] = "x"
    stored = client.get("victim:k")
    evil.close()
    refused(stored)
    assert cache.stats().unreadable_values > 0
print('fine')
""", redis_server.url, "msgpack", *files), "fine")


def test_a29_pickle_without_keys_is_refused_with_the_reason() -> None:
    import terrace

    with pytest.raises(terrace.ConfigError, match="key ring"):
        terrace.Cache("p", codec="pickle")
