"""Frames: frames, series, indexes and scalars of pandas, as the arrays that they are made of. pandas is imported only when a
value of it is read, never to store one."""

from __future__ import annotations

import datetime
import importlib
import sys
from typing import Any, Callable

from . import _arrays
from ._errors import DecodeError
from ._standard import Form, Lower, Refused, checked, lowered_items


def form_of(kind: type) -> Form | None:
    """The form for a class of pandas; None for any other class."""
    pandas = sys.modules.get("pandas")
    name = kind.__name__
    if pandas is None or not kind.__module__.startswith("pandas.") and kind.__module__ != "pandas" or name not in FORMS:
        return None
    known = (
        type(pandas.NaT) if name == "NaTType" else type(pandas.NA) if name == "NAType" else getattr(pandas, name, None)
    )
    return FORMS[name] if known is kind or name in _ARRAYS else None


# --- scalars ---


def _unit_and_number(value: Any) -> list[Any]:
    return [value.unit, int(value.asm8.view("i8"))]


def _duration(unit: Any, number: Any) -> Any:
    pandas = _pandas()
    return pandas.Timedelta(_arrays.module().timedelta64(checked(number, int), checked(unit, str)))


def _moment_parts(value: Any, lower: Lower) -> list[Any]:
    return [*_unit_and_number(value), _zone(value.tz, lower)]


def _moment(unit: Any, number: Any, zone: Any) -> Any:
    pandas = _pandas()
    made = pandas.Timestamp(_arrays.module().datetime64(checked(number, int), checked(unit, str)))
    return made if zone is None else made.tz_localize("UTC").tz_convert(_checked_zone(zone))


def _zone(zone: Any, lower: Lower) -> Any:
    if type(zone).__module__.partition(".")[0] == "pytz":  # pandas 2 has these
        return ["pytz", zone.zone]
    if zone is not None and type(zone).__module__ not in ("datetime", "zoneinfo"):
        raise Refused(f"the time zone {zone!r} cannot be stored in tiers: use one of zoneinfo")
    return lower(zone, "")


def _checked_zone(zone: Any) -> Any:
    if type(zone) is list and zone[:1] == ["pytz"]:
        return importlib.import_module("pytz").timezone(checked(zone[1], str))
    if not isinstance(zone, datetime.tzinfo):
        raise DecodeError(f"a {type(zone).__name__} as time zone")
    return zone


def _pandas() -> Any:
    return importlib.import_module("pandas")


# --- arrays: numpy's, and those of pandas ---


def array_parts(values: Any, lower: Lower) -> Any:
    """The stored form of a column: [form, parts…]."""
    kind = type(values).__name__
    if kind in ("NumpyExtensionArray", "PandasArray"):
        values, kind = values.to_numpy(), "ndarray"
    if kind == "ndarray":
        return ["objects", lowered_items(values, lower)] if values.dtype == object else ["numpy", lower(values, "")]
    parts = _ARRAYS.get(kind)
    if parts is None:
        raise Refused(
            f"a column of {values.dtype} cannot be stored in tiers: give column.astype(…) of a type of numpy's"
        )
    return [kind, *parts[0](values, lower)]


def array_from(stored: Any) -> Any:
    form, *parts = checked(stored, list)
    if form == "numpy":
        (values,) = parts
        if type(values) is not _arrays.module().ndarray or values.ndim != 1:
            raise DecodeError("a column that is not an array")
        return values
    if form == "objects":
        return _each(*parts)
    return _ARRAYS[form][1](*parts)


def _each(items: list[Any]) -> Any:
    """A list of lists would be taken for a table."""
    filled = _arrays.module().empty(len(checked(items, list)), object)
    for i, item in enumerate(items):
        filled[i] = item
    return filled


def _masked_parts(values: Any, lower: Lower) -> list[Any]:
    return [lower(values._data, ""), lower(values._mask, "")]


def _masked(name: str) -> Callable[..., Any]:
    return lambda data, mask: getattr(_pandas().arrays, name)(data, mask)


def _times_parts(values: Any, lower: Lower) -> list[Any]:
    zone = getattr(values.dtype, "tz", None)
    return [lower(values.asi8, ""), values.unit, _zone(zone, lower)]


