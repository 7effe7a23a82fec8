"""What one rounding of every input and constant moves the outputs by, for whole batches.

The same as `careful.Careful.sensitivities`, by differences in a hardware format: each input and
constant is moved alone, a little up and a little down. Where the two ways tell different slopes
(a branch between them, or nothing but rounding), or terms cancel that carry the format's own
rounding, the answer is left open.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck_sym.symbolic import balls, floats
from gradcheck_sym.symbolic.carriers import EXTENDED, PLAIN, Carrier, Numbers
from gradcheck_sym.symbolic.program import Program

Floats = npt.NDArray[np.float64]

_CELLS = 2**21  # numbers that are held at once
_LOPSIDED = 16.0  # up over down, or the other way round: at a bend they are alike
_ALIKE = 2.0**-8  # of the slopes up and down; a sensitivity needs no more digits


def sensitivities(program: Program, rows: Floats, precision: int, carrier: Carrier) -> Floats:
    """What one rounding moves each output by, to first order: (points, outputs), NaN in doubt.

    Args:
        program: any scalar program of numbers.
        rows: (points, inputs), exact.
        precision: bits of the dtype under test.
        carrier: the format to compute in.
    """
    share = math.sqrt(carrier.unit)  # what is cut off and what is rounded are alike then

    def slopes(part: Floats, outputs: Numbers) -> Floats:
        up, down = outputs[1::2] - outputs[0], outputs[0] - outputs[2::2]
        steepest = np.maximum(np.abs(up), np.abs(down))
        noise = np.abs(outputs[0]) * (carrier.unit * 2**_NOISE_BITS)
        alike = np.abs(up - down) <= steepest * _ALIKE + noise
        total = (steepest.sum(axis=0) / share).astype(np.float64)
        clear = alike.all(axis=0) & _is_resolved(program, part, outputs[0], total, carrier)
        return np.where(clear, total * 2.0**-precision, np.nan)

    return _in_parts(program, rows, _movable(program, precision), share, carrier, slopes)


def swings(program: Program, rows: Floats, precision: int, carrier: Carrier) -> Floats:
    """What a whole rounding of every input and constant moves each output by, farther up or down.

    (points, outputs); NaN where up and down are so different that a branch may lie between.
    Arguments as of `sensitivities`.
    """

    def farther(part: Floats, outputs: Numbers) -> Floats:
        up, down = np.abs(outputs[1::2] - outputs[0]), np.abs(outputs[0] - outputs[2::2])
        most, least = np.maximum(up, down), np.minimum(up, down)
        noise = np.abs(outputs[0]) * (carrier.unit * 2**_NOISE_BITS)
        near = (most <= least * _LOPSIDED + noise).all(axis=0)
        return np.where(near, most.sum(axis=0).astype(np.float64), np.nan)

    share = 2.0**-precision
    return _in_parts(program, rows, _movable(program, precision), share, carrier, farther)


def _in_parts(
    program: Program,
    rows: Floats,
    movable: Sequence[int],
    share: float,
    carrier: Carrier,
    summed: Callable[[Floats, Numbers], Floats],
) -> Floats:
    """What comes of all moves, for as many points at a time as fit into memory."""
    at_once = max(1, _CELLS // ((2 * len(movable) + 1) * max(1, len(program.code))))
    found = np.empty((len(rows), len(program.outputs)))
    for start in range(0, len(rows), at_once):
        part = slice(start, start + at_once)
        with np.errstate(invalid="ignore", over="ignore"):
            found[part] = summed(rows[part], _moved(program, rows[part], movable, share, carrier))
    return found


def _movable(program: Program, precision: int) -> list[int]:
    """The instructions that are inputs, or constants that the dtype does not hold."""
    return [
        place
        for place, step in enumerate(program.code)
        if step.op == "input"
        or (step.op in ("const", "pi", "e") and not balls.held(step, precision))
    ]


def _moved(
    program: Program, rows: Floats, movable: Sequence[int], share: float, carrier: Carrier
) -> Numbers:
    """The outputs as they are, then with each thing moved alone, up and down by a share of itself.

    (1 + 2*movable, points, outputs)
    """
    ways, lanes = 2 * len(movable) + 1, len(rows)
    factors = {}
    for number, place in enumerate(movable):
        factor = np.ones((ways, lanes), dtype=carrier.format)
        factor[2 * number + 1] += share
        factor[2 * number + 2] -= share
        factors[place] = factor.reshape(-1)
    tiled = np.tile(rows.astype(carrier.format), (ways, 1))
    outputs = np.stack(floats.evaluate(program, tiled, factors), axis=-1)
    return outputs.reshape(ways, lanes, len(program.outputs))


def _is_resolved(
    program: Program, rows: Floats, found: Any, moved: Floats, carrier: Carrier
) -> Any:
    """Which outputs keep enough digits for slopes by differences: (points, outputs).

    What another format finds tells how many are lost where terms cancel. Of an output that is 0
    something must move, or all of them may be.
    """
    other, coarser = _beside(carrier)
    again = np.stack(floats.evaluate(program, rows.astype(other)), axis=-1)
    near = np.abs(found - again) * math.sqrt(carrier.unit) <= np.abs(found) * coarser * _ALIKE
    return near & ((found != 0) | (moved != 0))


def _beside(carrier: Carrier) -> tuple[type[np.floating[Any]], float]:
    """Another format than a carrier's, and the unit roundoff of the coarser of both."""
    if carrier is not PLAIN:
        return PLAIN.format, PLAIN.unit
    return (np.float32, 2.0**-24) if EXTENDED is None else (EXTENDED.format, PLAIN.unit)


_NOISE_BITS = 6  # what an evaluation rounds that does not cancel
