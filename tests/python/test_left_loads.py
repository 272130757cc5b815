"""Loads whose callers leave by SystemExit, or with their event loop: nothing is lost, and nothing is kept."""

import asyncio
import gc
import threading
import traceback
import weakref

import pytest

import terrace


def turns(cache):
    stats = cache.stats()
    return stats.loads_in_flight, stats.loads_waiting, stats.loads_overdue


def in_threads(*reads):
    results = [None] * len(reads)

    def run(i):
        try:
            results[i] = reads[i]()
        except BaseException as raised:
            results[i] = type(raised)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(reads))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    return results


def assert_freed(*references):
    waits = threading.Event()
    for _ in range(1000):  # a thread that ran a loader has to leave it first
        gc.collect()
        if all(reference() is None for reference in references):
            break
        waits.wait(0.01)
    assert [reference() for reference in references] == [None] * len(references)


@pytest.mark.parametrize("leaving", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_a_caller_that_leaves_a_bulk_load_leaves_all_its_keys_to_the_others(leaving):
    cache = terrace.Cache(load_timeout=60)
    first, second = threading.Event(), threading.Event()
    calls = []

    def leaves_first(keys):
        calls.append(list(keys))
        first.set()
        while cache.stats().joined == 0 and not second.wait(0.01):
            pass
        raise leaving

    def leaves(keys):
        calls.append(list(keys))
        raise leaving

    def stays(keys):
        calls.append(list(keys))
        return {key: key for key in keys}

    def read(loader):
        return lambda: cache.get_or_load_many([1, 2, 3], loader)

    def late(loader):
        def run():
            first.wait(10)
            threading.Timer(0.2, second.set).start()
            return cache.get_or_load_many([1, 2, 3], loader)
        return run

    results = in_threads(read(leaves_first), late(leaves), late(stays))
    assert results[0] is leaving
    assert results[2] == {1: 1, 2: 2, 3: 3}
    assert results[1] in (leaving, {1: 1, 2: 2, 3: 3})
    assert turns(cache) == (0, 0, 0)
    assert all(len(call) == 3 for call in calls), "a bulk loader is called once, also when it takes over"


def test_loads_of_a_closed_loop_that_wait_for_a_turn_end():
    cache = terrace.Cache(max_concurrent_loads=1, load_timeout=10)

    begun = asyncio.Event()

    async def endless():
        begun.set()
        await asyncio.Event().wait()

    loop = asyncio.new_event_loop()
    for i in range(40):
        loop.create_task(cache.aget_or_load(i, endless))
    loop.run_until_complete(begun.wait())
    loop.close()
    del loop
    assert cache.get_or_load("new", lambda: "x", timeout=20) == "x"
    gone = threading.Event()
    while turns(cache) != (0, 0, 0):
        assert not gone.wait(0.01)


async def endless(_):
    await asyncio.Event().wait()


CALLS_OF_A_CLOSED_LOOP = {
    "a load": lambda cache: [cache.aget_or_load("k", endless)],
    "its other callers": lambda cache: [cache.aget_or_load("k", endless) for _ in range(3)],
    "loads that wait for a turn": lambda cache: [cache.aget_or_load(i, endless) for i in range(40)],
    "a bulk load": lambda cache: [cache.aget_or_load_many(range(3), endless)],
    "a function that returns an awaitable": lambda cache: [cache.aget_or_load("k", lambda key: endless(key))],
}


def leave_in_a_closed_loop(calls):
    cache = terrace.Cache(max_concurrent_loads=2, load_timeout=0.1)
    loop = asyncio.new_event_loop()
    for call in calls(cache):
        loop.create_task(call)
    while cache.stats().loads_in_flight == 0:
        loop.run_until_complete(asyncio.sleep(0))
    for _ in range(3):
        loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    return weakref.ref(loop), weakref.ref(cache)


@pytest.mark.parametrize("calls", CALLS_OF_A_CLOSED_LOOP.values(), ids=CALLS_OF_A_CLOSED_LOOP)
def test_a_closed_loop_and_its_calls_are_freed(calls):
    assert_freed(*leave_in_a_closed_loop(calls))


def test_a_bulk_load_of_a_loop_that_was_stopped_goes_on_when_it_runs_again():
    cache = terrace.Cache()

    begun, go_on = asyncio.Event(), asyncio.Event()

    async def load(keys):
        begun.set()
        await go_on.wait()
        return {key: "first" for key in keys}

    loop = asyncio.new_event_loop()
    task = loop.create_task(cache.aget_or_load_many(range(3), load))
    loop.run_until_complete(begun.wait())
    assert cache.get_or_load_many(range(3), lambda keys: {key: "second" for key in keys}) == {i: "second" for i in range(3)}
    loop.call_soon(go_on.set)
    assert loop.run_until_complete(task) == {i: "second" for i in range(3)}
    loop.close()


def test_an_error_that_is_remembered_keeps_no_frames_of_its_readers():
    cache = terrace.Cache(error_ttl=60)

    def bad():
        raise ValueError("down")

    def request(secret):
        with pytest.raises(ValueError) as caught:
            cache.get_or_load("k", bad)
        return caught.value

    for i in range(200):
        error = request(f"secret {i}")
    frames = list(traceback.walk_tb(error.__traceback__))
    assert len(frames) < 10
    secrets = [frame.f_locals["secret"] for frame, _ in frames if "secret" in frame.f_locals]
    assert set(secrets) <= {"secret 199"}
    assert any(frame.f_code is bad.__code__ for frame, _ in frames), "where it came from can be seen"


@pytest.mark.parametrize("leaving", [SystemExit, KeyboardInterrupt])
def test_a_loader_that_leaves_keeps_nothing_alive(leaving):
    cache = terrace.Cache(memory=100)

    class Big:
        alive = 0

        def __init__(self):
            Big.alive += 1

        def __del__(self):
            Big.alive -= 1

    def one(i):
        big = Big()

        def leaves():
            assert big
            raise leaving

        with pytest.raises(leaving):
            cache.get_or_load(("s", i), leaves)

    for i in range(50):
        one(i)
    gc.collect()
    assert Big.alive <= 1


def test_an_error_that_a_program_keeps_does_not_keep_the_cache():
    cache = terrace.Cache()
    gone = weakref.ref(cache)
    error = cache.warm([terrace.WarmTask("bad", lambda: 1 // 0)], attempts=1).failures[0].error
    cache.close()
    del cache
    assert_freed(gone)
    assert isinstance(error, ZeroDivisionError)


@pytest.mark.parametrize("life", [0, -5])
def test_a_loaded_ttl_of_zero_or_less_answers_and_keeps_nothing(life):
    cache = terrace.Cache(ttl=60, negative_ttl=60)
    assert cache.get_or_load("k", lambda: terrace.Load(1, ttl=life)) == 1
    assert "k" not in cache
    with pytest.raises(terrace.NotFound):
        cache.get_or_load("absent", lambda: terrace.Load(terrace.ABSENT, ttl=life))
    assert cache.get_or_load("absent", lambda: 2) == 2, "its absence was not kept either"
