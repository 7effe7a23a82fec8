"""Floats by their place in the row of all floats.

The ordinal of a float counts the steps from 0 to it: 0 for both zeros, 1 for the smallest
positive number, -1 for its negative. All values travel as float64, which holds every number
of the narrower formats exactly; the arithmetic below scales by powers of two and is exact.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradcheck_sym.spec.dtypes import Format, format_of
from gradcheck_sym.spec.records import Domain, Interval

Floats = NDArray[np.float64]
Ordinals = NDArray[np.int64]


def round_to(dtype: str, values: ArrayLike) -> Floats:
    """The nearest numbers of a dtype, ties to even, beyond its range infinite; same shape.

    One rounding, straight from float64; NaN, infinities and the sign of zero stay.
    """
    form = format_of(dtype)
    given = np.asarray(values, dtype=np.float64)
    shift = _binade(form, given) - form.precision
    with np.errstate(over="ignore"):  # just below float64's own limit infinity is right, too
        rounded = np.ldexp(np.rint(np.ldexp(given, -shift)), shift)
    return np.where(np.abs(rounded) > form.max, np.copysign(np.inf, given), rounded)


def ulp(dtype: str, values: ArrayLike) -> Floats:
    """The spacing of a dtype's numbers in the binade of each value; same shape, positive.

    Below the smallest normal number it is the smallest subnormal; beyond the range it is that
    of the largest number; of NaN it is NaN.
    """
    form = format_of(dtype)
    given = np.asarray(values, dtype=np.float64)
    held = np.clip(given, -form.max, form.max)
    spacing = np.ldexp(1.0, _binade(form, held) - form.precision)
    return np.where(np.isnan(given), np.nan, spacing)


def ordinals(dtype: str, values: ArrayLike) -> Ordinals:
    """The ordinal of each value; monotone, 0 for both zeros.

    ValueError where a value is not a finite number of the dtype.
    """
    form = format_of(dtype)
    given = np.asarray(values, dtype=np.float64)
    if not (np.isfinite(given) & (round_to(dtype, given) == given)).all():
        raise ValueError(f"an ordinal is of a finite {dtype} number")
    exponent = _binade(form, given)
    significand = np.ldexp(np.abs(given), form.precision - exponent).astype(np.int64)
    full_binades = (exponent - form.exponent_min - 1).astype(np.int64)
    steps = (full_binades << (form.precision - 1)) + significand
    return np.where(given < 0, -steps, steps)


def from_ordinals(dtype: str, places: ArrayLike) -> Floats:
    """The float of each ordinal, same shape; ValueError beyond the largest finite number."""
    form = format_of(dtype)
    given = np.asarray(places, dtype=np.int64)
    steps = np.abs(given)
    if ((steps < 0) | (steps > last_ordinal(dtype))).any():  # the least int64 has no abs
        raise ValueError(f"an ordinal of {dtype} is at most {last_ordinal(dtype)}")
    full_binades = np.maximum((steps >> (form.precision - 1)) - 1, 0)
    significand = steps - (full_binades << (form.precision - 1))
    exponent = (full_binades + form.exponent_min + 1 - form.precision).astype(np.int32)
    magnitude = np.ldexp(significand.astype(np.float64), exponent)
    return np.asarray(np.where(given < 0, -magnitude, magnitude))


def last_ordinal(dtype: str) -> int:
    """The ordinal of the largest finite number: how many positive numbers there are."""
    form = format_of(dtype)
    return (((1 << (form.bits - form.precision)) - 1) << (form.precision - 1)) - 1


def step(dtype: str, values: ArrayLike, count: ArrayLike) -> Floats:
    """The number `count` places further up (down, where negative), at most the largest finite.

    Shapes broadcast; a step from either zero starts at the one zero that ordinals know. A count
    above the number of positive floats is held at that number.
    """
    last = last_ordinal(dtype)
    start = ordinals(dtype, values)
    lowest, highest = -last - np.minimum(start, 0), last - np.maximum(start, 0)
    moves = np.clip(np.asarray(count, dtype=np.int64), lowest, highest)
    return from_ordinals(dtype, start + moves)


def next_after(dtype: str, values: ArrayLike, towards: ArrayLike) -> Floats:
    """The neighbour of each value on the way to `towards`, the value itself where it is there."""
    given = np.asarray(values, dtype=np.float64)
    direction = np.sign(np.asarray(towards, dtype=np.float64) - given).astype(np.int64)
    return np.where(direction == 0, given, step(dtype, given, direction))


def ends(dtype: str, interval: Interval) -> tuple[int, int]:
    """Ordinals of the smallest and the largest number of a dtype inside an interval.

    The first exceeds the second where the interval holds no number of the dtype.
    """
    low = _inner(dtype, interval.low, interval.low_closed, 1)
    high = _inner(dtype, interval.high, interval.high_closed, -1)
    return low, high


def every_value(dtype: str, interval: Interval) -> Floats:
    """All numbers of a 16-bit dtype inside an interval, rising, -0.0 just before 0.0."""
    if format_of(dtype).bits != 16:
        raise ValueError(f"only the 16-bit dtypes can be listed; got {dtype!r}")
    low, high = ends(dtype, interval)
    values = from_ordinals(dtype, np.arange(low, high + 1))
    zero = np.flatnonzero(values == 0)
    return np.insert(values, zero, -0.0)


def every_value_in(dtype: str, domain: Domain) -> Floats:
    """All numbers of a 16-bit dtype inside a domain, rising, -0.0 just before 0.0."""
    pieces = [every_value(dtype, interval) for interval in domain.intervals]
    values = np.concatenate([np.empty(0), *pieces])
    return values[values == np.trunc(values)] if domain.integers else values


def _binade(form: Format, values: Floats) -> NDArray[np.int32]:
    """The least e with abs(value) < 2**e, held at that of the smallest normal binade."""
    _, exponent = np.frexp(values)
    lowest = np.int32(form.exponent_min + 1)
    return np.where(values == 0, lowest, np.maximum(exponent, lowest))  # frexp's 0 is 0 * 2**0


def _inner(dtype: str, end: float, closed: bool, inward: int) -> int:
    """The ordinal of the outermost number on the inner side of an interval's end.

    An open end does not belong to it as the dtype has that end, either: x - 0.3 is 0 there.
    """
    form = format_of(dtype)
    rounded = float(round_to(dtype, end))
    nearest = float(np.clip(rounded, -form.max, form.max))
    outside = (end - nearest) * inward > 0 or (rounded == nearest and not closed)
    return int(ordinals(dtype, nearest)) + inward * outside
