"""All combinations of branches at a kink: no limit of the gradient is missing among them.

Lines into the point may miss a piece that is narrow. Where every piece is smooth up to the point,
the gradients of all combinations of the branches that tie there hold every limit, and perhaps
some of combinations that nowhere occur: a claim outside of their hull is outside for certain.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from flint import ctx

from gradcheck_sym.symbolic import balls
from gradcheck_sym.symbolic.blocks import Block
from gradcheck_sym.symbolic.contained import Slopes
from gradcheck_sym.symbolic.interpret import DECIDING, Decision, Run
from gradcheck_sym.symbolic.limits import Approach, sharp_limit
from gradcheck_sym.symbolic.places import Surroundings
from gradcheck_sym.symbolic.program import CONDITIONS, Instruction, reachable

_MOST = 256  # combinations that are looked at
_GUARD_BITS = 96  # of working precision, beyond twice the dtype's

Choice = Mapping[object, Decision]


def combined(approach: Approach, block: Block) -> list[Slopes] | None:
    """A block's gradient by each combination of the branches that tie at the point.

    None where there are too many, or one has no finite gradient there.
    """
    outputs = approach.program.outputs
    columns = [outputs[approach.values + column] for column in block.columns]
    within = reachable(approach.program.code, [*block.roots, *columns])
    options = _options(approach, within)
    if options is None or math.prod(map(len, options.values())) > _MOST:
        return None
    found: dict[Slopes, None] = {}
    for chosen in product(*options.values()):
        slopes = _slopes(approach, block, dict(zip(options, chosen, strict=True)))
        if slopes is None:
            return None
        found[slopes] = None
    return list(found)


def _slopes(approach: Approach, block: Block, choice: Choice) -> Slopes | None:
    """The gradient along one combination, if it is finite."""
    taken = _decisions(approach, choice)
    with ctx.workprec(2 * approach.dtype.precision + _GUARD_BITS):
        run = Run.decided(approach.program, approach.row, taken)
        found = [sharp_limit(ball, approach.dtype) for ball in approach.slopes(run, block)]
    slopes = tuple(each for each in found if each is not None)
    return slopes if len(slopes) == len(found) else None


def _options(approach: Approach, within: set[int]) -> dict[object, Sequence[Decision]] | None:
    """What may be chosen at each tie, by what decides there; None where a value jumps."""
    base, code = approach.base(), approach.program.code
    around = Surroundings(approach.program, base, approach.still)
    options: dict[object, Sequence[Decision]] = {}
    for index in sorted(within):
        step = code[index]
        if around.at_rest([index]):
            continue
        if step.op in CONDITIONS:
            if base.strict[index] is None and step.op not in ("and", "or", "not"):
                options[_key(step, index)] = _sides(step.op)
        elif step.op in DECIDING and step.op != "select":
            choices = list(_choices(step, base))
            if not choices:
                return None
            options[_key(step, index)] = choices
    return {key: choices for key, choices in options.items() if choices}


def _sides(op: str) -> Sequence[Decision]:
    """What a comparison gives next to a tie."""
    return {"eq": [False], "ne": [True]}.get(op, [True, False])


def _choices(step: Instruction, base: Run) -> Iterator[Decision]:
    """What an operation may decide next to the point."""
    args = [base.balls[arg] for arg in step.args]
    if step.op in ("floor", "ceil"):
        if args[0].is_finite() and not args[0].contains_integer():
            yield int(args[0].floor().unique_fmpz()) + (step.op == "ceil")
    elif step.op == "sign":
        yield from [s for s in (1, -1) if not (args[0] < 0 if s > 0 else args[0] > 0)]
    else:
        largest = step.decider == "max"
        for place, arg in enumerate(args):
            if not any(arg < other if largest else arg > other for other in args):
                yield place


def _key(step: Instruction, index: int) -> object:
    """What decides at an instruction: an extreme and its wins decide together."""
    return step.contest if step.op in ("max", "min", "wins") else index


def _decisions(approach: Approach, choice: Choice) -> list[Decision]:
    """The branches of a combination, those that do not tie as they are at the point."""
    taken = list(approach.base().decisions)
    for index, step in enumerate(approach.program.code):
        key = _key(step, index)
        if key in choice:
            taken[index] = choice[key]
        elif step.op == "select":
            taken[index] = taken[step.args[0]]
        elif step.op == "and":
            taken[index] = balls.both(*(taken[arg] for arg in step.args))  # type: ignore[arg-type]
        elif step.op == "or":
            taken[index] = balls.either(*(taken[arg] for arg in step.args))  # type: ignore[arg-type]
        elif step.op == "not":
            taken[index] = balls.negation(taken[step.args[0]])  # type: ignore[arg-type]
    return taken
