#!/usr/bin/env python3
"""The hash ring once more, from the description in hash_ring.hpp alone, and the golden file made with it.

ring.py --write FILE writes the file, ring.py FILE checks that it would write the same and exits 1 if not. XXH3 comes from the
C library itself, so nothing need be installed.
"""

import bisect
import ctypes
import ctypes.util
import itertools
import sys

POINTS = 8192
RINGS = [
    (0, [("a", 1), ("b", 1), ("c", 1)]),
    (0, [("c", 1), ("a", 1), ("d", 1), ("b", 1)]),
    (2**64 - 1, [("redis-1.example:6379", 1), ("redis-2.example:6379", 2.5), ("Zoë", 0.1), ("x y", 0.00001)]),
    (42, [(f"node{i}", 1) for i in range(20)]),
]
KEYS = [b"user:%d" % i for i in range(40)] + [b"a", b"\0", b"\r\n", bytes(range(256)), b"k" * 1000, "Größe".encode()]

library = ctypes.CDLL(ctypes.util.find_library("xxhash"))
library.XXH3_64bits_withSeed.restype = ctypes.c_uint64
library.XXH3_64bits_withSeed.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64]


def place(data, seed):
    return library.XXH3_64bits_withSeed(data, len(data), seed)


def points(seed, nodes):
    for name, weight in nodes:
        for i in range(max(1, int(weight * POINTS + 0.5))):
            yield place(i.to_bytes(4, "little") + name.encode(), seed), name.encode(), name


def owners(circle, key, seed):
    """The nodes in the order in which they follow the key's place."""
    at = bisect.bisect_left(circle, (place(key, seed),))
    return list(dict.fromkeys(name for _, _, name in itertools.chain(circle[at:], circle[:at])))


def golden():
    yield "# Which node owns which key: hash_ring.hpp. ring: seed. node: weight, name. key: its bytes in hex, then the"
    yield "# positions of the first three owners in the list of nodes."
    for seed, nodes in RINGS:
        yield f"ring {seed}"
        for name, weight in nodes:
            yield f"node {weight:.5f} {name}"
        circle = sorted(points(seed, nodes))
        names = [name for name, _ in nodes]
        for key in KEYS:
            yield f"key {key.hex()} " + " ".join(str(names.index(name)) for name in owners(circle, key, seed)[:3])


def main():
    text = "\n".join(golden()) + "\n"
    if sys.argv[1] == "--write":
        with open(sys.argv[2], "w") as out:
            out.write(text)
        return 0
    with open(sys.argv[1]) as stored:
        same = stored.read() == text
    print("the golden file holds" if same else f"{sys.argv[1]} differs from what hash_ring.hpp describes")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
