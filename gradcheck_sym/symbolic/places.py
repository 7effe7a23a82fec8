"""Where a point lies, from the program alone: regular, on a kink, singular, outside the domain.

The tree's own operations decide, before SymPy has simplified any away. The walk goes from the
outputs through the branches that were taken; what no branch reached does not matter.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import StrEnum
from functools import cache
from typing import final

from flint import arb

from gradcheck_sym.spec.domain import parse_domain
from gradcheck_sym.spec.functions import FUNCTIONS, Function
from gradcheck_sym.spec.records import Domain
from gradcheck_sym.symbolic import balls
from gradcheck_sym.symbolic.balls import Ball
from gradcheck_sym.symbolic.interpret import DECIDING, INFINITE, Decision, Run, tied
from gradcheck_sym.symbolic.program import (
    COMPARISONS,
    CONDITIONS,
    Instruction,
    Program,
    reachable,
)

_ENORMOUS = 2.0**60  # Arb gives up the exponential of larger arguments at any precision


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


_STEPS = frozenset({"floor", "ceil", "sign", "wins"})  # what is constant between its jumps

_Finding = tuple[Place, str]
_REGULAR: _Finding = (Place.REGULAR, "")
_SEVERITY = list(Place)


def place_of(
    program: Program, run: Run, roots: Sequence[int], still: Collection[int] = ()
) -> _Finding:
    """The most severe finding among all operations that the outputs really use.

    still: the instructions that nothing moves.
    """
    return Surroundings(program, run, still).place_of(roots)


@final
class Surroundings:
    """What a run at a point says of the points around it, found out as far as it is asked for.

    What decides among instructions that nothing moves decides alike all around the point, so that
    a tie among them, such as label == 1, is no kink; nor is one of what stays as it is near this
    point, as the count of the elements above a threshold does.
    """

    __slots__ = ("_continuous", "_itself", "_known", "_program", "_resting", "_run", "_still")

    def __init__(self, program: Program, run: Run, still: Collection[int] = ()) -> None:
        self._program = program
        self._run = run
        self._still = still
        self._known: set[int] = set()  # whether it rests has been found out
        self._resting: set[int] = set()
        self._continuous: set[int] = set()
        self._itself: dict[int, int] = {}  # what another is next to the point, as max(a, b) is a

    def place_of(self, roots: Sequence[int]) -> _Finding:
        """The most severe finding among all operations that some outputs really use."""
        code, run = self._program.code, self._run
        worst = _REGULAR
        seen: set[int] = set()
        pending = list(roots)
        while pending:
            index = pending.pop()
            if index in seen:
                continue
            seen.add(index)
            step = code[index]
            finding, used = _visit(step, index, run)
            pending.extend(used)
            if _SEVERITY.index(finding[0]) <= _SEVERITY.index(worst[0]):
                continue
            may_rest = finding[0] is Place.KINK or _is_valued_pole(finding, run, index)
            if not (may_rest and self.at_rest(_deciding(step))):
                worst = finding
        settled = all(run.balls[root].is_finite() for root in roots)
        if worst[0] in (Place.REGULAR, Place.KINK) and not settled:
            return Place.UNDECIDED, "the value is not settled"
        return worst

    def at_rest(self, indices: Collection[int]) -> bool:
        """Whether the values, or decisions, of instructions are the same all around the point.

        Those that nothing moves, comparisons of continuous numbers that differ, or of a number
        with itself, as of the smallest of all with x[0] where x[0] is that, whole parts between
        whole numbers, what is made of such. In doubt an instruction is not among them.
        """
        if all(index in self._still for index in indices):
            return True
        asked = reachable(
            self._program.code,
            indices,
            lambda index: () if index in self._known else self._program.code[index].args,
        )
        for index in sorted(asked - self._known):
            self._look_at(index)
        self._known |= asked
        return self._resting.issuperset(indices)

    def _look_at(self, index: int) -> None:
        """Whether an instruction rests and is continuous; its arguments are known."""
        step, resting, continuous = self._program.code[index], self._resting, self._continuous
        alike = len(step.args) == 2 and len({self._itself.get(arg, arg) for arg in step.args}) == 1
        if index in self._still:
            rests = follows = True
        elif step.op == "input":
            rests, follows = False, True
        elif alike and (step.op == "sub" or step.op in COMPARISONS):
            rests = follows = continuous.issuperset(step.args)
        elif step.op in CONDITIONS:
            decided = self._run.strict[index] is not None and continuous.issuperset(step.args)
            rests = follows = decided or resting.issuperset(step.args)
        else:
            finding, used = _visit(step, index, self._run)
            used = step.args if step.op == "detach" else used
            asked = _deciding(step)
            settled = finding[0] is Place.REGULAR and continuous.issuperset(asked)
            settled = settled or resting.issuperset(asked)
            follows = settled and continuous.issuperset(used)
            rests = settled and (step.op in _STEPS or resting.issuperset(used))
            if settled and step.op in ("max", "min", "select") and len(used) == 1:
                self._itself[index] = self._itself.get(used[0], used[0])
        if rests:
            resting.add(index)
        if follows:
            continuous.add(index)


def _deciding(step: Instruction) -> Sequence[int]:
    """The arguments that decide what an operation does next to the point."""
    return step.args[:1] if step.op == "select" else step.args


def _is_valued_pole(finding: _Finding, run: Run, index: int) -> bool:
    """Whether an operation has a value where it is singular, as sqrt(0) has."""
    ball = run.balls[index]
    return finding[0] is Place.SINGULAR and ball is not None and bool(ball.is_finite())


def _visit(step: Instruction, index: int, run: Run) -> tuple[_Finding, Sequence[int]]:
    """The finding at one operation, and which of its arguments matter."""
    args = [run.balls[arg] for arg in step.args]
    if any(arg is not None and arg.is_nan() for arg in args) and step.op not in DECIDING:
        return _REGULAR, step.args  # what is wrong lies below
    match step.op:
        case "select":
            return _at_select(run, step), _taken(step, run.decisions[index])
        case "max" | "min":
            return _at_extreme(step.op, args, run.decisions[index]), _winner(step, run, index)
        case "wins":
            return _at_extreme(step.decider, args, run.decisions[index]), step.args
        case "detach":
            return _REGULAR, ()
        case "div":
            return _at_zero(args[1], "division by zero"), step.args
        case "pow":
            if abs(run.balls[index]).upper() > INFINITE:
                return (Place.BEYOND, "a power overflows"), step.args
            return _at_power(*args), step.args
        case "atan2":
            return _at_atan2(*args), step.args
        case _:
            row = FUNCTIONS.get(step.op)
            if row is None or len(args) != 1:
                return _REGULAR, step.args
            return _at_function(row, args[0], run.balls[index]), step.args


def _at_select(run: Run, step: Instruction) -> _Finding:
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


def _winner(step: Instruction, run: Run, index: int) -> Sequence[int]:
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
        if argument.is_zero() if end == 0 else tied(argument, arb(end)):
            return Place.SINGULAR, f"{row.name}({end:g})"
    for end in _points(row.kinks):
        if argument.is_zero() if end == 0 else tied(argument, arb(end)):
            return Place.KINK, f"{row.name}({end:g})"
        if argument.contains(arb(end)):
            return Place.UNDECIDED, f"{row.name} is too close to its kink"
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
    pole = any(tied(argument, arb(end)) for end in ends if abs(end) != float("inf"))
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
