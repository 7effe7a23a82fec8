"""One evaluation of a scalar program in balls, with the branches that it takes.

At a tie the value is still that of the mathematics, and the tie is noted. Branches once decided
can be followed again at any precision, exactly or with every step rounded as a dtype rounds it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, final

from flint import arb

from gradcheck_sym.spec.dtypes import Format
from gradcheck_sym.spec.functions import FUNCTIONS
from gradcheck_sym.symbolic import balls
from gradcheck_sym.symbolic.balls import NAN, Ball
from gradcheck_sym.symbolic.program import CONDITIONS, Instruction, Program, reachable
from gradcheck_sym.verdict.records import CANCELLATION, UNDERFLOW

Decision = bool | int | None


def decisions(program: Program, row: Sequence[float]) -> list[Decision]:
    """The branches that a program takes at a point, one entry per instruction."""
    return Run.exact(program, row).decisions


def exact(program: Program, row: Sequence[float]) -> list[Ball]:
    """The outputs at a point at the current precision, branches decided with care."""
    run = Run.exact(program, row)
    return [run.balls[at] for at in program.outputs]


@final
class Run:
    """One evaluation of a program: the ball of every instruction, and the branches taken."""

    __slots__ = ("balls", "decisions", "overflow", "strict")

    def __init__(self, size: int) -> None:
        self.balls: list[Any] = [None] * size
        self.decisions: list[Decision] = [None] * size
        self.strict: list[bool | None] = [None] * size  # conditions, None at their ties too
        self.overflow = ""

    @staticmethod
    def exact(
        program: Program,
        row: Sequence[float],
        forced: Mapping[int, Decision] = MappingProxyType({}),
    ) -> Run:
        """Evaluates and decides; at a tie the value is still that of the mathematics.

        forced: by instruction, what is decided already, whatever the numbers say.
        """
        run = Run(len(program.code))
        given = _inputs(program, row)
        known: dict[tuple[str, tuple[int, ...]], Decision] = {}
        for index, step in enumerate(program.code):
            if step.op in CONDITIONS:
                run._condition(index, step)
                run.decisions[index] = forced.get(index, run.decisions[index])
            elif step.op in DECIDING:
                contest = step.contest
                if contest not in known:
                    args = [run.balls[arg] for arg in step.args]
                    condition = run.decisions[step.args[0]] if step.op == "select" else None
                    known[contest] = DECIDING[step.op](step, args, condition)
                run.decisions[index] = forced.get(index, known[contest])
                run.balls[index] = _follow(step, run.balls, run.decisions[index])
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
            self.decisions[index] = compare(step.op, a, b)
            self.strict[index] = balls._CALLS[step.op](a, b)

    @staticmethod
    def decided(
        program: Program,
        row: Sequence[float],
        decisions: Sequence[Decision],
        known: Mapping[int, Ball] = MappingProxyType({}),
        step_size: Ball | None = None,
    ) -> Run:
        """Evaluates along branches already taken.

        known: the balls of instructions that are not evaluated. step_size: what underflow adds to
        an operation that rounds.
        """
        run = Run(len(program.code))
        given = _inputs(program, row)
        for index, step in enumerate(program.code):
            if step.op in CONDITIONS:
                continue
            if index in known:
                run.balls[index] = known[index]
            elif step.op in DECIDING:
                run.balls[index] = _follow(step, run.balls, decisions[index])
            else:
                run.balls[index] = evaluate(step, [run.balls[arg] for arg in step.args], given)
                if step_size is not None and step.op not in _EXACT:
                    run.balls[index] += step_size
        return run

    def moved(self, program: Program, changed: Sequence[int], factor: Ball) -> list[Ball]:
        """All balls along the same branches, one instruction multiplied by a factor.

        changed: its place, and those of what depends on it, in order.
        """
        found = list(self.balls)
        found[changed[0]] = found[changed[0]] * factor
        for index in changed[1:]:
            step = program.code[index]
            if step.op in DECIDING:
                found[index] = _follow(step, found, self.decisions[index])
            else:
                found[index] = evaluate(step, [found[arg] for arg in step.args], {})
        return found

    @staticmethod
    def lossy(
        program: Program,
        row: Sequence[float],
        decisions: Sequence[Decision],
        dtype: Format,
        *,
        endless: bool = False,
    ) -> Run:
        """As decided, but inputs carry one rounding already, and steps underflow and overflow.

        What overflows in a branch that is not taken is nobody's excuse, and not noted.
        endless: nothing overflows, as if the dtype's range had no upper end.
        """
        run = Run(len(program.code))
        overflows: dict[int, str] = {}
        unit = arb(1, 2.0**-dtype.precision)
        step_size = arb(0, dtype.underflow)
        given = {name: ball * unit for name, ball in _inputs(program, row).items()}
        for index, step in enumerate(program.code):
            if step.op in CONDITIONS:
                continue
            if step.op in DECIDING:
                run.balls[index] = _follow(step, run.balls, decisions[index])
                continue
            args = [run.balls[arg] for arg in step.args]
            ball = evaluate(step, args, given)
            if step.op not in _EXACT:
                ball = ball + step_size
            if said := _overflow(step, args, ball, dtype):
                overflows[index] = said
            if not endless and abs(ball) > dtype.max:
                ball = INFINITE if ball > 0 else -INFINITE
            run.balls[index] = ball
        if overflows:
            taken = _taken(program, run, decisions)
            run.overflow = next((said for at, said in overflows.items() if at in taken), "")
        return run


def _overflow(step: Instruction, args: Sequence[Ball], ball: Ball, dtype: Format) -> str:
    """What leaves the dtype's range there: "arithmetic", a function, a reason to be 0, or ""."""
    if not ball.is_finite() and all(arg.is_finite() for arg in args if arg is not None):
        tiny = dtype.underflow * 2.0**10  # a sum of some that underflow
        zeros = [arg for arg in args if arg.contains(0)]  # none is 0, but some may come out so
        small = any(abs(arg) < tiny for arg in zeros)
        return UNDERFLOW if small else CANCELLATION if zeros else "arithmetic"
    if ball.is_finite() and not abs(ball) <= dtype.max:  # for certain, or by a rounding
        return "arithmetic" if step.op in PLAIN_OPS else step.op
    return ""


