"""The life of a process: forks, threads, signals, the end."""

from __future__ import annotations

import logging
import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import threading

import pytest
import terrace
from programs import fine, run
from servers import RedisServer

# --- row 40: fork after construction ---


def test_F40_a_cache_made_before_the_fork_works_in_the_child() -> None:
    fine(run("""
        import os, terrace
        cache = terrace.Cache("memory")
        cache["a"] = 1
        child = os.fork()
        if child == 0:
            assert cache.get("a") is None        # memory begins empty
            cache["a"] = 2
            assert cache.get_or_load("b", lambda: 3) == 3
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert cache["a"] == 1
        print("fine")
    """), "fine")


def test_F40_children_forked_under_load_work_beside_the_parent(redis_server: RedisServer, tmp_path: pathlib.Path) -> None:
    fine(run("""
        import os, signal, sys, threading, terrace
        cache = terrace.Cache("forked", ttl=60, tiers=[sys.argv[1], "sqlite:" + sys.argv[2]], tier_timeout=10)
        cache["a"] = 1
        over = threading.Event()
        def use(number):
            at = 0
            while not over.is_set():
                at += 1
                cache.get_or_load(f"k{at % 50}", lambda: number)
                cache.delete(f"k{at % 50}")
        users = [threading.Thread(target=use, args=(n,), daemon=True) for n in range(3)]
        for user in users: user.start()
        for round in range(10):
            child = os.fork()
            if child == 0:
                signal.alarm(20)
                good = cache["a"] == 1 and cache.get_or_load("of the child", lambda: 5) == 5
                cache[f"child{round}"] = os.getpid()
                # Half of them end as programs do, with all that runs at the end.
                os._exit(0 if good else 3) if round % 2 else sys.exit(0 if good else 3)
            ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            assert ended == 0, (round, ended)
            assert cache[f"child{round}"] == child
        over.set()
        for user in users: user.join()
        print("fine")
    """, redis_server.url, str(tmp_path / "cache.db"), timeout=120), "fine")


