"""Formulas for people: derivatives by SymPy, in the spec's own names and in the spec's language."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import reduce
from typing import Any, final

import numpy as np
import sympy

from gradcheck_sym.spec import tree
from gradcheck_sym.spec.records import Input, Spec
from gradcheck_sym.spec.tree import Node
from gradcheck_sym.spec.unparse import unparse
from gradcheck_sym.symbolic.by_sympy import symbolic
from gradcheck_sym.symbolic.derivation import lower_spec
from gradcheck_sym.symbolic.lower import Array, input_array
from gradcheck_sym.symbolic.program import CONDITIONS, Builder, Instruction, Scalar, reachable
from gradcheck_sym.symbolic.readable import number, tree_of
from gradcheck_sym.verdict.pictures import Slope, value_name

_LONGEST = 400  # characters; longer derivatives explain nothing
_LARGEST = 200  # operations of a formula; larger ones take long to differentiate
_SIMPLE = 60  # SymPy operations of a derivative that is worth simplifying; larger ones take long
_HIGHEST = 24  # power in a polynomial that is factored at once; one of 851 takes minutes


def derivative_text(spec: Spec, name: str, elementwise: bool = False) -> str:
    """d expr/d name in the language of specs; "" where it would be long.

    For an array it is the derivative of the first element of the value by the first of the input.
    """
    found = slope(spec, name, elementwise)
    return "" if found is None else unparse(found.formula)


def slope(spec: Spec, name: str, elementwise: bool = False) -> Slope | None:
    """d expr/d name, simplified, as a tree; None where it would be long, or is no formula.

    Of arrays it is the derivative of the first element of the value by the first of the input,
    where each dim is 2, or as near as its range allows; of an elementwise function it is that of
    any element, without indices.
    """
    dims = {dim.name: 1 if elementwise else dim.small for dim in spec.dims}
    builder = Builder()
    inputs = {entry.name: entry for entry in spec.inputs}
    arrays = {key: input_array(builder, key, entry.sizes(dims)) for key, entry in inputs.items()}
    value, paired = lower_spec(spec, arrays, dims, builder)
    if not value.size or not arrays[name].size:
        return None
    by, place = _pair(value, arrays[name])
    chosen: Scalar = value.item(place)
    large = len(reachable(builder.code, [chosen.index])) > _LARGEST
    if large or chosen.constant is not None:
        return None
    translation = _Translation(builder.code, inputs, elementwise)
    formula = _shortest(translation, chosen, by)
    if formula is None or len(unparse(formula)) > _LONGEST:
        return None
    of = _element(value_name(spec), () if elementwise else place, paired=paired)
    return Slope(name, of, translation.trees[by.index], formula, dims)


def formula(number: Scalar, inputs: Mapping[str, Input]) -> Node | None:
    """A number as a formula of the inputs, simplified; None where it would be long."""
    code = number.builder.code
    if len(reachable(code, [number.index])) > _LARGEST:
        return None
    translation = _Translation(code, inputs, elementwise=False)
    found = _simplest(translation.value(number.index), translation.named)
    return None if len(unparse(found)) > _LONGEST else found


def _pair(value: Array, given: Array) -> tuple[Scalar, tuple[int, ...]]:
    """The first element of an input that matters, and the first of the value that it matters to.

    The very first of both where none does.
    """
    elements: list[Scalar] = given.reshape(-1).tolist()
    code = elements[0].builder.code
    uses = [(at, reachable(code, [value.item(at).index])) for at in np.ndindex(*value.shape)]
    pairs = ((by, at) for by in elements for at, used in uses if by.index in used)
    return next(pairs, (elements[0], (0,) * value.ndim))


def _element(name: str, place: Sequence[int], *, paired: bool) -> Node:
    """An element of an array by name; of a complex one the last index says which part."""
    whole: Node = tree.Name(name)
    places = place[:-1] if paired else place
    if places:
        whole = tree.Index(whole, tuple(tree.Number(Fraction(at)) for at in places))
    return tree.Call(("real", "imag")[place[-1]], (whole,)) if paired else whole


def _shortest(translation: _Translation, value: Scalar, by: Scalar) -> Node | None:
    """The derivative in its shortest form; of equal ones, that which is simplified the least."""
    slope = sympy.diff(translation.value(value.index), translation.value(by.index))
    if slope.has(sympy.Derivative, sympy.Subs):
        return None
    return _simplest(slope, translation.named)


def _simplest(expr: Any, named: Mapping[Any, Node]) -> Node:
    found = [tree_of(form, named) for form in _forms(expr)]
    return min(found, key=lambda node: sum(1 for _ in tree.walk(node)))


def _forms(slope: Any) -> Iterator[Any]:
    """An expression in different forms, all equal."""
    yield slope
    if slope.count_ops() > _SIMPLE:
        return
    opaque: dict[Any, Any] = {}
    if _power(slope) > _HIGHEST:
        slope, opaque = _exponentials_named(slope)
    for simplify in _SIMPLIFY if _power(slope) <= _HIGHEST else _SIMPLIFY[:_QUICK]:
        yield _piecewise(simplify, slope).xreplace(opaque)


def _power(expr: Any) -> int:
    """The highest power in SymPy's polynomials: to them exp(-1.702*x) is exp(-x/500)**851."""
    exponents = (power.as_base_exp()[1].expand() for power in expr.atoms(sympy.Pow, sympy.exp))
    terms = (term for exponent in exponents for term in sympy.Add.make_args(exponent))
    return max((abs(term.as_coeff_Mul(rational=True)[0].p) for term in terms), default=1)


