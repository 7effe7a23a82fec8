"""The space that points are drawn from: inputs, dtype, sizes, and what joins them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import final

import numpy as np
from numpy.typing import NDArray

from gradcheck_sym.sampling.ordinals import Floats, ends, from_ordinals, ordinals, round_to
from gradcheck_sym.sampling.points import Batch, Values
from gradcheck_sym.spec.records import Dim, Domain, Input, Interval

EVERYDAY = 2.0**12  # the largest magnitude that is ordinary, and the inverse of the least

REAL = Domain((Interval(-np.inf, np.inf, low_closed=False, high_closed=False),))

Mask = NDArray[np.bool_]


@final
class SamplingError(Exception):
    """No points, or too few, can be drawn: the domain or the constraints leave next to nothing."""


@final
@dataclass(frozen=True, slots=True)
class Constraint:
    """A condition that joins inputs; points that break it are dropped under its reason."""

    reason: str  # "where x < y"
    holds: Callable[[Values], Mask]  # arrays (lanes, *shape) -> (lanes,) or (lanes, *shape)


@final
@dataclass(frozen=True, slots=True)
class Space:
    """What a point consists of, and where its values may lie."""

    inputs: tuple[Input, ...]  # a domain of None means every finite number
    dtype: str
    dims: tuple[Dim, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    thresholds: Mapping[str, tuple[float, ...]] = field(default_factory=dict)  # kinks of an input

    def input(self, name: str) -> Input:
        """The input of that name; KeyError where there is none."""
        for candidate in self.inputs:
            if candidate.name == name:
                return candidate
        raise KeyError(name)

    @property
    def free(self) -> tuple[Input, ...]:
        """The inputs whose value is not fixed."""
        return tuple(argument for argument in self.inputs if argument.value is None)


@final
@dataclass(frozen=True, slots=True)
class Piece:
    """One interval of a domain as a dtype sees it; both ends belong to it and are finite."""

    low: float
    high: float
    low_bounded: bool  # False: the domain itself goes on to -inf
    high_bounded: bool
    integers: bool


@final
@dataclass(frozen=True, slots=True)
class Drawn:
    """Points, and how many others were dropped for which reason."""

    batch: Batch
    dropped: Mapping[str, int]  # reason -> points


@cache
def pieces(dtype: str, domain: Domain | None) -> tuple[Piece, ...]:
    """The parts of a domain that hold numbers of the dtype; SamplingError where none does."""
    where = REAL if domain is None else domain
    found = [_piece(dtype, interval, where.integers) for interval in where.intervals]
    if not any(found):
        raise SamplingError(f"the domain holds no {dtype} number")
    return tuple(piece for piece in found if piece is not None)


def everyday(space: Space) -> Space:
    """The space without numbers above 2**12 in size, or below 2**-12.

    An input whose domain holds no others keeps it. Integers, and pieces of one number, may be 0.
    """
    return replace(
        space,
        inputs=tuple(
            entry if entry.value is not None else replace(entry, domain=_ordinary(entry.domain))
            for entry in space.inputs
        ),
    )


def _ordinary(domain: Domain | None) -> Domain | None:
    where = REAL if domain is None else domain
    found = [part for piece in where.intervals for part in _everyday(piece, where.integers)]
    return replace(where, intervals=tuple(found)) if found else domain


def _everyday(piece: Interval, integers: bool) -> Iterator[Interval]:
    if piece.low == piece.high:
        if abs(piece.low) <= EVERYDAY:
            yield piece
        return
    both = ((-EVERYDAY, EVERYDAY),)
    for low, high in both if integers else ((-EVERYDAY, -1 / EVERYDAY), (1 / EVERYDAY, EVERYDAY)):
        ends = max(low, piece.low), min(high, piece.high)
        closed = low > piece.low or piece.low_closed, high < piece.high or piece.high_closed
        if ends[0] < ends[1] or (ends[0] == ends[1] and all(closed)):
            yield Interval(*ends, *closed)


def ordinary(space: Space, batch: Batch) -> Mask:
    """The points without numbers so large or so small that it is them that is tested: (lanes,)."""
    found = np.ones(batch.lanes, dtype=np.bool_)
    for entry in space.free:
        size = np.abs(batch.values[entry.name].reshape(batch.lanes, -1))
        found &= ((size == 0) | ((size >= 1 / EVERYDAY) & (size <= EVERYDAY))).all(axis=1)
    return found


def within(parts: tuple[Piece, ...], values: Floats) -> Mask:
    """Which values lie in the domain of those pieces; same shape. NaN lies nowhere."""
    inside = np.zeros(values.shape, dtype=np.bool_)
    for piece in parts:
        inside |= (piece.low <= values) & (values <= piece.high)
    if parts[0].integers:
        inside &= values == np.trunc(values)
    return inside


def admit(parts: tuple[Piece, ...], values: Floats) -> Floats:
    """Values moved to the nearest piece where they lie in none, and truncated for integers.

    Same shape. Numbers of the dtype stay numbers of the dtype. ValueError for a NaN.
    """
    if np.isnan(values).any():
        raise ValueError("a NaN lies in no domain")
    largest = np.finfo(np.float64).max
    finite = np.clip(values, -largest, largest)
    whole = np.trunc(finite) if parts[0].integers else finite
    moved = np.stack([np.clip(whole, piece.low, piece.high) for piece in parts])
    with np.errstate(over="ignore"):  # between the far ends of the range a distance is inf
        distance = np.abs(moved - whole)
    nearest = np.argmin(distance, axis=0)
    return np.asarray(np.take_along_axis(moved, nearest[None], axis=0)[0])


def fixed(space: Space, argument: Input, lanes: int) -> Floats:
    """The value of a fixed input, rounded to the dtype, once a lane: (lanes, *shape)."""
    value = round_to(space.dtype, np.array(argument.value, dtype=np.float64))
    return np.broadcast_to(value, (lanes, *value.shape)).copy()


def complete(space: Space, free: Values, lanes: int) -> dict[str, Floats]:
    """The values of all inputs in the spec's order: the free ones given, the fixed ones added."""
    return {
        argument.name: free[argument.name]
        if argument.value is None
        else fixed(space, argument, lanes)
        for argument in space.inputs
    }


