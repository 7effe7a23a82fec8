"""SymPy differentiates; the chain rule puts the pieces together.

A scalar program is cut where a value is shared and where it branches. Each piece between two
cuts is one smooth expression, handed to SymPy as a whole; pieces of the same form (as in every
element of an elementwise function) are differentiated once. The adjoint of a cut is the sum of
what flows into it, so that the gradient costs a small multiple of the value.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from typing import Any, final

import sympy

from gradcheck_sym.spec.functions import FUNCTIONS
from gradcheck_sym.symbolic.lower import definition
from gradcheck_sym.symbolic.program import CONDITIONS, Builder, Instruction, Scalar, reachable

# Values with a derivative of their own rule: selections pass the adjoint to what they selected.
_BRANCHES = frozenset({"select", "max", "min"})
# Values through which nothing flows: constant, or constant between jumps.
_NUMBERS = frozenset({"const", "pi", "e"})
_FLAT = frozenset({"detach", "sign", "floor", "ceil", "wins", "inf"}) | _NUMBERS | CONDITIONS

# Functions so dear that their value must be the same instruction in the value and in the gradient:
# SymPy would write their argument another way, such as sqrt(2)*x/2 for x/sqrt(2).
_DEAR = frozenset({"erf", "erfc", "erfinv", "lgamma", "digamma"})

_SHARED_SIZE = (
    6  # a shared value is a cut once it takes this many operations; below, repeating is simpler
)
_LARGEST_PIECE = 60  # operations handed to SymPy at once; beyond, products of sums swell


def vjp(
    outputs: Sequence[Scalar], cotangents: Sequence[Scalar], wrt: Sequence[Scalar]
) -> list[Scalar]:
    """The gradient of sum(cotangent*output) with respect to each of wrt, as scalars.

    wrt are inputs of the same builder. What does not depend on one gives the constant 0.
    """
    if not outputs:
        return [scalar.builder.constant(0) for scalar in wrt]
    builder = cotangents[0].builder
    return _Reverse(builder, {scalar.index for scalar in wrt}).run(outputs, cotangents, wrt)


@final
@dataclass(slots=True)
class _Reverse:
    """One sweep from the outputs to the inputs."""

    builder: Builder
    wrt: set[int]
    adjoints: dict[int, Scalar] = field(default_factory=dict)
    gated: set[int] = field(default_factory=set)  # adjoints that an unselected branch makes 0

    def run(
        self, outputs: Sequence[Scalar], cotangents: Sequence[Scalar], wrt: Sequence[Scalar]
    ) -> list[Scalar]:
        for output, cotangent in zip(outputs, cotangents, strict=True):
            self._flow(output.index, cotangent, gated=False)
        roots = [output.index for output in outputs]
        within = reachable(self.builder.code, roots)
        live = _depending(self.builder.code, within, self.wrt)
        cuts = _cuts(self.builder.code, live, roots, self.wrt)
        cuts |= _constant_to_wrt(self.builder.code, within - live)
        for index in sorted(cuts & live, reverse=True):
            if index in self.adjoints and index not in self.wrt:
                self._pull(index, live, cuts)
        zero = self.builder.constant(0)
        return [self.adjoints.get(scalar.index, zero) for scalar in wrt]

    def _flow(self, index: int, contribution: Scalar, *, gated: bool) -> None:
        before = self.adjoints.get(index)
        self.adjoints[index] = contribution if before is None else before + contribution
        if gated:
            self.gated.add(index)

    def _pull(self, index: int, live: set[int], cuts: set[int]) -> None:
        """Hands the adjoint of a cut on to the cuts that its piece is made of."""
        adjoint, step = self.adjoints[index], self.builder.code[index]
        if step.op in _BRANCHES:
            self._branch(index, step, adjoint, live)
            return
        piece = _Piece.cut_out(self.builder.code, index, cuts - {index})
        for slot, leaf in enumerate(piece.leaves):
            if leaf in live:
                slope = _slope(piece.form, slot, self.builder, piece.leaves)
                if slope.constant != 0:
                    op = "scale" if index in self.gated else "mul"
                    self._flow(leaf, self.builder.op(op, adjoint, slope), gated=index in self.gated)

    def _branch(self, index: int, step: Instruction, adjoint: Scalar, live: set[int]) -> None:
        zero, emit = self.builder.constant(0), self.builder.emit
        if step.op == "select":
            condition, *branches = (Scalar(self.builder, arg) for arg in step.args)
            parts = [[condition, adjoint, zero], [condition, zero, adjoint]]
            shares = [emit("select", part) for part in parts]
        else:
            branches = [Scalar(self.builder, arg) for arg in step.args]
            wins = [emit("wins", branches, f"{step.op}:{k}") for k in range(len(branches))]
            shares = [self.builder.op("scale", win, adjoint) for win in wins]
        for branch, share in zip(branches, shares, strict=True):
            if branch.index in live:
                self._flow(branch.index, share, gated=True)


def _depending(code: Sequence[Instruction], within: set[int], wrt: set[int]) -> set[int]:
    """The instructions through which a derivative with respect to wrt can flow."""
    live = set(wrt & within)
    for index in sorted(within):
        step = code[index]
        sources = step.args[1:] if step.op == "select" else step.args
        if step.op not in _FLAT and any(arg in live for arg in sources):
            live.add(index)
    return live


def _constant_to_wrt(code: Sequence[Instruction], still: set[int]) -> set[int]:
    """What no derivative flows through stands as a symbol, but for the numbers themselves.

    SymPy would only rewrite it: digamma(2) as 1 - EulerGamma, log(-2) as a complex number.
    """
    return {index for index in still if code[index].op not in _NUMBERS}


def _cuts(
    code: Sequence[Instruction], live: set[int], roots: Iterable[int], wrt: set[int]
) -> set[int]:
    """The instructions that stand as symbols: roots, inputs, branches, shared values."""
    uses = Counter(arg for index in live for arg in set(code[index].args))
    apart = _BRANCHES | _DEAR
    chosen = {arg for index in live if code[index].op in apart for arg in code[index].args}
    cuts = set(roots) | wrt
    sizes: dict[int, int] = {}
    for index in sorted(live):
        step = code[index]
        size = 1 + sum(sizes.get(arg, 0) for arg in step.args)
        shared = uses[index] > 1 and size >= _SHARED_SIZE
        if step.op in _BRANCHES or index in chosen or shared or size > _LARGEST_PIECE:
            cuts.add(index)
        sizes[index] = 0 if index in cuts else size
    return cuts


@final
@dataclass(frozen=True, slots=True)
class _Piece:
    """A smooth expression between cuts: its form with slots, and what stands in the slots."""

    form: tuple[Instruction, ...]  # op "slot" where a leaf stands; the last one is the value
    leaves: tuple[int, ...]

    @staticmethod
    def cut_out(code: Sequence[Instruction], root: int, cuts: set[int]) -> _Piece:
        """The piece below root, with leaves numbered by first appearance."""
        form: list[Instruction] = []
        place: dict[int, int] = {}
        leaves: list[int] = []
        pending = [(root, False)]
        while pending:
            index, ready = pending.pop()
            step = code[index]
            if index in place:
                continue
            if index != root and (index in cuts or _opaque(step)):
                place[index] = len(form)
                form.append(Instruction("slot", data=len(leaves)))
                leaves.append(index)
            elif ready:
                place[index] = len(form)
                form.append(Instruction(step.op, tuple(place[arg] for arg in step.args), step.data))
            else:
                pending.append((index, True))
                pending.extend((arg, False) for arg in reversed(step.args))
        return _Piece(tuple(form), tuple(leaves))


def _opaque(step: Instruction) -> bool:
    return step.op == "input" or step.op in _BRANCHES or (step.op in _FLAT and step.op in _OPAQUE)


_OPAQUE = _FLAT - _NUMBERS


def _slope(
    form: tuple[Instruction, ...], slot: int, builder: Builder, leaves: Sequence[int]
) -> Scalar:
    """The derivative of a piece with respect to one of its slots, in the builder."""
    write = _Writer(builder, {_slot(k): Scalar(builder, leaf) for k, leaf in enumerate(leaves)})
    return write.scalar(_derivative(form, slot))


@cache
def _derivative(form: tuple[Instruction, ...], slot: int) -> sympy.Expr:
    return sympy.diff(expression(form), _slot(slot))


@cache
def _slot(number: int) -> sympy.Symbol:
    return sympy.Symbol(f"s{number}", real=True)


@cache
def expression(form: tuple[Instruction, ...]) -> sympy.Expr:
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
    piece = _Piece.cut_out(code, root.index, set())
    branching = any(map(_opaque, piece.form))
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
    piece = _Piece.cut_out(builder.code, root.index, set())
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
