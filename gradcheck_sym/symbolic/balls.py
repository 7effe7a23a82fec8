"""Balls: midpoint ± radius in Arb's arithmetic, which encloses every result rigorously.

`Kernel` is the fast way: a program compiled to straight Python, whose results are NaN wherever
there is any doubt (a branch that the ball does not decide, a kink inside it, a value outside the
domain). What it leaves open is settled by `symbolic.careful`, one point at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple, final

import numpy as np
import numpy.typing as npt
from flint import arb, arb_series, ctx, fmpq

from gradcheck_sym.spec.functions import FUNCTIONS
from gradcheck_sym.symbolic.program import Instruction, Program

Floats = npt.NDArray[np.float64]
Ball = Any  # flint.arb has no type information

AS_FLOAT = 2.0**-53  # what the middle of a ball loses, relatively, as a float64

NAN: Ball = arb.nan()

LARGEST_WHOLE = 1024  # integer exponents up to here are multiplied out


def rational(value: Fraction) -> Ball:
    """The ball of a rational at the current precision."""
    return arb(fmpq(value.numerator, value.denominator))


def log_abs_gamma(x: Ball) -> Ball:
    """log|gamma(x)|, which Arb's own lgamma gives for positive x only."""
    return x.lgamma() if x > 0 else -abs(x.rgamma()).log()


def polygamma(order: int, x: Ball) -> Ball:
    """The derivative of order n of digamma at x.

    For x > 0 by the Hurwitz zeta function (DLMF 25.11.12); below, from the Taylor series of
    1/gamma, which is entire. NaN where the ball touches a pole.
    """
    if x > 0:
        value = arb(order + 1).zeta(x) * arb(order).fac()
        return value if order % 2 else -value
    with series_of(order + 3):
        series = arb_series([x, 1], prec=order + 3).rgamma()
        if series[0].contains(0):
            return NAN
        quotient = -(series.derivative() / series)
        return quotient[order] * arb(order).fac()


@contextmanager
def series_of(count: int) -> Iterator[None]:
    """Lets series have that many terms; all others, whatever is asked of them, end at the cap."""
    before = ctx.cap
    ctx.cap = max(before, count)
    try:
        yield
    finally:
        ctx.cap = before


def whole_power(base: Ball, exponent: int) -> Ball:
    """A power with a positive integer, by squaring; a ball around 0 is a base like any other.

    Arb's own is NaN for such a base, and ends the process for some that are infinite
    (python-flint 0.9).
    """
    result = None
    while exponent:
        if exponent & 1:
            result = base if result is None else result * base
        exponent >>= 1
        base = base * base if exponent else base
    return result


def power(base: Ball, exponent: Ball) -> Ball:
    """base**exponent for positive bases and for integer exponents; NaN elsewhere."""
    if not base.is_finite():
        return NAN
    if exponent.is_integer() and abs(exponent) <= LARGEST_WHOLE:
        whole = int(exponent.unique_fmpz())
        if whole == 0:
            return arb(1)
        return whole_power(base, whole) if whole > 0 else 1 / whole_power(base, -whole)
    return base**exponent if base > 0 or exponent.is_integer() else NAN


def scale(gate: Ball, value: Ball) -> Ball:
    """gate*value; 0 where the gate is exactly 0, because the branch was not taken."""
    return gate if gate.is_zero() else gate * value


# Three-valued comparisons: None where the balls overlap, ties included.


def greater(a: Ball, b: Ball) -> bool | None:
    """Whether a > b."""
    return True if a > b else False if a < b else None


def less(a: Ball, b: Ball) -> bool | None:
    """Whether a < b."""
    return True if a < b else False if a > b else None


def equal(a: Ball, b: Ball) -> bool | None:
    """Whether a == b: never certain of True, since around a tie it is False."""
    return False if a < b or a > b else None


def unequal(a: Ball, b: Ball) -> bool | None:
    """Whether a != b."""
    return True if a < b or a > b else None


def both(a: bool | None, b: bool | None) -> bool | None:
    """Three-valued and."""
    return False if a is False or b is False else None if a is None or b is None else True


def either(a: bool | None, b: bool | None) -> bool | None:
    """Three-valued or."""
    return True if a or b else None if a is None or b is None else False


def negation(a: bool | None) -> bool | None:
    """Three-valued not."""
    return None if a is None else not a


def select(condition: bool | None, a: Ball, b: Ball) -> Ball:
    """a or b, as the condition says; NaN where it does not say."""
    return NAN if condition is None else a if condition else b


