"""Values of one type, as a C++ program with `struct User { std::int64_t id; std::string name; std::vector<double> scores; };` and
a `Cache<User>` of the same name reads and writes them."""

import dataclasses
import os

import terrace

REDIS = os.environ.get("TERRACE_EXAMPLE_REDIS", "redis://localhost")


@dataclasses.dataclass
class User:
    id: int
    name: str
    scores: list[float]


with terrace.Cache[User]("example-users", tiers=[REDIS], memory=None, type=User) as users:
    users["42"] = User(42, "Ada", [1.5, 2.0])
    assert users["42"] == User(42, "Ada", [1.5, 2.0])
    try:
        users["43"] = User(43, "Grace", ["x"])  # type: ignore[list-item]
    except terrace.EncodeError as error:
        print(error)
