"""Thousands of seeded points: half uniform by value, half uniform by float ordinal.

By value finds what happens at ordinary magnitudes. By ordinal finds what happens at all others:
every binade of the dtype is met equally often, so tiny and huge numbers are the rule.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import count as counting

import numpy as np

from gradcheck_sym.sampling.ordinals import Floats, from_ordinals, ordinals, round_to
from gradcheck_sym.sampling.points import Batch, concatenate
from gradcheck_sym.sampling.space import (
    Drawn,
    Mask,
    Piece,
    SamplingError,
    Space,
    admit,
    broken,
    by_lane,
    complete,
    fixed,
    piece_ordinals,
    pieces,
)
from gradcheck_sym.spec.dtypes import format_of

_MOST_TRIES_A_LANE = 100  # fewer than 1 % of the draws kept is too few
_LEAST_LANES = 100  # tried at once under constraints: few are not given up on by bad luck

Rng = np.random.Generator
Draw = Callable[[str, Piece, Rng, int], Floats]


def bulk(space: Space, dims: Mapping[str, int], lanes: int, rng: Rng) -> Drawn:
    """Random points that keep all constraints; half of them by value, half by ordinal.

    Where fewer than 1 % of one half's draws keep the constraints, the other half fills up; where
    its draws are as rare, SamplingError, as where a domain holds no number of the dtype. Where no
    input is free there is only one point, and so one lane.
    """
    if not space.free:
        values = complete(space, {}, 1)
        return Drawn(Batch(dims, space.dtype, values, ("bulk by value",)), {})
    parts = [
        _kept(space, dims, lanes - lanes // 2, rng, by_value),
        _kept(space, dims, lanes // 2, rng, by_ordinal),
    ]
    if (missing := lanes - _lanes(parts)) > 0:  # one way of drawing rarely keeps the constraints
        better = by_value if parts[0].batch.lanes >= parts[1].batch.lanes else by_ordinal
        parts.append(_kept(space, dims, missing, rng, better))
    dropped = sum((Counter(part.dropped) for part in parts), Counter())
    if _lanes(parts) < lanes:
        raise _too_few(dropped, _lanes(parts))
    return Drawn(concatenate([part.batch for part in parts]), dict(dropped))


def spread(
    space: Space, dims: Mapping[str, int], lanes: int, rng: Rng, draw: Draw
) -> dict[str, Floats]:
    """Values of every input drawn element by element, constraints not looked at.

    input name -> (lanes, *shape); each piece of a domain gets an equal share.
    """
    values = {}
    for argument in space.inputs:
        if argument.value is None:
            parts = pieces(space.dtype, argument.domain)
            shape = (lanes, *argument.sizes(dims))
            values[argument.name] = _pieced(space.dtype, parts, rng, shape, draw)
        else:
            values[argument.name] = fixed(space, argument, lanes)
    return values


def by_value(dtype: str, piece: Piece, rng: Rng, count: int) -> Floats:
    """Numbers of a dtype uniform by value in a piece: (count,).

    Nothing is uniform where an end is missing. There the draw takes turns, by chance, between
    normal(0, 1) (where most formulas bend), uniform in [-10, 10] (where exponentials saturate) and
    ten to a uniform power in [-3, 3] (human magnitudes beyond both); draws outside the piece
    are folded over its finite end.
    """
    if piece.low_bounded and piece.high_bounded:
        share = rng.random(count)
        top = piece.high + 1 if piece.integers else piece.high
        drawn = piece.low * (1 - share) + top * share
        drawn = np.floor(drawn) if piece.integers else drawn
    else:
        drawn = _folded(piece, _mixture(rng, count))
    return admit((piece,), round_to(dtype, np.clip(drawn, piece.low, piece.high)))


def by_ordinal(dtype: str, piece: Piece, rng: Rng, count: int) -> Floats:
    """Numbers of a dtype uniform by ordinal in a piece: (count,).

    Integers are drawn alike, as if no float lay between 0 and 1.
    """
    if not piece.integers:
        low, high = piece_ordinals(dtype, piece)
        return from_ordinals(dtype, rng.integers(low, high, count, endpoint=True))
    gap = int(ordinals(dtype, 1.0)) - 1
    low, high = (place - int(np.sign(place)) * gap for place in piece_ordinals(dtype, piece))
    drawn = rng.integers(low, high, count, endpoint=True)
    return admit((piece,), from_ordinals(dtype, drawn + np.sign(drawn) * gap))


def cotangents(rng: Rng, shape: Sequence[int], lanes: int, dtype: str) -> Floats:
    """Random cotangents, (lanes, *shape), rounded to the dtype; few lanes are only ones.

    Lanes take turns: normal numbers; small integers, whose products are exact; normal numbers
    with most of them zero; normal numbers on scales from 2**-6 to 2**6 in one lane; one element
    alone, every other time a 1, as where a Jacobian is made; integers whose sum is 0; one number
    for all; all large or all small. One lane of many is zero, where a gradient is 0, and not 0/0;
    one of many is all ones, as backward() feeds a loss, where some have a shorter way. Other lanes
    that came out as all zeros or all ones get one element replaced, for they would check too
    little.
    """
    size = int(np.prod(shape))
    if lanes > _DRAWN:
        return cotangents(rng, shape, _DRAWN, dtype)[np.arange(lanes) % _DRAWN]
    drawn = np.zeros((lanes, size))
    for turn, kind in enumerate(_KINDS if size else ()):
        rows = drawn[turn :: len(_KINDS)]
        rows[:] = kind(rng, rows.shape, dtype)
    drawn = round_to(dtype, drawn)
    dull = ((drawn == 0).all(axis=1) | (drawn == 1).all(axis=1)) & (size > 0)
    places = rng.integers(0, max(size, 1), lanes)
    drawn[dull, places[dull]] = rng.choice([-3.0, -2.0, -1.0, 2.0, 3.0], lanes)[dull]
    drawn[_ZERO - 1 :: _ZERO] = 0.0
    drawn[_ONE - 1 :: _ONE] = 1.0
    return drawn.reshape(lanes, *shape)


_DRAWN = 4093  # lanes at the most that are drawn; a prime, so that they meet others when used again
_ZERO = 31  # lanes, of which the last is fed nothing but zeros
_ONE = 29  # lanes, of which the last is fed nothing but ones
_FAR = 20  # binary orders of magnitude that a whole cotangent is made larger or smaller by

Rows = tuple[int, ...]  # (lanes, elements)


def _normal(rng: Rng, size: Rows, dtype: str) -> Floats:
    return rng.standard_normal(size)


def _whole(rng: Rng, size: Rows, dtype: str) -> Floats:
    return rng.integers(-4, 5, size).astype(np.float64)


def _sparse(rng: Rng, size: Rows, dtype: str) -> Floats:
    return np.where(rng.random(size) < 0.25, rng.standard_normal(size), 0.0)


def _scaled(rng: Rng, size: Rows, dtype: str) -> Floats:
    return np.ldexp(rng.standard_normal(size), rng.integers(-6, 7, size))


def _alone(rng: Rng, size: Rows, dtype: str) -> Floats:
    chosen = rng.integers(0, size[1], size[0])[:, None] == np.arange(size[1])
    fed = np.where(np.arange(size[0]) % 2 == 0, 1.0, rng.standard_normal(size[0]))
    return np.where(chosen, fed[:, None], 0.0)


def _balanced(rng: Rng, size: Rows, dtype: str) -> Floats:
    drawn = _whole(rng, size, dtype)
    drawn[:, 0] -= drawn.sum(axis=1)
    return drawn


def _constant(rng: Rng, size: Rows, dtype: str) -> Floats:
    return np.broadcast_to(rng.standard_normal((size[0], 1)), size)


def _far(rng: Rng, size: Rows, dtype: str) -> Floats:
    """Where the range is narrow, what is fed must not be what overflows."""
    far = _FAR if format_of(dtype).exponent_max > 4 * _FAR else 0
    wide: Floats = np.ldexp(rng.standard_normal(size), far * rng.choice([-1, 1], (size[0], 1)))
    return wide


_KINDS = (_normal, _whole, _sparse, _scaled, _alone, _balanced, _constant, _far)


def _kept(space: Space, dims: Mapping[str, int], lanes: int, rng: Rng, draw: Draw) -> Drawn:
    """Lanes that keep all constraints: what breaks one is drawn again and counted.

    Fewer lanes than asked for where the tries are used up.
    """
    fresh = partial(spread, space, dims, rng=rng, draw=draw)
    at_once = max(lanes, _LEAST_LANES) if space.constraints and lanes else lanes
    values = fresh(lanes=at_once)
    dropped: Counter[str] = Counter()
    for turn in counting():
        fails = broken(space, values, at_once)
        bad = np.logical_or.reduce([np.zeros(at_once, np.bool_), *map(by_lane, fails.values())])
        _count(fails, dropped)
        if (~bad).sum() >= lanes or dropped.total() > _MOST_TRIES_A_LANE * at_once:
            break
        again = fresh(lanes=int(bad.sum()))
        free = {argument.name: values[argument.name] for argument in space.free}
        for name, stale in _stale(fails, free, turn).items():
            free[name][bad] = np.where(stale[bad], again[name], free[name][bad])
    origin = "bulk by value" if draw is by_value else "bulk by ordinal"
    batch = Batch(dims, space.dtype, values, (origin,) * at_once)
    return Drawn(batch.take(np.flatnonzero(~bad)[:lanes]), dict(dropped))


def _lanes(parts: Sequence[Drawn]) -> int:
    return sum(part.batch.lanes for part in parts)


def _stale(fails: Mapping[str, Mask], values: Mapping[str, Floats], turn: int) -> dict[str, Mask]:
    """Which elements of each input, by name, (lanes, ...), to draw again.

    Where a constraint answers for each element, only what fails in the inputs of as many
    elements: that all of eight hold at once may be rare. From time to time the whole lane, for
    an input of another size may stand in the way.
    """
    stale = {name: np.zeros(array.shape, dtype=np.bool_) for name, array in values.items()}
    for mask in fails.values():
        several = {name for name, array in values.items() if mask.size == array.size > len(mask)}
        whole = not several or turn % 8 == 7
        lanes = by_lane(mask)
        for name, array in values.items():
            if whole:
                stale[name][lanes] = True
            elif name in several:
                stale[name] |= mask.reshape(array.shape)
    return stale


def _count(fails: Mapping[str, Mask], dropped: Counter[str]) -> None:
    """Add each failing lane to the first reason it fails for."""
    counted: Mask | None = None
    for reason, mask in fails.items():
        lanes = by_lane(mask) if counted is None else by_lane(mask) & ~counted
        if lanes.any():
            dropped[reason] += int(lanes.sum())
        counted = lanes if counted is None else counted | lanes


def _too_few(dropped: Counter[str], kept: int) -> SamplingError:
    (reason, count), *_ = dropped.most_common(1)
    return SamplingError(
        f"{reason}: kept {kept} of {kept + dropped.total()} points drawn, {count} broke it; "
        "wanted at least 1 %: narrow the domains to where it holds"
    )


def _pieced(
    dtype: str, parts: tuple[Piece, ...], rng: Rng, shape: tuple[int, ...], draw: Draw
) -> Floats:
    """Draws of which each piece of the domain gets an equal share by chance."""
    count = int(np.prod(shape))
    options = np.stack([draw(dtype, piece, rng, count) for piece in parts])
    chosen = rng.integers(0, len(parts), count)
    return np.asarray(options[chosen, np.arange(count)]).reshape(shape)


def _mixture(rng: Rng, count: int) -> Floats:
    scales = np.stack(
        [
            rng.standard_normal(count),
            rng.uniform(-10, 10, count),
            rng.choice([-1.0, 1.0], count) * 10 ** rng.uniform(-3, 3, count),
        ]
    )
    return np.asarray(scales[rng.integers(0, len(scales), count), np.arange(count)])


def _folded(piece: Piece, drawn: Floats) -> Floats:
    if piece.low_bounded:
        return np.where(drawn < piece.low, piece.low + np.abs(drawn), drawn)
    if piece.high_bounded:
        return np.where(drawn > piece.high, piece.high - np.abs(drawn), drawn)
    return drawn
