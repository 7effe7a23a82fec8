"""Shapes beyond those that every check visits: larger, empty, broadcast against each other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

from gradcheck_sym.run.subject import Subject
from gradcheck_sym.spec.records import Dim, Input

Dims = Mapping[str, int]

_LARGER = (5, 8, 33, 130, 1030)  # around the widths of vectors and the sizes of blocks
_LARGEST_ELEMENTWISE = 33  # beyond, an elementwise function meets sizes in its long vectors
_VECTOR, _WIDE = 4, 33  # a size that is no more than a vector; one of full vectors and a rest
_LARGEST_WIDE = 300  # numbers of all inputs with one such size
_LARGEST_UNKNOWN = 2_000  # numbers of an input where nothing is worked out
_MOST_OPERATIONS = 2_000  # of a program at a larger size,
_MOST_OF_A_USERS = 16_000  # and where the implementation is a user's own
_ROWS = "rows of the others"  # no name that a spec can use


def larger_sizes(subject: Subject) -> Iterator[Dims]:
    """Choices of the sizes that have no stated range, as far as the mathematics stays small.

    How the mathematics grows is seen at two small sizes; it is not written out to find out.
    """
    free = _free(subject)
    if not free:
        return
    small, large = (_all_at(subject, free, size) for size in (2, 4))
    before, after = (len(subject.derivation(dims).joint.code) for dims in (small, large))
    growth = math.log2(max(after, 1) / max(before, 1))
    users = subject.implementation.kind == "user"
    most = _LARGEST_ELEMENTWISE if subject.elementwise else _LARGER[-1]
    for size in _LARGER:
        if size <= most and after * (size / 4) ** growth <= (
            _MOST_OF_A_USERS if users else _MOST_OPERATIONS
        ):
            yield _all_at(subject, free, size)


def empty_sizes(subject: Subject) -> Iterator[Dims]:
    """Each size without a stated range at 0 while the others are small."""
    free = _free(subject)
    for dim in free:
        yield {**_all_at(subject, free, 2), dim.name: 0}


def large_size(subject: Subject) -> Dims | None:
    """The largest choice of such sizes for a run of which nobody works out what is true.

    None where all sizes have a stated range.
    """
    free = _free(subject)
    found = [_all_at(subject, free, size) for size in _LARGER if free]
    inputs = subject.space.inputs
    fits = [
        dims
        for dims in found
        if all(math.prod(entry.sizes(dims)) <= _LARGEST_UNKNOWN for entry in inputs)
    ]
    return fits[-1] if fits else None


def wide_sizes(subject: Subject) -> tuple[Dims, ...]:
    """Choices at which one size is several vectors and a rest, the others small: two at most.

    None where that is out of range, or makes many numbers: whatever fails there is worked out.
    """
    small = {dim.name: min(max(dim.low, 2), dim.high) for dim in subject.spec.dims}
    found = [
        small | {dim.name: size}
        for dim in subject.spec.dims
        if (size := min(dim.high if dim.declared else _WIDE, _WIDE)) > _VECTOR
    ]
    inputs = subject.space.inputs
    few = [
        dims
        for dims in found
        if sum(math.prod(entry.sizes(dims)) for entry in inputs) <= _LARGEST_WIDE
    ]
    return (*few[:1], *few[1:][-1:])


def _free(subject: Subject) -> list[Dim]:
    return [dim for dim in subject.spec.dims if not dim.declared]


def _all_at(subject: Subject, free: list[Dim], size: int) -> dict[str, int]:
    """The free sizes all so large, each one more than the one before; the others at their least."""
    stated = {dim.name: dim.low for dim in subject.spec.dims if dim.declared}
    return stated | {dim.name: size + place for place, dim in enumerate(free)}


def broadcast(subject: Subject) -> Iterator[tuple[Subject, str]]:
    """The subject with inputs of different shapes that broadcast, and what is different.

    Only where every element is computed alone: there broadcasting means the same mathematics.
    """
    inputs = subject.spec.inputs
    many = [entry for entry in inputs if entry.value is None and not entry.complex]
    if not subject.elementwise or len(many) < 2:
        return
    for entry in many:
        yield _with(subject, {entry.name: replace(entry, shape=(1,) * len(entry.shape))})
        yield _with(subject, {entry.name: replace(entry, shape=())})
        others = {
            other.name: replace(other, shape=(_ROWS, *other.shape))
            for other in many
            if other is not entry
        }
        yield _with(subject, others)


def _with(subject: Subject, changed: Mapping[str, Input]) -> tuple[Subject, str]:
    inputs = tuple(changed.get(entry.name, entry) for entry in subject.spec.inputs)
    dims = subject.spec.dims
    if any(_ROWS in entry.shape for entry in inputs):
        dims = (Dim(_ROWS, 2, 2, declared=True), *dims)
    used = {size for entry in inputs for size in entry.shape}
    kept = tuple(dim for dim in dims if dim.name in used)
    told = "; ".join(f"{name} of shape {_shape(entry)}" for name, entry in changed.items())
    spec = replace(subject.spec, inputs=inputs, dims=kept, examples=())
    return replace(subject, spec=spec, derived={}, stated={}, told={}, shrunk_to={}), told


def _shape(entry: Input) -> str:
    return f"[{', '.join('rows' if size == _ROWS else str(size) for size in entry.shape)}]"
