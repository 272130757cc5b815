#!/usr/bin/env python3
"""Runs every attack test at full size and prints a table, a line for each row of the attack list.

Usage: attack.py BUILD_FOLDER [--write FILE], or attack.py --list. An attack test has a name that begins with A and two digits, the row's number
(rows.py). Exits 1 when one fails or is skipped, or a row has none. --write puts the table between the marks
<!-- attack --> of a Markdown file. --list runs nothing: it prints where each row's tests are, and exits 1 when a row has none,
or docs/security.md has another table.
"""

import sys

import rows

ROWS = {
    1: "tag token planted: invalidation is to be lost",
    2: "version planted on one server of a replicated tier",
    3: "server leads to another host: a password is to follow",
    4: "PostgreSQL: operators, tables and triggers of another role",
    5: "admin endpoint: lock-out, guessed tokens, DNS rebinding",
    6: "cluster map or redirects without bounds",
    7: "lease planted: loads are to wait without end",
    8: "hostile SQLite file: triggers, views, huge values",
    9: "keys of a decoded map that collide",
    10: "many small entries that become huge; tags without number",
    11: "version planted: writes are to be dropped",
    12: "journal: forged records, FIFOs, links, foreign folders",
    13: "snapshot: drafts, links and FIFOs in the way",
    14: "files that other users may read",
    15: "passwords and keys in Python's repr and errors",
    16: "text of a server in messages and logs",
    17: "HTTP framing that two parties read differently",
    18: "arguments that continue into another template",
    19: "what C++ refuses and Python could take",
    20: "guesses by the length of a sealed entry",
    21: "key file of another user",
    22: "binaries without protections",
    23: "configuration that gives secrets away",
    24: "bits of a sealed entry flipped",
    25: "sealed entry cut or extended",
    26: "entries moved between keys, namespaces, schemas",
    27: "older entry of the same key put back (not prevented)",
    28: "seal or its algorithm downgraded",
    29: "pickle",
    30: "small frame that becomes huge",
    31: "a million nested arrays",
    32: "planted lease or tag token",
    33: "100,000 keys that were chosen to collide",
    34: "CR LF, NUL, Unicode and 5 MB as keys",
    35: "man in the middle: no TLS, wrong certificate",
    36: "hostile Redis server",
    37: "canary secret in messages",
    38: "time that a comparison takes",
    39: "10,000,000 mutated entries",
    40: "PostgreSQL server that sends more than it was asked for",
}
FULL_SIZE = {"TERRACE_MUTATIONS": "10000000"}

if __name__ == "__main__":
    if sys.argv[1:] == ["--list"]:
        sys.exit(rows.print_sources("A", "attack", ROWS, set(ROWS), rows.ROOT / "docs/security.md"))
    sys.exit(rows.main("A", "attack", ROWS, set(ROWS), FULL_SIZE, sys.argv[1:]))
