"""What one operation computes, as scalars of placeholders; its derivative is another such formula.

Every operation of a steps program is differentiated on its own, as autograd does it: the chain
rule between operations is the engine's, the derivative of one operation is SymPy's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import final

import numpy as np

from gradcheck_sym.spec.tree import Node
from gradcheck_sym.symbolic.differentiate import vjp
from gradcheck_sym.symbolic.lower import Array, input_array, lower
from gradcheck_sym.symbolic.program import Builder, Scalar, reachable

Shape = tuple[int, ...]

_FLAT = frozenset({"detach", "sign", "floor", "ceil", "wins"})
_FOLDING = frozenset({"neg", "add", "sub", "mul", "div", "pow", "scale"})


@final
@dataclass(frozen=True, eq=False)
class Formula:
    """Outputs as scalars over the elements of each operand, in a builder of their own."""

    builder: Builder
    operands: tuple[Array, ...]  # placeholders
    output: Array

    def at(self, values: Sequence[Array], builder: Builder, gates: str = "scale") -> Array:
        """The output at actual operands, in their builder; always an array of its own."""
        given = {
            scalar.index: value
            for slots, array in zip(self.operands, values, strict=True)
            for scalar, value in zip(slots.reshape(-1), array.reshape(-1), strict=True)
        }
        found = _replay(self.builder, list(self.output.reshape(-1)), given, builder, gates)
        return shaped(found, self.output.shape)

    def pullback(self, place: int) -> Formula:
        """The operands and a cotangent to that cotangent times the derivative by one operand."""
        return _pullback(self, place)

    def uses(self) -> frozenset[int]:
        """The operands that the output depends on, by place."""
        return self._among(reachable(self.builder.code, self._roots()))

    def flows(self) -> frozenset[int]:
        """The operands on which it depends other than by conditions and steps."""
        code, seen = self.builder.code, set[int]()
        pending = self._roots()
        while pending:
            index = pending.pop()
            step = code[index]
            if index not in seen and step.op not in _FLAT:
                seen.add(index)
                pending.extend(step.args[1:] if step.op == "select" else step.args)
        return self._among(seen)

    def _roots(self) -> list[int]:
        return [scalar.index for scalar in self.output.reshape(-1)]

    def _among(self, needed: set[int]) -> frozenset[int]:
        return frozenset(
            place
            for place, slots in enumerate(self.operands)
            if any(slot.index in needed for slot in slots.reshape(-1))
        )


@cache
def written(node: Node, shapes: tuple[Shape, ...], names: tuple[str, ...] = ()) -> Formula:
    """The formula of a tree over %0, %1, … or other names; raises LowerError as `lower` does."""
    builder = Builder()
    operands = tuple(_slots(builder, place, shape) for place, shape in enumerate(shapes))
    called = names or tuple(map(placeholder, range(len(shapes))))
    bindings = dict(zip(called, operands, strict=True))
    return Formula(builder, operands, np.array(lower(node, bindings, builder), dtype=object))


@cache
def gathered(shape: Shape, index: tuple[int, ...], out_shape: Shape) -> Formula:
    """Elements of one operand in another arrangement, by their row-major places."""
    builder = Builder()
    slots = _slots(builder, 0, shape)
    return Formula(builder, (slots,), slots.reshape(-1)[list(index)].reshape(out_shape))


@cache
def overwritten(shape: Shape, index: tuple[int, ...], region: Shape, source: Shape) -> Formula:
    """The first operand with the elements at `index` taken from the second, broadcast."""
    builder = Builder()
    slots, values = _slots(builder, 0, shape), _slots(builder, 1, source)
    output = slots.reshape(-1).copy()
    output[list(index)] = np.broadcast_to(stripped(values, len(region)), region).reshape(-1)
    return Formula(builder, (slots, values), output.reshape(shape))


def stripped(values: Array, ndim: int) -> Array:
    """Without the leading dimensions of size 1 that a target of ndim dimensions does not have."""
    while values.ndim > ndim and values.shape[0] == 1:
        values = values[0] if values.ndim > 1 else values.reshape(())
    return values


def placeholder(place: int) -> str:
    """The name that stands for an operand; no name of the language can be the same."""
    return f"%{place}"


def is_placeholder(name: str) -> bool:
    """Whether a name stands for an operand."""
    return name.startswith("%")


def shaped(scalars: Sequence[Scalar], shape: Shape) -> Array:
    """Scalars as an object array of that shape."""
    array = np.empty(len(scalars), dtype=object)
    for place, scalar in enumerate(scalars):
        array[place] = scalar
    return array.reshape(shape)


def _slots(builder: Builder, place: int, shape: Shape) -> Array:
    return input_array(builder, placeholder(place), shape)


@cache
def _pullback(formula: Formula, place: int) -> Formula:
    formula = _smooth(formula)
    shape = formula.output.shape
    cotangent = input_array(formula.builder, placeholder(len(formula.operands)), shape)
    slots = formula.operands[place]
    slopes = vjp(
        list(formula.output.reshape(-1)), list(cotangent.reshape(-1)), list(slots.reshape(-1))
    )
    operands = (*formula.operands, cotangent)
    return Formula(formula.builder, operands, shaped(slopes, slots.shape))


def _smooth(formula: Formula) -> Formula:
    """With gates as factors, so that a derivative can be derived again."""
    builder = Builder()
    operands = tuple(
        _slots(builder, place, slots.shape) for place, slots in enumerate(formula.operands)
    )
    return Formula(builder, operands, formula.at(operands, builder, gates="mul"))


def _replay(
    source: Builder,
    roots: Sequence[Scalar],
    given: dict[int, Scalar],
    target: Builder,
    gates: str,
) -> list[Scalar]:
    """Scalars of one builder written again in another, with its inputs replaced."""
    done = dict(given)
    for index in sorted(reachable(source.code, (root.index for root in roots))):
        if index not in done:
            step = source.code[index]
            args = [done[arg] for arg in step.args]
            op = gates if step.op == "scale" else step.op
            folds = op in _FOLDING
            done[index] = target.op(op, *args) if folds else target.emit(op, args, step.data)
    return [done[root.index] for root in roots]
