"""The formats that midpoints of whole arrays are computed in, and their way to Arb and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
import numpy.typing as npt
from flint import arb

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[Any]  # in a carrier's format

_BITS = 64  # of x87's extended precision


@final
@dataclass(frozen=True, slots=True)
class Carrier:
    """A format that midpoints are computed in, finer than the dtypes under test."""

    format: type[np.floating[Any]]
    unit: float  # what one operation rounds by, relative to its result
    finest: int  # bits of the finest dtype that it leaves room above
    guard: int  # bits that errors must stay below a rounding of the dtype for a truth to count
    bounds: type[np.floating[Any]] = np.float64  # what spreads are carried in

    @property
    def cast(self) -> float:
        """What is lost, relatively, where a midpoint goes into a bound: nothing of the same."""
        return 0.0 if self.format is self.bounds else PLAIN.unit

    @property
    def smallest(self) -> Any:
        """What an operation may lose below the range, however the library treats subnormals."""
        return SMALLEST if self.bounds is np.float64 else np.longdouble(2) ** -16_300

    def known(self, numbers: Numbers) -> Numbers:
        """Midpoints as bounds have them."""
        return np.asarray(numbers, dtype=self.bounds)


SMALLEST = 2.0**-1020  # the same of float64


PLAIN = Carrier(np.float64, 2.0**-53, 24, 16)

# 64 bits leave 11 beyond float64's: enough for some tens of operations. Where C's long double is
# no wider than float64, or is emulated, there is no such carrier, and balls do all of the work.
EXTENDED = (
    Carrier(np.longdouble, 2.0**-_BITS, 53, 2)
    if np.finfo(np.longdouble).nmant + 1 == _BITS
    else None
)

# Bounds of the same format have room far below float64's range, and cost more.
RANGED = None if EXTENDED is None else replace(EXTENDED, bounds=EXTENDED.format)


@final
@dataclass(frozen=True, slots=True)
class Rounding:
    """What arithmetic loses, relatively and below the normal range."""

    unit: float  # of an operation
    function: float  # of a function of the table
    smallest: Any  # of anything, on top
    near: float  # share of a function's reach up to which errors follow its slope
    given: float = 0.0  # of an input


def carrier_for(precision: int) -> Carrier | None:
    """The quickest format that leaves room above a dtype of so many bits; None without one."""
    if precision <= PLAIN.finest:
        return PLAIN
    return EXTENDED if EXTENDED is not None and precision <= EXTENDED.finest else None


def to_balls(numbers: Numbers) -> list[Any]:
    """Numbers as exact balls, in a precision that holds them."""
    near = np.asarray(numbers, dtype=np.float64)
    if numbers.dtype == np.float64:
        return [arb(value) for value in near.tolist()]
    rest = np.asarray(numbers - near, dtype=np.float64)
    pairs = zip(near.tolist(), rest.tolist(), strict=True)
    return [arb(first) + second for first, second in pairs]


def from_balls(balls: Sequence[Any], format: type[np.floating[Any]]) -> Numbers:
    """The middles of balls, off by one rounding of the format."""
    near = np.array([float(ball) for ball in balls])
    if format is np.float64:
        return near
    rest = [float(ball - arb(value)) for ball, value in zip(balls, near.tolist(), strict=True)]
    return np.asarray(near.astype(format) + np.nan_to_num(rest, posinf=0, neginf=0))


def upwards(bounds: Numbers) -> Floats:
    """Bounds as float64, no smaller."""
    if bounds.dtype == np.float64:
        return bounds
    near = np.asarray(bounds, dtype=np.float64)
    return np.where(near < bounds, np.nextafter(near, np.inf), near)