def _times(letter: str, index: str) -> Callable[..., Any]:
    def make(numbers: Any, unit: Any, zone: Any) -> Any:
        times = checked(numbers, _arrays.module().ndarray).view(f"{letter}8[{checked(unit, str)}]")
        made = getattr(_pandas(), index)(times)
        return (made if zone is None else made.tz_localize("UTC").tz_convert(_checked_zone(zone))).array

    return make


def _period_parts(values: Any, lower: Lower) -> list[Any]:
    return [lower(values.asi8, ""), values.freqstr]


def _periods(numbers: Any, freq: Any) -> Any:
    return _pandas().PeriodIndex.from_ordinals(numbers, freq=checked(freq, str)).array


def _category_parts(values: Any, lower: Lower) -> list[Any]:
    return [lower(values.codes, ""), lower(values.categories, ".categories"), bool(values.ordered)]


def _categories(codes: Any, categories: Any, ordered: Any) -> Any:
    pandas = _pandas()
    return pandas.Categorical.from_codes(codes, dtype=pandas.CategoricalDtype(categories, ordered))


def _interval_parts(values: Any, lower: Lower) -> list[Any]:
    return [lower(values.left, ""), lower(values.right, ""), values.closed]


def _intervals(left: Any, right: Any, closed: Any) -> Any:
    return _pandas().arrays.IntervalArray.from_arrays(left, right, closed=checked(closed, str))


def _text_parts(values: Any, lower: Lower) -> list[Any]:
    items = [None if item is values.dtype.na_value or item != item else item for item in values.to_numpy(object)]
    return [values.dtype.storage, values.dtype.na_value is _pandas().NA, lower(items, "")]


def _texts(storage: Any, has_na: Any, items: Any) -> Any:
    pandas = _pandas()
    missing = {} if has_na else {"na_value": _arrays.module().nan}
    kind = pandas.StringDtype(checked(storage, str), **missing)
    return pandas.array([pandas.NA if item is None else item for item in checked(items, list)], dtype=kind)


_ARRAYS: dict[str, tuple[Callable[[Any, Lower], list[Any]], Callable[..., Any]]] = {
    "DatetimeArray": (_times_parts, _times("M", "DatetimeIndex")),
    "TimedeltaArray": (_times_parts, _times("m", "TimedeltaIndex")),
    "PeriodArray": (_period_parts, _periods),
    "Categorical": (_category_parts, _categories),
    "IntervalArray": (_interval_parts, _intervals),
    **{name: (_masked_parts, _masked(name)) for name in ("IntegerArray", "FloatingArray", "BooleanArray")},
    **{
        name: (_text_parts, _texts)
        for name in ("StringArray", "ArrowStringArray", "StringArrayNumpySemantics", "ArrowStringArrayNumpySemantics")
    },
}

# --- indexes, series, frames ---


def _index_parts(value: Any, lower: Lower) -> list[Any]:
    return [array_parts(value.array, lower), lower(value.name, ".name")]


def _index(kind: str) -> Callable[..., Any]:
    def make(stored: Any, name: Any) -> Any:
        values = array_from(stored)
        # An index of objects stays one of objects, whatever they are.
        return getattr(_pandas(), kind)(values, dtype=values.dtype if kind == "Index" else None, name=name)

    return make


def _stepped_parts(value: Any, lower: Lower) -> list[Any]:
    return [*_index_parts(value, lower), _step(value)]


def _step(index: Any) -> str | None:
    """The text of its frequency. Raises Refused for a frequency that its text does not fully describe."""
    if index.freq is None:
        return None
    try:
        told = _pandas().tseries.frequencies.to_offset(index.freqstr)
    except ValueError:
        told = None
    if type(told) is not type(index.freq) or told != index.freq:
        raise Refused(
            f"an index with freq={index.freq!r} cannot be stored in tiers, because {index.freqstr!r} does not restore"
            f" it: give pandas.{type(index).__name__}(index, freq=None), or set index.freq = None"
        )
    return str(index.freqstr)


def _stepped(kind: str) -> Callable[..., Any]:
    def make(stored: Any, name: Any, freq: Any) -> Any:
        return getattr(_pandas(), kind)(array_from(stored), name=name, freq=freq)

    return make


