"""Writes that are done when they are in a journal; the database gets them in batches."""

import tempfile

import terrace

journal = tempfile.mkdtemp()
with terrace.Cache[int]("example-counters", tiers=["sqlite:counters.db"], write_mode="back", journal=journal) as counters:
    for number in range(500):
        counters["visits"] = number
    assert counters["visits"] == 499
with terrace.Cache[int]("example-counters", tiers=["sqlite:counters.db"]) as later:
    print(later["visits"])
    assert later["visits"] == 499
