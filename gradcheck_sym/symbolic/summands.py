"""The terms of a derivative as SymPy writes it, and their factors: each left out in turn.

For functions that act on each element alone, and are smooth: there the derivative is one formula.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import final

import sympy

from gradcheck_sym.symbolic.by_sympy import expression_of, written
from gradcheck_sym.symbolic.derivation import Derivation
from gradcheck_sym.symbolic.program import Builder, Program, Scalar, finish
from gradcheck_sym.symbolic.structure import is_elementwise
from gradcheck_sym.symbolic.variant import Variant

_MOST_ELEMENTS = 4  # of a value: more say nothing else
_MOST_TERMS = 6
_MOST_FACTORS = 5  # of one term; any of them may be forgotten together
_LARGEST = 60  # operations


def summands(derivation: Derivation) -> Iterator[Variant]:
    """The gradient without each term, and without the factors of each term.

    One input's at a time: the derivation has the gradient by the others as it is.
    """
    forward = derivation.forward
    if not 1 <= len(forward.outputs) <= _MOST_ELEMENTS:
        return
    for name in derivation.wrt:
        formula = _Formula.of(derivation, name)
        if formula is not None:
            yield from formula.variants()


@final
@dataclass(frozen=True, slots=True)
class _Formula:
    """The derivative of one element of the value by the same element of an input."""

    derivation: Derivation
    name: str
    terms: tuple[sympy.Expr, ...]

    @staticmethod
    def of(derivation: Derivation, name: str) -> _Formula | None:
        """The formula; None where there is no single short one."""
        shapes, out = derivation.shapes, derivation.out_shape
        if shapes[name] != out or any(shape not in ((), out) for shape in shapes.values()):
            return None
        arrays = [derivation.flat_names(each) for each in shapes if shapes[each] == out]
        shared = frozenset(each for each in shapes if shapes[each] == () != out)
        if not is_elementwise(derivation.forward, arrays, shared):
            return None
        value = _scalars(derivation)[derivation.forward.outputs[0]]
        formula = expression_of(value, _LARGEST)
        if formula is None:
            return None
        slope = sympy.diff(formula, _symbol(derivation.flat_names(name)[0]))
        terms = sympy.Add.make_args(slope)
        return _Formula(derivation, name, terms) if len(terms) <= _MOST_TERMS else None

    def variants(self) -> Iterator[Variant]:
        """Without each of several terms; without some factors of each."""
        for place, term in enumerate(self.terms):
            others = sum(self.terms[:place] + self.terms[place + 1 :], sympy.S.Zero)
            if others != 0:
                words = f"the term {self._said(term)} of the derivative"
                yield Variant(words, True, self._with(others), words)
            whole = "" if others == 0 else f" {self._said(term)}"
            for factor in _factors(term):
                words = f"the factor {self._said(factor)} of the derivative"
                if whole:
                    words = f"the factor {self._said(factor)} of the term{whole} of the derivative"
                yield Variant(words, False, self._with(others + term / factor), words)

    def _said(self, formula: sympy.Expr) -> str:
        """A formula in the spec's names: without the index of the element."""
        names = {flat: flat.partition("[")[0] for flat in self.derivation.forward.inputs}
        plain = {_symbol(flat): _symbol(name) for flat, name in names.items()}
        return str(formula.xreplace(plain))

    def _with(self, slope: sympy.Expr) -> Program:
        """The joint program with another slope by the input."""
        derivation = self.derivation
        builder = Builder()
        scalars = [builder.input(name) for name in derivation.joint.inputs]
        by_name = dict(zip(derivation.joint.inputs, scalars, strict=True))
        fed = scalars[len(derivation.forward.inputs) :]
        zero = builder.constant(0)
        outputs = [zero] * derivation.values
        for name in derivation.wrt:
            for place, _ in enumerate(derivation.flat_names(name)):
                mine = name == self.name
                outputs.append(
                    fed[place] * written(slope, builder, self._symbols(place, by_name))
                    if mine
                    else zero
                )
        return finish(derivation.joint.inputs, outputs)

    def _symbols(self, place: int, by_name: dict[str, Scalar]) -> dict[sympy.Symbol, Scalar]:
        """The formula's symbols, those of the first elements, as the scalars of another element."""
        found = {}
        for name in self.derivation.shapes:
            flat = self.derivation.flat_names(name)
            found[_symbol(flat[0])] = by_name[flat[min(place, len(flat) - 1)]]
        return found


def _scalars(derivation: Derivation) -> list[Scalar]:
    builder = Builder()
    found: list[Scalar] = []
    for step in derivation.forward.code:
        found.append(builder.emit(step.op, [found[arg] for arg in step.args], step.data))
    return found


def _symbol(name: str) -> sympy.Symbol:
    return sympy.Symbol(name, real=True)


def _factors(term: sympy.Expr) -> Iterator[sympy.Expr]:
    """The products of some of a term's factors, but not of all; single ones first."""
    parts: list[sympy.Expr] = []
    for factor in sympy.Mul.make_args(term):
        base, exponent = factor.as_base_exp()
        whole = exponent.is_Integer and base != sympy.E and 1 < abs(int(exponent)) <= _MOST_FACTORS
        parts += [base ** sympy.sign(exponent)] * abs(int(exponent)) if whole else [factor]
    parts = [part for part in parts if part != -1]
    if len(parts) > _MOST_FACTORS:
        return
    seen: set[sympy.Expr] = set()
    for size in range(1, len(parts)):
        for chosen in combinations(parts, size):
            product = sympy.Mul(*chosen)
            if product not in seen and product.free_symbols:
                seen.add(product)
                yield product
