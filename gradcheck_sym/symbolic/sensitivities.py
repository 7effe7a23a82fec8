"""What one rounding of every input and constant moves the outputs by, for whole batches.

The same as `careful.Careful.sensitivities`, by differences in a hardware format: each input and
constant is moved alone, a little up and a little down; at once with it those that no output shares
with it, as the columns of a sparse Jacobian are found together. Where the two ways tell different
slopes (a branch between them, or nothing but rounding), or terms cancel that carry the format's own
rounding, the answer is left open.

Curtis, Powell, Reid, On the estimation of sparse Jacobian matrices, IMA Journal of Applied
Mathematics 13 (1974).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck_sym.symbolic import balls, floats
from gradcheck_sym.symbolic.carriers import EXTENDED, PLAIN, Carrier, Numbers
from gradcheck_sym.symbolic.program import Program

Floats = npt.NDArray[np.float64]

Move = Mapping[int, float]  # instruction -> the share of itself that is added to its result
Groups = Sequence[Sequence[int]]  # instructions that are moved at once

_CELLS = 2**21  # numbers that are held at once
_MOST_CELLS = 2**22  # of one point: beyond, moving each input takes too long
_PATTERNS = 2  # in which all is moved at once: by one alone an output may happen to stay
_LOPSIDED = 16.0  # up over down, or the other way round: at a bend they are alike
_ALIKE = 2.0**-8  # of the slopes up and down; a sensitivity needs no more digits


def apart(program: Program, precision: int, exact: Collection[int] = ()) -> Groups:
    """The inputs, and constants that the dtype does not hold; no output depends on two of a group.

    Greedily, each in the first group that it fits into. Where there will be too many groups in any
    case, since an output depends on so many things, each is one of its own. Inputs that are exact,
    by their instructions, are not among them.
    """
    movable = _movable(program, precision, exact)
    bit = {place: 1 << number for number, place in enumerate(movable)}
    uses: list[int] = []  # what each instruction depends on, as bits
    for index, step in enumerate(program.code):
        used = bit.get(index, 0)
        for arg in step.args:
            used |= uses[arg]
        uses.append(used)
    most = max((uses[at].bit_count() for at in program.outputs), default=0)
    if _takes_long(program, most):
        return [[place] for place in movable]
    moved = [0] * len(movable)  # the outputs that depend on each, as bits
    for number, at in enumerate(program.outputs):
        for at_bit in _set_bits(uses[at]):
            moved[at_bit] |= 1 << number
    groups: list[list[int]] = []
    taken: list[int] = []  # the outputs that depend on a group
    for place, outputs in zip(movable, moved, strict=True):
        fits = (number for number, others in enumerate(taken) if not others & outputs)
        number = next(fits, len(groups))
        if number == len(groups):
            groups.append([])
            taken.append(0)
        groups[number].append(place)
        taken[number] |= outputs
    return groups


def _takes_long(program: Program, groups: int) -> bool:
    """Whether evaluations with each of so many groups moved, up and down, are too many."""
    return 2 * groups * len(program.code) > _MOST_CELLS


def _set_bits(bits: int) -> Iterator[int]:
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


def sensitivities(
    program: Program, rows: Floats, precision: int, carrier: Carrier, groups: Groups
) -> Floats:
    """What one rounding moves each output by, to first order: (points, outputs), NaN in doubt.

    Args:
        program: any scalar program of numbers.
        rows: (points, inputs), exact.
        precision: bits of the dtype under test.
        carrier: the format to compute in.
        groups: of the program at that precision, as `apart` tells them.
    """
    if _takes_long(program, len(groups)):  # one output after the other is quicker
        return np.full((len(rows), len(program.outputs)), np.nan)
    share = math.sqrt(carrier.unit)  # what is cut off and what is rounded are alike then

    def slopes(part: slice, outputs: Numbers) -> Floats:
        up, down = outputs[1::2] - outputs[0], outputs[0] - outputs[2::2]
        steepest = np.maximum(np.abs(up), np.abs(down))
        noise = np.abs(outputs[0]) * (carrier.unit * 2**_NOISE_BITS)
        alike = np.abs(up - down) <= steepest * _ALIKE + noise
        total = (steepest.sum(axis=0) / share).astype(np.float64)
        clear = alike.all(axis=0) & _is_resolved(program, rows[part], outputs[0], total, carrier)
        return np.where(clear, total * 2.0**-precision, np.nan)

    return _in_parts(program, rows, _alone(groups, share), carrier, slopes)


def least_sensitivities(
    program: Program,
    rows: Floats,
    precision: int,
    carrier: Carrier,
    noise: Floats,
    exact: Collection[int] = (),
) -> Floats:
    """Bounds from below on the sensitivities, (points, outputs); 0 where none is told.

    All inputs and constants are moved at once, each by a part of its share, drawn once: no output
    moves farther then than by what each of them alone moves it, summed. A few evaluations tell,
    however many inputs there are.

    Args:
        noise: what evaluating in the carrier may lose of each output, (points, outputs).
        exact: the inputs, by their instructions, that are not rounded.
        program, rows, precision, carrier: as of `sensitivities`.
    """
    share = math.sqrt(carrier.unit)

    def steepest(part: slice, outputs: Numbers) -> Floats:
        up, down = outputs[1::2] - outputs[0], outputs[0] - outputs[2::2]
        sizes, lost = (np.abs(up), np.abs(down)), 2 * noise[part]
        alike = np.abs(up - down) <= np.maximum(*sizes) * _ALIKE + 2 * lost
        least = np.asarray((np.minimum(*sizes) - lost) / share, dtype=np.float64)
        told = np.where(alike & (least > 0), least * 2.0**-precision, 0.0)
        return np.asarray(told.max(axis=0))

    movable = _movable(program, precision, exact)
    parts = np.random.default_rng(0).uniform(-share, share, (_PATTERNS, len(movable)))
    moves = [dict(zip(movable, way, strict=True)) for part in parts for way in (part, -part)]
    return _in_parts(program, rows, moves, carrier, steepest)


def swings(
    program: Program, rows: Floats, precision: int, carrier: Carrier, groups: Groups
) -> Floats:
    """What a whole rounding of every input and constant moves each output by, farther up or down.

    (points, outputs); NaN where up and down are so different that a branch may lie between.
    Arguments as of `sensitivities`.
    """
    if _takes_long(program, len(groups)):
        return np.full((len(rows), len(program.outputs)), np.nan)

    def farther(part: slice, outputs: Numbers) -> Floats:
        up, down = np.abs(outputs[1::2] - outputs[0]), np.abs(outputs[0] - outputs[2::2])
        most, least = np.maximum(up, down), np.minimum(up, down)
        gap, coarser = _disagreement(program, rows[part], outputs[0], carrier)
        noise = (np.abs(outputs[0]) + gap / coarser) * (carrier.unit * 2**_NOISE_BITS)
        near = (most <= least * _LOPSIDED + noise).all(axis=0)
        return np.where(near, most.sum(axis=0).astype(np.float64), np.nan)

    return _in_parts(program, rows, _alone(groups, 2.0**-precision), carrier, farther)


def _in_parts(
    program: Program,
    rows: Floats,
    moves: Sequence[Move],
    carrier: Carrier,
    told: Callable[[slice, Numbers], Floats],
) -> Floats:
    """What comes of all moves, for as many points at a time as fit into memory."""
    at_once = max(1, _CELLS // ((len(moves) + 1) * max(1, len(program.code))))
    found = np.empty((len(rows), len(program.outputs)))
    for start in range(0, len(rows), at_once):
        part = slice(start, start + at_once)
        with np.errstate(invalid="ignore", over="ignore"):
            found[part] = told(part, _moved(program, rows[part], moves, carrier))
    return found


def _movable(program: Program, precision: int, exact: Collection[int]) -> list[int]:
    """The instructions that are inputs, or constants that the dtype does not hold."""
    return [
        place
        for place, step in enumerate(program.code)
        if (step.op == "input" and place not in exact)
        or (step.op in ("const", "pi", "e") and not balls.held(step, precision))
    ]


def _alone(groups: Groups, share: float) -> list[Move]:
    """Each thing that is movable, up and down by a share of itself; those of a group at once."""
    return [dict.fromkeys(group, sign * share) for group in groups for sign in (1.0, -1.0)]


def _moved(program: Program, rows: Floats, moves: Sequence[Move], carrier: Carrier) -> Numbers:
    """The outputs as they are, then after each move: (1 + moves, points, outputs)."""
    ways, lanes = len(moves) + 1, len(rows)
    factors: dict[int, Numbers] = {}
    for number, move in enumerate(moves):
        for place, share in move.items():
            factor = factors.setdefault(place, np.ones((ways, lanes), dtype=carrier.format))
            factor[number + 1] += share
    flat = {place: factor.reshape(-1) for place, factor in factors.items()}
    tiled = np.tile(rows.astype(carrier.format), (ways, 1))
    outputs = np.stack(floats.evaluate(program, tiled, flat), axis=-1)
    return outputs.reshape(ways, lanes, len(program.outputs))


def _is_resolved(
    program: Program, rows: Floats, found: Any, moved: Floats, carrier: Carrier
) -> Any:
    """Which outputs keep enough digits for slopes by differences: (points, outputs).

    What another format finds tells how many are lost where terms cancel. Of an output that is 0
    something must move, or all of them may be.
    """
    gap, coarser = _disagreement(program, rows, found, carrier)
    near = gap * math.sqrt(carrier.unit) <= np.abs(found) * coarser * _ALIKE
    return near & ((found != 0) | (moved != 0))


def _disagreement(
    program: Program, rows: Floats, found: Numbers, carrier: Carrier
) -> tuple[Numbers, float]:
    """How far outputs are from those in another format, (points, outputs), and its roundoff.

    Where terms cancel, it tells what either format rounds of them.
    """
    other, coarser = _beside(carrier)
    again = np.stack(floats.evaluate(program, rows.astype(other)), axis=-1)
    return np.abs(found - again), coarser


def _beside(carrier: Carrier) -> tuple[type[np.floating[Any]], float]:
    """Another format than a carrier's, and the unit roundoff of the coarser of both."""
    if carrier is not PLAIN:
        return PLAIN.format, PLAIN.unit
    return (np.float32, 2.0**-24) if EXTENDED is None else (EXTENDED.format, PLAIN.unit)


_NOISE_BITS = 6  # what an evaluation rounds that does not cancel
