"""Midpoint and spread on whole arrays: what float64 loses, and what a rounding moves.

The two parts of a spread go through the same slopes. The first is a rigorous bound on the
midpoint's error (running error analysis: Higham, Accuracy and Stability of Numerical Algorithms,
3.3), NaN where a branch, a domain or the bound itself is left open. The second is the
sensitivity that `balls.Kernel` gets from its radii: what one rounding of every input and
constant moves the value by, and with it what the kernel's own arithmetic rounds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache, reduce
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from flint import arb, ctx

from gradcheck_sym.symbolic import interpret
from gradcheck_sym.symbolic.balls import SPARE, held, working_precision
from gradcheck_sym.symbolic.program import Instruction

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

UNIT = 2.0**-53  # of one operation of float64

# What an operation may lose below the normal range, however the library treats subnormals.
SMALLEST = 2.0**-1020
_BALL_PRECISION = 64  # bits, where single functions are left to Arb


class Quantity(NamedTuple):
    """One number of a program in every lane."""

    middle: Floats  # (lanes,), or (1,) where all are alike
    spread: Floats  # (2, lanes) or (2, 1): error and sensitivity


class Answer(NamedTuple):
    """One condition of a program in every lane; neither, where it is left open."""

    yes: Mask  # (lanes,)
    no: Mask


def ordered(op: str, above: Mask, below: Mask) -> Answer:
    """A comparison from where the left side is above and where below; ties are left open."""
    never = np.zeros(1, dtype=np.bool_)
    match op:
        case "gt" | "ge":
            return Answer(above, below)
        case "lt" | "le":
            return Answer(below, above)
        case "eq":
            return Answer(never, above | below)
    return Answer(above | below, never)


def exactly(middle: Floats) -> Quantity:
    """Numbers that no rounding moves."""
    return Quantity(middle, np.zeros((2, 1)))


def opened(middle: Floats, spread: Floats, doubt: Mask) -> Quantity:
    """A quantity that is left open in some lanes."""
    if doubt.any():
        spread = np.where([doubt, np.zeros_like(doubt)], np.nan, spread)
    return Quantity(middle, spread)


def combine(op: str, args: Sequence[Answer]) -> Answer:
    """and, or, not of conditions, each of which may be left open."""
    if op == "not":
        return Answer(args[0].no, args[0].yes)
    yes, no = [each.yes for each in args], [each.no for each in args]
    if op == "and":
        return Answer(reduce(np.logical_and, yes), reduce(np.logical_or, no))
    return Answer(reduce(np.logical_or, yes), reduce(np.logical_and, no))


@lru_cache(maxsize=1024)
def constant(step: Instruction, precision: int) -> Quantity:
    """A constant: exact where float64 holds it, moved by a rounding where the dtype does not."""
    value = _nearest(step)
    exact = step.op == "inf" or (math.isfinite(value) and Fraction(value) == step.data)
    error = 0.0 if exact else abs(value) * UNIT + SMALLEST
    moved = 0.0 if held(step, precision) else abs(value) * 2.0**-precision
    return Quantity(np.array([value]), np.array([[error], [moved]]))


def _nearest(step: Instruction) -> float:
    """The nearest float64; NaN beyond its range."""
    if not isinstance(step.data, Fraction):
        return float(getattr(math, step.op))
    try:
        return float(step.data)
    except OverflowError:
        return math.nan


def by_balls(step: Instruction, args: Sequence[Quantity], precision: int) -> tuple[Floats, Floats]:
    """Middle and spread of any function, from Arb, one number at a time.

    The slope is that of the kernel: a second evaluation of balls that are wider by 2**-SPARE of
    the sensitivity.
    """
    middles = np.stack(np.broadcast_arrays(*(arg.middle for arg in args)), axis=-1)
    errors = _rows([arg.spread[0] for arg in args], middles)
    widths = errors + _rows([arg.spread[1] for arg in args], middles) * 2.0**-SPARE
    sharp = _enclosed(step, middles, errors, _BALL_PRECISION)
    wide = _enclosed(step, middles, widths, working_precision(precision))
    return sharp[0], np.stack([sharp[1], wide[1] * 2.0**SPARE])


def _rows(parts: Sequence[Floats], like: Floats) -> Floats:
    """Numbers of each argument as (lanes, arguments)."""
    return np.stack([np.broadcast_to(part, len(like)) for part in parts], axis=-1)


def _enclosed(step: Instruction, middles: Floats, widths: Floats, precision: int) -> Floats:
    """Middle and radius (2, lanes) of a function of balls (lanes, arguments)."""
    found = np.full((2, len(middles)), np.nan)
    known = np.flatnonzero(np.isfinite(middles).all(axis=1) & np.isfinite(widths).all(axis=1))
    with ctx.workprec(precision):
        for lane in known.tolist():
            balls = map(arb, middles[lane].tolist(), widths[lane].tolist())
            ball = interpret.evaluate(step, list(balls), {})
            found[:, lane] = float(ball), float(ball.rad())
    return found
