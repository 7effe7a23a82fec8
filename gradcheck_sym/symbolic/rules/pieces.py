"""Functions that choose between values, or put them together, element by element."""

from __future__ import annotations

from gradcheck_sym.spec import tree
from gradcheck_sym.spec.tree import Node
from gradcheck_sym.symbolic import complexes
from gradcheck_sym.symbolic.complexes import Complex, ComplexError, Number, by_parts, is_complex
from gradcheck_sym.symbolic.program import Scalar
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

    def chosen(c: Scalar, a: Number, b: Number) -> Number:
        return by_parts(lambda a, b: lowering.builder.emit("select", [c, a, b]), a, b)

    return mapped(chosen, holds, lowering.array(x), lowering.array(y))


def detach(lowering: Lowering, x: Node) -> Array:
    """The value, constant to differentiation."""
    return mapped(
        lambda value: by_parts(lambda a: lowering.builder.emit("detach", [a]), value),
        lowering.array(x),
    )


def complex_(lowering: Lowering, real: Node, imag: Node) -> Array:
    """A complex number from its parts."""
    return mapped(Complex, _real(lowering, real), _real(lowering, imag))


def polar(lowering: Lowering, abs: Node, angle: Node) -> Array:
    """A complex number from its absolute value and its angle."""
    return mapped(complexes.polar, _real(lowering, abs), _real(lowering, angle))


def _real(lowering: Lowering, x: Node) -> Array:
    array = lowering.array(x)
    if is_complex(array):
        raise ComplexError
    return array
