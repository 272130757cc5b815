"""The numbers of the exts in values that Python stores: docs/wire-format.md has their data."""

TUPLE, SET, FROZENSET, BIG_INT, COMPLEX, BYTEARRAY, DATETIME, DATE, TIME, TIMEDELTA, DECIMAL, UUID = range(1, 13)
ENUM, RECORD, PAIRS, NAMED, EXTENDED, CLASS = range(13, 19)
