"""One point, settled with care: where it lies, what the truth is, what evaluating may lose.

The tree's own operations, before SymPy has simplified any away, say whether the point is
regular, on a kink, singular or outside the domain. Decisions at branches are taken once, at a
precision that settles them, and then hold for the evaluations at the dtype's own precision.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import Any, final

from flint import arb, ctx

from gradcheck_sym.spec.domain import parse_domain
from gradcheck_sym.spec.dtypes import Format
from gradcheck_sym.spec.functions import FUNCTIONS, Function
from gradcheck_sym.spec.records import Domain
from gradcheck_sym.symbolic import balls
from gradcheck_sym.symbolic.balls import NAN, Ball
from gradcheck_sym.symbolic.program import CONDITIONS, Instruction, Program

_HIGHEST_PRECISION = 4096  # bits; beyond, a truth that is still vague is given up as undecided
_ENORMOUS = 2.0**60  # Arb gives up the exponential of larger arguments at any precision
_DISTANCE_PRECISION = 128  # bits of the difference of two numbers that agree in most of 53
_SPARE_BITS = 8  # the truth's radius is this many bits below what an evaluation may lose


@final
class Place(StrEnum):
    """Where a point lies, from the tree alone; of several findings the last in this order holds."""

    REGULAR = "regular"
    KINK = "kink"
    SINGULAR = "singular"
    JUMP = "on a jump"  # the sign of a zero would decide the value
    UNDECIDED = "undecided"
    OUTSIDE = "outside the domain"
    BEYOND = "beyond every range"  # an intermediate value too large for any float format


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
        """Bounds, from below and above, on how far a finite claim is from the truth."""
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

    def settle(self, row: Sequence[float], dtype: Format) -> Settled:
        """Place and truths of one point; row holds the program's inputs, exact."""
        if not all(map(math.isfinite, row)):
            return self._without(Place.OUTSIDE, "an input is not finite")
        precision = 2 * dtype.precision + 32
        while True:
            with ctx.workprec(precision):
                run = _Run.exact(self.program, row)
                place, reason = _place(self.program, run, self.program.outputs[: self.values])
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
        self, row: Sequence[float], run: _Run, precision: int, dtype: Format
    ) -> list[Truth | None]:
        outputs = self.program.outputs
        sharp = run
        while precision < _HIGHEST_PRECISION and not all(
            _sharp(sharp.balls[at], dtype) for at in outputs
        ):
            precision *= 2
            with ctx.workprec(precision):
                sharp = _Run.decided(self.program, row, run.decisions)
        return [_truth(sharp.balls[at], dtype) for at in outputs]

    def sensitivities(self, row: Sequence[float], dtype: Format) -> list[float]:
        """What one rounding of every input and constant moves each output by, to first order.

        By differences: each is moved alone by 2**-SPARE of one rounding, in arithmetic so fine
        that only the mathematics shows. Inf where the outputs are not finite there.
        """
        with ctx.workprec(4 * dtype.precision + 4 * balls.SPARE):
            factor = 1 + arb(2) ** -(dtype.precision + balls.SPARE)
            base = _Run.exact(self.program, row)
            total = [arb(0)] * len(self.program.outputs)
            for place in self._movable(row, dtype):
                moved = _Run.decided(self.program, row, base.decisions, {place: factor})
                total = [
                    before + abs(moved.balls[at] - base.balls[at])
                    for before, at in zip(total, self.program.outputs, strict=True)
                ]
            return [_upper(gap * 2**balls.SPARE) for gap in total]

    def _movable(self, row: Sequence[float], dtype: Format) -> list[int]:
        """The instructions that are inputs, not 0, or constants that the dtype does not hold."""
        given = dict(zip(self.program.inputs, row, strict=True))
        return [
            place
            for place, step in enumerate(self.program.code)
            if (step.op == "input" and given[str(step.data)])
            or (step.op in ("const", "pi", "e") and not balls.held(step, dtype.precision))
        ]

    def losses(self, row: Sequence[float], dtype: Format) -> list[Loss]:
        """What evaluating each output as it is written may lose, at a point that is settled."""
        with ctx.workprec(_DISTANCE_PRECISION):
            sharp = _Run.exact(self.program, row)
        with ctx.workprec(dtype.precision):
            lossy = _Run.lossy(self.program, row, sharp.decisions, dtype)
            gaps = [abs(lossy.balls[at] - sharp.balls[at]) for at in self.program.outputs]
        return [
            Loss(float(gap.upper()) if gap.is_finite() else math.inf, lossy.overflow)
            for gap in gaps
        ]


