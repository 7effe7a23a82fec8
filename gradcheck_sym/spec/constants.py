"""Exact arithmetic of an expression's constants, within limits that keep it instant."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from fractions import Fraction
from types import MappingProxyType

from gradcheck_sym.spec import tree
from gradcheck_sym.spec.codes import Code
from gradcheck_sym.spec.tokens import ParseError
from gradcheck_sym.spec.tree import Node

MAX_EXPONENT = 1_000  # of a constant exponent
MAX_BITS = 20_000  # of numerator and denominator of a constant


def check_constants(node: Node) -> None:
    """Refuse a tree whose constants are endless: 9**9**9, x**10**9; raises ParseError."""
    constant(node)


def constant(node: Node) -> Fraction | None:
    """The exact value of a part without names; None where it has none that is rational.

    Raises ParseError where an exponent or a value is beyond the limits.
    """
    match node:
        case tree.Number():
            return node.value
        case tree.Unary("-" | "+"):
            value = constant(node.operand)
            return -value if value is not None and node.op == "-" else value
        case tree.Binary():
            return _binary(node.op, constant(node.left), constant(node.right), node)
        case tree.Call("pow"):
            names = ("x", "exponent", *map(str, range(len(node.arguments))))
            given = dict(zip(names, node.arguments, strict=False)) | dict(node.options)
            values = {name: constant(part) for name, part in given.items()}
            return _binary("**", values.get("x"), values.get("exponent"), node)
        case _:
            for child in tree.children(node):
                constant(child)
            return None


_EXACT: Mapping[str, Callable[[Fraction, Fraction], Fraction]] = MappingProxyType(
    {
        "+": lambda left, right: left + right,
        "-": lambda left, right: left - right,
        "*": lambda left, right: left * right,
        "/": lambda left, right: left / right,
        "**": lambda left, right: Fraction(left ** int(right)),
    }
)


def _binary(op: str, left: Fraction | None, right: Fraction | None, node: Node) -> Fraction | None:
    if op == "**" and right is not None and abs(right) > MAX_EXPONENT:
        message = f"a constant exponent beyond {MAX_EXPONENT}"
        raise ParseError(Code.EXPONENT_TOO_LARGE, message, node.span)
    if left is None or right is None or op not in _EXACT:
        return None
    if op == "**" and right.denominator != 1:
        return None
    factor = abs(int(right)) if op == "**" else 1
    if _bits(left) * factor + _bits(right) > MAX_BITS:
        message = f"a constant of more than {MAX_BITS} binary digits"
        raise ParseError(Code.CONSTANT_TOO_LARGE, message, node.span)
    by_zero = right == 0 if op == "/" else op == "**" and left == 0 and right < 0
    if by_zero:
        return None
    return _EXACT[op](left, right)


def _bits(value: Fraction) -> int:
    return value.numerator.bit_length() + value.denominator.bit_length()


def nearest(node: Node) -> float | None:
    """The float64 nearest to a constant; None for what is no number or too large for one.

    Rational constants are rounded once; with pi or e, every operation is.
    """
    exact = constant(node)
    try:
        return float(exact) if exact is not None else _approximate(node)
    except (OverflowError, ZeroDivisionError):
        return None


_OPERATORS = MappingProxyType(
    {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}
)
_CONSTANTS = MappingProxyType({"pi": math.pi, "e": math.e, "inf": math.inf})


def _approximate(node: Node) -> float | None:
    """The value of a constant of the kinds that ends have: ±inf, multiples of pi and e."""
    match node:
        case tree.Number():
            return float(node.value)
        case tree.Name():
            return _CONSTANTS[node.name]
        case tree.Unary("-" | "+"):
            value = _approximate(node.operand)
            return -value if value is not None and node.op == "-" else value
        case tree.Binary(op) if op in _OPERATORS:
            left, right = _approximate(node.left), _approximate(node.right)
            if left is None or right is None:
                return None
            value = _OPERATORS[op](left, right)
            return value if math.isfinite(value) else None
        case _:
            return None
