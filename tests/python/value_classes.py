"""Classes of every kind whose values tiers keep."""

from __future__ import annotations

import collections
import dataclasses
import enum
import functools
from typing import Any, Generic, NamedTuple, TypeVar

import attrs
import msgspec
import pydantic

T = TypeVar("T")


class Safe(str):
    """A str that somebody has looked at."""

    def __str__(self) -> str:
        return "***"


class Cents(int):
    pass


class Celsius(float):
    pass


class Digest(bytes):
    pass


class Row(dict[str, Any]):
    """With an attribute of its own."""

    source = ""


class Stack(list[Any]):
    pass


class Names(frozenset[str]):
    pass


class Colour(enum.Enum):
    RED = "r"
    CRIMSON = "r"
    BLUE = (1, 2)


class Valued(enum.Enum):
    """With a value of its own making."""

    ONE = 1

    @property
    def value(self) -> Any:
        return "one"

    @property
    def name(self) -> Any:
        return "the first"


class Access(enum.Flag):
    READ = 1
    WRITE = 2
    HUGE = 1 << 70


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Point(NamedTuple):
    x: Any
    y: Any = 0


class Doubled(collections.namedtuple("Doubled", "x y")):
    """Its constructor takes something else than its fields."""

    def __new__(cls, x: int) -> Doubled:
        return super().__new__(cls, x, 2 * x)


@dataclasses.dataclass
class User:
    id: Any
    tags: Any = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        self.label = ("a user", type(self.id).__name__)  # no field

    @functools.cached_property
    def lock(self) -> Any:
        return object()  # no value: computed again


@dataclasses.dataclass(frozen=True, slots=True)
class Key:
    name: str
    part: Any = None


@dataclasses.dataclass
class Box(Generic[T]):
    held: T


@attrs.define
class Order:
    id: int
    lines: Any = attrs.field(factory=list)
    _secret: int = attrs.field(default=3, alias="secret")


@attrs.frozen(cache_hash=True)
class Coin:
    cents: Any


@attrs.frozen(cache_hash=True, slots=False)
class Token:
    text: str


class Address(pydantic.BaseModel):
    model_config = {"extra": "allow"}
    street: str
    number: int = 1
    _seen: int = pydantic.PrivateAttr(0)


class Numbers(pydantic.RootModel[list[int]]):
    pass


class Based:
    """What it has is in slots, one of them hidden."""

    __slots__ = ("base", "__hidden")

    def __init__(self) -> None:
        self.base, self.__hidden = 1, (2,)


@dataclasses.dataclass
class OverSlots(Based):
    x: int

    def __post_init__(self) -> None:
        super().__init__()


class Grown(Key):
    """A class over a dataclass that is none itself."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        object.__setattr__(self, "more", [1])


class Labelled(Point):
    """A NamedTuple with attributes."""


class Loose(msgspec.Struct, dict=True, tag=True):
    a: Any


class Kept(enum.Flag, boundary=enum.KEEP):
    ONE = 1


class Account(pydantic.BaseModel):
    owner: str
    at: Any = None
    homes: list[Address] = []


class Struct(msgspec.Struct):
    name: str
    parts: Any = ()

    def __post_init__(self) -> None:
        self.name += "!"


class Frozen(msgspec.Struct, frozen=True, kw_only=True):
    b: Any
    a: int = 1


TYPES = [
    Safe,
    Cents,
    Celsius,
    Digest,
    Row,
    Stack,
    Names,
    Colour,
    Valued,
    Access,
    Level,
    Point,
    Doubled,
    User,
    Key,
    Box,
    Order,
    Coin,
    Token,
    Address,
    Numbers,
    OverSlots,
    Grown,
    Labelled,
    Loose,
    Kept,
    Account,
    Struct,
    Frozen,
]