def _truth(ball: Ball, dtype: Format) -> Truth | None:
    return Truth(float(ball), ball) if _sharp(ball, dtype) else None


def _upper(ball: Ball) -> float:
    return float(ball.upper()) if ball.is_finite() else math.inf


def _sharp(ball: Ball, dtype: Format) -> bool:
    """Whether the radius is far below one ulp, or below the smallest number of the dtype."""
    if not ball.is_finite() or math.isinf(float(ball.rad())):
        return False
    step = float(abs(ball.mid())) * 2.0**-dtype.precision
    return bool(float(ball.rad()) <= max(step, dtype.smallest_subnormal) * 2.0**-_SPARE_BITS)


Decision = bool | int | None


def decisions(program: Program, row: Sequence[float]) -> list[Decision]:
    """The branches that a program takes at a point, one entry per instruction."""
    return _Run.exact(program, row).decisions


def exact(program: Program, row: Sequence[float]) -> list[Ball]:
    """The outputs at a point at the current precision, branches decided with care."""
    run = _Run.exact(program, row)
    return [run.balls[at] for at in program.outputs]


@final
class _Run:
    """One evaluation of a program: the ball of every instruction, and the branches taken."""

    __slots__ = ("balls", "decisions", "overflow", "strict")

    def __init__(self, size: int) -> None:
        self.balls: list[Any] = [None] * size
        self.decisions: list[Decision] = [None] * size
        self.strict: list[bool | None] = [None] * size  # conditions, None at their ties too
        self.overflow = ""

    @staticmethod
    def exact(program: Program, row: Sequence[float]) -> _Run:
        """Evaluates and decides; at a tie the value is still that of the mathematics."""
        run = _Run(len(program.code))
        given = _inputs(program, row)
        for index, step in enumerate(program.code):
            if step.op in CONDITIONS:
                run._condition(index, step)
            elif step.op in _DECIDING:
                args = [run.balls[arg] for arg in step.args]
                condition = run.decisions[step.args[0]] if step.op == "select" else None
                run.decisions[index] = _DECIDING[step.op](step, args, condition)
                run.balls[index] = _follow(step, args, run.decisions[index])
            else:
                run.balls[index] = evaluate(step, [run.balls[arg] for arg in step.args], given)
        return run

    def _condition(self, index: int, step: Instruction) -> None:
        if step.op in ("and", "or", "not"):
            combine = balls._CALLS[step.op]
            self.decisions[index] = combine(*(self.decisions[arg] for arg in step.args))
            self.strict[index] = combine(*(self.strict[arg] for arg in step.args))
        else:
            a, b = (self.balls[arg] for arg in step.args)
            self.decisions[index] = _compare(step.op, a, b)
            self.strict[index] = balls._CALLS[step.op](a, b)

    @staticmethod
    def decided(
        program: Program,
        row: Sequence[float],
        decisions: Sequence[Decision],
        factors: Mapping[int, Ball] = MappingProxyType({}),
    ) -> _Run:
        """Evaluates along branches already taken; some instructions are multiplied by factors."""
        run = _Run(len(program.code))
        given = _inputs(program, row)
        for index, step in enumerate(program.code):
            if step.op in CONDITIONS:
                continue
            args = [run.balls[arg] for arg in step.args]
            if step.op in _DECIDING:
                run.balls[index] = _follow(step, args, decisions[index])
            else:
                run.balls[index] = evaluate(step, args, given)
            if index in factors:
                run.balls[index] *= factors[index]
        return run

    @staticmethod
    def lossy(
        program: Program, row: Sequence[float], decisions: Sequence[Decision], dtype: Format
    ) -> _Run:
        """As decided, but inputs carry one rounding already, and steps underflow and overflow."""
        run = _Run(len(program.code))
        unit = arb(1, 2.0**-dtype.precision)
        step_size = arb(0, dtype.smallest_subnormal)
        given = {name: ball * unit for name, ball in _inputs(program, row).items()}
        for index, step in enumerate(program.code):
            if step.op in CONDITIONS:
                continue
            args = [run.balls[arg] for arg in step.args]
            if step.op in _DECIDING:
                run.balls[index] = _follow(step, args, decisions[index])
                continue
            ball = evaluate(step, args, given)
            if step.op not in _EXACT:
                ball = ball + step_size
            if not ball.is_finite() and all(arg.is_finite() for arg in args if arg is not None):
                run.overflow = run.overflow or "arithmetic"  # an underflow that was divided by
            if abs(ball) > dtype.max:
                run.overflow = run.overflow or ("arithmetic" if step.op in _ARITHMETIC else step.op)
                ball = _INFINITE if ball > 0 else -_INFINITE
            run.balls[index] = ball
        return run


