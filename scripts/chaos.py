#!/usr/bin/env python3
"""Runs every fault test at full size and prints a table, a line for each row of the fault list.

Usage: chaos.py BUILD_FOLDER [--write FILE]. A fault test has a name that begins with F and two digits, the row's number
(rows.py). Exits 1 when one fails or is skipped, or a row that must have one has none. --write puts the table between the
marks <!-- chaos --> of a Markdown file.
"""

import sys

import rows

ROWS = {
    1: "Redis frozen, TCP alive",
    2: "half-open TCP",
    3: "killed mid-pipeline",
    4: "replies in 1-byte slices, reset mid-reply",
    5: "cancelled or timed out after sending",
    6: "watch connection lost",
    7: "watch connection half-open",
    8: "data connection lost",
    9: "PONG overtakes an invalidation",
    10: "own invalidation",
    11: "stale set in memory",
    12: "stale set in Redis",
    13: "reader joins a load from before the write",
    14: "FLUSHALL, FLUSHDB",
    15: "pushes read too slowly",
    16: "Redis full, noeviction",
    17: "lease or tag token evicted",
    18: "primary demoted (READONLY)",
    19: "LOADING, BUSY",
    20: "slots move under load",
    21: "primaries of a cluster killed",
    22: "failover loses a DEL",
    23: "restart from an old dump",
    25: "a node of a quorum comes back empty or old",
    26: "write reached fewer nodes than it must",
    27: "clock jumps",
    28: "repair and deletions",
    29: "shards change under writes",
    30: "login fails, permission missing",
    31: "TLS certificate expired, wrong host",
    32: "bytes corrupted in a tier",
    33: "huge reply, huge value",
    34: "loader slower than its lease",
    35: "loader throws",
    36: "8 processes x 1,000 waiters on one expiry",
    37: "lease holder dies",
    38: "brown-out",
    39: "reconnect storm",
    40: "fork after construction",
    41: "kill -9 while flushing write-back",
    42: "journal torn or rotten",
    43: "disk full, fsync fails",
    44: "old flush after a new one",
    45: "poison record",
    46: "SQLite busy, corrupt, full",
    47: "PostgreSQL restarted, COMMIT reply lost",
    48: "closed with operations pending",
    49: "threads end, the interpreter exits in the midst",
    50: "callback calls the cache again",
    51: "memory outlives the tier",
    52: "starvation: loads that need other loads",
    53: "convoy: a load fails while processes wait for it",
    54: "storm: everything is loaded again at once",
}
REQUIRED = {1, 2, *range(5, 15), 16, 18, *range(20, 24), 25, 26, 28, 29, 32, 34, 35, 36, 37, 38, 40, 41, 42, 44, 49, 51, 52, 53, 54}
FULL_SIZE = {"TERRACE_CHAOS": "1", "TERRACE_CRASH_CYCLES": "1000", "TERRACE_MUTATIONS": "1000000"}

if __name__ == "__main__":
    sys.exit(rows.main("F", "fault", ROWS, REQUIRED, FULL_SIZE, sys.argv[1:]))
