"""Functions of one number on whole arrays, each with its slope: how errors pass through it.

An error e of the argument moves f by at most sup|f'|*e. The slope at the middle stands for that
supremum where e is small beside the distance over which the slope changes (see `Smooth.reach`);
where f' may vanish, a bound on f'' adds the next term of Taylor's formula.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from gradcheck_sym.symbolic.carriers import SMALLEST
from gradcheck_sym.symbolic.tabulated import Tabulated

Floats = npt.NDArray[np.float64]

# Errors of the functions below are at most this many units in the last place. NumPy's vectorized
# loops are accepted with up to 4 (its test_umath_accuracy), the C libraries document up to 5
# (glibc's manual, "Known Maximum Errors in Math Functions"); a test holds them against Arb.
FUNCTION_ULPS = 8.0

# An argument's error may be this share of `reach`; then the slope, which is itself computed with
# a relative error below it, is off by less than `SLOPE_SLACK` all over the enclosure.
REACH_SHARE = 2.0**-12
SLOPE_SLACK = 1 + 2.0**-10

_LEAST_SQUARE = 2.0**-36  # of a slope: that many of the digits of 1 - f are right
_CANCELLED = 2.0**-48  # bounds what is lost in 1 - f of a function that ends at 1


@final
@dataclass(frozen=True, slots=True)
class Smooth:
    """A function of one number, on arrays; NaN outside its domain."""

    value: Callable[[Floats], Floats]
    slope: Callable[[Floats, Floats], Floats]  # |f'(x)| from x and f(x); never too small
    reach: Callable[[Floats, Floats], Any]  # 1/|f''/f'| next to x, which does not exceed this
    bend: Callable[[Floats], Any] | None = None  # |f''|/2 next to x from f(x), where f' may vanish
    lost: float = 0.0  # below float64's range, where the value has no more
    level: tuple[float, float] | None = None  # below and above, f varies by less than 2**-1021


def _each(name: str) -> Callable[[npt.NDArray[Any]], npt.NDArray[Any]]:
    """A function on an array (lanes,): of float64 Python's, about 50 ns a number."""
    plain: Callable[[float], float] = getattr(math, name)
    tabulated = Tabulated(name)

    def mapped(x: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if x.dtype == np.float64:
            return np.fromiter(map(plain, x.tolist()), np.float64, len(x))
        return tabulated(x)

    return mapped


def _always(value: float) -> Callable[..., float]:
    return lambda *_: value


def _quarter_turn(x: Floats, f: Floats) -> Floats:
    """|cos| from sin and the other way round; where it all but vanishes, a little too much."""
    return np.asarray(np.sqrt(np.maximum((1 - f) * (1 + f), _LEAST_SQUARE)))


def _bell(x: Floats, f: Floats) -> Floats:
    return np.asarray(np.exp(-x * x) * (2 / math.sqrt(math.pi)))


def _circle(x: Floats, f: Floats) -> Floats:
    return np.asarray(1 / np.sqrt((1 - x) * (1 + x)))


def _to_the_end(x: Floats, f: Floats) -> Floats:
    """How far x is from the nearer end of (-1, 1)."""
    return np.asarray(1 - np.abs(x))


def _bell_reach(x: Floats, f: Floats) -> Floats:
    return np.asarray(1 / (2 * np.abs(x) + 1))


def _beside_one(x: Floats, f: Floats) -> Floats:
    """Where |f''/f'| is at most 2|x|/(1 + x**2)."""
    return np.asarray(np.maximum(1, np.abs(x) / 2))


SMOOTH: Mapping[str, Smooth] = {
    "exp": Smooth(np.exp, lambda x, f: f, _always(1), level=(-710, math.inf)),
    "expm1": Smooth(
        np.expm1, lambda x, f: f + (1 + _CANCELLED), _always(1), level=(-710, math.inf)
    ),
    "log": Smooth(np.log, lambda x, f: 1 / x, lambda x, f: x),
    "log1p": Smooth(np.log1p, lambda x, f: 1 / (1 + x), lambda x, f: 1 + x),
    "sqrt": Smooth(np.sqrt, lambda x, f: 0.5 / f, lambda x, f: x),
    "sin": Smooth(np.sin, _quarter_turn, _always(math.inf), _always(0.5)),
    "cos": Smooth(np.cos, _quarter_turn, _always(math.inf), _always(0.5)),
    "tan": Smooth(np.tan, lambda x, f: 1 + f * f, lambda x, f: 1 / (2 * np.abs(f) + 1)),
    "asin": Smooth(np.arcsin, _circle, _to_the_end),
    "acos": Smooth(np.arccos, _circle, _to_the_end),
    "atan": Smooth(np.arctan, lambda x, f: 1 / (1 + x * x), _beside_one),
    "sinh": Smooth(np.sinh, lambda x, f: np.cosh(x), _always(1)),
    "cosh": Smooth(np.cosh, lambda x, f: np.abs(np.sinh(x)), _always(1), lambda f: 0.51 * f),
    "tanh": Smooth(np.tanh, lambda x, f: 1 + _CANCELLED - f * f, _always(0.5), level=(-356, 356)),
    "asinh": Smooth(np.arcsinh, lambda x, f: 1 / np.hypot(1, x), _beside_one),
    "acosh": Smooth(
        np.arccosh, lambda x, f: 1 / (np.sqrt(x - 1) * np.sqrt(x + 1)), lambda x, f: x - 1
    ),
    "atanh": Smooth(
        np.arctanh, lambda x, f: 1 / ((1 - x) * (1 + x)), lambda x, f: (1 - np.abs(x)) / 2
    ),
    "erf": Smooth(_each("erf"), _bell, _bell_reach, level=(-27, 27)),
    "erfc": Smooth(_each("erfc"), _bell, _bell_reach, lost=SMALLEST, level=(-27, 27)),
}
