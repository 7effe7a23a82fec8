"""Midpoint and spread on whole arrays: what float64 loses, and what a rounding moves.

The two parts of a spread go through the same slopes. The first is a rigorous bound on the
midpoint's error (running error analysis: Higham, Accuracy and Stability of Numerical Algorithms,
3.3), NaN where a branch, a domain or the bound itself is left open. The second is the
sensitivity that `balls.Kernel` gets from its radii: what one rounding of every input and
constant moves the value by, and with it what the kernel's own arithmetic rounds.

Midpoints are carried in a format that is finer than the dtype under test; spreads always in
float64, which is fine enough for bounds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache, reduce
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from flint import arb, ctx

from gradcheck_sym.symbolic import balls, interpret
from gradcheck_sym.symbolic.balls import SPARE, held, working_precision
from gradcheck_sym.symbolic.carriers import PLAIN, SMALLEST, Carrier, from_balls, to_balls, upwards
from gradcheck_sym.symbolic.program import Instruction

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_SPARE_BITS = 16  # of Arb, where single functions are left to it
_CONSTANT_BITS = 128


class Quantity(NamedTuple):
    """One number of a program in every lane."""

    middle: npt.NDArray[Any]  # (lanes,), or (1,) where all are alike; in the carrier's format
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


def with_ties(op: str, answer: Answer, args: Sequence[Any]) -> Answer:
    """A comparison of numbers that nothing moves: a tie of two that are known exactly is one."""
    if op in ("and", "or", "not") or not all(isinstance(arg, Quantity) for arg in args):
        return answer
    a, b = args
    tie = (a.middle == b.middle) & (a.spread[0] == 0) & (b.spread[0] == 0)
    yes = op in ("le", "ge", "eq")
    return Answer(answer.yes | (tie & yes), answer.no | (tie & (not yes)))


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
def constant(step: Instruction, precision: int, carrier: Carrier = PLAIN) -> Quantity:
    """A constant: exact where float64 holds it, moved by a rounding where the dtype does not."""
    with ctx.workprec(_CONSTANT_BITS):
        middle = from_balls([balls.constant(step)], carrier.format)
    value = float(middle[0])
    exact = step.op == "inf" or (math.isfinite(value) and Fraction(value) == step.data)
    error = 0.0 if exact else abs(value) * carrier.unit + SMALLEST
    moved = 0.0 if held(step, precision) else abs(value) * 2.0**-precision
    known = math.isfinite(value) or step.op == "inf"
    return Quantity(
        middle if known else np.full(1, np.nan), np.array([[error if known else np.nan], [moved]])
    )


def by_balls(
    step: Instruction, args: Sequence[Quantity], precision: int, carrier: Carrier = PLAIN
) -> tuple[npt.NDArray[Any], Floats]:
    """Middle and spread of any function, from Arb, one number at a time.

    The slope is that of the kernel: a second evaluation of balls that are wider by 2**-SPARE of
    the sensitivity.
    """
    middles = np.stack(np.broadcast_arrays(*(arg.middle for arg in args)), axis=-1)
    errors = _rows([arg.spread[0] for arg in args], middles)
    widths = errors + _rows([arg.spread[1] for arg in args], middles) * 2.0**-SPARE
    fine = round(-math.log2(carrier.unit)) + _SPARE_BITS
    sharp = _evaluated(step, middles, errors, fine)
    wide = _evaluated(step, middles, widths, working_precision(precision))
    middle = np.full(len(middles), np.nan, dtype=carrier.format)
    spread = np.full((2, len(middles)), np.nan)
    with ctx.workprec(fine):
        middle[list(sharp)] = from_balls(list(sharp.values()), carrier.format)
    for row, found in enumerate((sharp, wide)):
        spread[row, list(found)] = [float(ball.rad()) for ball in found.values()]
    return middle, spread * [[1.0], [2.0**SPARE]] + [[SMALLEST], [0.0]]


def _rows(parts: Sequence[Floats], like: npt.NDArray[Any]) -> Floats:
    """Numbers of each argument as (lanes, arguments)."""
    return upwards(np.stack([np.broadcast_to(part, len(like)) for part in parts], axis=-1))


def _evaluated(
    step: Instruction, middles: npt.NDArray[Any], widths: Floats, precision: int
) -> dict[int, balls.Ball]:
    """A function of balls (lanes, arguments), by lane; none where they are not finite."""
    known = np.isfinite(middles).all(axis=1) & np.isfinite(widths).all(axis=1)
    lanes = np.flatnonzero(known)
    found = {}
    with ctx.workprec(precision):
        exact = [to_balls(column) for column in middles[lanes].T]
        for lane, *args in zip(lanes.tolist(), *exact, strict=True):
            wide = [
                ball + arb(0, width)
                for ball, width in zip(args, widths[lane].tolist(), strict=True)
            ]
            found[lane] = interpret.evaluate(step, wide, {})
    return found
