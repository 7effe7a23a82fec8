"""Numbers by sign and size on whole arrays, as far beyond float64's range as anyone goes.

exp(1000) is no float64, and neither is the square of it, but 1/(1 + exp(1000)) is as good as 0 in
every dtype. Here a number is known by bounds on the logarithm of its size, which neither
overflow nor underflow; where they are close together they tell the number itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, ClassVar, NamedTuple, final

import numpy as np
import numpy.typing as npt

from gradcheck_sym.symbolic.carriers import PLAIN, SMALLEST, Carrier
from gradcheck_sym.symbolic.program import Instruction
from gradcheck_sym.symbolic.spreads import Answer, Quantity, constant, ordered

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

# Every bound is moved outwards by this share, and by as much on top: the rounding of a few
# operations on logarithms, and the error of NumPy's functions (see slopes.FUNCTION_ULPS).
_OUTWARDS = 2.0**-48

_TINY = -300.0  # logarithm of sizes that pass for 0 in every dtype


class Magnitude(NamedTuple):
    """One number of a program in every lane; logarithms to base 2, NaN where left open."""

    sign: Floats  # (lanes,): 1 or -1, for certain; 0 where the number is 0 or of unknown sign
    low: Floats  # of its size, from below; -inf where the number may be 0
    high: Floats  # of its size, from above
    moved: Floats  # of its sensitivity, from above; see spreads.Quantity


def _lower(bound: Floats) -> Floats:
    return np.asarray(np.minimum(bound * (1 - _OUTWARDS), bound * (1 + _OUTWARDS)) - _OUTWARDS)


def _upper(bound: Floats) -> Floats:
    return -_lower(-bound)


def _widened(sign: Floats, low: Floats, high: Floats, moved: Floats) -> Magnitude:
    return Magnitude(sign, _lower(low), _upper(high), moved)


def _nothing(like: Floats) -> Magnitude:
    """Numbers of which nothing is known."""
    return Magnitude(np.zeros_like(like), *(np.full_like(like, np.nan),) * 3)


def _only(certain: Mask, a: Magnitude) -> Magnitude:
    """A number that is left open in the other lanes."""
    low, high, moved = (np.where(certain, bound, np.nan) for bound in a[1:])
    return Magnitude(np.where(certain, a.sign, 0.0), low, high, moved)


def _of(values: Floats, moved: Floats) -> Magnitude:
    """Numbers that are given."""
    size = np.log2(np.abs(values))
    return _widened(np.sign(values), size, size, moved)


def _of_interval(low: Floats, high: Floats, moved: Floats) -> Magnitude:
    """Numbers between two real bounds."""
    sign = np.where(low > 0, 1.0, np.where(high < 0, -1.0, 0.0))
    ends = np.log2(np.abs(low)), np.log2(np.abs(high))
    inner = np.where(sign == 0, -np.inf, np.minimum(*ends))
    return _widened(sign, inner, np.maximum(*ends), moved)


def _interval(a: Magnitude) -> tuple[Floats, Floats]:
    """Real bounds of a number."""
    inner, outer = _lower(np.exp2(a.low)), _upper(np.exp2(a.high))
    low = np.where(a.sign > 0, inner, -outer)
    return low, np.where(a.sign < 0, -inner, outer)


@final
@dataclass(frozen=True, slots=True)
class Magnitudes:
    """The operations of a program on magnitudes; a function without a rule leaves all open."""

    precision: int  # bits of the dtype under test
    carrier: ClassVar[Carrier] = PLAIN

    def given(self, column: Floats) -> Magnitude:
        """An input, which is rounded once."""
        return _of(column, np.log2(np.abs(column)) - self.precision)

    def constant(self, step: Instruction) -> Magnitude:
        """A constant, whose own error is far below what the bounds are moved by."""
        middle, (_, moved) = constant(step, self.precision)
        return _of(np.where(np.isfinite(middle), middle, np.nan), np.log2(moved))

    def neg(self, a: Magnitude) -> Magnitude:
        """-a."""
        return Magnitude(-a.sign, *a[1:])

    def add(self, a: Magnitude, b: Magnitude) -> Magnitude:
        """a + b: of unequal or unknown signs, a difference of sizes at the least."""
        alike = (a.sign == b.sign) & (a.sign != 0)
        opposed = (a.sign == -b.sign) & (a.sign != 0)
        most = np.logaddexp2(a.high, b.high)
        high = np.where(opposed, np.maximum(a.high, b.high), most)
        ahead, behind = _ahead(a, b), _ahead(b, a)
        left = np.fmax(ahead, behind)
        low = np.where(alike, np.logaddexp2(a.low, b.low), np.where(left > -np.inf, left, -np.inf))
        sign = np.where(ahead > -np.inf, a.sign, np.where(behind > -np.inf, b.sign, 0.0))
        sign = np.where(alike, a.sign, sign)
        return _widened(sign, low, high, np.logaddexp2(a.moved, b.moved))

    def sub(self, a: Magnitude, b: Magnitude) -> Magnitude:
        """a - b."""
        return self.add(a, self.neg(b))

    def mul(self, a: Magnitude, b: Magnitude) -> Magnitude:
        """a*b."""
        moved = np.logaddexp2(a.high + b.moved, b.high + a.moved)
        return _widened(a.sign * b.sign, a.low + b.low, a.high + b.high, moved)

    def div(self, a: Magnitude, b: Magnitude) -> Magnitude:
        """a/b, open where b may be 0."""
        high = a.high - b.low
        moved = np.logaddexp2(a.moved, high + b.moved) - b.low
        quotient = _widened(a.sign * b.sign, a.low - b.high, high, moved)
        return _only(b.low > -np.inf, quotient)

    def scale(self, gate: Magnitude, value: Magnitude) -> Magnitude:
        """gate*value; 0 where the gate is exactly 0, because the branch was not taken."""
        product = self.mul(gate, value)
        closed = (gate.high == -np.inf) & (gate.moved == -np.inf)
        bounds = (np.where(closed, -np.inf, bound) for bound in product[1:])
        return Magnitude(np.where(closed, 0.0, product.sign), *bounds)

    def whole_power(self, base: Magnitude, exponent: int) -> Magnitude:
        """A power with an integer."""
        one = self._constant(1.0)
        if exponent == 0:
            return _only(~np.isnan(base.high), one)
        if exponent < 0:
            return self.div(one, self.whole_power(base, -exponent))
        moved = base.moved + math.log2(exponent) + _times(base.high, exponent - 1)
        sign = base.sign if exponent & 1 else np.abs(base.sign)
        return _widened(sign, base.low * exponent, base.high * exponent, moved)

    def power(self, base: Magnitude, exponent: Magnitude) -> Magnitude:
        """base**exponent for positive bases."""
        return self._exp(self.mul(exponent, self._log(base)))

    def abs(self, a: Magnitude) -> Magnitude:
        """|a|, open where a may be 0."""
        return _only(a.sign != 0, Magnitude(np.abs(a.sign), *a[1:]))

    def sign(self, a: Magnitude) -> Magnitude:
        """1 or -1, open where a may be 0."""
        return _only(a.sign != 0, _of(a.sign, np.full_like(a.sign, -np.inf)))

    def compare(self, op: str, a: Magnitude, b: Magnitude) -> Answer:
        """a < b and the like; ties are left open."""
        gap = self.sub(a, b).sign
        above, below = gap > 0, gap < 0
        return ordered(op, above, below)

    def select(self, condition: Answer, a: Magnitude, b: Magnitude) -> Magnitude:
        """a or b, as the condition says."""
        chosen = (np.where(condition.yes, one, other) for one, other in zip(a, b, strict=True))
        return _only(condition.yes | condition.no, Magnitude(*chosen))

    def extreme(self, op: str, args: Sequence[Magnitude]) -> Magnitude:
        """max or min, open at a tie."""
        wanted = "gt" if op == "max" else "lt"
        return reduce(lambda a, b: self.select(self.compare(wanted, a, b), a, b), args)

    def contest(self, op: str, args: Sequence[Magnitude]) -> tuple[str, tuple[Magnitude, ...]]:
        """What is asked about: of the arguments each is compared with all others."""
        return op, tuple(args)

    def wins(self, contest: tuple[str, tuple[Magnitude, ...]], place: int) -> Magnitude:
        """1 where the argument at that place alone is the max (or min), 0 where another is."""
        op, args = contest
        wanted = "gt" if op == "max" else "lt"
        others = [arg for k, arg in enumerate(args) if k != place]
        answers = [self.compare(wanted, args[place], other) for other in others]
        ahead = reduce(np.logical_and, [answer.yes for answer in answers])
        behind = reduce(np.logical_or, [answer.no for answer in answers])
        return self.select(Answer(ahead, behind), self._constant(1.0), self._constant(0.0))

    def function(self, step: Instruction, args: Sequence[Magnitude]) -> Magnitude:
        """A function of the table."""
        rule = _RULES.get(step.op)
        return _nothing(args[0].sign) if rule is None else rule(self, *args)

    def quantity(self, a: Magnitude) -> Quantity:
        """The number itself, with its error: NaN where that is not known; inf beyond float64."""
        return _number(a)

    def _constant(self, value: float) -> Magnitude:
        return _of(np.array([value]), np.array([-np.inf]))

    def _exp(self, a: Magnitude) -> Magnitude:
        low, high = (bound * math.log2(math.e) for bound in _interval(a))
        return _widened(np.ones_like(low), low, high, high + a.moved)

    def _log(self, a: Magnitude) -> Magnitude:
        low, high = (bound * math.log(2) for bound in (a.low, a.high))
        return _only(a.sign > 0, _of_interval(_lower(low), _upper(high), a.moved - a.low))

    def _log1p(self, a: Magnitude) -> Magnitude:
        return self._log(self.add(self._constant(1.0), a))

    def _expm1(self, a: Magnitude) -> Magnitude:
        return self.sub(self._exp(a), self._constant(1.0))

    def _sqrt(self, a: Magnitude) -> Magnitude:
        root = _widened(a.sign, a.low / 2, a.high / 2, a.moved - 1 - a.low / 2)
        return _only(a.sign > 0, root)

    def _cosh(self, a: Magnitude) -> Magnitude:
        both = self.add(self._exp(a), self._exp(self.neg(a)))
        return self.div(both, self._constant(2.0))

    def _sinh(self, a: Magnitude) -> Magnitude:
        both = self.sub(self._exp(a), self._exp(self.neg(a)))
        return self.div(both, self._constant(2.0))

    def _tanh(self, a: Magnitude) -> Magnitude:
        return self.div(self._sinh(a), self._cosh(a))


_RULES: dict[str, Callable[..., Magnitude]] = {
    "exp": Magnitudes._exp,
    "expm1": Magnitudes._expm1,
    "log": Magnitudes._log,
    "log1p": Magnitudes._log1p,
    "sqrt": Magnitudes._sqrt,
    "cosh": Magnitudes._cosh,
    "sinh": Magnitudes._sinh,
    "tanh": Magnitudes._tanh,
}


def _ahead(a: Magnitude, b: Magnitude) -> Floats:
    """The logarithm of a's least size less b's largest; -inf where that is not positive."""
    gap = np.asarray(b.high - a.low)
    return np.where(gap < 0, a.low + _lower(np.log2(-np.expm1(gap * math.log(2)))), -np.inf)


def _times(bound: Floats, count: int) -> Any:
    return bound * count if count else 0.0


def _number(a: Magnitude) -> Quantity:
    tiny, beyond = a.high < _TINY, (a.low > 1024) & (a.sign != 0)
    middle = np.where(tiny, 0.0, a.sign * np.exp2((a.low + a.high) / 2))
    share = np.expm1((a.high - a.low) * math.log(2)) + 2 * _OUTWARDS * (1 + np.abs(a.high))
    error = np.where(tiny, np.exp2(a.high), np.abs(middle) * share) + SMALLEST
    error = np.where(tiny | (a.sign != 0), error, np.nan)
    spread = np.stack([np.where(beyond, 0.0, error), np.where(beyond, np.inf, np.exp2(a.moved))])
    return Quantity(np.where(beyond, a.sign * np.inf, middle), spread)
