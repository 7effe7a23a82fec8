"""Limits of a gradient along straight lines into a point that is not regular.

The ordinary program is evaluated in balls at the exact points x + t*d, at two to five t so small
that no kink of numbers of any dtype lies between them and x. What hardly differs has converged;
what differs more and more grows beyond all bounds, be it as slowly as a logarithm.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from fractions import Fraction
from itertools import pairwise
from typing import Any, final

from flint import arb, ctx

from gradcheck_sym.spec.dtypes import Format
from gradcheck_sym.symbolic.balls import Ball, rational
from gradcheck_sym.symbolic.blocks import Block
from gradcheck_sym.symbolic.interpret import Run
from gradcheck_sym.symbolic.places import Place, Surroundings
from gradcheck_sym.symbolic.program import Program

# t = 2**-depth. The first lies below half of float64's smallest subnormal, 2**-1074, by as much as
# a product of numbers of one binade has digits. Each further depth is sqrt(2) times that before, so
# that the steps of a logarithm grow; an oscillation hardly ever looks like that five times.
DEPTHS = (1200, 1697, 2400, 3394, 4800)
_BEGIN = (DEPTHS[0], DEPTHS[2])  # where most limits show already
UNIT_BITS = 80
UNIT = 1 << UNIT_BITS  # what 1 is in a direction, whose elements are integers

_DOUBLINGS = 2  # of the precision, where terms cancel: each covers a derivative of 1/t
_SHARP_BITS = 8  # a limit's error is this far below half an ulp, or the smallest subnormal
_KEPT_BITS = 64  # digits of a limit beyond the dtype's, so that equal limits are equal
_POWER_BITS = 64  # by how many bits differences shrink from first to last if t enters as a power

Direction = tuple[int, ...]  # one integer per moving input, in units of 1/UNIT


@final
@dataclass(frozen=True, slots=True)
class Limit:
    """What one slope tends to: middle ± error, or an infinity of that sign."""

    middle: Fraction
    error: Fraction
    infinite: int = 0  # -1, 0 or 1

    @property
    def value(self) -> float:
        """The nearest float64."""
        return self.infinite * math.inf if self.infinite else float(self.middle)


@final
class Way(Enum):
    """What becomes of the gradient on the way into the point."""

    LIMIT = auto()  # it has a limit, or an infinite one
    OUTSIDE = auto()  # the line leaves the domain, or that of the gradient
    STUCK = auto()  # the line runs within a kink
    OPEN = auto()  # it could not be found out


@final
@dataclass(frozen=True, slots=True)
class Line:
    """What happens to one block along one straight line into the point."""

    way: Way
    slopes: tuple[Limit, ...] = ()  # of the block's columns, where there are limits
    continuous: bool = True  # the values tend to those at the point


@final
@dataclass(frozen=True, slots=True)
class Sample:
    """One evaluation next to the point."""

    run: Run
    precision: int
    row: list[Any]  # the program's inputs, as balls that are exact
    places: dict[Block, Place]  # of the blocks that were looked at


@final
@dataclass(slots=True)
class Approach:
    """A joint program of values and gradient at a point that lines lead into."""

    program: Program
    values: int  # how many of the outputs are values; the gradient's elements follow
    moving: Sequence[int]  # the places among the inputs of the gradient's elements
    row: Sequence[float]  # the program's inputs at the point
    dtype: Format
    still: Collection[int] = ()  # the instructions that nothing moves
    _base: Run | None = field(default=None)

    def lines(self, direction: Direction, blocks: Sequence[Block]) -> list[Line]:
        """What happens to each of the blocks along x + t*direction as t falls to 0."""
        first, last = (self.sample(direction, depth, blocks) for depth in _BEGIN)
        near = [first, last]
        found = [self._line(block, near) for block in blocks]
        again = [block for block, line in zip(blocks, found, strict=True) if line is None]
        if again:
            more = [self.sample(direction, d, again) for d in DEPTHS if d not in _BEGIN]
            near = [first, more[0], last, *more[1:]]
        open_ = Line(Way.OPEN)
        return [
            line or self._line(block, near) or open_
            for block, line in zip(blocks, found, strict=True)
        ]

    def here(self, blocks: Sequence[Block]) -> list[tuple[Limit, ...] | None]:
        """The gradient of each block at the point itself, where that is regular; else None."""
        sample = self.sample((0,) * len(self.moving), DEPTHS[0], blocks)
        with ctx.workprec(sample.precision):
            return [self._regular(sample, block) for block in blocks]

    def _regular(self, sample: Sample, block: Block) -> tuple[Limit, ...] | None:
        if sample.places[block] is not Place.REGULAR:
            return None
        found = [sharp_limit(ball, self.dtype) for ball in self.slopes(sample.run, block)]
        slopes = tuple(each for each in found if each is not None)
        return slopes if len(slopes) == len(found) else None

    def sample(self, direction: Direction, depth: int, blocks: Sequence[Block]) -> Sample:
        """The program at x + 2**-depth*direction, at a precision that shows the blocks sharply."""
        large = max((math.frexp(value)[1] for value in self.row), default=0)
        precision = depth + UNIT_BITS + max(large, 0) + 2 * self.dtype.precision + _KEPT_BITS
        for attempt in range(_DOUBLINGS + 1):
            with ctx.workprec(precision << attempt):
                row = self._moved(direction, depth)
                run = Run.exact(self.program, row)
                around = Surroundings(self.program, run, self.still)
                places = {block: around.place_of(block.roots)[0] for block in blocks}
                found = Sample(run, precision << attempt, row, places)
                if not any(self._is_vague(found, block) for block in blocks):
                    break
        return found

    def _moved(self, direction: Direction, depth: int) -> list[Any]:
        row: list[Any] = list(self.row)
        for place, step in zip(self.moving, direction, strict=True):
            if step:
                row[place] = arb(row[place]) + arb((step, -depth - UNIT_BITS))
        return row

    def _is_vague(self, sample: Sample, block: Block) -> bool:
        """Whether a higher precision may tell more of a block."""
        if sample.places[block] is Place.REGULAR:
            slopes = self.slopes(sample.run, block)
            return not all(_is_sharp(ball, ball.rad(), self.dtype) for ball in slopes)
        return sample.places[block] is Place.UNDECIDED

    def slopes(self, run: Run, block: Block) -> list[Ball]:
        """The gradient's elements of a block."""
        outputs = self.program.outputs
        return [run.balls[outputs[self.values + column]] for column in block.columns]

    def _line(self, block: Block, near: Sequence[Sample]) -> Line | None:
        """What the samples say of a block; None where another may tell."""
        places = {sample.places[block] for sample in near}
        if places & {Place.UNDECIDED, Place.BEYOND}:
            return Line(Way.OPEN)
        valued = all(sample.run.balls[root].is_finite() for sample in near for root in block.roots)
        if Place.OUTSIDE in places or not valued:
            return Line(Way.OUTSIDE)
        continuous = self._is_continuous(block, near)
        if places != {Place.REGULAR}:
            return Line(Way.STUCK, (), continuous)
        rows = [self.slopes(sample.run, block) for sample in near]
        if any(ball.is_nan() for row in rows for ball in row):
            return Line(Way.OUTSIDE, (), continuous)
        with ctx.workprec(near[-1].precision):
            found = [limit(column, self.dtype) for column in zip(*rows, strict=True)]
        slopes = tuple(each for each in found if each is not None)
        return Line(Way.LIMIT, slopes, continuous) if len(slopes) == len(found) else None

    def base(self) -> Run:
        """The point itself, at the precision of what lies next to it."""
        if self._base is None:
            with ctx.workprec(2 * _BEGIN[1]):
                self._base = Run.exact(self.program, self.row)
        return self._base

    def exists(self, block: Block) -> bool:
        """Whether the block's values are numbers at the point."""
        return all(self.base().balls[root].is_finite() for root in block.roots)

    def _is_continuous(self, block: Block, near: Sequence[Sample]) -> bool:
        """Whether the values come ever closer to those at the point."""
        with ctx.workprec(2 * _BEGIN[1]):
            for root in block.roots:
                first, last = (
                    abs(sample.run.balls[root] - self.base().balls[root])
                    for sample in (near[0], near[-1])
                )
                shrinks = last.upper() <= first.lower() * arb((1, -_SHARP_BITS))
                if not (shrinks or last < arb((1, -DEPTHS[0]))):
                    return False
        return True


