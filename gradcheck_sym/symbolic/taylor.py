"""The same derivative a second time, without SymPy: Taylor arithmetic over the forward program.

Every operation is carried out on power series of two terms (value and slope along a direction)
in Arb. Nothing is shared with `symbolic.differentiate` but the program, so that an error in
SymPy's derivative or in the chain rule shows as two balls that do not overlap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from flint import arb, arb_series

from gradcheck_sym.spec.dtypes import Format
from gradcheck_sym.symbolic import balls
from gradcheck_sym.symbolic.balls import NAN, Ball
from gradcheck_sym.symbolic.interpret import Decision
from gradcheck_sym.symbolic.program import CONDITIONS, Instruction, Program

Series = Any  # flint.arb_series has no type information


def slopes(
    program: Program,
    row: Sequence[float],
    direction: Sequence[float],
    decisions: Sequence[Decision],
) -> list[Ball]:
    """The directional derivative of each output along a direction, at the current precision.

    Args:
        program: values only.
        row: the inputs, exact.
        direction: one number per input, exact.
        decisions: the branches taken at this point, one entry per instruction.
    """
    found = _carried(program, row, direction, decisions)
    return [found[at][1] for at in program.outputs]


def met(
    program: Program,
    row: Sequence[float],
    direction: Sequence[float],
    decisions: Sequence[Decision],
) -> tuple[list[float], list[float]]:
    """The magnitudes of all values on the way that are not 0, and of all slopes along a direction.

    Each rounded up; arguments as of `slopes`.
    """
    found = _carried(program, row, direction, decisions)
    series = [one for one in found if one is not None]
    return _sizes(one[0] for one in series), _sizes(one[1] for one in series)


def _sizes(balls_met: Iterable[Ball]) -> list[float]:
    known = (ball for ball in balls_met if ball.is_finite() and not ball.contains(0))
    return [float(abs(ball).upper()) for ball in known]


def _carried(
    program: Program,
    row: Sequence[float],
    direction: Sequence[float],
    decisions: Sequence[Decision],
) -> list[Series]:
    """Value and slope of every instruction; None for conditions."""
    given = {
        name: arb_series([value, along], prec=2)
        for name, value, along in zip(program.inputs, row, direction, strict=True)
    }
    found: list[Series] = []
    for index, step in enumerate(program.code):
        args = [found[arg] for arg in step.args]
        found.append(
            None if step.op in CONDITIONS else _series(step, args, decisions[index], given)
        )
    return found


def recomputed(
    program: Program,
    row: Sequence[float],
    place: int,
    decisions: Sequence[Decision],
    dtype: Format,
) -> list[Ball]:
    """Slopes along one input where every saved value is rounded and the slope recomputed from it.

    A backward may know an intermediate value y(t) only as rounded to u*|y|, and state its slope
    as a function h of it (1 - y**2 for tanh). With h' = y''/y' the slope is off by
    u*|y|*|y''/y'|, whatever h looks like; each intermediate value contributes that. Or it states
    it as a multiple of y, as y/x for a product: then it has no more digits than y, which has few
    below the normal range.

    Args:
        program: values only.
        row: the inputs, exact; each is rounded once.
        place: the input along which the slopes are.
        decisions: the branches taken at this point.
        dtype: what values are rounded to; u is 2**-precision.
    """
    unit = arb(1, 2.0**-dtype.precision)
    given = {
        name: arb_series([arb(value) * unit, 1 if number == place else 0], prec=3)
        for number, (name, value) in enumerate(zip(program.inputs, row, strict=True))
    }
    found: list[Series] = []
    for index, step in enumerate(program.code):
        args = [found[arg] for arg in step.args]
        value = None if step.op in CONDITIONS else _series(step, args, decisions[index], given)
        found.append(value if value is None else _rounded(value, dtype))
    return [found[at][1] for at in program.outputs]


def _rounded(value: Series, dtype: Format) -> Series:
    level, slope, bend = value[0], value[1], value[2]
    if slope.contains(0) or not bend.is_finite():
        return value
    lost = arb(0)
    if not bend.is_zero():
        lost += (abs(level * 2 * bend / slope)).upper() * 2.0**-dtype.precision
    if not level.contains(0) and abs(level) < dtype.smallest_normal:
        lost += (abs(slope / level)).upper() * dtype.smallest_subnormal
    return arb_series([level, slope + arb(0, 1) * lost, bend], prec=3)


def one_step(step: Instruction, args: Sequence[Series]) -> Series:
    """An operation without branches on series."""
    return _series(step, args, None, {})


def _series(
    step: Instruction, args: Sequence[Series], decision: Decision, given: dict[str, Series]
) -> Series:
    match step.op:
        case "input":
            return given[str(step.data)]
        case "const" | "pi" | "e" | "inf":
            return _constant(balls.constant(step))
        case "select":
            return _UNKNOWN if decision is None else args[1] if decision else args[2]
        case "max" | "min":
            return _UNKNOWN if decision is None else args[int(decision)]
        case "sign" | "floor" | "ceil":
            return _UNKNOWN if decision is None else _constant(arb(int(decision)))
        case "wins":
            return _UNKNOWN if decision is None else _constant(arb(decision == step.place))
        case "polygamma":
            return _guarded(lambda x: _polygamma(int(step.data or 0), x), args)
        case "detach":
            return _constant(args[0][0])
        case "abs":
            return args[0] if args[0][0] > 0 else -args[0]
    return _guarded(_SERIES.get(step.op) or (lambda x: getattr(x, step.op)()), args)


def _guarded(function: Callable[..., Series], args: Sequence[Series]) -> Series:
    """Unknown after a division by what may be 0, or a function outside its domain."""
    try:
        return function(*args)
    except (ValueError, ZeroDivisionError):
        return _UNKNOWN


_UNKNOWN: Series = arb_series([NAN, NAN, NAN])  # neither the value nor a slope is known


def _constant(value: Ball) -> Series:
    return arb_series([value])


def _integrated(value: Ball, slope: Series, argument: Series) -> Series:
    """f(argument) from its value and the series of f' along the argument."""
    return arb_series([value]) + (slope * argument.derivative()).integral()


