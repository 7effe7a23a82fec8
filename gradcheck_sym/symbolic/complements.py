"""The same program in operations that keep their digits: 1 + erf(z) as erfc(-z), and the like.

Where erf(z) is next to -1, 1 + erf(z) is a small difference of large numbers; erfc has all of its
digits, and a carrier of 64 bits then tells what balls would have to be asked for. Only powers of 2
count as 1, which every dtype holds. The mathematics and its slopes stay the same; what evaluating
as written loses does not, and is asked of the program as written.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from gradcheck_sym.symbolic.program import Builder, Program, Scalar, finish

Rewritten = Callable[[Scalar], Scalar]

# 1 + f(z) and 1 - f(z), each with its digits, where they may be small differences.
_SUM: dict[str, Rewritten] = {
    "erf": lambda z: _call("erfc", -z),
    "tanh": lambda z: 2 / (1 + _call("exp", -2 * z)),
}
_DIFFERENCE: dict[str, Rewritten] = {
    "erf": lambda z: _call("erfc", z),
    "erfc": lambda z: _call("erf", z),
    "exp": lambda z: -_call("expm1", z),
    "tanh": lambda z: 2 / (1 + _call("exp", 2 * z)),
}
_TERMS = 4  # of a sum that are looked at for one that goes with a constant


def _call(op: str, z: Scalar) -> Scalar:
    return z.builder.emit(op, [z])


def with_all_digits(program: Program) -> Program:
    """The program with sums of 1 and what may be next to -1 rewritten, and their logarithms."""
    builder = Builder()
    found: list[Scalar] = []
    for step in program.code:
        args = [found[arg] for arg in step.args]
        kept = None
        if step.op in ("add", "sub"):
            kept = _complement(args[0], args[1] if step.op == "add" else -args[1])
        elif step.op == "log":
            kept = _log_beside_one(program, step.args[0], found)
        found.append(builder.emit(step.op, args, step.data) if kept is None else kept)
    return finish(program.inputs, [found[at] for at in program.outputs])


def _log_beside_one(program: Program, at: int, found: list[Scalar]) -> Scalar | None:
    """log(1 + z) as log1p(z); None for the logarithm of anything else."""
    step = program.code[at]
    terms = [found[arg] for arg in step.args] if step.op == "add" else []
    rest = [term for term in terms if term.constant != 1]
    return _call("log1p", rest[0]) if len(terms) - len(rest) == 1 else None


def _complement(left: Scalar, right: Scalar) -> Scalar | None:
    """A sum of a constant and what has a term that goes with it; None for other sums."""
    for constant, other in ((left, right), (right, left)):
        if constant.constant is not None and _is_power_of_two(constant.constant):
            return _absorbed(constant.constant, other, _TERMS)
    return None


def _absorbed(c: Fraction, other: Scalar, deep: int) -> Scalar | None:
    """c + other, where that is s*f(z) and |c| = |s|, or a sum with such a term; else None."""
    step = other.instruction
    if step.op == "add" and deep:
        terms = [Scalar(other.builder, arg) for arg in step.args]
        for term, rest in (terms, terms[::-1]):
            kept = _absorbed(c, term, deep - 1)
            if kept is not None:
                return kept + rest
        return None
    share, function = _scaled(other)
    rule = (_SUM if c == share else _DIFFERENCE).get(function.instruction.op)
    if rule is None or abs(c) != abs(share):
        return None
    return c * rule(Scalar(function.builder, function.instruction.args[0]))


def _scaled(term: Scalar) -> tuple[Fraction, Scalar]:
    """A term as a rational multiple of another, as far as it is one by powers of 2."""
    share = Fraction(1)
    while (found := _factor(term)) is not None:
        share, term = share * found[0], found[1]
    return share, term


def _factor(term: Scalar) -> tuple[Fraction, Scalar] | None:
    """The outermost factor of a term, a sign or a power of 2, and what it multiplies; or None."""
    step = term.instruction
    args = [Scalar(term.builder, arg) for arg in step.args]
    if step.op == "neg":
        return Fraction(-1), args[0]
    for k, factor in enumerate(args if step.op in ("mul", "div") else ()):
        value, other = factor.constant, args[1 - k]
        if value is not None and _is_power_of_two(value) and (step.op == "mul" or k == 1):
            return (value if step.op == "mul" else 1 / value), other
    return None


def _is_power_of_two(value: Fraction) -> bool:
    top, bottom = abs(value.numerator), value.denominator
    return top > 0 and top & (top - 1) == 0 and bottom & (bottom - 1) == 0
