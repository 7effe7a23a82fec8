"""Floats and their ordinals, against numpy's nextafter and torch's casts."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gradcheck_sym.sampling.ordinals import (
    ends,
    every_value,
    every_value_in,
    from_ordinals,
    last_ordinal,
    next_after,
    ordinals,
    round_to,
    step,
    ulp,
)
from gradcheck_sym.spec.dtypes import DTYPES, format_of
from gradcheck_sym.spec.records import Domain, Interval

REAL = Interval(-math.inf, math.inf, low_closed=False, high_closed=False)
NARROW = ("bfloat16", "float16")
EXACT = settings(deadline=None, derandomize=True, max_examples=200)


def every_narrow(dtype: str) -> np.ndarray:
    """All 65536 patterns of a 16-bit dtype as float64, from torch."""
    patterns = torch.arange(-(2**15), 2**15, dtype=torch.int16)
    return patterns.view(getattr(torch, dtype)).double().numpy()


def same(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two arrays hold the same numbers, signs of zeros included, any NaN for a NaN."""
    signs = (np.signbit(one) == np.signbit(other)) | np.isnan(one)
    return np.array_equal(one, other, equal_nan=True) and bool(signs.all())


@pytest.mark.parametrize("dtype", NARROW)
def test_narrow_round_trip(dtype: str) -> None:
    """Every finite 16-bit number comes back from its ordinal, and is its own rounding."""
    values = every_narrow(dtype)
    values = values[np.isfinite(values)]
    assert np.array_equal(from_ordinals(dtype, ordinals(dtype, values)), values)
    assert same(round_to(dtype, values), values)


@pytest.mark.parametrize("dtype", NARROW)
def test_narrow_ordinals_count(dtype: str) -> None:
    """The sorted finite numbers have consecutive ordinals around 0."""
    values = np.unique(every_narrow(dtype))
    values = values[np.isfinite(values)]
    assert np.array_equal(
        ordinals(dtype, values), np.arange(-last_ordinal(dtype), last_ordinal(dtype) + 1)
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_ends_of_the_row(dtype: str) -> None:
    """Zeros are at 0, the smallest at ±1, the largest at the last ordinal."""
    form = format_of(dtype)
    marks = [0.0, -0.0, form.smallest_subnormal, -form.smallest_subnormal, form.max]
    assert ordinals(dtype, marks).tolist() == [0, 0, 1, -1, last_ordinal(dtype)]
    assert not np.signbit(from_ordinals(dtype, 0))


@pytest.mark.parametrize("dtype", DTYPES)
@EXACT
@given(data=st.data())
def test_round_trip_and_monotone(dtype: str, data: st.DataObject) -> None:
    """Random ordinals come back from their floats, which rise strictly with them."""
    last = last_ordinal(dtype)
    places = sorted(set(data.draw(st.lists(st.integers(-last, last), min_size=2))))
    values = from_ordinals(dtype, places)
    assert ordinals(dtype, values).tolist() == places
    assert (np.diff(values) > 0).all()


@pytest.mark.parametrize(
    "dtype, own", [("float64", np.float64), ("float32", np.float32), ("float16", np.float16)]
)
@EXACT
@given(data=st.data())
def test_neighbours_are_numpys(dtype: str, own: type, data: st.DataObject) -> None:
    """Stepping once is numpy.nextafter in the dtype itself."""
    last = last_ordinal(dtype)
    place = data.draw(st.integers(-last + 1, last - 1) | st.integers(-3, 3))
    value = own(from_ordinals(dtype, place))
    for towards in (-math.inf, math.inf):
        assert next_after(dtype, value, towards) == np.nextafter(value, own(towards))


def test_next_after_stays() -> None:
    """At its goal a value stays, the sign of zero included; at the range's end there is no more."""
    assert same(next_after("float32", [-0.0, 1.0], [0.0, 1.0]), np.array([-0.0, 1.0]))
    largest = format_of("float16").max
    assert next_after("float16", largest, math.inf) == largest


@pytest.mark.parametrize("dtype", DTYPES)
def test_step_is_held(dtype: str) -> None:
    """Steps of any size stay finite, and those inside the range are counted exactly."""
    largest = format_of(dtype).max
    far = 2**63 - 1
    assert step(dtype, [largest, 1.0, -1.0], [far, far, -far]).tolist() == [
        largest,
        largest,
        -largest,
    ]
    assert step(dtype, -largest, last_ordinal(dtype)) == 0
    assert ordinals(dtype, step(dtype, 1.0, [-5, 7])).tolist() == [
        int(ordinals(dtype, 1.0)) - 5,
        int(ordinals(dtype, 1.0)) + 7,
    ]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 0.1, 1e-9, 65535.0])
def test_only_numbers_of_the_dtype_have_ordinals(bad: float) -> None:
    """NaN, infinities and floats between two numbers of the dtype are refused."""
    with pytest.raises(ValueError, match="finite float16 number"):
        ordinals("float16", [1.0, bad])


@pytest.mark.parametrize("bad", [2**15, -(2**15), 2**63 - 1, -(2**63)])
def test_ordinals_beyond_the_last(bad: int) -> None:
    """An ordinal that no finite number has is refused."""
    with pytest.raises(ValueError, match="at most 31743"):
        from_ordinals("float16", bad)


