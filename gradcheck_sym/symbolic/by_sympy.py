"""Scalar programs in SymPy and back: the only place that differentiates, and where rules end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any, final

import sympy

from gradcheck_sym.spec.functions import FUNCTIONS
from gradcheck_sym.symbolic.lower import definition
from gradcheck_sym.symbolic.pieces import Form, Piece, is_opaque
from gradcheck_sym.symbolic.program import Builder, Instruction, Scalar, reachable


def slope(form: Form, slot: int) -> Form:
    """The derivative of a form by what stands in one of its slots, as a form in the same slots."""
    builder = Builder()
    slots = {_slot(k): builder.emit("slot", data=k) for k in range(_slots(form))}
    value = _Writer(builder, slots).scalar(sympy.diff(expression(form), _slot(slot)))
    needed = sorted(reachable(builder.code, [value.index]))
    place = {old: new for new, old in enumerate(needed)}
    steps = (builder.code[old] for old in needed)
    return tuple(
        Instruction(step.op, tuple(place[arg] for arg in step.args), step.data) for step in steps
    )


def _slots(form: Form) -> int:
    return sum(step.op == "slot" for step in form)


@cache
def _slot(number: int) -> sympy.Symbol:
    return sympy.Symbol(f"s{number}", real=True)


@cache
def expression(form: Form) -> sympy.Expr:
    """The SymPy expression of a piece, over the symbols s0, s1, … of its slots."""
    values: list[sympy.Expr] = []
    for step in form:
        args = [values[arg] for arg in step.args]
        values.append(_slot(int(step.data or 0)) if step.op == "slot" else symbolic(step, args))
    return values[-1]


def expression_of(root: Scalar, largest: int) -> sympy.Expr | None:
    """A scalar as one SymPy expression over its inputs; None where it branches or is large."""
    code = root.builder.code
    if root.instruction.op == "input":
        return sympy.Symbol(str(root.instruction.data), real=True)
    piece = Piece.cut_out(code, root.index, set())
    branching = any(map(is_opaque, piece.form))
    if branching or len(piece.form) > largest or any(code[k].op != "input" for k in piece.leaves):
        return None
    values = {
        _slot(k): sympy.Symbol(str(code[leaf].data), real=True)
        for k, leaf in enumerate(piece.leaves)
    }
    return expression(piece.form).xreplace(values)


def symbolic(step: Instruction, args: Sequence[sympy.Expr]) -> sympy.Expr:
    """One operation in SymPy; the function table says how the functions are written there."""
    if step.op == "const":
        value = step.data
        assert isinstance(value, Fraction)
        return sympy.Rational(value.numerator, value.denominator)
    if step.op == "polygamma":
        return sympy.polygamma(int(step.data or 0), args[0])
    if step.op in _ARITHMETIC:
        return _ARITHMETIC[step.op](*args)
    row = FUNCTIONS[step.op]
    if row.define:
        return _defined(row.name)(*args)
    return _NATIVE[row.sympy](*args) if row.sympy in _NATIVE else getattr(sympy, row.sympy)(*args)


@cache
def _defined(function: str) -> Callable[..., sympy.Expr]:
    """A function of the table by its definition, as a function of SymPy expressions."""
    from gradcheck_sym.spec.functions import parameters
    from gradcheck_sym.symbolic.lower import input_array, lower

    builder = Builder()
    names = [parameter.name for parameter in parameters(FUNCTIONS[function].signature)]
    bindings = {name: input_array(builder, name, ()) for name in names}
    root = lower(definition(function), bindings, builder).item()
    piece = Piece.cut_out(builder.code, root.index, set())
    symbols = [_slot(k) for k in range(len(piece.leaves))]
    body = expression(piece.form)
    return lambda *args: body.xreplace(dict(zip(symbols, args, strict=True)))


class tanh(sympy.Function):  # type: ignore[misc]  # noqa: N801 - SymPy's functions are lower case
    """tanh with derivative 1/cosh**2, which loses no digits in the tails as 1 - tanh**2 does."""

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        """The derivative, as SymPy asks for it."""
        return sympy.cosh(self.args[0]) ** -2


class erfc(sympy.Function):  # type: ignore[misc]  # noqa: N801
    """erfc, which SymPy rewrites for -x as 2 - erfc(x), where all digits of a tail are lost."""

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        """The derivative, as SymPy asks for it."""
        return -2 * sympy.exp(-(self.args[0] ** 2)) / sympy.sqrt(sympy.pi)


class Abs(sympy.Function):  # type: ignore[misc]
    """The absolute value of a real number: SymPy's own asks of every log whether it is complex."""

    is_nonnegative = True

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        """The derivative, as SymPy asks for it."""
        return sympy.sign(self.args[0])