_EXACT = frozenset({"input", "const", "neg", "add", "sub", "inf", "detach"})
_INFINITE = arb(2) ** (2**20)  # stands for an infinity: beyond the range of every dtype


def _inputs(program: Program, row: Sequence[float]) -> dict[str, Ball]:
    return {name: arb(value) for name, value in zip(program.inputs, row, strict=True)}


def evaluate(step: Instruction, args: Sequence[Ball], given: dict[str, Ball]) -> Ball:
    """One operation that takes no decision, on balls at the current precision."""
    if step.op == "input":
        return given[str(step.data)]
    if step.op in ("const", "pi", "e", "inf"):
        return balls.constant(step)
    if step.op == "polygamma":
        return balls.polygamma(int(step.data or 0), args[0])
    if step.op in _ARITHMETIC:
        return _ARITHMETIC[step.op](*args)
    return getattr(args[0], FUNCTIONS[step.op].ball)()


def _power(base: Ball, exponent: Ball) -> Ball:
    if base.is_zero() and exponent > 0:
        return arb(0)
    return balls.power(base, exponent)


_ARITHMETIC: dict[str, Callable[..., Ball]] = {
    "neg": lambda a: -a,
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "pow": _power,
    "scale": balls.scale,
    "detach": lambda a: a,
    "atan2": lambda y, x: arb.atan2(y, x),
    "lgamma": balls.log_abs_gamma,
    "abs": abs,
}

# Branching operations: what is decided from the balls, and the value once that is known.


def _compare(op: str, a: Ball, b: Ball) -> bool | None:
    """A comparison with ties decided where both sides are exact."""
    match op:
        case "lt" | "le":
            certain, against = (a < b, a >= b) if op == "lt" else (a <= b, a > b)
        case "gt" | "ge":
            certain, against = (a > b, a <= b) if op == "gt" else (a >= b, a < b)
        case "eq":
            certain, against = _tied(a, b), a < b or a > b
        case _:
            certain, against = a < b or a > b, _tied(a, b)
    return True if certain else False if against else None


def _tied(a: Ball, b: Ball) -> bool:
    return bool(a >= b and a <= b)


def _decide_extreme(step: Instruction, args: Sequence[Ball], _: Decision) -> int | None:
    """The place of the extreme argument, the first of those that are exactly equal."""
    op = str(step.data).partition(":")[0] if step.op == "wins" else step.op
    best = 0
    for place in range(1, len(args)):
        ahead = args[place] > args[best] if op == "max" else args[place] < args[best]
        best = place if ahead else best
    for arg in args:
        behind = arg <= args[best] if op == "max" else arg >= args[best]
        if arg is not args[best] and not behind:
            return None
    return best