def _composed(outer: Series, argument: Series) -> Series:
    """f(argument) from the Taylor series of f around the argument's value."""
    return outer(argument - argument[0])


def _power(base: Series, exponent: Series) -> Series:
    power = exponent[0]
    if exponent[1].is_zero() and power.is_integer() and abs(power) <= 2**31:
        whole = int(power.unique_fmpz())
        return base**whole if whole >= 0 else arb_series([1]) / base**-whole
    return (exponent * base.log()).exp()


def _scale(gate: Series, value: Series) -> Series:
    """gate*value; 0 where the gate is exactly 0, because the branch was not taken."""
    shut = gate[0].is_zero() and gate[1].is_zero() and gate[2].is_zero()
    return _constant(arb(0)) if shut else gate * value


def _polygamma(order: int, x: Series) -> Series:
    """From the Taylor coefficients: the derivative of polygamma(n) is polygamma(n + 1)."""
    coefficients = [balls.polygamma(order + k, x[0]) / arb(k).fac() for k in range(x.prec)]
    moved = arb_series([0, *x.coeffs()[1:]], prec=x.prec)  # the value's own radius is in the first
    outer: Series = arb_series(coefficients, prec=x.prec)(moved)
    return outer


def _expm1(x: Series) -> Series:
    return _integrated(x[0].expm1(), x.exp(), x)


def _tanh(x: Series) -> Series:
    value = x[0].tanh()
    slope = ((x.exp() + (-x).exp()) / 2) ** 2
    return _integrated(value, arb_series([1]) / slope, x)


def _lgamma(x: Series) -> Series:
    """Minus the logarithm of |1/gamma|, from the series of that entire function."""
    inverse = x.rgamma()
    return -(inverse if inverse[0] > 0 else -inverse).log()


def _digamma(x: Series) -> Series:
    """The derivative of the Taylor series of lgamma, composed with the argument."""
    terms = x.prec + 1
    return _composed(_lgamma(arb_series([x[0], 1], prec=terms)).derivative(), x)


def _erfinv(x: Series) -> Series:
    """The reversion of the Taylor series of erf around the value."""
    value = x[0].erfinv()
    shifted = arb_series([value, 1], prec=x.prec).erf()
    inverse = arb_series([0, *shifted.coeffs()[1:]], prec=x.prec).reversion()
    return _composed(inverse, x) + value


def _atan2(y: Series, x: Series) -> Series:
    slope = (x * y.derivative() - y * x.derivative()) / (x * x + y * y)
    return arb_series([arb.atan2(y[0], x[0])]) + slope.integral()


_SERIES: dict[str, Callable[..., Series]] = {
    "neg": lambda a: -a,
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "pow": _power,
    "scale": _scale,
    "expm1": _expm1,
    "log1p": lambda x: _integrated(x[0].log1p(), arb_series([1]) / (1 + x), x),
    "sinh": lambda x: (x.exp() - (-x).exp()) / 2,
    "cosh": lambda x: (x.exp() + (-x).exp()) / 2,
    "tanh": _tanh,
    "asinh": lambda x: _integrated(x[0].asinh(), (x * x + 1).rsqrt(), x),
    "acosh": lambda x: _integrated(x[0].acosh(), (x * x - 1).rsqrt(), x),
    "atanh": lambda x: _integrated(x[0].atanh(), arb_series([1]) / (1 - x * x), x),
    "lgamma": _lgamma,
    "digamma": _digamma,
    "erfinv": _erfinv,
    "atan2": _atan2,
}
