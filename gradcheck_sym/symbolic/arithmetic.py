"""The operations of a program on midpoints and spreads: each carries both parts along.

Where an argument's error is too large beside what it is divided by, or beside the distance over
which a slope changes, and where a branch or a domain is not certain, the result is left open.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, final

import numpy as np
import numpy.typing as npt

from gradcheck_sym.symbolic.balls import SPARE, working_precision
from gradcheck_sym.symbolic.carriers import PLAIN, SMALLEST, Carrier, Rounding
from gradcheck_sym.symbolic.program import Instruction
from gradcheck_sym.symbolic.slopes import (
    FUNCTION_ULPS,
    REACH_SHARE,
    SLOPE_SLACK,
    SMOOTH,
    Smooth,
)
from gradcheck_sym.symbolic.spreads import (
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

_RAISE = 1 + 2.0**-49  # what is computed of an error, in a few operations, is itself rounded


@cache
def _of_carrier(carrier: Carrier) -> Rounding:
    return Rounding(carrier.unit, 2 * FUNCTION_ULPS * carrier.unit, carrier.smallest, REACH_SHARE)


def _is_zero(a: Quantity) -> Mask:
    return np.asarray((a.middle == 0) & (a.spread[0] == 0))


def _apart(gap: Floats, a: Floats, b: Floats) -> Mask:
    """Whether two numbers with these errors differ for certain, the first being larger."""
    return np.asarray(gap > (a + b) * _RAISE)


Contest = tuple[npt.NDArray[np.int64], Mask]  # who is ahead, and where that is open


@final
@dataclass(frozen=True, slots=True)
class Arithmetic:
    """The operations of a program, for the sensitivities of a dtype."""

    precision: int  # bits of the dtype under test
    carrier: Carrier = PLAIN
    rounding: Rounding | None = None  # that errors are bounds on; None: that of the carrier
    _own: Floats = field(init=False)  # (2, 1): what an operation rounds here, and in the kernel
    _function: Floats = field(init=False)  # the same of a function
    _tiny: Any = field(init=False)  # added to a size before that is multiplied by the unit
    _near: float = field(init=False)  # errors up to this share of a reach go through first slopes

    def __post_init__(self) -> None:
        rounding = self.rounding or _of_carrier(self.carrier)
        noise = 2.0 ** (SPARE - working_precision(self.precision))
        object.__setattr__(self, "rounding", rounding)
        object.__setattr__(self, "_own", np.array([[rounding.unit], [noise]]))
        object.__setattr__(self, "_function", np.array([[rounding.function], [noise]]))
        object.__setattr__(self, "_tiny", rounding.smallest / rounding.unit)
        object.__setattr__(self, "_near", rounding.near)

    def given(self, column: Floats) -> Quantity:
        """An input: exact, and rounded once."""
        assert self.rounding is not None
        middle = column.astype(self.carrier.format, copy=False)
        shares = np.array([[self.rounding.given], [2.0**-self.precision]])
        return Quantity(middle, self._size(middle) * shares)

    def constant(self, step: Instruction) -> Quantity:
        """A constant."""
        found = constant(step, self.precision, self.carrier)
        if self.rounding == _of_carrier(self.carrier):
            return found
        return Quantity(found.middle, found.spread[[1, 1]])  # as the dtype holds it

    def quantity(self, found: Quantity) -> Quantity:
        """An output."""
        return found

    def rounded(self, middle: Floats, spread: Floats, own: Floats) -> Quantity:
        """A computed number: what it carries along, and a rounding of its own."""
        spread = spread + (self._size(middle) + self._tiny) * own
        spread *= _RAISE
        return Quantity(middle, spread)

    def neg(self, a: Quantity) -> Quantity:
        """-a, exact."""
        return Quantity(-a.middle, a.spread)

    def add(self, a: Quantity, b: Quantity) -> Quantity:
        """a + b; a sum below the normal range is exact."""
        middle = a.middle + b.middle
        spread = a.spread + b.spread + self._size(middle) * self._own
        spread *= _RAISE
        return Quantity(middle, spread)

    def sub(self, a: Quantity, b: Quantity) -> Quantity:
        """a - b."""
        return self.add(a, self.neg(b))

    def mul(self, a: Quantity, b: Quantity) -> Quantity:
        """a*b."""
        spread = (self._size(a.middle) + a.spread[0]) * b.spread + self._size(b.middle) * a.spread
        product = self.rounded(a.middle * b.middle, spread, self._own)
        nothing = _is_zero(a) | _is_zero(b)
        if nothing.any():  # to the last digit, whatever the other factor is
            product.spread[0] = np.where(nothing, 0.0, product.spread[0])
        return product

    def div(self, a: Quantity, b: Quantity) -> Quantity:
        """a/b, open where b may be 0 or is not known to many digits."""
        middle, size = a.middle / b.middle, self._size(b.middle)
        spread = (a.spread + self._size(middle) * b.spread) * (SLOPE_SLACK / size)
        quotient = self.rounded(middle, spread, self._own)
        return opened(*quotient, ~(b.spread[0] < size * self._near))

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
        found = by_balls(step, args, self.precision, self.carrier)
        return self.rounded(*found, self._function)

    def _smooth(self, function: Smooth, a: Quantity) -> Quantity:
        middle = function.value(a.middle)
        x, f = self.carrier.known(a.middle), self.carrier.known(middle)
        error = a.spread[0] + np.abs(x) * self.carrier.cast
        spread = (function.slope(x, f) * SLOPE_SLACK) * a.spread
        if function.bend is not None:
            spread[0] += function.bend(f) * error * error
        doubt = ~(error < function.reach(x, f) * self._near)
        spread[0] += function.lost
        if function.level is not None and doubt.any():
            low, high = function.level
            level = (x + error < low) | (x - error > high)
            spread, doubt = np.where(level, 0.0, spread), doubt & ~level
            spread[0] += np.where(level, SMALLEST, 0.0)
        return opened(*self.rounded(middle, spread, self._function), doubt)

    def _size(self, middle: npt.NDArray[Any]) -> Floats:
        """How large midpoints are, for bounds."""
        return np.asarray(np.abs(self.carrier.known(middle)))

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
        root = self.carrier.known(base.middle)
        log = np.abs(np.log(root))
        by_base = self._size(exponent.middle) / root
        relative = (by_base * base.spread + log * exponent.spread) * SLOPE_SLACK
        relative[0] += 2 * self._near * exponent.spread[0]  # log moves by less than that
        doubt = ~((relative[0] < self._near) & (base.spread[0] < root * self._near))
        result = self.rounded(middle, self._size(middle) * relative * SLOPE_SLACK, self._function)
        return opened(*result, doubt)

    def atan2(self, y: Quantity, x: Quantity) -> Quantity:
        """The angle of (x, y), open where the point may touch the branch cut or the origin."""
        across, up = self._size(x.middle), self._size(y.middle)
        radius = np.hypot(across, up)
        along = across / radius * y.spread + up / radius * x.spread
        error = x.spread[0] + y.spread[0]
        along[0] = error
        result = self.rounded(
            np.arctan2(y.middle, x.middle), along * (SLOPE_SLACK / radius), self._function
        )
        clear = (x.middle > x.spread[0]) | (up > y.spread[0])
        return opened(*result, ~(clear & (error < radius * self._near)))

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

    def contest(self, op: str, args: Sequence[Quantity]) -> Contest:
        """Which argument is the max (or min), once for all that is asked about it."""
        return _winner(op, args)

    def wins(self, contest: Contest, place: int) -> Quantity:
        """1 where the argument at that place alone is the max (or min), 0 where another is."""
        best, open_ = contest
        return opened(np.where(best == place, 1.0, 0.0), np.zeros((2, 1)), open_)


def _winner(op: str, args: Sequence[Quantity]) -> Contest:
    """The place of the largest (smallest) argument, and where it may not be so alone."""
    sign = 1.0 if op == "max" else -1.0
    middles = np.stack(np.broadcast_arrays(*(sign * arg.middle for arg in args)))
    errors = np.stack(np.broadcast_arrays(*(arg.spread[0] for arg in args), middles[0])[:-1])
    best = middles.argmax(axis=0)
    highest, error = (np.take_along_axis(each, best[None], axis=0) for each in (middles, errors))
    behind = _apart(highest - middles, error, errors)
    np.put_along_axis(behind, best[None], True, axis=0)
    return best, np.asarray(~behind.all(axis=0))