def _decide_integer(step: Instruction, args: Sequence[Ball], _: Decision) -> int | None:
    value = args[0].floor() if step.op == "floor" else args[0].ceil()
    whole = value.unique_fmpz() if value.is_finite() else None
    return None if whole is None else int(whole)


def _decide_sign(step: Instruction, args: Sequence[Ball], _: Decision) -> int | None:
    value = args[0]
    return 1 if value > 0 else -1 if value < 0 else 0 if value.is_zero() else None


_DECIDING: dict[str, Callable[[Instruction, Sequence[Ball], Decision], Decision]] = {
    "select": lambda step, args, condition: condition,
    "max": _decide_extreme,
    "min": _decide_extreme,
    "wins": _decide_extreme,
    "floor": _decide_integer,
    "ceil": _decide_integer,
    "sign": _decide_sign,
}


def _follow(step: Instruction, args: Sequence[Ball], decision: Decision) -> Ball:
    if decision is None:
        return NAN
    match step.op:
        case "select":
            return args[1] if decision else args[2]
        case "max" | "min":
            return args[int(decision)]
        case "wins":
            return arb(1 if decision == int(str(step.data).partition(":")[2]) else 0)
        case _:
            return arb(int(decision))


# Where the point lies: a walk from the outputs through the branches that were taken.

_Finding = tuple[Place, str]
_REGULAR: _Finding = (Place.REGULAR, "")
_SEVERITY = list(Place)


def _place(program: Program, run: _Run, roots: Sequence[int]) -> _Finding:
    """The most severe finding among all operations that the outputs really use."""
    worst = _REGULAR
    seen: set[int] = set()
    pending = list(roots)
    while pending:
        index = pending.pop()
        if index in seen:
            continue
        seen.add(index)
        step = program.code[index]
        finding, used = _visit(step, index, run)
        if _SEVERITY.index(finding[0]) > _SEVERITY.index(worst[0]):
            worst = finding
        pending.extend(used)
    if worst[0] in (Place.REGULAR, Place.KINK) and not all(run.balls[r].is_finite() for r in roots):
        return Place.UNDECIDED, "the value is not settled"
    return worst


def _visit(step: Instruction, index: int, run: _Run) -> tuple[_Finding, Sequence[int]]:
    """The finding at one operation, and which of its arguments matter."""
    args = [run.balls[arg] for arg in step.args]
    if any(arg is not None and arg.is_nan() for arg in args) and step.op not in _DECIDING:
        return _REGULAR, step.args  # what is wrong lies below
    match step.op:
        case "select":
            return _at_select(run, step), _taken(step, run.decisions[index])
        case "max" | "min":
            return _at_extreme(step.op, args, run.decisions[index]), _winner(step, run, index)
        case "detach":
            return _REGULAR, ()
        case "div":
            return _at_zero(args[1], "division by zero"), step.args
        case "pow":
            if abs(run.balls[index]).upper() > _INFINITE:
                return (Place.BEYOND, "a power overflows"), step.args
            return _at_power(*args), step.args
        case "atan2":
            return _at_atan2(*args), step.args
        case _:
            row = FUNCTIONS.get(step.op)
            if row is None or len(args) != 1:
                return _REGULAR, step.args
            return _at_function(row, args[0], run.balls[index]), step.args


def _at_select(run: _Run, step: Instruction) -> _Finding:
    condition = step.args[0]
    if run.decisions[condition] is None:
        return Place.UNDECIDED, "a condition is too close to its threshold"
    if run.strict[condition] is None:
        return Place.KINK, "exactly at the threshold of a condition"
    return _REGULAR