@pytest.mark.parametrize("dtype", NARROW)
def test_rounding_is_torchs_around_every_number(dtype: str) -> None:
    """Every 16-bit number, every midpoint and the floats beside it round as torch's cast."""
    values = np.unique(every_narrow(dtype))
    values = values[np.isfinite(values)]
    beyond = 2 * values[-1] - values[-2]  # the first number that the exponent cannot hold
    middle = np.append(values[:-1] / 2 + values[1:] / 2, (values[-1] + beyond) / 2)
    single = middle.astype(np.float32)  # exact; torch casts from float64 by way of float32
    beside = [np.nextafter(single, np.float32(side)) for side in (-math.inf, math.inf)]
    given = np.concatenate([values, single, *beside, [2.0**-149, math.inf, math.nan]])
    given = np.concatenate([given, -given])
    narrow = torch.from_numpy(given).to(getattr(torch, dtype)).double().numpy()
    assert same(round_to(dtype, given), narrow)
    assert round_to(dtype, np.nextafter(middle[-1], 0)) == values[-1]
    assert round_to(dtype, middle[-1]) == math.inf


def test_rounding_is_done_once() -> None:
    """A float64 just above a midpoint rounds up, though by way of float32 it would not."""
    middle, above = 1 + 2.0**-8, 1 + 2.0**-8 + 2.0**-40
    assert np.float32(above) == middle
    assert round_to("bfloat16", [middle, above]).tolist() == [1, 1 + 2.0**-7]


@EXACT
@given(st.floats(allow_nan=False))
@example(3.4028235677973366e38)
@example(1.401298464324817e-45)
@example(7.006492321624085e-46)
def test_rounding_to_float32_is_numpys(value: float) -> None:
    """Rounding to float32 is the cast of numpy."""
    with np.errstate(over="ignore"):
        cast = np.array([np.float32(value)], dtype=np.float64)
    assert same(round_to("float32", [value]), cast)
    assert same(round_to("float64", [value]), np.array([value]))


@pytest.mark.parametrize("dtype", DTYPES)
def test_ulp(dtype: str) -> None:
    """The spacing is epsilon in [1, 2), the smallest step at and below the normal numbers."""
    form = format_of(dtype)
    given = [1.0, -1.0, 1.5, 2.0, 0.0, form.smallest_normal, form.smallest_normal / 2]
    tiny = form.smallest_subnormal
    wanted = [form.epsilon] * 3 + [2 * form.epsilon, tiny, tiny, tiny]
    assert ulp(dtype, given).tolist() == wanted
    largest = form.max - float(next_after(dtype, form.max, 0))
    assert ulp(dtype, [form.max, math.inf, -math.inf]).tolist() == [largest] * 3
    assert np.isnan(ulp(dtype, math.nan))


@EXACT
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_ulp_is_numpys(value: float) -> None:
    """In float64 it is numpy.spacing away from the range's end."""
    if abs(value) < format_of("float64").max:
        assert ulp("float64", value) == abs(np.spacing(value))


@pytest.mark.parametrize("dtype", NARROW)
def test_every_value(dtype: str) -> None:
    """All finite numbers of a dtype are listed once, both zeros included."""
    values = every_narrow(dtype)
    listed = every_value(dtype, REAL)
    assert len(listed) == np.isfinite(values).sum()
    assert (np.diff(listed) >= 0).all()
    assert same(listed[listed == 0], np.array([-0.0, 0.0]))


def test_every_value_inside_open_and_closed_ends() -> None:
    """Open ends do not belong, closed ones do, and an end between two numbers is no number."""
    half_open = Interval(1.0, 2.0, low_closed=False, high_closed=True)
    listed = every_value("bfloat16", half_open)
    assert (listed[0], listed[-1], len(listed)) == (1 + 2.0**-7, 2.0, 128)
    between = Interval(0.1, 0.100001, low_closed=True, high_closed=True)
    assert every_value("float16", between).size == 0
    huge = Interval(1e10, math.inf, low_closed=True, high_closed=False)
    assert every_value("float16", huge).size == 0


def test_every_value_in_domain(domain_of: Callable[..., Domain]) -> None:
    """Pieces follow one another; of integers only the whole numbers are listed."""
    assert every_value_in("float16", domain_of("[0, 3)", "[7, 8]", integers=True)).tolist() == [
        0,
        0,
        1,
        2,
        7,
        8,
    ]
    assert every_value_in("float16", Domain(())).size == 0


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_wide_dtypes_are_not_listed(dtype: str) -> None:
    """Nobody lists 2**32 numbers by mistake."""
    with pytest.raises(ValueError, match="only the 16-bit dtypes"):
        every_value(dtype, REAL)


@pytest.mark.parametrize("dtype", DTYPES)
@EXACT
@given(data=st.data())
def test_ends_are_the_outermost(dtype: str, data: st.DataObject) -> None:
    """The numbers at the ends lie inside the interval, and their outer neighbours do not.

    But for an open end as the dtype has it, which no interval holds.
    """
    low, high = sorted(data.draw(st.tuples(*[st.floats(allow_nan=False)] * 2)))
    closed = data.draw(st.tuples(st.booleans(), st.booleans()))
    inside = Domain((Interval(low, high, *closed),))
    first, last = ends(dtype, inside.intervals[0])
    if first <= last:
        outermost = from_ordinals(dtype, [first, last]).tolist()
        assert all(value in inside for value in outermost)
    for place, end, is_closed in zip((first - 1, last + 1), (low, high), closed, strict=True):
        if abs(place) <= last_ordinal(dtype):
            value = float(from_ordinals(dtype, place))
            assert value not in inside or (not is_closed and value == round_to(dtype, end))
