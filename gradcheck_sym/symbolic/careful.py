"""One point, settled with care: where it lies, what the truth is, what evaluating may lose.

Decisions at branches are taken once, at a precision that settles them, and then hold for every
other evaluation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, final

from flint import arb, ctx

from gradcheck_sym.spec.dtypes import Format
from gradcheck_sym.symbolic import balls
from gradcheck_sym.symbolic.adjoints import Adjoints
from gradcheck_sym.symbolic.balls import Ball
from gradcheck_sym.symbolic.interpret import Run
from gradcheck_sym.symbolic.places import Place, place_of
from gradcheck_sym.symbolic.program import CONDITIONS, Program, depending, labels

_HIGHEST_PRECISION = 4096  # bits; beyond, a truth that is still vague is given up as undecided
_DISTANCE_PRECISION = 128  # bits of the difference of two numbers that agree in most of 53
_MOST_STEPS = 2**20  # of an evaluation, times what is moved in each one
_SPARE_BITS = 8  # the truth's radius is this many bits below what an evaluation may lose


@final
@dataclass(frozen=True, slots=True)
class Truth:
    """What is known of one output at one point."""

    middle: float  # the truth to the dtype's accuracy and more
    ball: Any  # flint.arb, the enclosure itself

    @property
    def vanishes(self) -> bool:
        """Whether this is 0, as far as any precision shows: there are no digits to lose."""
        return bool(self.ball.contains(0))

    def distance(self, claim: float) -> tuple[float, float]:
        """Bounds, from below and above, on how far a claim is from the truth."""
        if not math.isfinite(claim):
            return math.inf, math.inf
        with ctx.workprec(_DISTANCE_PRECISION):
            gap = abs(arb(claim) - self.ball)
            least, most = float(gap.lower()), float(gap.upper())
        return max(0.0, math.nextafter(least, 0.0)), math.nextafter(most, math.inf)


@final
@dataclass(frozen=True, slots=True)
class Loss:
    """What an evaluation at the dtype's own precision may lose of one output."""

    radius: float  # inf where nothing can be said
    overflow: str  # what leaves the dtype's range as written: "arithmetic", a function, or ""
    digits: float  # of the radius, what is not for want of range


@final
@dataclass(frozen=True, slots=True)
class Settled:
    """One point: where it lies and why, and its truths where there are any."""

    place: Place
    reason: str
    values: tuple[Truth | None, ...]  # None where there is no truth to hold against
    gradient: tuple[Truth | None, ...]