def limit(balls: Sequence[Ball], dtype: Format) -> Limit | None:
    """What a slope tends to, from its values at 2**-DEPTHS; None where they do not say."""
    gaps = [abs(b - a) for a, b in pairwise(balls)]
    if not all(gap.is_finite() for gap in gaps):
        return None
    last = balls[-1]
    error = gaps[-1].upper() + last.rad()
    shrinks = gaps[-1].upper() <= gaps[0].lower() * arb((1, -_POWER_BITS))
    steady = all(_is_sharp(last, gap.upper() + last.rad(), dtype) for gap in gaps)
    if steady or (shrinks and _is_sharp(last, error, dtype)):
        return _rounded(last, error, dtype)
    if len(balls) < len(DEPTHS):
        return None
    return Limit(Fraction(0), Fraction(0), 1 if last > 0 else -1) if _grows(balls, gaps) else None


def sharp_limit(ball: Ball, dtype: Format) -> Limit | None:
    """A slope at the point itself; None where it is not known well enough."""
    return _rounded(ball, ball.rad(), dtype) if _is_sharp(ball, ball.rad(), dtype) else None


def _grows(balls: Sequence[Ball], gaps: Sequence[Ball]) -> bool:
    """Whether a slope grows beyond all bounds: with one sign, by steps that do not shrink."""
    one_sign = all(ball > 0 for ball in balls) or all(ball < 0 for ball in balls)
    rising = all(abs(b) > abs(a) for a, b in pairwise(balls))
    return bool(one_sign and rising and all(b >= a for a, b in pairwise(gaps)))


