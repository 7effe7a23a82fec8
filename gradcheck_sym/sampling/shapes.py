"""Which sizes to visit, and the shapes they give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product

from gradcheck_sym.spec.records import Dim

_EVERY_PAIR = 8  # sizes of a range of at most so many are all paired with those of other dims
_EVERY_SIZE = 32  # up to here each size of a range is visited
_SMALL = 3  # so many smallest sizes of a dim go with the less important sizes of another

Pair = tuple[tuple[int, int], tuple[int, int]]  # (dim, choice) of one dim and of another


def sizes(dim: Dim) -> tuple[int, ...]:
    """The sizes of one dim that are visited, rising: each of those up to 32.

    Beyond, the powers of two and one less and more, where blocked and vectorized code changes its
    path or has a remainder, and the two largest.
    """
    edges = {2**k + step for k in range(dim.high.bit_length()) for step in (-1, 0, 1)}
    inner = {*range(_EVERY_SIZE + 1), *edges, dim.high - 1, dim.high, dim.low}
    return tuple(sorted(size for size in inner if dim.low <= size <= dim.high))


def assignments(dims: Sequence[Dim]) -> tuple[dict[str, int], ...]:
    """Choices of a size for every dim, in the order in which they are worth visiting.

    The first ones meet the main sizes of each dim, with different sizes in dims of the same range,
    so that exchanged dimensions show. The next meet every pair of main sizes of two dims (a greedy
    covering array), far fewer than all combinations. The last meet every other size of each dim;
    the other dims are small there, since a choice costs as much as it has elements. Without dims
    there is one empty choice.
    """
    choices = [_main_sizes(dim) for dim in dims]
    rows = list(_singles(choices))
    left = _pairs(choices)
    for row in rows:
        left -= _met(row)
    while left:
        row = _grown(choices, left)
        rows.append(row)
        left -= _met(row)
    names = [dim.name for dim in dims]
    met = tuple(
        {name: choices[j][pick] for j, (name, pick) in enumerate(zip(names, row, strict=True))}
        for row in rows
    )
    return (*met, *_others(dims))


def _main_sizes(dim: Dim) -> tuple[int, ...]:
    """The sizes of one dim that meet those of others: all of a short range.

    Of a long one the two smallest and largest and, between them, the powers of two.
    """
    if dim.high - dim.low < _EVERY_PAIR:
        return tuple(range(dim.low, dim.high + 1))
    powers = (2**k for k in range(dim.high.bit_length()))
    inner = {size for size in powers if dim.low < size < dim.high}
    return tuple(sorted(inner | {dim.low, dim.low + 1, dim.high - 1, dim.high}))


def _others(dims: Sequence[Dim]) -> Iterator[dict[str, int]]:
    """Each size of a dim that is none of the main ones, the other dims by turns at small sizes."""
    for dim in dims:
        for place, size in enumerate(sorted({*sizes(dim)} - {*_main_sizes(dim)})):
            small = {
                other.name: min(other.low + (place + shift) % _SMALL, other.high)
                for shift, other in enumerate(dims)
            }
            yield small | {dim.name: size}


def _singles(choices: Sequence[Sequence[int]]) -> Iterator[tuple[int, ...]]:
    """Rows of choice numbers that meet each choice of each dim, shifted between dims."""
    for i in range(max(map(len, choices), default=1)):
        yield tuple((i + j) % len(options) for j, options in enumerate(choices))


def _pairs(choices: Sequence[Sequence[int]]) -> set[Pair]:
    return {
        ((j, a), (k, b))
        for j, k in combinations(range(len(choices)), 2)
        for a, b in product(range(len(choices[j])), range(len(choices[k])))
    }


def _met(row: tuple[int, ...]) -> set[Pair]:
    return set(combinations(enumerate(row), 2))


def _grown(choices: Sequence[Sequence[int]], left: set[Pair]) -> tuple[int, ...]:
    """A row that starts from the first pair not yet met and greedily meets more of them."""
    (j, a), (k, b) = min(left)
    fixed = {j: a, k: b}
    for dim, options in enumerate(choices):
        if dim not in fixed:
            fixed[dim] = max(range(len(options)), key=lambda pick: _gain(dim, pick, fixed, left))
    return tuple(fixed[dim] for dim in range(len(choices)))


def _gain(dim: int, pick: int, fixed: Mapping[int, int], left: set[Pair]) -> int:
    met = (tuple(sorted([(dim, pick), other])) for other in fixed.items())
    return sum(pair in left for pair in met)
