"""Truths of whole batches at once, in a hardware format that is finer than the dtype under test.

`Vectors` is the quickest way: one step of NumPy's for each instruction, with a running bound on
what that format loses. Where the bound leaves anything open the result is NaN, and the point is
left to `balls.Kernel`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from fractions import Fraction
from functools import cached_property
from itertools import accumulate
from typing import Any, final

import numpy as np
import numpy.typing as npt

from gradcheck_sym.spec.dtypes import Format
from gradcheck_sym.symbolic.arithmetic import Arithmetic
from gradcheck_sym.symbolic.balls import AS_FLOAT, LARGEST_WHOLE, Enclosure
from gradcheck_sym.symbolic.carriers import PLAIN, RANGED, Carrier, Rounding, upwards
from gradcheck_sym.symbolic.interpret import PLAIN_OPS, surely_used
from gradcheck_sym.symbolic.magnitudes import Magnitudes
from gradcheck_sym.symbolic.program import CONDITIONS, Instruction, Program, reachable, released
from gradcheck_sym.symbolic.spreads import Answer, Quantity, combine, with_ties

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

FEWEST = 64  # points from which on carrying them together is quicker than one after the other

_FLOOR = 2.0**-150  # half the smallest subnormal of every dtype that float64 carries
_LANES = 8192  # that are carried together: their arrays stay in the processor's cache
_CELLS = 2**21  # numbers that are held at once, for programs with very many; about 50 MB

_CONSTANTS = frozenset({"const", "pi", "e", "inf"})
# A loss is an estimate: a slope that is off by a part of itself will do.
_FOLLOWED = 0.25

_METHODS = frozenset("neg add sub mul div scale atan2 abs sign floor ceil select".split())

# What is known of each max or min, decided once for all its wins.
Contests = dict[tuple[str, tuple[int, ...]], Any]

Numbers = Arithmetic | Magnitudes  # one knows their values, the other their sizes


@final
class Vectors:
    """A program carried out on arrays, one instruction after the other."""

    def __init__(self, program: Program, still: Collection[int] = ()) -> None:
        """still: the instructions that nothing moves: what ties there is decided."""
        self.program = program
        self._still = still
        self._released = released(program)
        self._lanes = max(1, min(_LANES, _CELLS // max(1, _most_held(self._released))))

    def enclose(self, values: Floats, precision: int, carrier: Carrier) -> Enclosure:
        """The same as `balls.Kernel.enclose`, up to what either rounds; NaN in doubt.

        Args:
            values: (points, inputs), exact.
            precision: bits of the dtype under test.
            carrier: the format to compute in.
        """
        found = self._carried(values, Arithmetic(precision, carrier))
        finite = np.isfinite(values).all(axis=1)
        far = np.flatnonzero(np.isnan(found.middle).any(axis=1) & finite)
        if len(far) >= FEWEST:
            sized = self._carried(values[far], _farther(precision, carrier))
            open_ = np.isnan(found.middle[far])
            for every, other in zip(found, sized, strict=True):
                every[far] = np.where(open_, other, every[far])
        for every in found:
            every[~finite] = np.nan
        return found

    def losses(self, values: Floats, dtype: Format, carrier: Carrier) -> Floats:
        """What evaluating the outputs as written, in the dtype, may lose at each point.

        The same as `careful.Careful.losses`, to first order: (points, outputs), NaN where a loss
        is so large that it takes a closer look, or where something leaves the carrier's range.
        """
        numbers = _rounding_as(dtype, carrier, dtype.smallest_subnormal)
        found = np.empty((len(values), len(self.program.outputs)))
        for lanes in self._parts(len(values)):
            with np.errstate(all="ignore"):
                for column, output in enumerate(self.outputs(values[lanes], numbers)):
                    found[lanes, column] = output.spread[0]
        return found

    def overflowing(self, values: Floats, dtype: Format, carrier: Carrier) -> Mask:
        """The points where plain arithmetic, as written, is what leaves the dtype's range first.

        (points,): as `interpret.Run.lossy` tells it of one point, but for certain, and whatever
        branches are taken.
        """
        numbers = _rounding_as(dtype, carrier, dtype.underflow)
        found = np.zeros(len(values), dtype=np.bool_)
        for lanes in self._parts(len(values)):
            first = _FirstOverflow(self._always, dtype.max, len(values[lanes]))
            with np.errstate(all="ignore"):
                self.outputs(values[lanes], numbers, first.met)
            found[lanes] = first.found
        return found

    @cached_property
    def _always(self) -> set[int]:
        """The instructions of plain arithmetic that reach an output whatever branches are taken."""
        code = self.program.code
        taken = reachable(code, self.program.outputs, lambda index: surely_used(code[index]))
        return {index for index in taken if code[index].op in PLAIN_OPS}

    def _carried(self, values: Floats, numbers: Numbers) -> Enclosure:
        shape = (len(values), len(self.program.outputs))
        parts = Enclosure(*(np.empty(shape, order="F") for _ in range(3)))
        for lanes in self._parts(len(values)):
            with np.errstate(all="ignore"):
                for column, found in enumerate(self.outputs(values[lanes], numbers)):
                    for every, own in zip(parts, _settled(found, numbers), strict=True):
                        every[lanes, column] = own
        return parts

    def _parts(self, lanes: int) -> Iterator[slice]:
        """The lanes that are carried together, part after part."""
        return (slice(start, start + self._lanes) for start in range(0, lanes, self._lanes))

    def outputs(
        self,
        rows: Floats,
        numbers: Numbers,
        met: Callable[[int, Any], None] = lambda index, number: None,
    ) -> list[Quantity]:
        """The outputs at some points, in arithmetic of one kind.

        met: is told each instruction's place and what it comes to.
        """
        columns = dict(zip(self.program.inputs, np.ascontiguousarray(rows.T), strict=True))
        found: list[Any] = [None] * len(self.program.code)
        contests: Contests = {}
        for index, step in enumerate(self.program.code):
            if step.op == "input":
                found[index] = numbers.given(columns[str(step.data)])
            elif step.op in _CONSTANTS:
                found[index] = numbers.constant(step)
            else:
                args = [found[arg] for arg in step.args]
                found[index] = self._operation(step, args, numbers, contests)
                if index in self._still and isinstance(found[index], Answer):
                    found[index] = with_ties(step.op, found[index], args)
            met(index, found[index])
            for done in self._released[index]:
                found[done] = None
        return [numbers.quantity(found[at]) for at in self.program.outputs]

    def _operation(
        self, step: Instruction, args: Sequence[Any], numbers: Any, contests: Contests
    ) -> Any:
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
                if step.contest not in contests:
                    contests[step.contest] = numbers.contest(step.decider, args)
                return numbers.wins(contests[step.contest], step.place)
        if step.op in CONDITIONS:
            return numbers.compare(step.op, *args)
        method = getattr(numbers, step.op, None) if step.op in _METHODS else None
        return numbers.function(step, args) if method is None else method(*args)

    def _power(self, step: Instruction, args: Sequence[Any], numbers: Any) -> Any:
        value = self.program.code[step.args[1]].data
        if isinstance(value, Fraction) and value.denominator == 1 and abs(value) <= LARGEST_WHOLE:
            return numbers.whole_power(args[0], int(value))
        return numbers.power(*args)


@final
class _FirstOverflow:
    """The points where one of some instructions is the first to leave the range, for certain."""

    def __init__(self, chosen: Collection[int], largest: float, lanes: int) -> None:
        self.found = np.zeros(lanes, dtype=np.bool_)
        self._inside = np.ones(lanes, dtype=np.bool_)  # what came before left no doubt
        self._chosen, self._largest = chosen, largest

    def met(self, index: int, number: Any) -> None:
        """Notes what the next instruction comes to."""
        if isinstance(number, Answer):
            return
        size, spread = np.abs(number.middle), 2 * number.spread[0]
        if index in self._chosen:
            self.found |= self._inside & (size - spread > self._largest)
        self._inside &= size + spread <= self._largest


def _rounding_as(dtype: Format, carrier: Carrier, smallest: float) -> Arithmetic:
    """Numbers whose errors are what evaluating in a dtype loses, by underflow the smallest."""
    unit = 2.0**-dtype.precision
    rounding = Rounding(unit, unit, smallest, _FOLLOWED, given=unit)
    return Arithmetic(dtype.precision, carrier, rounding)


def _farther(precision: int, carrier: Carrier) -> Numbers:
    """Numbers of a larger range, for what a carrier leaves open; more bits take more than sizes."""
    if carrier is PLAIN or RANGED is None:
        return Magnitudes(precision)
    return Arithmetic(precision, RANGED)


def _most_held(released: Sequence[Sequence[int]]) -> int:
    """How many values are held at once at the most."""
    return max(accumulate(1 - len(done) for done in released), default=0)


def _settled(found: Quantity, numbers: Numbers) -> Enclosure:
    """An output, NaN where its error is not far below a rounding."""
    middle, (error, moved) = np.asarray(found.middle, dtype=np.float64), found.spread
    guarded = error * 2.0**numbers.carrier.guard
    floor = _FLOOR if numbers.carrier is PLAIN else 0.0
    sharp = guarded <= moved + np.abs(middle) * 2.0**-numbers.precision + floor
    sharp &= np.isfinite(moved) | (np.isinf(middle) & (error == 0))
    error = error + (np.abs(middle) * AS_FLOAT if moved.dtype == np.float64 else _cast(found))
    known = Enclosure(middle, upwards(moved), upwards(error))
    return known if sharp.all() else Enclosure(*(np.where(sharp, part, np.nan) for part in known))


def _cast(found: Quantity) -> npt.NDArray[Any]:
    """How far a middle is from the float64 next to it."""
    return np.asarray(np.abs(found.middle - np.asarray(found.middle, dtype=np.float64)))
