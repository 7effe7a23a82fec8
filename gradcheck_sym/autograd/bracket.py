"""Two neighbouring floats between which a function changes its sign."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import numpy as np

End = tuple[float, float]  # a number, and the function there

_SHORT = 4  # units in the last place that a secant may be off on a smooth function
_SECANT, _STEP = 0, 1


def bracket(
    function: Callable[[float], float], low: End, high: End, rounded: Callable[[float], float]
) -> tuple[float, float]:
    """The last number with the sign that the function has at the low end, and the next one.

    The ends are of different signs. Numbers are those that `rounded` leaves alone, a NaN counts as
    the other sign. By turns a secant, a short step beyond its root, and the middle of the floats
    in between: a few steps where the function is smooth, 64 times three at most.
    """
    side, latest = np.sign(low[1]), low[0]
    for turn in count():
        latest = rounded(_guess(turn % 3, low, high, latest))
        if not low[0] < latest < high[0]:
            latest = rounded(middle(low[0], high[0]))
        if not low[0] < latest < high[0]:
            return low[0], high[0]
        found = latest, function(latest)
        if np.sign(found[1]) == side:
            low = found
        else:
            high = found
    raise AssertionError  # the loop has no other end


def _guess(turn: int, low: End, high: End, latest: float) -> float:
    if turn == _SECANT and low[1] != high[1]:
        return low[0] - low[1] * ((high[0] - low[0]) / (high[1] - low[1]))
    if turn == _STEP:
        short = _SHORT * abs(float(np.spacing(latest)))
        return latest + short if latest == low[0] else latest - short
    return middle(low[0], high[0])


def middle(low: float, high: float) -> float:
    """The number with as many float64 numbers between it and one end as the other."""
    return _number((_ordinal(low) + _ordinal(high)) // 2)


def _ordinal(number: float) -> int:
    """The place of a float64 among all of them, 0 at 0."""
    bits = int(np.float64(abs(number)).view(np.int64))
    return -bits if number < 0 else bits


def _number(ordinal: int) -> float:
    size = float(np.int64(abs(ordinal)).view(np.float64))
    return -size if ordinal < 0 else size
