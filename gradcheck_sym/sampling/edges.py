"""The points where formulas break: ends, kinks, ties, extremes, degenerate matrices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, islice, product, zip_longest

import numpy as np

from gradcheck_sym.sampling.bulk import by_ordinal, by_value, spread
from gradcheck_sym.sampling.ordinals import Floats, next_after, round_to
from gradcheck_sym.sampling.points import Batch, Values, concatenate
from gradcheck_sym.sampling.space import (
    Drawn,
    Piece,
    Space,
    complete,
    kept,
    pieces,
    within,
)
from gradcheck_sym.spec.dtypes import format_of
from gradcheck_sym.spec.records import Domain, Input

_CORE = (0.0, -0.0, 1.0, -1.0)
_GENERIC = (2.0, -2.0, 0.5, -0.5, 3.0, -3.0, 4.0, 7.0, 8.0, 0.25, 0.1, 10.0, -10.0, 16.0, 1024.0)
_MAGNITUDES = (20.0, 50.0, 100.0, 1000.0)  # where saturating formulas change their branch
_TRIES = 32  # settings of the other inputs under constraints, of which the first that fits is kept
_MOST_PAIRS = 6  # pairs of inputs that are at an edge together: all of up to four inputs

Change = Mapping[str, Floats]  # input name -> the array that replaces its ordinary one
Marked = tuple[Change, str]  # with the origin of its point


def edge_values(domain: Domain | None, dtype: str, thresholds: Sequence[float]) -> Floats:
    """The edge numbers of one scalar in its domain, once each (both zeros), most telling first.

    Thresholds, with their neighbours on either side; the outermost numbers of each piece of the
    domain and one ulp inside them; zeros, ones, small integers and powers of two; magnitudes
    where exponentials saturate or overflow; huge, tiny and subnormal numbers.
    """
    parts = pieces(dtype, domain)
    found = np.concatenate([_around(dtype, thresholds), _ends(dtype, parts), _anywhere(dtype)])
    inside = found[within(parts, found)]
    _, first = np.unique(inside.view(np.int64), return_index=True)
    return inside[np.sort(first)]


def edges(space: Space, dims: Mapping[str, int], rng: np.random.Generator) -> Drawn:
    """The edge points of a space, each once, at one choice of sizes.

    Every edge of every input is met while the other inputs are ordinary: in one element, and in
    all of them. All inputs at once and pairs of inputs at the core edges follow, then ties,
    patterns and degenerate matrices, of each input by turns, the most telling first. The number
    of points is linear in the number of edges. Edges that break a constraint with every ordinary
    setting tried are dropped and counted.
    """
    sample = spread(space, dims, 1, rng, by_value)
    told = [*_marked("edge", _changes(space, dims, rng, sample))]
    told += _marked("pattern", _patterned(space, sample))
    changes, origins = zip(*(_unique(told) or [({}, "edge")]), strict=True)
    left = np.arange(len(changes))
    found: list[Batch] = []
    order: list[int] = []
    dropped: Mapping[str, int] = {}
    for turn in range(_TRIES if space.constraints else 1):
        others = spread(space, dims, len(left), rng, by_ordinal if turn % 2 else by_value)
        picked = [(changes[i], origins[i]) for i in left]
        tried = _settled(space, dims, picked, others)
        good, dropped = kept(space, tried)
        found.append(tried.take(good))
        order.extend(left[good].tolist())
        left = left[~good]
    in_order = np.argsort(np.asarray(order, dtype=np.int64))
    return Drawn(concatenate(found).take(in_order), dropped)


def patterns(sample: Floats) -> tuple[Floats, ...]:
    """Arrays of the sample's shape with ties, order, signs, scales and degenerate matrices.

    Made of the sample's own numbers where they can be, so that most lie in the same domain;
    where those are huge, some entries overflow. None of fewer than two elements.
    """
    if sample.size < 2:
        return ()
    with np.errstate(over="ignore", invalid="ignore"):
        found = [row.reshape(sample.shape) for row in _flat_patterns(sample.ravel())]
        if sample.ndim >= 2:
            turned = np.swapaxes(sample, -1, -2)
            found += _row_patterns(sample)
            found += (np.swapaxes(rows, -1, -2) for rows in _row_patterns(turned))
        if sample.ndim >= 2 and sample.shape[-1] == sample.shape[-2]:
            found += _square_patterns(sample)
    return tuple(found)


def _around(dtype: str, thresholds: Sequence[float]) -> Floats:
    middle = round_to(dtype, np.asarray(thresholds, dtype=np.float64))
    middle = middle[np.isfinite(middle)]
    neighbours = [next_after(dtype, middle, side) for side in (-np.inf, np.inf)]
    return np.stack([middle, *neighbours], axis=1).ravel()


def _ends(dtype: str, parts: tuple[Piece, ...]) -> Floats:
    bounded = [p.low for p in parts if p.low_bounded] + [p.high for p in parts if p.high_bounded]
    inner = [p.low + 1 for p in parts] + [p.high - 1 for p in parts]  # the next integers
    return np.concatenate([_around(dtype, bounded), round_to(dtype, inner)])


def _anywhere(dtype: str) -> Floats:
    form = format_of(dtype)
    overflow = np.floor(np.log(form.max))  # the last integer whose exp is finite
    underflow = np.floor(np.log(form.smallest_normal))
    huge = [form.max, form.max / 2, np.sqrt(form.max)]
    tiny = [form.smallest_normal, form.epsilon, np.sqrt(form.smallest_normal)]
    subnormal = [form.smallest_subnormal, form.smallest_normal - form.smallest_subnormal]
    exponents = [overflow, overflow + 1, -underflow, -underflow + 1]
    large = [*_MAGNITUDES, *exponents, *huge, *tiny, *subnormal]
    signed = np.array([large, [-x for x in large]]).T.ravel()
    rounded = round_to(dtype, [*_CORE, *_GENERIC, *signed])
    return rounded[np.isfinite(rounded)]


def _changes(
    space: Space, dims: Mapping[str, int], rng: np.random.Generator, sample: Values
) -> Iterator[Change]:
    free = [argument for argument in space.free if sample[argument.name].size]
    for argument in free:
        yield from ({argument.name: array} for array in _alone(space, argument, sample, rng))
    if len(free) > 1:
        yield from _together(free, dims, space.dtype, sample)
        yield from _in_pairs(free, dims)


def _alone(
    space: Space, argument: Input, sample: Mapping[str, Floats], rng: np.random.Generator
) -> Iterator[Floats]:
    """One input's edges: in all elements, and in one element."""
    own = sample[argument.name][0]
    values = edge_values(argument.domain, space.dtype, space.thresholds.get(argument.name, ()))
    rows = np.repeat(values[:, None], own.size, axis=1)
    if own.size > 1:
        number = np.arange(len(values))
        mixed = rng.permuted(np.broadcast_to(own.ravel(), rows.shape), axis=1)
        mixed[number, number % own.size] = values
        rows = np.stack([rows, mixed], axis=1)
    yield from rows.reshape(-1, *own.shape)


