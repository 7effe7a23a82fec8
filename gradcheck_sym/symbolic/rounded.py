"""A program with its constants as a dtype has them: 9/10 as the double that is called 0.9.

Code compares with rounded constants. Next to a threshold it takes the side that these tell, and
no reader of the mathematics would call that another function.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from flint import ctx

from gradcheck_sym.spec.dtypes import Format
from gradcheck_sym.symbolic.balls import Ball
from gradcheck_sym.symbolic.interpret import DECIDING, evaluate
from gradcheck_sym.symbolic.program import CONDITIONS, Instruction, Program

_PRECISION = 256  # bits; no dtype has nearly as many
_LONGEST = 400  # decimals that a literal may have


def rounded(program: Program, dtype: Format, *, folded: bool = True) -> Program | None:
    """Every number that depends on no input, rounded to the dtype; None where all are of it.

    folded: or else only those that stand in the formula, not what is computed of them, and with no
    more digits than the dtype keeps: there is no 1 + 1e-8 in single precision.
    """
    with ctx.workprec(_PRECISION):
        code = tuple(_rounded(program, dtype, folded=folded))
    return replace(program, code=code) if code != program.code else None


def _rounded(program: Program, dtype: Format, *, folded: bool) -> Iterator[Instruction]:
    known: dict[int, Ball] = {}
    for index, step in enumerate(program.code):
        if _is_constant(step, known):
            known[index] = evaluate(step, [known[arg] for arg in step.args], {})
            is_meant = folded or (not step.args and _is_kept(step.data, dtype))
            number = _nearest(known[index], dtype) if is_meant else None
            yield step if number is None else Instruction("const", data=number)
        else:
            yield step


def _is_kept(number: object, dtype: Format) -> bool:
    """Whether a dtype keeps all digits of a decimal; of what is none, there are always more."""
    if not isinstance(number, Fraction):
        return True
    digits = int((dtype.precision - 1) * math.log10(2))
    scaled = abs(number) * Fraction(10) ** _LONGEST
    return scaled.denominator > 1 or len(str(scaled.numerator).strip("0")) <= digits


def _is_constant(step: Instruction, known: dict[int, Ball]) -> bool:
    varies = step.op in ("input", "inf") or step.op in CONDITIONS or step.op in DECIDING
    return not varies and all(arg in known for arg in step.args)


def _nearest(ball: Ball, dtype: Format) -> Fraction | None:
    """The number of the dtype that is nearest; None where that is beyond its normal numbers."""
    if not ball.is_finite() or not dtype.smallest_normal <= abs(ball) <= dtype.max:
        return None
    mantissa, exponent = ball.mid().man_exp()
    exact = Fraction(int(mantissa)) * Fraction(2) ** int(exponent)
    step = Fraction(2) ** (_exponent(exact) + 1 - dtype.precision)
    return round(exact / step) * step


def _exponent(number: Fraction) -> int:
    """The power of two with 2**e <= abs(number) < 2**(e + 1)."""
    guess = abs(number.numerator).bit_length() - number.denominator.bit_length()
    return guess if Fraction(2) ** guess <= abs(number) else guess - 1
