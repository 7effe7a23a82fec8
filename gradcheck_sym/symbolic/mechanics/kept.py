"""What torch's operations keep for their backward, where the mathematics alone does not tell.

As a rule an operation keeps the operands that its derivative depends on: a product keeps the
other factor, a sum nothing. The rows below are the exceptions, from torch's derivatives.yaml
(as of 2.13). A test holds every function of the table against what torch really keeps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import final

from gradcheck_sym.spec import tree
from gradcheck_sym.spec.tree import Node
from gradcheck_sym.spec.unparse import unparse
from gradcheck_sym.symbolic.mechanics.formula import is_placeholder


@final
@dataclass(frozen=True, slots=True)
class Keeping:
    """What one operation keeps."""

    operands: str = "needed"  # "needed" by the derivative, "none", or "all"
    result: bool = False
    backward: str = ""  # the gradient of the operand from result y and gradient g, if from those
    internal: bool = False  # something that no name can reach, so that only freeing is noticed
    linked: bool = False  # the gradient is computed with what is kept even where that cancels


NEEDED = Keeping()
_ALL = Keeping("all")
_INTERNAL = Keeping("none", internal=True)
_WITH_RESULT = Keeping("all", result=True)
_LINKED = Keeping("all", result=True, linked=True)


def _result(backward: str) -> Keeping:
    return Keeping("none", result=True, backward=backward)


_ROWS = MappingProxyType(
    {
        "exp": _result("g*y"),
        "expm1": _result("g*(y + 1)"),
        "exp2": _result("g*y*log(2)"),
        "sqrt": _result("g/(2*y)"),
        "rsqrt": _result("-g*y**3/2"),
        "reciprocal": _result("-g*y**2"),
        "tan": _result("g*(1 + y**2)"),
        "tanh": _result("g*(1 - y**2)"),
        "sigmoid": _result("g*y*(1 - y)"),
        "relu": _result("where(y > 0, g, 0)"),
        "inv": _result("-y.mT @ g @ y.mT"),
        "std": _LINKED,
        "amax": _WITH_RESULT,
        "amin": _WITH_RESULT,
        "norm": _LINKED,
        "logsumexp": _LINKED,
        "cumprod": _WITH_RESULT,
        "det": _WITH_RESULT,
        "prod": _LINKED,
        "abs": Keeping("all", linked=True),
        "maximum": _ALL,
        "minimum": _ALL,
        "clamp": _ALL,
        "frac": Keeping("none"),
        "where": _INTERNAL,
        "sort": _INTERNAL,
        "square": _ALL,
        "var": Keeping("all", linked=True),
    }
)


def keeping(node: Node, shapes: Sequence[tuple[int, ...]]) -> Keeping:
    """What the operation at the top of a tree keeps; `shapes` are those of its tensors."""
    match node:
        case tree.Binary("*" | "/") if len(shapes) == 1:
            return _INTERNAL  # the number is kept, or the reciprocal of the tensor
        case tree.Binary("**") | tree.Call("pow"):
            return _power(_operands_of(node))
        case tree.Call("max" | "min", arguments, options):
            along = len(arguments) > 1 or any(name == "dim" for name, _ in options)
            return _INTERNAL if along else _WITH_RESULT
        case tree.Call("softmax" | "log_softmax" as name, arguments, options):
            return _result(_softmax(name, node))
        case tree.Call("softplus"):
            return _INTERNAL
        case tree.Call("prod") if shapes == ((),):
            return _WITH_RESULT
        case tree.Call(function):
            return _ROWS.get(function, NEEDED)
    return NEEDED


def _operands_of(node: Node) -> Sequence[Node]:
    if isinstance(node, tree.Call):
        return [*node.arguments, *(value for _, value in node.options)]
    return list(tree.children(node))


def _power(operands: Sequence[Node]) -> Keeping:
    """With a number as exponent the base alone is kept, else both and the result."""
    base, exponent = (
        isinstance(part, tree.Name) and is_placeholder(part.name) for part in operands
    )
    constant = operands[1] == tree.Number(Fraction(0))
    return Keeping("all", result=exponent, linked=base and not constant)


def _softmax(name: str, node: tree.Call) -> str:
    dim = unparse([*node.arguments[1:], *(value for _, value in node.options)][0])
    if name == "softmax":
        return f"y*(g - sum(g*y, dim={dim}, keepdim=true))"
    return f"g - exp(y)*sum(g, dim={dim}, keepdim=true)"