@final
@dataclass(frozen=True, slots=True)
class Careful:
    """A joint program of values and gradient, ready to be settled point by point."""

    program: Program
    values: int  # how many of the outputs are values; the gradient's elements follow
    still: Collection[int] = ()  # the instructions that nothing moves

    def settle(self, row: Sequence[float], dtype: Format) -> Settled:
        """Place and truths of one point; row holds the program's inputs, exact."""
        if not all(map(math.isfinite, row)):
            return self._without(Place.OUTSIDE, "an input is not finite")
        precision = 2 * dtype.precision + 32
        while True:
            with ctx.workprec(precision):
                run = Run.exact(self.program, row)
                roots = self.program.outputs[: self.values]
                place, reason = place_of(self.program, run, roots, self.still)
            if place is not Place.UNDECIDED or 2 * precision > _HIGHEST_PRECISION:
                break
            precision *= 2
        if place in (Place.JUMP, Place.OUTSIDE, Place.BEYOND, Place.UNDECIDED):
            return self._without(place, reason)
        truths = self._truths(row, run, precision, dtype)
        if place is not Place.REGULAR:
            truths[self.values :] = [None] * (len(truths) - self.values)
        return Settled(place, reason, tuple(truths[: self.values]), tuple(truths[self.values :]))

    def _without(self, place: Place, reason: str) -> Settled:
        """A point at which there is no truth of anything."""
        gradient = len(self.program.outputs) - self.values
        return Settled(place, reason, (None,) * self.values, (None,) * gradient)

    def _truths(
        self, row: Sequence[float], run: Run, precision: int, dtype: Format
    ) -> list[Truth | None]:
        outputs = self.program.outputs
        sharp = run
        while precision < _HIGHEST_PRECISION and not all(
            _sharp(sharp.balls[at], dtype) for at in outputs
        ):
            precision *= 2
            with ctx.workprec(precision):
                sharp = Run.decided(self.program, row, run.decisions)
        return [_truth(sharp.balls[at], dtype) for at in outputs]

    def sensitivities(self, row: Sequence[float], dtype: Format, precision: int = 0) -> list[float]:
        """What one rounding of every input and constant moves each output by, to first order.

        Inf where the outputs are not finite there. A row of balls may lie so close to a kink that
        it takes a higher precision to tell the side.
        """
        sensitive = self.sensitive(row, dtype, precision)
        return [sensitive(column) for column in range(len(self.program.outputs))]

    def sensitive(
        self, row: Sequence[float], dtype: Format, precision: int = 0
    ) -> Callable[[int], float]:
        """The same, worked out for the outputs that are asked about, by column.

        Slope by slope, each times what it is along. Where a slope is infinite, by differences:
        each input is moved alone by 2**-SPARE of one rounding, in arithmetic so fine that only
        the mathematics shows.
        """
        fine = max(precision, 4 * dtype.precision + 4 * balls.SPARE)
        with ctx.workprec(fine):
            run = Run.exact(self.program, row)
        adjoints = Adjoints(self.program, run, self._movable(row, dtype))
        by_differences: list[Ball] = []

        def of(column: int) -> float:
            with ctx.workprec(fine):
                total = adjoints.moved(self.program.outputs[column])
                if total.is_finite():
                    return _upper(total * arb(2) ** -dtype.precision)
                if not by_differences:
                    share = 2.0**-balls.SPARE
                    by_differences.extend(self._moved(row, dtype, [share], precision))
                return _upper(by_differences[column] * 2**balls.SPARE)

        return of

    def swings(self, row: Sequence[float], dtype: Format) -> list[float]:
        """What a whole rounding of every input and constant moves each output by.

        At the top of a wave the slope is 0, and it is the bend that moves the output. 0 where
        nothing finite is reached.
        """
        swinging = self.swinging(row, dtype)
        return [swinging(column) for column in range(len(self.program.outputs))]

    def swinging(self, row: Sequence[float], dtype: Format) -> Callable[[int], float]:
        """The same, worked out for the outputs that are asked about, by column.

        Each input moved alone, and summed. Where that takes too long, all of them at once: each to
        the side where the output's slope has it go with the others, and by turns to either.
        """
        movable = self._movable(row, dtype)
        if len(movable) * len(self.program.code) > _MOST_STEPS:
            return self._swinging_at_once(row, dtype, movable)
        by_column: list[Ball] = []

        def of(column: int) -> float:
            if not by_column:
                by_column.extend(self._moved(row, dtype, [-1.0, 1.0]))
            return _finite(by_column[column])

        return of

    def _swinging_at_once(
        self, row: Sequence[float], dtype: Format, movable: Sequence[int]
    ) -> Callable[[int], float]:
        fine = 4 * dtype.precision + 4 * balls.SPARE
        with ctx.workprec(fine):
            base = Run.exact(self.program, row)
            share = arb(2) ** -dtype.precision
        adjoints = Adjoints(self.program, base, movable)
        every_other = frozenset(movable[1::2])

        def of(column: int) -> float:
            output, widest = self.program.outputs[column], arb(0)
            with ctx.workprec(fine):
                downhill = {place for place, moves in adjoints.parts(output) if moves < 0}
                for turned, sign in product((downhill, every_other), (share, -share)):
                    known = {
                        place: base.balls[place] * (1 - sign if place in turned else 1 + sign)
                        for place in movable
                    }
                    run = Run.decided(self.program, row, base.decisions, known)
                    widest = max(widest, abs(run.balls[output] - base.balls[output]))
                return _finite(widest)

        return of

    def _moved(
        self, row: Sequence[float], dtype: Format, roundings: Sequence[float], precision: int = 0
    ) -> list[Ball]:
        """How far each output moves where each input and constant alone is moved, summed.

        By whichever of those shares of a rounding moves it farther.
        """
        with ctx.workprec(max(precision, 4 * dtype.precision + 4 * balls.SPARE)):
            factors = [1 + share * arb(2) ** -dtype.precision for share in roundings]
            base = Run.exact(self.program, row)
            total = [arb(0)] * len(self.program.outputs)
            for place in self._movable(row, dtype):
                changed = sorted(depending(self.program, {place}))
                runs = [base.moved(self.program, changed, factor) for factor in factors]
                total = [
                    before + max(abs(run[at] - base.balls[at]) for run in runs)
                    for before, at in zip(total, self.program.outputs, strict=True)
                ]
            return total

    def _movable(self, row: Sequence[float], dtype: Format) -> list[int]:
        """The instructions that are inputs, not 0, or constants that the dtype does not hold."""
        given = dict(zip(self.program.inputs, row, strict=True))
        exact = labels(self.program, self.still)
        return [
            place
            for place, step in enumerate(self.program.code)
            if (step.op == "input" and given[str(step.data)] and place not in exact)
            or (step.op in ("const", "pi", "e") and not balls.held(step, dtype.precision))
        ]

    def polar(
        self, row: Sequence[float], dtype: Format, within: Mapping[str, tuple[float, float]]
    ) -> list[bool]:
        """Whether each output may have a pole among inputs that are each off by a rounding.

        Along the branches taken. What is right of such inputs is an infinity, or no number.
        within: the ends of what inputs may be, by their flat names; none is beyond.
        """
        with ctx.workprec(4 * dtype.precision + 4 * balls.SPARE):
            base = Run.exact(self.program, row)
            unit, known = arb(1, 2.0**-dtype.precision), {}
            for at, step in enumerate(self.program.code):
                if step.op == "input":
                    ball = base.balls[at] * unit
                    low, high = within.get(str(step.data), (-math.inf, math.inf))
                    known[at] = max(ball.lower(), arb(low)).union(min(ball.upper(), arb(high)))
            run = Run.decided(self.program, row, base.decisions, known)
        reached = depending(self.program, _poles(self.program, run))
        return [at in reached and not run.balls[at].is_finite() for at in self.program.outputs]

    def losses(self, row: Sequence[float], dtype: Format) -> list[Loss]:
        """What evaluating each output as it is written may lose, at a point that is settled."""
        sharp, lossy = self._as_written(row, dtype)
        radii = digits = self._gaps(sharp, lossy, dtype)
        if lossy.overflow:
            with ctx.workprec(dtype.precision):
                endless = Run.lossy(self.program, row, sharp.decisions, dtype, endless=True)
            digits = self._gaps(sharp, endless, dtype)
        return [
            Loss(radius, lossy.overflow, min(radius, own))
            for radius, own in zip(radii, digits, strict=True)
        ]

    def _gaps(self, sharp: Run, lossy: Run, dtype: Format) -> list[float]:
        """How far apart two evaluations may be, output by output."""
        with ctx.workprec(dtype.precision):
            gaps = (abs(lossy.balls[at] - sharp.balls[at]) for at in self.program.outputs)
            return [_upper(gap) for gap in gaps]

    def overflow(self, row: Sequence[float], dtype: Format) -> str:
        """What leaves the dtype's range where the outputs are evaluated as they are written."""
        _, lossy = self._as_written(row, dtype)
        return lossy.overflow

    def _as_written(self, row: Sequence[float], dtype: Format) -> tuple[Run, Run]:
        """One evaluation that is exact, and one along the same branches in the dtype."""
        with ctx.workprec(_DISTANCE_PRECISION):
            sharp = Run.exact(self.program, row)
        with ctx.workprec(dtype.precision):
            return sharp, Run.lossy(self.program, row, sharp.decisions, dtype)