def test_F40_no_two_processes_seal_with_one_nonce(redis_server: RedisServer, tmp_path: pathlib.Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("1 primary AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n")
    keys.chmod(0o600)
    fine(run("""
        import os, sys, redis, terrace
        cache = terrace.Cache("sealed", memory=None, tiers=[sys.argv[1]], key_ring=sys.argv[2])
        cache["before"] = "x"
        for number in range(4):
            child = os.fork()
            if child == 0:
                for at in range(50):
                    cache[f"{number}:{at}"] = "x"
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
        client = redis.Redis.from_url(sys.argv[1])
        nonces = []
        for key in client.scan_iter("sealed:*"):
            entry = client.get(key)
            flags = int.from_bytes(entry[4:6], "little")
            at = 22 + 8 * bin(flags & 0b11100).count("1") + 4
            nonces.append(entry[at:at + 24])
        assert len(nonces) == 201 and len(set(nonces)) == 201, len(set(nonces))
        print("fine")
    """, redis_server.url, str(keys)), "fine")


# --- row 49: threads end, the interpreter exits in the midst ---

BEGIN = """
    import asyncio, os, signal, sys, tempfile, threading, time
    import terrace
    cache = terrace.Cache("ending", tiers=[sys.argv[1]], tier_timeout=60, load_timeout=60)
    cache["a"] = 1
    begun = threading.Semaphore(0)
    never = threading.Event()
    def load():
        begun.release()
        never.wait(60)
"""
MIDSTS = {
    "threads that wait for a frozen server": """
        os.kill(int(sys.argv[2]), signal.SIGSTOP)
        def read(key):
            begun.release()
            cache.get(key)
        for number in range(8):
            threading.Thread(target=read, args=(f"k{number}",), daemon=True).start()
        for number in range(8): begun.acquire()
    """,
    "loaders that run": """
        threading.Thread(target=lambda: cache.get_or_load("a thread's", load), daemon=True).start()
        threading.Thread(target=lambda: cache.get_or_load("elsewhere", load, timeout=50), daemon=True).start()
        begun.acquire(); begun.acquire()
    """,
    "threads that never stop": """
        def use(number):
            at = 0
            while True:
                at += 1
                begun.release()
                cache.get_or_load(f"{number}:{at}", lambda: at)
        for number in range(4):
            threading.Thread(target=use, args=(number,), daemon=True).start()
        for number in range(200): begun.acquire()
    """,
    "tasks that are pending": """
        async def slow():
            begun.release()
            await asyncio.sleep(0)
            await asyncio.get_running_loop().create_future()
        async def main():
            task = asyncio.create_task(cache.aget_or_load("k", slow))
            other = asyncio.create_task(cache.aget_or_load("l", load))
            while begun._value < 2: await asyncio.sleep(0)
        asyncio.run(main())
    """,
    "a journal that is open": """
        back = terrace.Cache("journal", tiers=["sqlite:" + tempfile.mkdtemp() + "/b.db"], write_mode="back", journal=tempfile.mkdtemp())
        for number in range(500): back[f"k{number}"] = number
    """,
}


@pytest.mark.parametrize("midst", MIDSTS)
def test_F49_the_interpreter_exits_in_the_midst_of(midst: str, own_redis: RedisServer) -> None:
    assert own_redis.process is not None
    program = textwrap.dedent(BEGIN) + textwrap.dedent(MIDSTS[midst]) + "\nprint('at the end', flush=True)\n"
    try:
        done = run(program, own_redis.url, str(own_redis.process.pid), timeout=15)
        fine(done, "at the end")
        assert "Closed" not in done.stderr  # what daemon threads print now can be fatal to the interpreter
    finally:
        own_redis.process.send_signal(signal.SIGCONT)


def test_F49_the_interpreter_ends_before_threads_come_back_from_the_core() -> None:
    program = """
        import threading, terrace
        terrace._process.EXIT_SECONDS = 0.0    # as if this machine had no time for them
        cache = terrace.Cache("ending")
        loading, never = threading.Event(), threading.Event()

        def load():
            loading.set()
            never.wait()

        def use():
            cache.get_or_load("k", load)       # one loads, the others wait in the core

        for _ in range(8):
            threading.Thread(target=use, daemon=True).start()
        loading.wait()
        print("at the end", flush=True)
    """
    for _ in range(8):  # which of them comes back when differs
        fine(run(program), "at the end")


def test_F49_threads_end_while_their_loads_are_awaited_by_others() -> None:
    cache: terrace.Cache[int] = terrace.Cache("threads")
    running, go_on = threading.Event(), threading.Event()

    def load() -> int:
        running.set()
        assert go_on.wait(30)
        return 1

    first = threading.Thread(target=cache.get_or_load, args=("k", load))
    first.start()
    assert running.wait(30)
    found: list[int] = []
    others = [threading.Thread(target=lambda: found.append(cache.get_or_load("k", load))) for _ in range(10)]
    for other in others:
        other.start()
    go_on.set()
    for thread in [first, *others]:
        thread.join(30)
    assert found == [1] * 10
    cache.close()


# --- signals ---

INTERRUPTED = """
    import os, signal, sys, threading
    import terrace
    # A program that a shell started in the background ignores it otherwise.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    cache = terrace.Cache("interrupted", tiers=[sys.argv[1]], tier_timeout=60, load_timeout=60)
    cache["a"] = 1
    never = threading.Event()
    def wait():
        print("waiting", flush=True)
        never.wait(60)
    try:
        if sys.argv[2] == "loader": cache.get_or_load("k", wait)
        if sys.argv[2] == "elsewhere": cache.get_or_load("k", wait, timeout=50)
        if sys.argv[2] == "server":
            os.kill(int(sys.argv[3]), signal.SIGSTOP)
            print("waiting", flush=True)
            cache.get("k")
        print("not interrupted")
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


@pytest.mark.parametrize("where", ["loader", "elsewhere", "server"])
def test_ctrl_c_ends_a_blocking_call(where: str, own_redis: RedisServer) -> None:
    assert own_redis.process is not None
    program = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(INTERRUPTED), own_redis.url, where, str(own_redis.process.pid)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert program.stdout is not None
    try:
        assert program.stdout.readline() == "waiting\n"
        os.kill(program.pid, signal.SIGINT)
        out, err = program.communicate(timeout=15)
    finally:
        own_redis.process.send_signal(signal.SIGCONT)
        program.kill()
    assert out == "interrupted\n", out + err
    assert program.returncode == 0, err


# --- the log ---


def test_the_cores_log_goes_to_logging(caplog: pytest.LogCaptureFixture) -> None:
    heard = threading.Event()

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "too cold" in record.getMessage():
                heard.set()

    ear = Ear()
    logging.getLogger("terrace").addHandler(ear)
    try:
        with terrace.Cache("logged") as cache:
            monitor = terrace.Monitor([cache], min_requests=1)
            monitor.add_rule("cold", "hit_rate < 50%", message="too cold")
            monitor.log_notices()
            cache.get("x")
            monitor.sample()
            assert heard.wait(10)
            monitor.close()
    finally:
        logging.getLogger("terrace").removeHandler(ear)


def test_a_cache_that_is_dropped_does_not_wait_with_the_gil(redis_server: RedisServer) -> None:
    """The I/O thread may want it meanwhile. The end of a replicated tier waits for that thread."""
    fine(run("""
        import asyncio, faulthandler, sys, threading, terrace
        faulthandler.dump_traceback_later(60, exit=True)
        url = sys.argv[1]
        over = threading.Event()
        def use():
            async def ask():
                with terrace.Cache("used", memory=None, tiers=[url], tier_timeout=10) as cache:
                    while not over.is_set():
                        await asyncio.gather(*(cache.aget(str(i)) for i in range(20)))
            asyncio.run(ask())
        user = threading.Thread(target=use)
        user.start()
        for n in range(300):
            cache = terrace.Cache("dropped", memory=None, tiers=[f"replicated:{url},{url}/1,{url}/2"], tier_timeout=10)
            cache.get("x")
            if n % 2: cache.close()
            del cache
        over.set()
        user.join()
        print("fine")
    """, redis_server.url, timeout=120), "fine")


# --- write-back and forks: one process has the journal ---


def test_children_of_a_process_that_writes_back_write_through(redis_server: RedisServer, tmp_path: pathlib.Path) -> None:
    (tmp_path / "terrace.toml").write_text(
        f'[tiers.redis]\nurl = "{redis_server.url}"\n[caches.configured]\ntiers = ["redis"]\nwrite_mode = "back"\n'
        f'write_back = {{ path = "{tmp_path}/configured" }}\n')
    fine(run("""
        import asyncio, logging, os, sys, terrace
        lines = []
        class Listener(logging.Handler):
            def emit(self, record): lines.append(record.getMessage())
        logging.getLogger("terrace").addHandler(Listener())
        made = terrace.Cache("back", ttl=60, tiers=[sys.argv[1]], write_mode="back", journal=sys.argv[2] + "/journal", negative_ttl=5)
        configured = terrace.open_caches(sys.argv[2] + "/terrace.toml")["configured"]
        from terrace.patterns import CacheStrategy, L1Cache, L2Cache, MultiLevelCache
        levels = MultiLevelCache(L1Cache(), L2Cache(sys.argv[1], "levels:"), None, CacheStrategy.WRITE_BACK, journal=sys.argv[2] + "/levels")
        for cache in (made, configured, levels):
            cache.set("parent", 1)
        made.flush(), configured.flush()
        children = []
        for number in range(3):
            child = os.fork()
            if child == 0:
                for cache in (made, configured):
                    assert cache.get("parent") == 1 and "nothing" not in cache
                    assert cache.get_or_load("loaded", lambda: 2) == 2
                    cache[f"child{number}"] = number
                    assert cache[f"child{number}"] == number
                    assert asyncio.run(cache.aget(f"child{number}")) == number
                    cache.flush()
                    assert cache.stats().writes == 1
                    assert cache.delete(f"child{number}")
                    cache["kept"] = number
                assert levels.set(f"of child {number}", number) and levels.get(f"of child {number}") == number
                # Once a cache, with the journal's name.
                assert len([line for line in lines if "writes through in this child" in line and sys.argv[2] in line]) == 3, lines
                sys.exit(0)
            children.append(child)
        assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0, 0]
        made["parent"] = 3                      # the parent goes on writing back
        made.flush()
        assert lines == []
        print("fine")
    """, redis_server.url, str(tmp_path), timeout=60), "fine")
    with terrace.Cache[int]("back", memory=None, tiers=[redis_server.url]) as other:
        assert other["parent"] == 3 and other["kept"] in range(3)


def test_a_journal_in_use_is_refused_with_the_way_out(tmp_path: pathlib.Path) -> None:
    options: dict[str, object] = {"tiers": [f"sqlite:{tmp_path / 'a.db'}"], "write_mode": "back", "journal": tmp_path / "journal"}
    with terrace.Cache[int]("first", **options):  # type: ignore[arg-type]
        with pytest.raises(terrace.ConfigError, match="in use by another process.*one process write back and the others write through"):
            terrace.Cache("second", **options)  # type: ignore[arg-type]
