"""What equality and types do not show: byte orders, the order of items, frequencies, and methods that say something else."""

from __future__ import annotations

import collections
import functools
import types
from typing import Any

import attrs
import numpy
import pandas
import pytest
import terrace
from pandas.tseries import offsets
from terrace import _codec
from value_samples import alike

ANY = _codec.AnyCodec([])


def back(value: Any) -> Any:
    return ANY.decode(*ANY.encode(value))


SIZES = {"S": "4", "U": "4", "V": "4", "M": "8[s]", "m": "8[s]"}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("code", sorted(set(numpy.typecodes["All"]) - {"O"}))
def test_arrays_and_scalars_of_each_kind_come_back_in_both_byte_orders(code: str, order: str) -> None:
    kind = numpy.dtype(code + SIZES.get(code, "")).newbyteorder(order)
    values = numpy.array([b"a", b"bcd"] if code == "V" else ["1", "2"] if code in "SU" else [1, 2]).astype(kind)
    assert values.dtype == kind
    rows = numpy.zeros(2, [("a", kind), ("b", kind, (2,))])
    rows["a"] = values
    for stored in (values, values[:1], values[::-1], rows):
        found = back(stored)
        assert found.dtype == stored.dtype and found.dtype.type is stored.dtype.type
        assert found.dtype.isnative == stored.dtype.isnative and found.tobytes() == stored.tobytes()
        assert repr(found.tolist()) == repr(stored.tolist())
        one = back(stored[0])
        assert type(one) is type(stored[0]) and one.dtype == stored[0].dtype and alike(one, stored[0])
    if code not in "SUVMm":
        series = back(pandas.Series(values))
        assert series.dtype == pandas.Series(values).dtype and series.tolist() == values.tolist()


FREQUENCIES: list[Any] = [
    pandas.DateOffset(months=1),
    offsets.Easter(),
    offsets.Week(),
    offsets.Week(weekday=2),
    offsets.Day(),
    offsets.Hour(36),
    offsets.BusinessDay(),
    offsets.BusinessHour(),
    offsets.BusinessHour(start="10:00"),
    offsets.CustomBusinessDay(),
    offsets.CustomBusinessDay(holidays=["2026-01-05"]),
    offsets.MonthEnd(),
    offsets.MonthEnd(-2),
    offsets.MonthEnd(normalize=True),
    offsets.YearEnd(month=6),
    offsets.YearEnd(month=6, normalize=True),
    offsets.QuarterEnd(startingMonth=2),
    offsets.SemiMonthEnd(day_of_month=10),
    offsets.FY5253(weekday=1, startingMonth=3),
    offsets.LastWeekOfMonth(weekday=1),
]


@pytest.mark.parametrize("freq", FREQUENCIES, ids=repr)
def test_the_frequency_of_an_index_comes_back_or_is_refused(freq: Any) -> None:
    index = pandas.date_range("2026-01-01", periods=4, freq=freq)
    for stored in (index, pandas.Series(range(4), index=index), pandas.DataFrame({"a": range(4)}, index=index)):
        try:
            found = back(stored)
        except terrace.EncodeError as refused:
            assert "freq=None" in str(refused)
            assert alike(back(pandas.DatetimeIndex(index, freq=None)), pandas.DatetimeIndex(index, freq=None))
        else:
            assert alike(found, stored)
            assert (found if isinstance(found, pandas.Index) else found.index).freq == freq


class Liar(dict):  # type: ignore[type-arg]
    """What its methods say is not what it holds."""

    def copy(self) -> Any:
        return {"lie": 1}

    def items(self) -> Any:
        return {"lie": 1}.items()


def test_methods_that_a_class_overrides_say_nothing_of_what_is_stored() -> None:
    codec = _codec.AnyCodec([Liar])
    assert codec.decode(*codec.encode(Liar(a=1)))["a"] == 1
    proxied = codec.decode(*codec.encode(types.MappingProxyType(Liar(a=1))))
    assert proxied["a"] == 1 and len(proxied) == 1
    chained = collections.ChainMap({"a": 1})
    chained.extra = 1  # type: ignore[attr-defined]
    with pytest.raises(terrace.EncodeError, match="attributes"):
        codec.encode(chained)


def test_an_ordered_dict_keeps_its_order() -> None:
    made = collections.OrderedDict([("a", 1), ("b", 2), ("c", 3)])
    made.move_to_end("a")
    made.move_to_end("c", last=False)
    for held in (back(made), back([made])[0], back(types.MappingProxyType(made)), back(collections.ChainMap(made)).maps[0]):
        assert list(held.items()) == [("c", 3), ("b", 2), ("a", 1)] and dict(held) == dict(made)


def test_storing_computes_no_cached_property() -> None:
    ran = []

    @attrs.define
    class Slotted:
        a: int

        @functools.cached_property
        def costly(self) -> int:
            ran.append(1)
            return self.a + 1

    codec = _codec.AnyCodec([Slotted])
    found = codec.decode(*codec.encode(Slotted(1)))
    assert ran == [] and found == Slotted(1) and found.costly == 2
