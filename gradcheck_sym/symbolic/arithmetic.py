"""The operations of a program on midpoints and spreads: each carries both parts along.

Where an argument's error is too large beside what it is divided by, or beside the distance over
which a slope changes, and where a branch or a domain is not certain, the result is left open.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import final

import numpy as np
import numpy.typing as npt

from gradcheck_sym.symbolic.balls import SPARE, working_precision
from gradcheck_sym.symbolic.program import Instruction
from gradcheck_sym.symbolic.slopes import (
    FUNCTION_ULPS,
    REACH_SHARE,
    SLOPE_SLACK,
    SMOOTH,
    Smooth,
)
from gradcheck_sym.symbolic.spreads import (
    SMALLEST,
    UNIT,
    Answer,
    Floats,
    Mask,
    Quantity,
    by_balls,
    constant,
    exactly,
    opened,
    ordered,
)

_TINY = SMALLEST / UNIT  # added to a size before that is multiplied by UNIT
_RAISE = 1 + 2.0**-49  # what is computed of an error, in a few operations, is itself rounded


def _reaching(a: Quantity) -> Floats:
    """The largest size that a number may have."""
    return np.asarray(np.abs(a.middle) + a.spread[0])


def _apart(gap: Floats, a: Floats, b: Floats) -> Mask:
    """Whether two numbers with these errors differ for certain, the first being larger."""
    return np.asarray(gap > (a + b) * _RAISE)


@final
@dataclass(frozen=True, slots=True)
class Arithmetic:
    """The operations of a program, for the sensitivities of a dtype."""

    precision: int  # bits of the dtype under test
    _own: Floats = field(init=False)  # (2, 1): one rounding of float64, and one of the kernel
    _function: Floats = field(init=False)  # the same of a function

    def __post_init__(self) -> None:
        noise = 2.0 ** (SPARE - working_precision(self.precision))
        object.__setattr__(self, "_own", np.array([[UNIT], [noise]]))
        object.__setattr__(self, "_function", np.array([[2 * FUNCTION_ULPS * UNIT], [noise]]))

    def given(self, column: Floats) -> Quantity:
        """An input: exact, and rounded once."""
        size = np.abs(column)
        return Quantity(column, np.stack([np.zeros_like(size), size * 2.0**-self.precision]))

    def constant(self, step: Instruction) -> Quantity:
        """A constant."""
        return constant(step, self.precision)

    def quantity(self, found: Quantity) -> Quantity:
        """An output."""
        return found

    def rounded(self, middle: Floats, spread: Floats, own: Floats) -> Quantity:
        """A computed number: what it carries along, and a rounding of its own."""
        spread = spread + (np.abs(middle) + _TINY) * own
        spread *= _RAISE
        return Quantity(middle, spread)

    def neg(self, a: Quantity) -> Quantity:
        """-a, exact."""
        return Quantity(-a.middle, a.spread)

    def add(self, a: Quantity, b: Quantity) -> Quantity:
        """a + b; a sum below the normal range is exact."""
        middle = a.middle + b.middle
        spread = a.spread + b.spread + np.abs(middle) * self._own
        spread *= _RAISE
        return Quantity(middle, spread)

    def sub(self, a: Quantity, b: Quantity) -> Quantity:
        """a - b."""
        return self.add(a, self.neg(b))

    def mul(self, a: Quantity, b: Quantity) -> Quantity:
        """a*b."""
        spread = _reaching(a) * b.spread + np.abs(b.middle) * a.spread
        return self.rounded(a.middle * b.middle, spread, self._own)

    def div(self, a: Quantity, b: Quantity) -> Quantity:
        """a/b, open where b may be 0 or is not known to many digits."""
        middle, size = a.middle / b.middle, np.abs(b.middle)
        spread = (a.spread + np.abs(middle) * b.spread) * (SLOPE_SLACK / size)
        quotient = self.rounded(middle, spread, self._own)
        return opened(*quotient, ~(b.spread[0] < size * REACH_SHARE))

    def scale(self, gate: Quantity, value: Quantity) -> Quantity:
        """gate*value; 0 where the gate is exactly 0, because the branch was not taken."""
        product = self.mul(gate, value)
        closed = (gate.middle == 0) & (gate.spread == 0).all(axis=0)
        return Quantity(
            np.where(closed, 0.0, product.middle), np.where(closed, 0.0, product.spread)
        )

    def function(self, step: Instruction, args: Sequence[Quantity]) -> Quantity:
        """A function of the table: by its rule here, or Arb's, one number at a time."""
        if step.op in SMOOTH:
            return self._smooth(SMOOTH[step.op], args[0])
        return self.rounded(*by_balls(step, args, self.precision), self._function)

    def _smooth(self, function: Smooth, a: Quantity) -> Quantity:
        middle, error = function.value(a.middle), a.spread[0]
        spread = (function.slope(a.middle, middle) * SLOPE_SLACK) * a.spread
        if function.bend is not None:
            spread[0] += function.bend(middle) * error * error
        doubt = ~(error < function.reach(a.middle, middle) * REACH_SHARE)
        if function.level is not None and doubt.any():
            low, high = function.level
            level = (a.middle + error < low) | (a.middle - error > high)
            spread, doubt = np.where(level, 0.0, spread), doubt & ~level
        return opened(*self.rounded(middle, spread, self._function), doubt)

    def whole_power(self, base: Quantity, exponent: int) -> Quantity:
        """A power with an integer, by squaring, as `balls.whole_power` does."""
        if exponent == 0:
            return opened(np.ones(1), np.zeros((2, 1)), np.isnan(base.spread[0]))
        if exponent < 0:
            return self.div(exactly(np.ones(1)), self.whole_power(base, -exponent))
        half = self.whole_power(base, exponent // 2) if exponent > 1 else None
        square = base if half is None else self.mul(half, half)
        return self.mul(square, base) if half is not None and exponent & 1 else square

    def power(self, base: Quantity, exponent: Quantity) -> Quantity:
        """base**exponent for positive bases: the exponential of exponent*log(base)."""
        middle = np.power(base.middle, exponent.middle)
        log = np.abs(np.log(base.middle))
        by_base = np.abs(exponent.middle) / base.middle
        relative = (by_base * base.spread + log * exponent.spread) * SLOPE_SLACK
        relative[0] += 2 * REACH_SHARE * exponent.spread[0]  # log moves by less than that
        doubt = ~((relative[0] < REACH_SHARE) & (base.spread[0] < base.middle * REACH_SHARE))
        result = self.rounded(middle, middle * relative * SLOPE_SLACK, self._function)
        return opened(*result, doubt)

    def atan2(self, y: Quantity, x: Quantity) -> Quantity:
        """The angle of (x, y), open where the point may touch the branch cut or the origin."""
        radius = np.hypot(x.middle, y.middle)
        along = np.abs(x.middle) / radius * y.spread + np.abs(y.middle) / radius * x.spread
        error = x.spread[0] + y.spread[0]
        along[0] = error
        result = self.rounded(
            np.arctan2(y.middle, x.middle), along * (SLOPE_SLACK / radius), self._function
        )
        clear = (x.middle > x.spread[0]) | (np.abs(y.middle) > y.spread[0])
        return opened(*result, ~(clear & (error < radius * REACH_SHARE)))

    def abs(self, a: Quantity) -> Quantity:
        """|a|, open where a may be 0: the kink."""
        return opened(np.abs(a.middle), a.spread, ~(np.abs(a.middle) > a.spread[0]))

    def sign(self, a: Quantity) -> Quantity:
        """1 or -1, open where a may be 0."""
        doubt = ~(np.abs(a.middle) > a.spread[0])
        return opened(np.sign(a.middle), np.zeros((2, 1)), doubt)

    def floor(self, a: Quantity) -> Quantity:
        """The integer below, open where a may be an integer."""
        return self._step(np.floor, a)

    def ceil(self, a: Quantity) -> Quantity:
        """The integer above, open where a may be an integer."""
        return self._step(np.ceil, a)

    def _step(self, step: Callable[[Floats], Floats], a: Quantity) -> Quantity:
        doubt = ~(np.abs(a.middle - np.rint(a.middle)) > a.spread[0])
        return opened(step(a.middle), np.zeros((2, 1)), doubt)

    def compare(self, op: str, a: Quantity, b: Quantity) -> Answer:
        """a < b and the like; ties are left open."""
        gap = a.middle - b.middle
        above = _apart(gap, a.spread[0], b.spread[0])
        below = _apart(-gap, a.spread[0], b.spread[0])
        return ordered(op, above, below)

    def select(self, condition: Answer, a: Quantity, b: Quantity) -> Quantity:
        """a or b, as the condition says."""
        middle = np.where(condition.yes, a.middle, b.middle)
        spread = np.where(condition.yes, a.spread, b.spread)
        return opened(middle, spread, ~(condition.yes | condition.no))

    def extreme(self, op: str, args: Sequence[Quantity]) -> Quantity:
        """max or min, open at a tie."""
        best, open_ = _winner(op, args)
        middles = np.stack(np.broadcast_arrays(*(arg.middle for arg in args), best)[:-1])
        spreads = np.stack(np.broadcast_arrays(*(arg.spread for arg in args), best)[:-1])
        middle = np.take_along_axis(middles, best[None], axis=0)[0]
        spread = np.take_along_axis(spreads, best[None, None], axis=0)[0]
        return opened(middle, spread, open_)

    def wins(self, op: str, place: int, args: Sequence[Quantity]) -> Quantity:
        """1 where the argument at that place alone is the max (or min), 0 where another is."""
        best, open_ = _winner(op, args)
        return opened(np.where(best == place, 1.0, 0.0), np.zeros((2, 1)), open_)


def _winner(op: str, args: Sequence[Quantity]) -> tuple[npt.NDArray[np.int64], Mask]:
    """The place of the largest (smallest) argument, and where it may not be so alone."""
    sign = 1.0 if op == "max" else -1.0
    middles = np.stack(np.broadcast_arrays(*(sign * arg.middle for arg in args)))
    errors = np.stack(np.broadcast_arrays(*(arg.spread[0] for arg in args), middles[0])[:-1])
    best = middles.argmax(axis=0)
    highest, error = (np.take_along_axis(each, best[None], axis=0) for each in (middles, errors))
    behind = _apart(highest - middles, error, errors)
    np.put_along_axis(behind, best[None], True, axis=0)
    return best, np.asarray(~behind.all(axis=0))