def extreme(op: str, args: Sequence[Ball]) -> int | None:
    """Which argument alone is the largest (or smallest); None where the balls do not say."""
    best = 0
    for k in range(1, len(args)):
        if (args[k] > args[best]) if op == "max" else (args[k] < args[best]):
            best = k
    for k, arg in enumerate(args):
        if k != best and not ((arg < args[best]) if op == "max" else (arg > args[best])):
            return None
    return best


def largest(*args: Ball) -> Ball:
    """max, NaN at a tie."""
    best = extreme("max", args)
    return NAN if best is None else args[best]


def smallest(*args: Ball) -> Ball:
    """min, NaN at a tie."""
    best = extreme("min", args)
    return NAN if best is None else args[best]


def wins(best: int | None, place: int) -> Ball:
    """1 where the argument at that place is the extreme one, 0 where another alone is."""
    return NAN if best is None else arb(1 if best == place else 0)


def _magnitude(x: Ball) -> Ball:
    return x if x > 0 else -x if x < 0 else NAN


def _sign(x: Ball) -> Ball:
    return arb(1) if x > 0 else arb(-1) if x < 0 else NAN


def _floor(x: Ball) -> Ball:
    return NAN if x.contains_integer() else x.floor()


def _ceil(x: Ball) -> Ball:
    return NAN if x.contains_integer() else x.ceil()


def _sqrt(x: Ball) -> Ball:
    return x.sqrt() if x > 0 else NAN


def _atan2(y: Ball, x: Ball) -> Ball:
    cut = not (x > 0 or y > 0 or y < 0)  # the ball may touch the branch cut or the origin
    return NAN if cut else arb.atan2(y, x)


_INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/"}
_CALLS: dict[str, Callable[..., Any]] = {
    "pow": power,
    "scale": scale,
    "gt": greater,
    "ge": greater,
    "lt": less,
    "le": less,
    "eq": equal,
    "ne": unequal,
    "and": both,
    "or": either,
    "not": negation,
    "select": select,
    "max": largest,
    "min": smallest,
    "abs": _magnitude,
    "sign": _sign,
    "floor": _floor,
    "ceil": _ceil,
    "sqrt": _sqrt,
    "atan2": _atan2,
    "lgamma": log_abs_gamma,
}


class Enclosure(NamedTuple):
    """What is known of a program's outputs at some points: three arrays (points, outputs)."""

    middle: Floats  # next to the truth; infinite where that is beyond float64, NaN in doubt
    moved: Floats  # what one rounding of every input and constant moves the truth by
    error: Floats  # how far the truth is from the middle, at the most


