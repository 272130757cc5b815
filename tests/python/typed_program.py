"""What type checkers infer: test_typing.py runs them over this file. It runs as well."""

from __future__ import annotations

import dataclasses
from typing import Any, Callable, Coroutine, assert_type

import terrace


@dataclasses.dataclass
class User:
    id: int
    name: str


users = terrace.Cache("users", type=User)
assert_type(users, terrace.Cache[User])
named = terrace.Cache[User]("users", ttl=60)
assert_type(named, terrace.Cache[User])
anything = terrace.Cache("any", ttl=60, memory=100)
assert_type(anything, terrace.Cache[Any])


def load_user(key: str) -> User:
    return User(1, key)


def reads() -> None:
    assert_type(users.get("1"), User | None)
    assert_type(users.get("1", 0), User | int)
    assert_type(users.get_or_load("1", load_user), User)
    assert_type(users.get_or_load("2", lambda: User(2, "b")), User)
    assert_type(users.get_or_load("3", lambda key, context: terrace.Load(User(3, key), ttl=5)), User)
    assert_type(users["1"], User)
    assert_type(users.get_many(["1", "2"]), dict[str, User])
    assert_type(users.get_or_load_many([1, 2], lambda ids: [User(i, "") for i in ids]), dict[int, User])
    assert_type(users.lookup("1").value, User | None)
    assert_type(users.lookup_many(["1"]), dict[str, terrace.Lookup[User]])
    assert_type(anything.get("x"), Any | None)


async def awaited_reads() -> None:
    async def load(key: str) -> User:
        return User(1, key)

    assert_type(await users.aget("1"), User | None)
    assert_type(await users.aget("1", "none"), User | str)
    assert_type(await users.aget_or_load("1", load), User)
    assert_type(await users.aget_or_load("1", load_user), User)
    assert_type(await users.aget_many(["1"]), dict[str, User])
    assert_type(await users.alookup("1"), terrace.Lookup[User])


@anything.memoize
def area(width: int, height: int = 1) -> int:
    return width * height


@anything.memoize(ttl=60, key="name:{user_id}", tags="names")
def name(user_id: int) -> str:
    return str(user_id)


@anything.memoize
async def fetch(path: str) -> bytes:
    return path.encode()


class Shop:
    def __init__(self, name: str) -> None:
        self.name = name

    @anything.memoize(key="price:{self.name}:{item}")
    def price(self, item: str) -> float:
        return 1.0

    @anything.memoize(key="stock:{self.name}:{item}")
    async def stock(self, item: str) -> int:
        return 1

    @staticmethod
    @anything.memoize
    def fixed(x: int) -> int:
        return x


def calls(shop: Shop) -> None:
    assert_type(area(1, height=2), int)
    assert_type(area.invalidate(1, height=2), bool)
    assert_type(area.key(1), bytes)
    assert_type(area.cache_info().hits, int)
    assert_type(area.__wrapped__(1), int)
    area.cache_clear()
    assert_type(name(1), str)
    assert_type(shop.price("tea"), float)
    assert_type(shop.price.invalidate("tea"), bool)
    assert_type(Shop.price.invalidate(shop, "tea"), bool)
    assert_type(Shop.fixed(1), int)
    kept: terrace.MemoizedFunction[[int], str] = name
    plain: Callable[[int], str] = kept
    plain(1)


async def awaited_calls(shop: Shop) -> None:
    assert_type(await fetch("/"), bytes)
    assert_type(await fetch.invalidate("/"), bool)
    await fetch.cache_clear()
    assert_type(await shop.stock("tea"), int)
    assert_type(await shop.stock.invalidate("tea"), bool)
    plain: Callable[[str], Coroutine[Any, Any, bytes]] = fetch
    await plain("/")


def wrong(shop: Shop) -> None:
    area("1")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    area.invalidate(depth=1)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    shop.price(1)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    users.set("1", "no user")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    users.get_or_load("1", lambda: "no user")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    terrace.Cache("x", tlt=60)  # type: ignore[call-overload] # pyright: ignore