def _range_parts(value: Any, lower: Lower) -> list[Any]:
    return [int(value.start), int(value.stop), int(value.step), lower(value.name, ".name")]


def _levels_parts(value: Any, lower: Lower) -> list[Any]:
    return [
        lowered_items(value.levels, lower),
        [lower(_arrays.module().asarray(codes), "") for codes in value.codes],
        lowered_items(value.names, lower),
    ]


def _levels(levels: Any, codes: Any, names: Any) -> Any:
    return _pandas().MultiIndex(levels=levels, codes=codes, names=names)


def _described(value: Any, lower: Lower) -> list[Any]:
    return [lower(value.attrs, ".attrs"), value.flags.allows_duplicate_labels]


def _with_description(made: Any, attrs: Any, allows: Any) -> Any:
    made.attrs = checked(attrs, dict)
    made.flags.allows_duplicate_labels = checked(allows, bool)
    return made


def _series_parts(value: Any, lower: Lower) -> list[Any]:
    return [
        array_parts(value.array, lower),
        lower(value.index, ".index"),
        lower(value.name, ".name"),
        *_described(value, lower),
    ]


def _series(values: Any, index: Any, name: Any, *description: Any) -> Any:
    array = array_from(values)
    return _with_description(
        _pandas().Series(array, index=_checked_index(index), dtype=array.dtype, name=name), *description
    )


def _frame_parts(value: Any, lower: Lower) -> list[Any]:
    columns = [array_parts(value.iloc[:, i].array, lower) for i in range(value.shape[1])]
    return [columns, lower(value.columns, ".columns"), lower(value.index, ".index"), *_described(value, lower)]


def _frame(columns: Any, names: Any, index: Any, *description: Any) -> Any:
    pandas, index = _pandas(), _checked_index(index)
    arrays = map(array_from, checked(columns, list))
    made = pandas.DataFrame(
        {i: pandas.Series(array, index=index, dtype=array.dtype) for i, array in enumerate(arrays)}, index=index
    )
    made.columns = _checked_index(names)
    return _with_description(made, *description)


def _checked_index(index: Any) -> Any:
    if not isinstance(index, _pandas().Index):
        raise DecodeError(f"a {type(index).__name__} as index")
    return index


def _array_form(name: str) -> Form:
    parts, make = _ARRAYS[name]
    return Form(f"pandas.{name}", parts, make)


FORMS: dict[str, Form] = {
    form.name.removeprefix("pandas."): form
    for form in (
        Form("pandas.NaTType", lambda value, lower: [], lambda: _pandas().NaT),
        Form("pandas.NAType", lambda value, lower: [], lambda: _pandas().NA),
        Form("pandas.Timestamp", _moment_parts, _moment),
        Form("pandas.Timedelta", lambda value, lower: _unit_and_number(value), _duration),
        Form(
            "pandas.Period",
            lambda value, lower: [value.ordinal, value.freqstr],
            lambda ordinal, freq: _pandas().Period(ordinal=checked(ordinal, int), freq=checked(freq, str)),
        ),
        Form(
            "pandas.Interval",
            lambda value, lower: [lower(value.left, ""), lower(value.right, ""), value.closed],
            lambda left, right, closed: _pandas().Interval(left, right, checked(closed, str)),
        ),
        Form(
            "pandas.RangeIndex",
            _range_parts,
            lambda start, stop, step, name: _pandas().RangeIndex(
                checked(start, int), checked(stop, int), checked(step, int), name=name
            ),
        ),
        Form("pandas.MultiIndex", _levels_parts, _levels),
        *(
            Form(f"pandas.{kind}", _index_parts, _index(kind))
            for kind in ("Index", "PeriodIndex", "CategoricalIndex", "IntervalIndex")
        ),
        *(Form(f"pandas.{kind}", _stepped_parts, _stepped(kind)) for kind in ("DatetimeIndex", "TimedeltaIndex")),
        Form("pandas.Series", _series_parts, _series),
        Form("pandas.DataFrame", _frame_parts, _frame),
        *map(_array_form, _ARRAYS),
    )
}