def _is_sharp(ball: Ball, error: Ball, dtype: Format) -> bool:
    """Whether an error is far below half an ulp of a ball, or below the smallest subnormal."""
    if not ball.is_finite():
        return False
    fine = abs(ball.mid()) * arb((1, -dtype.precision - _SHARP_BITS))
    return bool(error <= fine or error <= arb(dtype.smallest_subnormal) * arb((1, -_SHARP_BITS)))


def _rounded(ball: Ball, error: Ball, dtype: Format) -> Limit:
    """A limit in as many digits as matter; 0 where it is far below the smallest subnormal."""
    floor = Fraction(dtype.smallest_subnormal) / (1 << (_SHARP_BITS - 1))
    if abs(ball.mid()) + error <= rational(floor):
        exact = ball.is_zero() and error.is_zero()
        return Limit(Fraction(0), Fraction(0) if exact else floor)
    if abs(ball.mid()) > dtype.max:
        return Limit(Fraction(0), Fraction(0), 1 if ball > 0 else -1)
    middle, moved = _nearest(ball.mid(), dtype.precision + _KEPT_BITS)
    wide = (error + moved).upper()
    return Limit(middle, Fraction(0 if wide.is_zero() else math.nextafter(float(wide), math.inf)))


def _nearest(exact: Ball, bits: int) -> tuple[Fraction, Ball]:
    """The nearest binary number of that many bits, and at most how far it is."""
    man, exp = (int(part) for part in exact.man_exp())
    excess = man.bit_length() - bits
    if excess <= 0:
        return binary(man, exp), arb(0)
    kept = (man + (1 << (excess - 1))) >> excess
    return binary(kept, exp + excess), arb((1, exp + excess - 1))


def binary(man: int, exp: int) -> Fraction:
    """man*2**exp."""
    return Fraction(man << exp) if exp >= 0 else Fraction(man, 1 << -exp)