def broken(space: Space, values: Values, lanes: int) -> dict[str, Mask]:
    """For each constraint's reason where it fails: (lanes,) or (lanes, *shape).

    ValueError where a constraint answers in another number of lanes.
    """
    fails = {}
    for constraint in space.constraints:
        mask = np.asarray(constraint.holds(values), dtype=np.bool_)
        if mask.shape[:1] != (lanes,):
            raise ValueError(f"{constraint.reason}: got {mask.shape} for {lanes} lanes")
        fails[constraint.reason] = ~mask
    return fails


def by_lane(mask: Mask) -> Mask:
    """Which lanes hold a True: (lanes,)."""
    return np.asarray(mask.any(axis=tuple(range(1, mask.ndim))))


def kept(space: Space, batch: Batch) -> tuple[Mask, dict[str, int]]:
    """Which lanes lie in every domain and keep every constraint; and what the rest broke.

    A lane is counted once, under the first constraint that it breaks. Lanes outside a domain
    are not counted: they never were points of the space.
    """
    good = np.ones(batch.lanes, dtype=np.bool_)
    for argument in space.free:
        parts = pieces(space.dtype, argument.domain)
        good &= ~by_lane(~within(parts, batch.values[argument.name]))
    dropped = {}
    for reason, mask in broken(space, batch.values, batch.lanes).items():
        fails = by_lane(mask) & good
        if fails.any():
            dropped[reason] = int(fails.sum())
        good &= ~fails
    return good, dropped


def filtered(space: Space, batch: Batch) -> Drawn:
    """The lanes of a batch that are points of the space, and what the others broke."""
    good, dropped = kept(space, batch)
    return Drawn(batch.take(good), dropped)


def element_count(space: Space, dims: Mapping[str, int]) -> int:
    """How many numbers the free inputs of one point hold."""
    return sum(int(np.prod(argument.sizes(dims))) for argument in space.free)


def piece_ordinals(dtype: str, piece: Piece) -> tuple[int, int]:
    """The ordinals of a piece's ends."""
    low, high = ordinals(dtype, [piece.low, piece.high])
    return int(low), int(high)


def _piece(dtype: str, interval: Interval, integers: bool) -> Piece | None:
    low_ordinal, high_ordinal = ends(dtype, interval)
    if low_ordinal > high_ordinal:
        return None
    low, high = from_ordinals(dtype, [low_ordinal, high_ordinal])
    piece = Piece(
        float(low),
        float(high),
        low_bounded=interval.low > -np.inf,
        high_bounded=interval.high < np.inf,
        integers=integers,
    )
    if not integers:
        return piece
    whole = replace(piece, low=float(np.ceil(low)) + 0.0, high=float(np.floor(high)) + 0.0)
    return whole if whole.low <= whole.high else None
