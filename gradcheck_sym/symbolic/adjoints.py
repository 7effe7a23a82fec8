"""What each output's sensitivity is made of, by one sweep back through a program (reverse mode).

Every operation's slopes are those of Taylor arithmetic, in Arb, at a point whose branches are
decided. A sweep costs as much as the part of the program that its output depends on, however many
inputs that has.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from heapq import heappop, heappush
from typing import Any, final

from flint import arb, arb_series

from gradcheck_sym.symbolic.balls import Ball
from gradcheck_sym.symbolic.interpret import Decision, Run
from gradcheck_sym.symbolic.program import Instruction, Program, depending
from gradcheck_sym.symbolic.taylor import one_step

Partials = tuple[tuple[int, Any], ...]  # argument and slope along it

_LINEAR = frozenset({"neg", "add", "sub", "mul", "detach"})
_STEADY = frozenset({"wins", "sign", "floor", "ceil"})  # once decided


@final
class Adjoints:
    """A program at one point, to be swept from one output after the other."""

    __slots__ = ("_known", "_movable", "_moving", "_program", "_run")

    def __init__(self, program: Program, run: Run, movable: Collection[int]) -> None:
        self._program = program
        self._run = run
        self._movable = frozenset(movable)
        self._moving = depending(program, self._movable)
        self._known: dict[int, Partials] = {}

    def moved(self, output: int) -> Ball:
        """The size of an output's slope along each movable instruction times that, summed.

        At the current precision; not finite where some slope is not.
        """
        if not self._run.balls[output].is_finite():
            return arb.nan()
        return sum((abs(part) for _, part in self.parts(output)), arb(0))

    def parts(self, output: int) -> Iterator[tuple[int, Ball]]:
        """Each movable instruction that moves an output, and its slope along it times that."""
        adjoints, pending = {output: arb(1)}, [-output]
        while pending:
            index = -heappop(pending)
            adjoint = adjoints.pop(index)
            if index in self._movable:
                yield index, adjoint * self._run.balls[index]
            for arg, slope in self._partials(index):
                weight = adjoint * slope
                if weight.is_zero():
                    continue
                if arg not in adjoints:
                    heappush(pending, -arg)
                    adjoints[arg] = weight
                else:
                    adjoints[arg] += weight

    def _partials(self, index: int) -> Partials:
        """The slopes of an instruction along those arguments that anything movable moves."""
        if index not in self._known:
            step, decision = self._program.code[index], self._run.decisions[index]
            slots = [k for k, arg in enumerate(step.args) if arg in self._moving]
            args = [self._run.balls[arg] for arg in step.args]
            found = _slopes(step, args, slots, decision) if slots else ()
            self._known[index] = tuple((step.args[k], slope) for k, slope in found)
        return self._known[index]


def _slopes(
    step: Instruction, args: Sequence[Ball], slots: Sequence[int], decision: Decision
) -> Sequence[tuple[int, Ball]]:
    """The slopes of an operation along some of its arguments, where it has any."""
    if step.op in _STEADY:
        return ()
    choosing = step.op in ("select", "max", "min")
    if (choosing and decision is None) or (step.op == "abs" and args[0].contains(0)):
        return [(k, arb.nan()) for k in slots]  # open, or a kink, with a slope to each side
    if choosing:
        taken = (1 if decision else 2) if step.op == "select" else int(decision)  # type: ignore[arg-type]
        return [(taken, arb(1))] if taken in slots else ()
    if step.op in _LINEAR:
        return [(k, _linear(step.op, args, k)) for k in slots]
    return [(k, _along(step, args, k)) for k in slots]


def _linear(op: str, args: Sequence[Ball], slot: int) -> Ball:
    """The slope of an operation that is linear in each argument."""
    if op == "mul":
        return args[1 - slot]
    return arb(-1 if op == "neg" or (op == "sub" and slot == 1) else 1)


def _along(step: Instruction, args: Sequence[Ball], slot: int) -> Ball:
    """The slope of a smooth operation along one argument, by a series of two terms."""
    series = [arb_series([arg, int(k == slot)], prec=2) for k, arg in enumerate(args)]
    return one_step(step, series)[1]