def _taken(program: Program, run: Run, decisions: Sequence[Decision]) -> set[int]:
    """The instructions whose values reach an output along the branches that are taken."""

    def sources(index: int) -> Sequence[int]:
        step = program.code[index]
        closed = step.op == "scale" and run.balls[step.args[0]].is_zero()
        return step.args[:1] if closed else _sources(step, decisions[index])

    return reachable(program.code, program.outputs, sources)


def _sources(step: Instruction, decision: Decision) -> Sequence[int]:
    """The arguments that a value is made of, once it is decided."""
    if decision is None:
        return step.args
    match step.op:
        case "select":
            return (step.args[1] if decision else step.args[2],)
        case "max" | "min":
            return (step.args[int(decision)],)
    return () if step.op in ("wins", "sign") else step.args


def surely_used(step: Instruction) -> Sequence[int]:
    """The arguments that a value is made of, whatever is decided."""
    if step.op == "scale":
        return step.args[:1]
    return () if step.op in DECIDING else step.args


_EXACT = frozenset({"input", "const", "neg", "add", "sub", "inf", "detach"})
INFINITE = arb(2) ** (2**20)  # stands for an infinity: beyond the range of every dtype


def _inputs(program: Program, row: Sequence[float]) -> dict[str, Ball]:
    return {name: arb(value) for name, value in zip(program.inputs, row, strict=True)}


def evaluate(step: Instruction, args: Sequence[Ball], given: dict[str, Ball]) -> Ball:
    """One operation that takes no decision, on balls at the current precision."""
    arithmetic = _ARITHMETIC.get(step.op)
    if arithmetic is not None:
        return arithmetic(*args)
    if step.op == "input":
        return given[str(step.data)]
    if step.op in ("const", "pi", "e", "inf"):
        return balls.constant(step)
    if step.op == "polygamma":
        return balls.polygamma(int(step.data or 0), args[0])
    return getattr(args[0], FUNCTIONS[step.op].ball)()


def _power(base: Ball, exponent: Ball) -> Ball:
    if base.is_zero() and exponent > 0:
        return arb(0)
    return balls.power(base, exponent)


_ARITHMETIC: dict[str, Callable[..., Ball]] = {
    "neg": operator.neg,
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "pow": _power,
    "scale": balls.scale,
    "detach": lambda a: a,
    "atan2": lambda y, x: arb.atan2(y, x),
    "lgamma": balls.log_abs_gamma,
    "abs": abs,
}

# What overflows without any function: numbers that the dtype does not hold, and arithmetic.
PLAIN_OPS = frozenset({"input", "const", *_ARITHMETIC})

# Branching operations: what is decided from the balls, and the value once that is known.


def compare(op: str, a: Ball, b: Ball) -> bool | None:
    """A comparison with ties decided where both sides are exact, or one and the same."""
    if a is b and a.is_finite():
        return op in ("le", "ge", "eq")
    match op:
        case "lt" | "le":
            certain, against = (a < b, a >= b) if op == "lt" else (a <= b, a > b)
        case "gt" | "ge":
            certain, against = (a > b, a <= b) if op == "gt" else (a >= b, a < b)
        case "eq":
            certain, against = tied(a, b), a < b or a > b
        case _:
            certain, against = a < b or a > b, tied(a, b)
    return True if certain else False if against else None


def tied(a: Ball, b: Ball) -> bool:
    """Whether two balls are the same number for certain."""
    return bool(a >= b and a <= b)


def _decide_extreme(step: Instruction, args: Sequence[Ball], _: Decision) -> int | None:
    """The place of the extreme argument, the first of those that are exactly equal."""
    op, best = step.decider, 0
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


DECIDING: dict[str, Callable[[Instruction, Sequence[Ball], Decision], Decision]] = {
    "select": lambda step, args, condition: condition,
    "max": _decide_extreme,
    "min": _decide_extreme,
    "wins": _decide_extreme,
    "floor": _decide_integer,
    "ceil": _decide_integer,
    "sign": _decide_sign,
}


def _follow(step: Instruction, found: Sequence[Ball], decision: Decision) -> Ball:
    """The value once it is decided; found: those of the instructions before."""
    if decision is None:
        return NAN
    match step.op:
        case "select":
            return found[step.args[1 if decision else 2]]
        case "max" | "min":
            return found[step.args[int(decision)]]
        case "wins":
            return arb(1 if decision == step.place else 0)
        case _:
            return arb(int(decision))