_ARITHMETIC: dict[str, Callable[..., sympy.Expr]] = {
    "neg": lambda a: -a,
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "scale": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "pow": lambda a, b: a**b,
    "pi": lambda: sympy.pi,
    "e": lambda: sympy.E,
}
_NATIVE: dict[str, Callable[..., sympy.Expr]] = {
    "abs": Abs,
    "digamma": lambda a: sympy.polygamma(0, a),
    "tanh": tanh,
    "erfc": erfc,
}


def written(formula: sympy.Expr, builder: Builder, symbols: dict[sympy.Symbol, Scalar]) -> Scalar:
    """The scalar that computes a formula of SymPy's over the symbols."""
    return _Writer(builder, symbols).scalar(formula)


@final
@dataclass(frozen=True, slots=True)
class _Writer:
    """SymPy back to scalars. Equal subexpressions become one instruction in the builder."""

    builder: Builder
    symbols: dict[sympy.Symbol, Scalar]

    def scalar(self, expr: sympy.Expr) -> Scalar:
        """The scalar that computes a SymPy expression."""
        match expr:
            case sympy.Symbol():
                return self.symbols[expr]
            case sympy.Rational():
                return self.builder.constant(Fraction(int(expr.p), int(expr.q)))
            case sympy.Add():
                return self._sum(expr.as_ordered_terms())
            case sympy.Mul():
                return self._product(expr)
            case sympy.Pow():
                return self._power(*expr.as_base_exp())
            case sympy.exp():
                return self._call("exp", expr.args)
            case sympy.polygamma():
                return self._polygamma(*expr.args)
        if expr in (sympy.pi, sympy.E):
            return self.builder.emit("pi" if expr == sympy.pi else "e")
        return self._call(_ops()[type(expr).__name__], expr.args)

    def _call(self, op: str, args: Iterable[Any]) -> Scalar:
        return self.builder.emit(op, [self.scalar(arg) for arg in args])

    def _sum(self, terms: Sequence[sympy.Expr]) -> Scalar:
        total: Scalar | None = None
        for term in terms:
            negative = term.could_extract_minus_sign()
            part = self.scalar(-term if negative else term)
            if total is None:
                total = -part if negative else part
            else:
                total = total - part if negative else total + part
        assert total is not None
        return total

    def _product(self, expr: sympy.Expr) -> Scalar:
        coefficient, rest = expr.as_coeff_Mul()
        above: list[Scalar] = []
        below: list[Scalar] = []
        for base, exponent in _powers(rest).items():
            if base != sympy.E and exponent.is_Rational and exponent < 0:
                below.append(self._power(base, -exponent))
            else:
                above.append(self._power(base, exponent))
        numerator, denominator = Fraction(int(coefficient.p), int(coefficient.q)).as_integer_ratio()
        top = self._times([self.builder.constant(abs(numerator)), *above])
        bottom = self._times([self.builder.constant(denominator), *below])
        result = top / bottom if bottom.constant != 1 else top
        return -result if numerator < 0 else result

    def _times(self, factors: Sequence[Scalar]) -> Scalar:
        product = self.builder.constant(1)
        for factor in factors:
            product = product * factor
        return product

    def _power(self, base: sympy.Expr, exponent: sympy.Expr) -> Scalar:
        if base == sympy.E:
            return self._call("exp", [exponent])
        if exponent.is_Rational and exponent < 0:
            return 1 / self._power(base, -exponent)
        if exponent == sympy.S.Half:
            return self._call("sqrt", [base])
        return self.scalar(base) ** self.scalar(exponent)

    def _polygamma(self, order: sympy.Expr, argument: sympy.Expr) -> Scalar:
        if order == 0:
            return self._call("digamma", [argument])
        return self.builder.emit("polygamma", [self.scalar(argument)], int(order))


def _powers(product: sympy.Expr) -> dict[sympy.Expr, sympy.Expr]:
    """Base -> exponent; SymPy leaves x**y/x, which is singular at 0, where x**(y - 1) is not."""
    found: dict[sympy.Expr, sympy.Expr] = {}
    for factor in sympy.Mul.make_args(product):
        base, exponent = factor.as_base_exp()
        found[base] = found.get(base, sympy.S.Zero) + exponent
    return found


@cache
def _ops() -> dict[str, str]:
    """SymPy class name -> operation, read from the function table."""
    named = {row.sympy: row.name for row in FUNCTIONS.values() if row.sympy and not row.define}
    return {name.capitalize() if name == "abs" else name: op for name, op in named.items()}
