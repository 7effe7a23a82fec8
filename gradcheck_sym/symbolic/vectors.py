"""Truths of whole batches at once, for the dtypes that float64 has bits to spare for.

`Vectors` is the quickest way: one step of NumPy's for each instruction, with a running bound on
what float64 loses. Where that bound leaves anything open the result is NaN, and the point is
left to `balls.Kernel`.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate
from typing import Any, final

import numpy as np
import numpy.typing as npt

from gradcheck_sym.symbolic.arithmetic import Arithmetic
from gradcheck_sym.symbolic.balls import LARGEST_WHOLE
from gradcheck_sym.symbolic.magnitudes import Magnitudes
from gradcheck_sym.symbolic.program import CONDITIONS, Instruction, Program
from gradcheck_sym.symbolic.spreads import Quantity, combine

Floats = npt.NDArray[np.float64]

FINEST = 24  # bits of the finest dtype; a wider one needs more than float64 to stand above

# The truth is known this many bits below the sensitivity, or below one rounding where that is
# more: what is left open is far less than anything that is ruled on.
GUARD = 16

FEWEST = 64  # points from which on carrying them together is quicker than one after the other

_FLOOR = 2.0**-150  # half the smallest subnormal of every dtype up to FINEST
_LANES = 8192  # that are carried together: their arrays stay in the processor's cache
_CELLS = 2**21  # numbers that are held at once, for programs with very many; about 50 MB

_CONSTANTS = frozenset({"const", "pi", "e", "inf"})
_METHODS = frozenset("neg add sub mul div scale atan2 abs sign floor ceil select".split())

Numbers = Arithmetic | Magnitudes  # one knows their values, the other their sizes


@final
class Vectors:
    """A program carried out on arrays, one instruction after the other."""

    __slots__ = ("_lanes", "_released", "program")

    def __init__(self, program: Program) -> None:
        self.program = program
        self._released = _released(program)
        self._lanes = max(1, min(_LANES, _CELLS // max(1, _most_held(self._released))))

    def enclose(self, values: Floats, precision: int) -> tuple[Floats, Floats]:
        """The outputs at each point, with what one rounding of every input moves them by.

        The same as `balls.Kernel.enclose`, up to what either rounds.

        Args:
            values: (points, inputs), exact.
            precision: bits of the dtype under test, at most FINEST.

        Returns:
            Two arrays (points, outputs): a value next to the truth, and the sensitivity: the
            truth lies within 2**-GUARD of it, plus half a float64 ulp, of the value. Both are
            NaN where that is not certain, and infinite where the truth is beyond float64.
        """
        middle, radius = self._carried(values, precision, Arithmetic(precision))
        finite = np.isfinite(values).all(axis=1)
        far = np.flatnonzero(np.isnan(middle).any(axis=1) & finite)
        if len(far) >= FEWEST:
            middles, radii = self._carried(values[far], precision, Magnitudes(precision))
            middle[far], radius[far] = (
                np.where(np.isnan(near), other, near)
                for near, other in ((middle[far], middles), (radius[far], radii))
            )
        middle[~finite] = radius[~finite] = np.nan
        return middle, radius

    def _carried(self, values: Floats, precision: int, numbers: Numbers) -> tuple[Floats, Floats]:
        shape = (len(values), len(self.program.outputs))
        middle, radius = np.empty(shape), np.empty(shape)
        for start in range(0, len(values), self._lanes):
            part = slice(start, start + self._lanes)
            with np.errstate(all="ignore"):
                for column, found in enumerate(self.outputs(values[part], numbers)):
                    middle[part, column], radius[part, column] = _settled(found, precision)
        return middle, radius

    def outputs(self, rows: Floats, numbers: Numbers) -> list[Quantity]:
        """The outputs at some points, in arithmetic of one kind."""
        columns = dict(zip(self.program.inputs, np.ascontiguousarray(rows.T), strict=True))
        found: list[Any] = [None] * len(self.program.code)
        for index, step in enumerate(self.program.code):
            if step.op == "input":
                found[index] = numbers.given(columns[str(step.data)])
            elif step.op in _CONSTANTS:
                found[index] = numbers.constant(step)
            else:
                found[index] = self._operation(step, [found[arg] for arg in step.args], numbers)
            for done in self._released[index]:
                found[done] = None
        return [numbers.quantity(found[at]) for at in self.program.outputs]

    def _operation(self, step: Instruction, args: Sequence[Any], numbers: Any) -> Any:
        match step.op:
            case "detach":
                return args[0]
            case "and" | "or" | "not":
                return combine(step.op, args)
            case "pow":
                return self._power(step, args, numbers)
            case "max" | "min":
                return numbers.extreme(step.op, args)
            case "wins":
                op, _, place = str(step.data).partition(":")
                return numbers.wins(op, int(place), args)
        if step.op in CONDITIONS:
            return numbers.compare(step.op, *args)
        method = getattr(numbers, step.op, None) if step.op in _METHODS else None
        return numbers.function(step, args) if method is None else method(*args)

    def _power(self, step: Instruction, args: Sequence[Any], numbers: Any) -> Any:
        value = self.program.code[step.args[1]].data
        if isinstance(value, Fraction) and value.denominator == 1 and abs(value) <= LARGEST_WHOLE:
            return numbers.whole_power(args[0], int(value))
        return numbers.power(*args)


def _released(program: Program) -> tuple[tuple[int, ...], ...]:
    """The instructions whose values nobody needs any more after each one."""
    last = {arg: index for index, step in enumerate(program.code) for arg in step.args}
    done: list[list[int]] = [[] for _ in program.code]
    for arg in last.keys() - set(program.outputs):
        done[last[arg]].append(arg)
    return tuple(map(tuple, done))


def _most_held(released: Sequence[Sequence[int]]) -> int:
    """How many values are held at once at the most."""
    return max(accumulate(1 - len(done) for done in released), default=0)


def _settled(found: Quantity, precision: int) -> tuple[Floats, Floats]:
    """Middle and sensitivity of an output, NaN where its error is not far below a rounding."""
    middle, (error, moved) = found.middle, found.spread
    guarded = error * 2.0**GUARD
    radius = np.maximum(moved, guarded)
    sharp = guarded <= moved + np.abs(middle) * 2.0**-precision + _FLOOR
    sharp &= np.isfinite(radius) | (np.isinf(middle) & (error == 0))
    return np.where(sharp, middle, np.nan), np.where(sharp, radius, np.nan)