def _taken(step: Instruction, decision: Decision) -> Sequence[int]:
    return step.args[:1] if decision is None else step.args[1:2] if decision else step.args[2:3]


def _at_extreme(op: str, args: Sequence[Ball], decision: Decision) -> _Finding:
    if decision is None:
        return Place.UNDECIDED, f"the {op} is too close to a tie"
    return _REGULAR if balls.extreme(op, args) is not None else (Place.KINK, f"a tie in {op}")


def _winner(step: Instruction, run: _Run, index: int) -> Sequence[int]:
    decision = run.decisions[index]
    return step.args if decision is None else (step.args[int(decision)],)


def _at_zero(value: Ball, reason: str) -> _Finding:
    if value.is_zero():
        return Place.SINGULAR, reason
    return (Place.UNDECIDED, f"close to {reason}") if value.contains(0) else _REGULAR


def _at_power(base: Ball, exponent: Ball) -> _Finding:
    if base > 0:
        return _REGULAR
    if exponent.is_integer():
        return _REGULAR if exponent >= 0 else _at_zero(base, "a negative power of zero")
    if base < 0:
        return Place.OUTSIDE, "a broken power of a negative number"
    return _at_zero(base, "a broken power of zero")


def _at_atan2(y: Ball, x: Ball) -> _Finding:
    if x > 0 or y > 0 or y < 0:
        return _REGULAR
    if not y.is_zero():
        return Place.UNDECIDED, "atan2 is too close to its branch cut"
    return Place.JUMP, "atan2(0, 0)" if x.is_zero() else "atan2's branch cut"


def _at_function(row: Function, argument: Ball, value: Ball) -> _Finding:
    """Where an argument lies in the domain, singular set and kinks that the table gives."""
    for end in _points(row.singular):
        if argument.is_zero() if end == 0 else _tied(argument, arb(end)):
            return Place.SINGULAR, f"{row.name}({end:g})"
    for end in _points(row.kinks):
        if argument.is_zero() if end == 0 else _tied(argument, arb(end)):
            return Place.KINK, f"{row.name}({end:g})"
    if row.kinks == "integers" and argument.is_exact() and argument.is_integer():
        return Place.KINK, f"{row.name} at an integer"
    inside = _inside(_domain(row.name), argument)
    if inside is not None:
        return _REGULAR if inside and value.is_finite() else _beyond(row, argument)
    return Place.UNDECIDED, f"{row.name} is too close to the end of its domain"


def _beyond(row: Function, argument: Ball) -> _Finding:
    if abs(argument) > _ENORMOUS and _inside(_domain(row.name), argument):
        return Place.BEYOND, f"{row.name} overflows"
    ends = {end for piece in _domain(row.name).intervals for end in (piece.low, piece.high)}
    pole = any(_tied(argument, arb(end)) for end in ends if abs(end) != float("inf"))
    inside = _inside(_domain(row.name), argument)
    if pole or (inside and argument.is_integer()):
        return Place.SINGULAR, f"a pole of {row.name}"
    if inside:
        return Place.UNDECIDED, f"the value of {row.name} is not settled"
    return Place.OUTSIDE, f"{row.name} is not defined there"


def _inside(domain: Domain, value: Ball) -> bool | None:
    """Whether a ball lies in a domain as a whole, or outside; None across its edge."""
    if not value.is_finite():
        return None
    for piece in domain.intervals:
        above = value >= piece.low if piece.low_closed else value > piece.low
        below = value <= piece.high if piece.high_closed else value < piece.high
        if above and below:
            return True
        if not (value < piece.low or value > piece.high or value.is_exact()):
            return None
    return False


@cache
def _domain(function: str) -> Domain:
    return parse_domain(FUNCTIONS[function].domain)


@cache
def _points(text: str) -> tuple[float, ...]:
    """The numbers of a set written "{-1, 1}"."""
    return tuple(float(part) for part in text.strip("{}").split(",")) if text[:1] == "{" else ()
