"""Smooth expressions between cuts: what is differentiated as a whole, by its form alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from gradcheck_sym.symbolic.program import CONDITIONS, Builder, Instruction, Scalar

# Values with a derivative of their own rule: selections pass the adjoint to what they selected.
BRANCHES = frozenset({"select", "max", "min"})
# Values through which nothing flows: constant, or constant between jumps.
NUMBERS = frozenset({"const", "pi", "e"})
FLAT = frozenset({"detach", "sign", "floor", "ceil", "wins", "inf"}) | NUMBERS | CONDITIONS

# Operations in which the builder folds constants.
ARITHMETIC = frozenset({"neg", "add", "sub", "mul", "div", "pow", "scale"})

# One value as instructions of its own; op "slot" stands where something else goes in, the last
# instruction is the value.
Form = tuple[Instruction, ...]


@final
@dataclass(frozen=True, slots=True)
class Piece:
    """A smooth expression between cuts: its form with slots, and what stands in the slots."""

    form: Form
    leaves: tuple[int, ...]

    @staticmethod
    def cut_out(code: Sequence[Instruction], root: int, cuts: set[int]) -> Piece:
        """The piece below root, with leaves numbered by first appearance."""
        form: list[Instruction] = []
        place: dict[int, int] = {}
        leaves: list[int] = []
        pending = [(root, False)]
        while pending:
            index, ready = pending.pop()
            step = code[index]
            if index in place:
                continue
            if index != root and (index in cuts or is_opaque(step)):
                place[index] = len(form)
                form.append(Instruction("slot", data=len(leaves)))
                leaves.append(index)
            elif ready:
                place[index] = len(form)
                form.append(Instruction(step.op, tuple(place[arg] for arg in step.args), step.data))
            else:
                pending.append((index, True))
                pending.extend((arg, False) for arg in reversed(step.args))
        return Piece(tuple(form), tuple(leaves))


def is_opaque(step: Instruction) -> bool:
    """Whether a piece ends there: at an input, a branch, or what no derivative flows through."""
    return step.op == "input" or step.op in BRANCHES or (step.op in FLAT and step.op in _OPAQUE)


_OPAQUE = FLAT - NUMBERS


def written(form: Form, builder: Builder, leaves: Sequence[int]) -> Scalar:
    """The scalar that computes a form of which these instructions stand in the slots."""
    scalars: list[Scalar] = []
    for step in form:
        args = [scalars[arg] for arg in step.args]
        if step.op == "slot":
            scalars.append(Scalar(builder, leaves[int(step.data or 0)]))
        elif step.op in ARITHMETIC:
            scalars.append(builder.op(step.op, *args))
        else:
            scalars.append(builder.emit(step.op, args, step.data))
    return scalars[-1]