def _exponentials_named(expr: Any) -> tuple[Any, dict[Any, Any]]:
    """An expression with symbols for its exponentials, and what these stand for.

    Where an exponent is an integer times another one, it is a power of the other's symbol.
    """
    bases: list[tuple[Any, Any, Any]] = []  # exponent without its factor, factor, symbol
    powers, meanings = {}, {}
    parts = {each: each.exp.as_content_primitive() for each in expr.atoms(sympy.exp)}
    for each in sorted(parts, key=lambda key: (parts[key][0], sympy.default_sort_key(key))):
        factor, rest = parts[each]
        if rest.could_extract_minus_sign():
            factor, rest = -factor, -rest
        known = ((symbol, factor / by) for other, by, symbol in bases if other == rest)
        symbol, times = next((found for found in known if found[1].is_Integer), (None, 1))
        if symbol is None:
            symbol = sympy.Dummy(positive=True)
            bases.append((rest, factor, symbol))
            meanings[symbol] = each
        powers[each] = symbol**times
    return expr.xreplace(powers), meanings


_SIMPLIFY: tuple[Callable[[Any], Any], ...] = (
    sympy.factor_terms,
    sympy.together,
    sympy.cancel,
    sympy.factor,
)
_QUICK = 2  # of these expand nothing: they are quick whatever the powers


def _piecewise(simplify: Callable[[Any], Any], expr: Any) -> Any:
    """A simplification of each piece by itself: SymPy's own see none, or distribute over them."""
    if not expr.has(sympy.Piecewise):
        return simplify(expr)
    if isinstance(expr, sympy.Piecewise):
        pieces = [(_piecewise(simplify, value), condition) for value, condition in expr.args]
        return sympy.Piecewise(*pieces, evaluate=False)
    return expr


@final
@dataclass(slots=True)
class _Translation:
    """Instructions as SymPy's expressions, in which inputs and conditions are symbols.

    What a condition stands for is put back in the end: SymPy would only rewrite it.
    """

    code: list[Instruction]
    inputs: Mapping[str, Input]
    elementwise: bool
    named: dict[Any, Node] = field(default_factory=dict)  # symbol -> what it stands for
    known: dict[int, Any] = field(default_factory=dict)
    trees: dict[int, Node] = field(default_factory=dict)

    def value(self, index: int) -> Any:
        """The expression of one instruction."""
        for step in sorted(reachable(self.code, [index])):  # the arguments come first
            if step not in self.known:
                self.trees[step] = self._written(self.code[step])
                self.known[step] = self._translated(step)
        return self.known[index]

    # ---- as it is differentiated

    def _translated(self, index: int) -> Any:
        step = self.code[index]
        args = [self.known[arg] for arg in step.args]
        if step.op == "input" or step.op == "detach" or step.op in CONDITIONS:
            return self._symbol(self.trees[index])
        match step.op:
            case "inf":
                return sympy.oo
            case "select":
                condition, chosen, other = args
                return sympy.Piecewise((chosen, condition), (other, True), evaluate=False)
            case "max" | "min":
                return self._extreme(">" if step.op == "max" else "<", step.op, step.args)
        return _FLAT[step.op](*args) if step.op in _FLAT else symbolic(step, args)

    def _symbol(self, meaning: Node) -> Any:
        symbol = sympy.Symbol(unparse(meaning), real=True)
        self.named[symbol] = meaning
        return symbol

    def _extreme(self, sign: str, op: str, args: tuple[int, ...]) -> Any:
        """The first argument while it beats the others, else the extreme of those."""
        first, others = args[0], args[1:]
        if not others:
            return self.known[first]
        rival = _nested(op, [self.trees[other] for other in others])
        condition = self._symbol(tree.Compare(sign, self.trees[first], rival))
        return sympy.Piecewise(
            (self.known[first], condition),
            (self._extreme(sign, op, others), True),
            evaluate=False,
        )

    # ---- as it was written

    def _written(self, step: Instruction) -> Node:
        args = tuple(self.trees[arg] for arg in step.args)
        if step.op in _OPERATORS:
            left, right = args
            return tree.Binary(_OPERATORS[step.op], left, right)
        if step.op in _COMPARED:
            left, right = args
            return tree.Compare(_COMPARED[step.op], left, right)
        match step.op:
            case "input":
                return self._input(str(step.data))
            case "const":
                assert isinstance(step.data, Fraction)
                return number(step.data)
            case "pi" | "e" | "inf":
                return tree.Name(step.op)
            case "neg" | "not":
                return tree.Unary("-" if step.op == "neg" else "not", args[0])
            case "and" | "or":
                return tree.Logic(step.op, args)
            case "max" | "min":
                return _nested(step.op, args)
        return tree.Call("where" if step.op == "select" else step.op, args)

    def _input(self, flat: str) -> Node:
        """An element of an input; of a complex one the last index says which part."""
        name, _, rest = flat.rstrip("]").partition("[")
        place = [int(at) for at in rest.split(",")] if rest else []
        paired = self.inputs[name].complex
        return _element(name, () if self.elementwise else place, paired=paired)


def _nested(op: str, operands: Sequence[Node]) -> Node:
    """The largest or smallest of some, two at a time."""
    name = "maximum" if op == "max" else "minimum"
    return reduce(lambda rest, operand: tree.Call(name, (operand, rest)), reversed(operands))


_OPERATORS = {"add": "+", "sub": "-", "mul": "*", "scale": "*", "div": "/", "pow": "**"}
_COMPARED = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}


def _flat(name: str) -> Any:
    """A function with the derivative 0, where it has one."""
    return type(name, (sympy.Function,), {"fdiff": lambda self, argindex=1: sympy.S.Zero})


_FLAT = {name: _flat(name) for name in ("sign", "floor", "ceil")}
