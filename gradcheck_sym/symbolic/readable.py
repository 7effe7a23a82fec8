"""SymPy's expressions as trees of the language, laid out as one writes them by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import reduce
from typing import Any, final

import sympy

from gradcheck_sym.spec import tree
from gradcheck_sym.spec.functions import FUNCTIONS
from gradcheck_sym.spec.tree import Node

_LARGEST_DENOMINATOR = 64  # of a quotient; what has more and is a decimal number is written as one

Named = Mapping[Any, Node]  # SymPy's symbols -> what they stand for


def tree_of(expr: Any, named: Named) -> Node:
    """The tree of a SymPy expression, over the trees that its symbols stand for.

    Quotients are written as such, and sums begin with a positive term where they have one.
    Functions that the language does not have are calls under SymPy's name: a tree for people,
    which the parser may refuse. Conditions are symbols.
    """
    return _Writing(named).tree(expr)


@final
@dataclass(frozen=True, slots=True)
class _Writing:
    """One walk over an expression."""

    named: Named

    def tree(self, expr: Any) -> Node:
        """The tree of one part."""
        if expr in self.named:
            return self.named[expr]
        if expr in _CONSTANTS:
            return tree.Name(_CONSTANTS[expr])
        match expr:
            case sympy.Rational():
                return number(Fraction(int(expr.p), int(expr.q)))
            case sympy.Add():
                return self._sum(expr)
            case sympy.Mul():
                return self._product(expr)
            case sympy.Pow():
                return self._power(*expr.as_base_exp())
            case sympy.Piecewise():
                return self._pieces(expr)
        return self._call(expr)

    def _call(self, expr: Any) -> Node:
        name = type(expr).__name__
        if name == "polygamma" and expr.args[0] == 0:
            return tree.Call("digamma", (self.tree(expr.args[1]),))
        return tree.Call(_names().get(name, name), tuple(map(self.tree, expr.args)))

    def _sum(self, expr: Any) -> Node:
        """The terms in SymPy's order, but for one that saves the sum from beginning with minus."""
        terms = list(expr.as_ordered_terms())
        if terms[0].could_extract_minus_sign():
            terms.sort(key=lambda term: bool(term.could_extract_minus_sign()))
        total = self.tree(terms[0])
        for term in terms[1:]:
            minus = term.could_extract_minus_sign()
            total = tree.Binary("-" if minus else "+", total, self.tree(-term if minus else term))
        return total

    def _product(self, expr: Any) -> Node:
        if expr.could_extract_minus_sign():
            return _negated(self.tree(-expr))
        coefficient, rest = expr.as_coeff_Mul()
        exact = Fraction(int(coefficient.p), int(coefficient.q))
        above, below = sympy.fraction(rest, exact=True)
        if _is_decimal(exact):
            top = self._times(above, exact)
        else:
            top = self._times(above, Fraction(exact.numerator))
            below = below * exact.denominator
        return top if below == 1 else tree.Binary("/", top, self._times(below))

    def _times(self, expr: Any, coefficient: Fraction = Fraction(1)) -> Node:
        """The factors of a product: numbers, then symbols and powers, then sums."""
        ordered = sorted(
            (factor for factor in expr.as_ordered_factors() if factor != 1),
            key=lambda factor: (not factor.is_number, bool(factor.is_Add)),
        )
        factors = [self.tree(factor) for factor in ordered]
        if coefficient != 1 or not factors:
            factors.insert(0, tree.Number(coefficient))
        return reduce(lambda left, right: tree.Binary("*", left, right), factors)

    def _power(self, base: Any, exponent: Any) -> Node:
        if base == sympy.E:
            return tree.Call("exp", (self.tree(exponent),))
        if exponent.is_Rational and exponent < 0:
            return tree.Binary("/", tree.Number(Fraction(1)), self._power(base, -exponent))
        if exponent == 1:
            return self.tree(base)
        if exponent == sympy.S.Half:
            return tree.Call("sqrt", (self.tree(base),))
        return tree.Binary("**", self.tree(base), self.tree(exponent))

    def _pieces(self, expr: Any) -> Node:
        """The pieces in order, each as where(condition, value, the rest)."""
        *pieces, (last, _) = expr.args
        found = self.tree(last)
        for value, condition in reversed(pieces):
            found = tree.Call("where", (self.tree(condition), self.tree(value), found))
        return found


def number(value: Fraction) -> Node:
    """The tree of an exact number: a decimal, or a quotient of small integers."""
    if value < 0:
        return _negated(number(-value))
    if value.denominator == 1 or _is_decimal(value):
        return tree.Number(value)
    above, below = (tree.Number(Fraction(part)) for part in value.as_integer_ratio())
    return tree.Binary("/", above, below)


def _is_decimal(value: Fraction) -> bool:
    """Whether a number is better read in decimals than as a quotient of integers."""
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest == 1 and value.denominator > _LARGEST_DENOMINATOR


def _negated(node: Node) -> Node:
    """The negative, its sign at the first factor: -1/x, not -(1/x)."""
    if isinstance(node, tree.Binary) and node.op in "*/":
        return replace(node, left=_negated(node.left))
    return tree.Unary("-", node)


_CONSTANTS = {sympy.pi: "pi", sympy.E: "e", sympy.oo: "inf"}


def _names() -> Mapping[str, str]:
    """SymPy's name of a function -> the language's, where they differ."""
    named = {row.sympy: row.name for row in FUNCTIONS.values() if row.sympy and not row.define}
    return named | {"Abs": "abs", "Max": "maximum", "Min": "minimum"}
