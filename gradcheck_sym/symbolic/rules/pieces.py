"""Functions that choose between values, element by element."""

from __future__ import annotations

from gradcheck_sym.spec import tree
from gradcheck_sym.spec.tree import Node
from gradcheck_sym.symbolic.rules.common import Array, Lowering, mapped


def clamp(lowering: Lowering, x: Node, min: Node, max: Node) -> Array:
    """The smaller of max and the larger of min and x."""
    array = lowering.array(x)
    for op, bound in (("max", min), ("min", max)):
        if not isinstance(bound, tree.Absent):
            array = mapped(
                lambda a, b, op=op: lowering.builder.extreme(op, [a, b]),
                array,
                lowering.array(bound),
            )
    return array


def where(lowering: Lowering, condition: Node, x: Node, y: Node) -> Array:
    """A selection for every element."""
    holds = lowering.conditions(condition)
    return mapped(
        lambda c, a, b: lowering.builder.emit("select", [c, a, b]),
        holds,
        lowering.array(x),
        lowering.array(y),
    )


def detach(lowering: Lowering, x: Node) -> Array:
    """The value, constant to differentiation."""
    return mapped(lambda a: lowering.builder.emit("detach", [a]), lowering.array(x))