@final
class Kernel:
    """A program compiled for balls.

    The generated code consists of our own names and operations only; nothing of a spec's text
    gets into it.
    """

    __slots__ = ("_constants", "_leaders", "_prepare", "program")

    def __init__(self, program: Program) -> None:
        self.program = program
        fixed = [step for step in program.code if step.op in ("const", "pi", "e", "inf")]
        self._constants = {step: f"k{number}" for number, step in enumerate(fixed)}
        self._leaders: dict[tuple[str, tuple[int, ...]], str] = {}  # of a max's many wins
        for index, step in enumerate(program.code):
            if step.op == "wins":
                self._leaders.setdefault(step.contest, f"b{index}")
        namespace: dict[str, Any] = {f"f_{name}": call for name, call in _CALLS.items()}
        namespace |= {"f_whole": whole_power, "f_polygamma": polygamma}
        namespace |= {"f_extreme": extreme, "f_wins": wins}
        exec(compile(self._source(), "<kernel>", "exec"), namespace)  # noqa: S102
        self._prepare: Callable[..., Callable[..., tuple[Ball, ...]]] = namespace["prepare"]

    def _source(self) -> str:
        """What depends on constants alone is computed once a batch, all else once a point."""
        once: list[str] = []
        each: list[str] = []
        fixed: set[int] = set()
        for index, step in enumerate(self.program.code):
            lines = [f"x{index} = {self._operation(index, step)}"]
            if self._leaders.get(step.contest) == f"b{index}":
                among = "".join(f"x{arg}, " for arg in step.args)
                lines.insert(0, f"b{index} = f_extreme({step.decider!r}, ({among}))")
            if step.op != "input" and fixed.issuperset(step.args):
                fixed.add(index)
                once += (f"    {line}" for line in lines)
            else:
                each += (f"        {line}" for line in lines)
        at = self.program.inputs_at
        given = [f"x{place}" if place >= 0 else f"unused{k}" for k, place in enumerate(at)]
        results = "".join(f"x{index}, " for index in self.program.outputs)
        return "\n".join(
            [
                f"def prepare({', '.join(self._constants.values())}):",
                *once,
                f"    def kernel({', '.join(given)}):",
                *each,
                f"        return ({results})",
                "    return kernel",
            ]
        )

    def _operation(self, index: int, step: Instruction) -> str:
        args = [f"x{arg}" for arg in step.args]
        if step.op == "input":
            return f"x{index}"
        if step in self._constants:
            return self._constants[step]
        if step.op in _INFIX:
            return _INFIX[step.op].join(args)
        if step.op == "detach":
            return args[0]
        if step.op == "neg":
            return f"-{args[0]}"
        if step.op == "pow" and (exponent := self._small_exponent(step)):
            base = args[0]
            return f"{base}*{base}" if exponent == 2 else f"f_whole({base}, {exponent})"
        if step.op == "wins":
            return f"f_wins({self._leaders[step.contest]}, {step.place})"
        if step.op == "polygamma":
            return f"f_polygamma({int(step.data or 0)}, {args[0]})"
        if step.op in _CALLS:
            return f"f_{step.op}({', '.join(args)})"
        return f"{args[0]}.{FUNCTIONS[step.op].ball}()"

    def _small_exponent(self, step: Instruction) -> int | None:
        """A constant integer exponent, which needs no test of the base."""
        value = self.program.code[step.args[1]].data
        if isinstance(value, Fraction) and value.denominator == 1 and 1 <= value <= 64:
            return int(value)
        return None

    def enclose(self, values: Floats, precision: int) -> Enclosure:
        """The outputs at each point, with what one rounding of every input moves them by.

        One evaluation gives both: inputs are balls whose radius is 2**-SPARE of one rounding, in
        arithmetic that is far finer. NaN where the balls leave anything open.

        Args:
            values: (points, inputs), exact.
            precision: bits of the dtype under test.
        """
        shape = (len(values), len(self.program.outputs))
        unknown = [math.nan] * shape[1]
        middle, radius = [], []
        finite: list[Any] = np.asarray(np.isfinite(values).all(axis=1)).tolist()
        radii = np.abs(values) * 2.0 ** -(precision + SPARE)
        with ctx.workprec(working_precision(precision)):
            kernel = self._prepare(*(rounded(step, precision) for step in self._constants))
            for row, spread, known in zip(values.tolist(), radii.tolist(), finite, strict=True):
                if not known:  # Arb does not survive all that is infinite
                    middle.append(unknown)
                    radius.append(unknown)
                    continue
                balls = kernel(*map(arb, row, _radii(row, spread, precision)))
                middle.append([float(ball) for ball in balls])
                radius.append([_scaled(ball.rad()) for ball in balls])
        with np.errstate(over="ignore", invalid="ignore"):
            near, moved = _table(middle, shape), _table(radius, shape)
            return Enclosure(near, moved, moved * 2.0**-SPARE + np.abs(near) * AS_FLOAT)


def _radii(row: list[float], spread: list[float], precision: int) -> list[Any]:
    """The radii of some inputs; those that no float is small enough for as balls."""
    return [
        radius if radius >= _TINY or not number else abs(arb(number)) * _unit(precision)
        for number, radius in zip(row, spread, strict=True)
    ]


def _unit(precision: int) -> Ball:
    return arb(2) ** -(precision + SPARE)


def _scaled(radius: Ball) -> float:
    """2**SPARE radii as a float, which may be one although the radius itself is too small."""
    plain = float(radius)
    return plain * 2.0**SPARE if plain >= _TINY else float(radius * 2**SPARE)


def _table(rows: list[list[float]], shape: tuple[int, int]) -> Floats:
    return np.array(rows, dtype=np.float64).reshape(shape)


# Sensitivities come from radii this many bits below one rounding: small enough that they are
# linear (a bfloat16 rounding is half a percent), large enough to stand above our own rounding.
SPARE = 24

_TINY = 2.0**-1022  # floats below are not exact


def working_precision(precision: int) -> int:
    """Bits in which sensitivities are computed: twice the dtype's, and the spare ones."""
    return 2 * precision + SPARE - 2  # 128 for float64: two machine words


def rounded(step: Instruction, precision: int) -> Ball:
    """A constant as sensitivities see it: exact where the dtype holds it, else a small ball."""
    ball = constant(step)
    return ball if held(step, precision) else ball * arb(1, 2.0 ** -(precision + SPARE))


@lru_cache(maxsize=4096)
def held(step: Instruction, precision: int) -> bool:
    """Whether a format of that precision holds a constant exactly."""
    with ctx.workprec(precision):
        return bool(constant(step).is_exact())


def constant(step: Instruction) -> Ball:
    """The ball of a constant instruction at the current precision."""
    match step.op:
        case "pi":
            return arb.pi()
        case "e":
            return arb.const_e()
        case "inf":
            return arb.pos_inf()
    assert isinstance(step.data, Fraction)
    return rational(step.data)
