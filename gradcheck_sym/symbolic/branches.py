"""The branches that rounding may take at a point, beside those that the mathematics takes.

The threshold 0.1 is one number in mathematics and another in each dtype: at the float next to it
`x > 0.1` holds, and in that dtype the same comparison is a tie. Where the sides of a comparison are
rounded, so is the place at which it changes. There nobody can ask code for the one branch rather
than for the other, but for one of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product

from flint import arb, ctx

from gradcheck_sym.spec.dtypes import Format
from gradcheck_sym.symbolic import balls
from gradcheck_sym.symbolic.balls import Ball
from gradcheck_sym.symbolic.interpret import DECIDING, Decision, Run, compare
from gradcheck_sym.symbolic.program import CONDITIONS, Instruction, Program

_MOST = 64  # ways through a program that are followed
_FINE = 8  # times the dtype's precision, in which a way is evaluated

_Key = tuple[str, Sequence[int]]  # what is decided, and between which numbers
_Doubts = Mapping[_Key, Sequence[Decision]]


def other_branches(
    program: Program, rounded: Program, row: Sequence[float], dtype: Format
) -> list[list[Ball]]:
    """The outputs along each other way that rounding may take at a point; none where it has none.

    Inputs are exact, constants and operations rounded in the dtype. A decision that is open then
    may be taken either way, alike wherever it is taken. Most points leave no decision open.

    rounded: the program with its constants as the dtype has them.
    """
    if not any(step.op in DECIDING for step in program.code):
        return []
    with ctx.workprec(_FINE * dtype.precision):
        usual = Run.exact(program, row)
        constants = {
            index: usual.balls[index].union(balls.constant(step))
            for index, (step, before) in enumerate(zip(rounded.code, program.code, strict=True))
            if step != before
        }
    with ctx.workprec(dtype.precision):
        small = arb(0, dtype.underflow)
        doubts = _doubts(program, Run.decided(program, row, usual.decisions, constants, small))
    code = enumerate(program.code)
    places = {at: step.contest for at, step in code if step.contest in doubts}
    found = []
    with ctx.workprec(_FINE * dtype.precision):
        for chosen in islice(_ways(doubts), _MOST if doubts else 0):
            forced = {at: chosen[key] for at, key in places.items()}
            if any(usual.decisions[at] != decision for at, decision in forced.items()):
                run = Run.exact(program, row, forced)
                found.append([run.balls[at] for at in program.outputs])
    return found


def _ways(doubts: _Doubts) -> Iterator[dict[_Key, Decision]]:
    for chosen in product(*doubts.values()):
        yield dict(zip(doubts, chosen, strict=True))


def _doubts(program: Program, run: Run) -> _Doubts:
    """The decisions that are open between the balls of a run, and what they may be."""
    decided = {step.contest: step for step in program.code}  # a max and its wins together
    found = {
        key: _choices(step, [run.balls[arg] for arg in step.args]) for key, step in decided.items()
    }
    return {key: choices for key, choices in found.items() if len(choices) > 1}


def _choices(step: Instruction, args: Sequence[Ball]) -> Sequence[Decision]:
    """What a decision may be between balls; of conditions that are made of others nothing."""
    if step.op in ("and", "or", "not", "select"):
        return ()
    if step.op in CONDITIONS:
        return (True, False) if compare(step.op, *args) is None else ()
    match step.decider if step.op in DECIDING else "":
        case "max":
            return [k for k, arg in enumerate(args) if not any(arg < other for other in args)]
        case "min":
            return [k for k, arg in enumerate(args) if not any(arg > other for other in args)]
        case "sign":
            return _signs(args[0])
        case "floor" | "ceil":
            return _whole(step.op, args[0])
    return ()


def _signs(ball: Ball) -> Sequence[Decision]:
    """The signs that a number in a ball may have."""
    return [
        sign
        for sign, out in ((-1, ball >= 0), (0, not ball.contains(0)), (1, ball <= 0))
        if not out
    ]


def _whole(op: str, ball: Ball) -> Sequence[Decision]:
    """The whole numbers that a ball of less than 1 may be rounded to."""
    if not ball.is_finite() or ball.rad() >= 1:
        return ()
    ends = (ball.lower(), ball.upper())
    found = [(end.floor() if op == "floor" else end.ceil()).unique_fmpz() for end in ends]
    return () if None in found else sorted({int(whole) for whole in found if whole is not None})