def _patterned(space: Space, sample: Values) -> Iterator[Change]:
    """The patterns of each input, of all inputs by turns."""
    by_input = []
    for argument in space.free:
        own = sample[argument.name][0]
        telling = (*patterns(own), *(_of_complex_numbers(own) if argument.complex else ()))
        by_input.append([{argument.name: round_to(space.dtype, pattern)} for pattern in telling])
    return (change for turn in zip_longest(*by_input) for change in turn if change is not None)


def _together(
    free: Sequence[Input], dims: Mapping[str, int], dtype: str, sample: Mapping[str, Floats]
) -> Iterator[Change]:
    """All inputs at the same edge; inputs of one shape equal, opposite, with nothing in common."""
    shapes = {argument.name: argument.sizes(dims) for argument in free}
    for value in (*_CORE, 0.5, 2.0, format_of(dtype).max / 2, format_of(dtype).smallest_normal):
        yield {name: np.full(shape, value) for name, shape in shapes.items()}
    for name, shape in shapes.items():
        twins = [other for other in shapes if shapes[other] == shape]
        if len(twins) > 1 and twins[0] == name:
            own = sample[name][0]
            yield dict.fromkeys(twins, own)
            yield {other: own if other == name else -own for other in twins}
            if own.size > 1:
                even = np.arange(own.size).reshape(own.shape) % 2 == 0
                yield {other: np.where(even == (other == name), own, 0.0) for other in twins}


def _in_pairs(free: Sequence[Input], dims: Mapping[str, int]) -> Iterator[Change]:
    """Two inputs at any two of the core edges."""
    for one, other in islice(combinations(free, 2), _MOST_PAIRS):
        for a, b in product(_CORE, repeat=2):
            yield {
                one.name: np.full(one.sizes(dims), a),
                other.name: np.full(other.sizes(dims), b),
            }


