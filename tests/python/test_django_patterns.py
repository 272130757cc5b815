"""keys() and delete_pattern() of the Django backend read a pattern in the same way, though one runs here and one in the core."""

from __future__ import annotations

import random

import django_settings  # noqa: F401
import pytest
import terrace
from terrace.django._glob import glob

SIGNS = ["a", "b", "-", "é", "[", "]", "^", "*", "?", "\\", "."]


@pytest.mark.parametrize("seed", [random.randrange(1 << 30) for _ in range(3)], ids=str)
def test_a_pattern_matches_as_in_the_core(seed: int) -> None:
    chosen = random.Random(seed)

    def text(longest: int) -> str:
        return "".join(chosen.choice(SIGNS) for _ in range(chosen.randint(1, longest)))

    compared = 0
    with terrace.Cache("globs") as cache:
        for _ in range(1500):
            pattern, names = text(6), {text(4) for _ in range(8)}
            cache.set_many(dict.fromkeys(names, 1))
            try:
                cache.invalidate(pattern=pattern)
            except terrace.ConfigError:
                cache.clear()
                continue  # a pattern that cannot be right
            left = set(cache.get_many(names))
            assert {name for name in names if glob(pattern)(name)} == names - left, (seed, pattern, names)
            compared += len(names - left)
            cache.clear()
    assert compared > 200
