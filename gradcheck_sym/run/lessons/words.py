"""Numbers and trees as a lesson shows them: few digits, and numbers in the place of names."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck_sym.spec import tree
from gradcheck_sym.spec.rewrite import rebuilt
from gradcheck_sym.spec.tree import Node, children
from gradcheck_sym.symbolic.chain import settled
from gradcheck_sym.verdict.lesson import Math, Sign, Term, Words

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[Any]  # real or complex

DIGITS = 6
_MOST = 8  # elements of an array that are shown
EQUALS, ABOUT = Sign("="), Sign("≈")


def short(value: float) -> str:
    """A number to few digits."""
    return f"{value + 0.0:.{DIGITS}g}"


def _complex(value: complex) -> str:
    return f"{value.real + 0.0:.{DIGITS}g}{value.imag + 0.0:+.{DIGITS}g}i"


def array_text(array: Numbers | None) -> str:
    """An array to few digits; of a large one its shape."""
    if array is None:
        return "nothing"
    if array.size > _MOST:
        return f"an array of shape {list(array.shape)}"
    return _nested(array.tolist())


def _nested(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_nested, value))}]"
    return _complex(value) if isinstance(value, complex) else short(value)


def equals(array: Floats) -> Sign:
    """= where a few digits tell all of an array, else ≈."""
    if array.size > _MOST:
        return EQUALS
    return EQUALS if all(float(short(x)) == x for x in array.reshape(-1).tolist()) else ABOUT


def formula(*terms: Term | str) -> Math:
    """Formulas in a row; a text is a sign between them."""
    return Math(tuple(Sign(term) if isinstance(term, str) else term for term in terms))


def prose(text: str) -> tuple[Words]:
    """A line of words."""
    return (Words(text),)


def substituted(node: Node, values: Mapping[str, Floats]) -> Node:
    """The tree with numbers in place of names and of elements of arrays.

    Of a where whose condition is then settled, the branch that is taken stays.
    """
    match node:
        case tree.Name(name) if name in values and not values[name].shape:
            return _number(float(values[name]))
        case tree.Index(tree.Name(name), items) if name in values:
            place = tuple(int(i.value) for i in items if isinstance(i, tree.Number))
            if len(place) == len(items) == values[name].ndim:
                return _number(float(values[name][place]))
            return node
        case tree.Slice():
            return node
    parts = [substituted(child, values) for child in children(node)]
    if isinstance(node, tree.Call) and node.function == "where":
        holds = settled(parts[0])
        if holds is not None:
            return parts[1] if holds else parts[2]
    return rebuilt(node, parts) if parts else node


def _number(value: float) -> Node:
    if not np.isfinite(value):
        return tree.Name(short(value))
    exact = Fraction(short(value))
    return tree.Number(exact) if exact >= 0 else tree.Unary("-", tree.Number(-exact))