def _marked(origin: str, changes: Iterator[Change]) -> Iterator[Marked]:
    return ((change, origin) for change in changes)


def _unique(marked: Sequence[Marked]) -> list[Marked]:
    """Each change once; what is a pattern as well counts as one."""
    found = {
        tuple((name, array.tobytes()) for name, array in change.items()): (change, origin)
        for change, origin in marked
    }
    return list(found.values())


def _settled(
    space: Space, dims: Mapping[str, int], changes: Sequence[Marked], others: Values
) -> Batch:
    """One lane a change: the changed inputs as stated, the others as drawn."""
    values = {name: array.copy() for name, array in others.items()}
    for lane, (change, _) in enumerate(changes):
        for name, array in change.items():
            values[name][lane] = array
    values = complete(space, values, len(changes))
    return Batch(dims, space.dtype, values, tuple(origin for _, origin in changes))


def _flat_patterns(flat: Floats) -> Iterator[Floats]:
    magnitudes = np.abs(flat)
    small, large = float(magnitudes.min()), float(magnitudes.max())
    size = np.arange(flat.size, dtype=np.float64)
    yield np.where(size == 1, 1.0, 0.0)  # one-hot, as labels are
    yield np.where(size == 0, flat, 0.0)
    yield np.repeat(flat, 2)[: flat.size]  # ties in pairs
    yield np.where(size < 2, 0.0, flat)  # two zeros: what prod needs
    yield np.where(size == 0, 0.0, flat)
    yield np.where(size == flat.size - 1, flat[0], flat)  # first and last alike
    yield np.where(flat == flat.max(), flat.max(), flat.min())  # ties below one largest
    yield np.where(flat == flat.min(), flat.min(), flat.max())
    yield np.sort(flat)
    yield np.sort(flat)[::-1]
    yield np.abs(flat)
    yield -np.abs(flat)
    yield np.abs(flat) * np.where(size % 2, -1.0, 1.0)
    for scale in (1e3, 2.0**60):
        yield np.where(size == 0, scale * (large + 1), small)
        yield np.where(size == flat.size - 1, -scale * (large + 1), flat)
    yield np.where(size == 0, 1.0, 1e-3 * flat)
    yield 1.0 + 2.0**-6 * np.sign(flat) * (size + 1)  # close together: cancellation
    yield size + 1.0  # distinct small integers


def _of_complex_numbers(sample: Floats) -> Iterator[Floats]:
    """All numbers of an array of [re, im] on one line at once, where formulas simplify.

    Real, positive and negative, imaginary, on both diagonals, and a Hermitian matrix.
    """
    re, im = sample[..., 0], sample[..., 1]
    zero = np.zeros_like(re)
    lines = [(re, zero), (np.abs(re), zero), (-np.abs(re), zero), (-np.abs(re), -zero)]
    lines += [(zero, im), (re, re), (re, -re)]
    if re.ndim >= 2 and re.shape[-1] == re.shape[-2]:
        turned, opposite = (np.swapaxes(part, -1, -2) for part in (re, im))
        lines.append(((re + turned) / 2, (im - opposite) / 2))
    yield from (np.stack(line, axis=-1) for line in lines)


def _row_patterns(sample: Floats) -> Iterator[Floats]:
    """The rows of the last two dimensions: one zero, two alike, all alike, one huge."""
    rows = sample.shape[-2]
    number = np.arange(rows)[:, None]
    yield np.where(number == 0, 0.0, sample)
    yield np.where(number == rows - 1, sample[..., :1, :], sample)
    yield np.broadcast_to(sample[..., :1, :], sample.shape)
    yield np.where(number == 0, 1e3 * sample, sample)


def _square_patterns(sample: Floats) -> Iterator[Floats]:
    """Matrices that are identity, diagonal, permuted, symmetric, singular or nearly so."""
    size = sample.shape[-1]
    identity = np.broadcast_to(np.eye(size), sample.shape)
    first = sample[..., :1, :]
    rank_one = np.swapaxes(np.broadcast_to(np.sign(first) + 2, sample.shape), -1, -2) * first
    yield identity
    yield 2 * identity
    yield np.flip(identity, axis=-1)
    yield sample * identity
    yield np.triu(sample)
    yield sample + np.swapaxes(sample, -1, -2)
    yield rank_one
    yield rank_one + 2.0**-5 * identity
    yield identity + 2.0**-5 * sample