def _poles(program: Program, run: Run) -> set[int]:
    """The instructions that are not finite where an argument may be 0, and all of them are."""
    found = set()
    for index, step in enumerate(program.code):
        if step.op not in CONDITIONS and not run.balls[index].is_finite():
            args = [run.balls[arg] for arg in step.args if program.code[arg].op not in CONDITIONS]
            if all(arg.is_finite() for arg in args) and any(arg.contains(0) for arg in args):
                found.add(index)
    return found


def _truth(ball: Ball, dtype: Format) -> Truth | None:
    return Truth(float(ball), ball) if _sharp(ball, dtype) else None


def _finite(ball: Ball) -> float:
    """The size of a ball, or 0 where that is not finite."""
    return _upper(ball) if ball.is_finite() else 0.0


def _upper(ball: Ball) -> float:
    return float(ball.upper()) if ball.is_finite() else math.inf


def _sharp(ball: Ball, dtype: Format) -> bool:
    """Whether the radius is far below one ulp, or below the smallest number of the dtype."""
    if not ball.is_finite() or math.isinf(float(ball.rad())):
        return False
    step = float(abs(ball.mid())) * 2.0**-dtype.precision
    return bool(float(ball.rad()) <= max(step, dtype.smallest_subnormal) * 2.0**-_SPARE_BITS)
