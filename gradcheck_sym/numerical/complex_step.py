"""The complex step: f'(x) = Im f(x + ih) / h for an analytic f, without cancellation.

Squire & Trapp, Using complex variables to estimate derivatives of real functions, SIAM Review 40
(1998). A forward that is not analytic (it takes abs, real parts, or casts) gives something else,
without warning: so the result counts only where finite differences confirm it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gradcheck_sym.numerical.estimate import Estimate
from gradcheck_sym.numerical.windows import Floats

# (arguments (S, K), row numbers (S,)) -> imaginary parts of the functions there
ImaginaryLines = Callable[[NDArray[np.complex128], NDArray[np.intp]], Floats]

_STEPS = (2.0**-60, 2.0**-100)  # heights over the scale of x; truncation is h**2 f'''/6
_NEIGHBOURS = 4  # floats to each side, at which rounding errors are drawn anew
_NOISE = 8.0  # spread of the neighbours, in multiples, that the bar covers
_ULPS = 32.0  # what no bar goes below: complex kernels err alike at neighbouring floats
# Differences confirm a slope only to within their bar; a part that is not analytic and yet
# hides there is taken to be smaller than it by this factor
_HIDDEN = 2.0**-10
_SMALLEST = 2.0**-500  # of the scale: below it, slopes times heights would underflow


def refine(
    imaginary: ImaginaryLines, x: Floats, estimates: tuple[Estimate, ...]
) -> tuple[Estimate, ...]:
    """The estimates, with those replaced that a complex step confirms and sharpens.

    x and estimates are of S slopes. An undecided estimate stays so: it confirms nothing.
    """
    rows = np.array([i for i, estimate in enumerate(estimates) if estimate.decided], np.intp)
    if not len(rows):
        return estimates
    arguments, heights = _arguments(x[rows])
    with np.errstate(all="ignore"):
        slopes = imaginary(arguments, rows) / heights
        value, error = slopes[:, 0], _spread(slopes)
    result = list(estimates)
    for place, row in enumerate(rows):
        result[row] = _sharper(
            result[row], float(value[place]), float(error[place]), slopes.shape[1]
        )
    return tuple(result)


def _arguments(x: Floats) -> tuple[NDArray[np.complex128], Floats]:
    """Arguments (S, K) and their imaginary parts: the point at both heights, its neighbours.

    Those are at odd heights: a number that is small beside others rounds alike at all neighbours,
    its imaginary part does not.
    """
    scale = np.exp2(np.floor(np.log2(np.maximum(np.abs(x), _SMALLEST))))
    ulps = np.arange(-_NEIGHBOURS, _NEIGHBOURS + 1)
    near = x[:, None] + ulps * np.spacing(x)[:, None]
    heights = np.concatenate(
        [
            scale[:, None] * np.array([_STEPS[1], _STEPS[0]]),
            scale[:, None] * _STEPS[1] * (1 + ulps / 2.0**5),
        ],
        axis=1,
    )
    real = np.concatenate([np.repeat(x[:, None], 2, axis=1), near], axis=1)
    return real + 1j * heights, heights


def _spread(slopes: Floats) -> Floats:
    """Error (S,) of the first of the slopes (S, K), which differ only by rounding."""
    value = slopes[:, 0]
    apart = np.abs(slopes - value[:, None]).max(axis=1)
    return np.asarray(_NOISE * apart + _ULPS * np.finfo(float).eps * np.abs(value))


def _sharper(estimate: Estimate, value: float, error: float, evaluations: int) -> Estimate:
    """The complex step's value, where the differences confirm it and it says more than they do.

    A slope of exactly zero is also what a forward gives that drops imaginary parts: not taken.
    """
    error += _HIDDEN * estimate.error
    confirmed = value != 0 and abs(value - estimate.value) <= estimate.error
    if not (confirmed and error < estimate.error):  # NaN lands here too
        return estimate
    return Estimate(value, error, "complex step", "", estimate.evaluations + evaluations)
