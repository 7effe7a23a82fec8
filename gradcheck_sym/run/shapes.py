"""Shapes beyond those that every check visits: larger, empty, broadcast against each other."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations, islice, product

from gradcheck_sym.autograd.sizes import held_against
from gradcheck_sym.run.domains import broadcasts
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.sampling.bulk import bulk
from gradcheck_sym.sampling.space import SamplingError
from gradcheck_sym.spec.records import Dim, Input

Dims = Mapping[str, int]

_LARGER = (5, 8, 33, 130, 1030)  # around the widths of vectors and the sizes of blocks
_BETWEEN = (6, 7, 64, 256)  # of a user's own code: next to no power of 2; blocks without a rest
_SMALL = 33  # up to here each size is tried where differences can tell
_SQUARE = (5, 8, 16, 32, 33)  # all alike: paths for square matrices, and dims told by their size
_MOST_STATED = 256  # sizes of a stated range, each of which is tried so
_LARGE = (100, 127, 200, 255, 500, 512, 1000, 1024, 2000, 5000)  # and some beside powers of 2
_MOST_NUMBERS = 10_000  # of all inputs there
_MOST_TRIED = 60_000  # operations of a program there, which is made where differences tell so
_SMALL_BLOCK, _MOST_BLOCKS = 8, 4  # numbers beyond whose multiples sizes are tried; how many
_LARGER_ALONE = (1030, 260, 130)  # of one size, the others small: the first that is in reach
_MOST_ALONE = 6_000  # operations of a program there
_LARGER_OF_DERIVED = (7, 33)  # of functions derived of a user's own, such as a jvp
_MOST_OF_DERIVED = 4_000  # operations of a program there, for each number that goes in
_LARGEST_ELEMENTWISE = 64  # beyond, an elementwise function meets sizes in its long vectors
_VECTOR, _WIDE = 4, 33  # a size that is no more than a vector; one of full vectors and a rest
_LARGEST_WIDE = 300  # numbers of all inputs with one such size
_LARGEST_UNKNOWN = 2_000  # numbers of an input where nothing is worked out
_MOST_OPERATIONS = 2_000  # of a program at a larger size,
_MOST_OF_A_USERS = 16_000  # and where the implementation is a user's own, several of them large
_ROWS = "rows of the others"  # no name that a spec can use


def larger_sizes(subject: Subject) -> Iterator[Dims]:
    """Choices of the sizes that have no stated range, as far as the mathematics stays small.

    All of them large, and in a user's own code each of several alone as well. There also around the
    numbers that it holds sizes against, within stated ranges, too.
    """
    free = _free(subject)
    users = subject.implementation.kind == "user"
    if free:
        most = _MOST_OF_A_USERS if users else _MOST_OPERATIONS
        yield from _all_within_reach(subject, free, _LARGER, most)
    if free and users:
        yield from _all_within_reach(subject, free, _BETWEEN, _MOST_OPERATIONS)
    if users:
        yield from _beyond_blocks(subject)
    if users and len(free) > 1 and not subject.elementwise:
        least = _all_at(subject, free, 2)
        for dim in free:
            alone = [{**least, dim.name: size} for size in (2, 4, *_LARGER_ALONE)]
            yield from islice(_within_reach(partial(_steps, subject), alone, _MOST_ALONE), 1)


def _beyond_blocks(
    subject: Subject, alone: int = _MOST_ALONE, together: int = _MOST_OF_A_USERS
) -> Iterator[Dims]:
    """Sizes at a number that the code holds sizes against, one more, and twice that many and one.

    Of each size alone, the others small, or 1 where that is too much to work out; one more and two
    more of each two, and so of all, for rests that meet. What the code does with small tensors
    tells which numbers these are, and what it does with tensors beyond these tells of more.

    alone, together: the most operations of a program where one size is so large, and several.
    """
    varying = [dim for dim in subject.spec.dims if not dim.declared or dim.low < dim.high]
    if not varying:
        return
    stated = {dim.name: dim.small for dim in varying if dim.declared}
    least = _all_at(subject, _free(subject), 2) | stated
    found = _held_against(subject, [least])
    for number in found[:_MOST_BLOCKS]:
        larger = [chosen for dim in varying for chosen in _beyond(least, (dim,), number + 1)]
        more = _held_against(subject, larger)
        found += [each for each in more if each not in found]
    counts = sorted({1, 2, len(varying)})
    groups = [some for count in counts for some in combinations(varying, count)]
    for number, some in product(found[:_MOST_BLOCKS], groups):
        sizes = (number, number + 1, 2 * number + 1) if len(some) == 1 else (number + 1,)
        most = alone if len(some) == 1 else together
        for others in (least, least | {dim.name: 1 for dim in _free(subject)}):
            beyond = [chosen for size in sizes for chosen in _beyond(others, some, size)]
            if not beyond:
                break
            small = [{**others, **{dim.name: n * dim.small for dim in some}} for n in (1, 2)]
            within = [*_within_reach(partial(_steps, subject), [*small, *beyond], most)]
            yield from within
            if within:
                break


def _beyond(others: Dims, some: Sequence[Dim], size: int) -> Iterator[Dims]:
    """Some sizes from that one on, each one more than the one before; nothing out of a range."""
    chosen = {dim.name: size + place for place, dim in enumerate(some)}
    if all(dim.low <= chosen[dim.name] <= dim.high for dim in some if dim.declared):
        yield {**others, **chosen}


def _held_against(subject: Subject, choices: Sequence[Dims]) -> list[int]:
    """The numbers that a user's code holds sizes against at some choices, small first.

    Those that are visited in any case are left out.
    """
    found: set[int] = set()
    for dims in choices:
        function = subject.function
        if _numbers(subject, dims) > _LARGEST_UNKNOWN:
            continue
        try:
            drawn = bulk(function.space, dims, 2, function.stream("sizes", dims)).batch
        except SamplingError:
            continue
        values, wrt = drawn.take([0]).values, subject.graded
        found |= held_against(function.implementation, values, wrt, function.dtype.name)
    return sorted(number for number in found if _SMALL_BLOCK <= number <= _LARGEST_UNKNOWN)


def _all_within_reach(
    subject: Subject, free: Sequence[Dim], sizes: Sequence[int], most: int
) -> Iterator[Dims]:
    largest = _LARGEST_ELEMENTWISE if subject.elementwise else math.inf
    tried = (2, 4, *(size for size in sizes if size <= largest))
    choices = [_all_at(subject, free, size) for size in tried]
    yield from _within_reach(partial(_steps, subject), choices, most)


def larger_sizes_of_derived(subject: Subject) -> Iterator[Dims]:
    """The same for what is derived of the function, whose mathematics is larger.

    A product with a Hessian has as many terms as the gradient for each number that goes in.
    """
    if free := _free(subject):
        choices = [_all_at(subject, free, size) for size in (2, 4, *_LARGER_OF_DERIVED)]
        yield from _within_reach(partial(_steps_of_derived, subject), choices, _MOST_OF_DERIVED)


def small_sizes(subject: Subject) -> Iterator[Dims]:
    """Sizes one after the other, each dim's next to the others', and a few all the same.

    Beyond those that every check visits.
    """
    if free := _free(subject):
        visited = [*map(dict, subject.sizes)]
        choices = [_all_at(subject, free, size) for size in range(2, _SMALL)]
        if len(free) > 1:
            least = _all_at(subject, free, 2)
            choices += [least | {dim.name: size for dim in free} for size in _SQUARE]
        yield from (dims for dims in choices if dims not in visited)


def sizes_alone(subject: Subject) -> Iterator[Dims]:
    """The same, then each size alone, the others small, and large ones within reach.

    Of a stated range every size, for each is legal. And of those beyond the blocks of the code the
    ones that are too much to work out unasked.
    """
    yield from small_sizes(subject)
    blocks = _beyond_blocks(subject, _MOST_TRIED, _MOST_TRIED)
    yield from (dims for dims in blocks if _numbers(subject, dims) <= _MOST_NUMBERS)
    free = _free(subject)
    if not subject.elementwise:
        yield from _stated_alone(subject)
    if not free or subject.elementwise:
        return
    least = _all_at(subject, free, 2)
    for dim in free if len(free) > 1 else ():
        yield from ({**least, dim.name: size} for size in range(4, _SMALL))
    choices = [_all_at(subject, free, size) for size in (2, 4, *_LARGE)]
    within = _within_reach(partial(_steps, subject), choices, _MOST_TRIED)
    yield from (dims for dims in within if _numbers(subject, dims) <= _MOST_NUMBERS)


def _stated_alone(subject: Subject) -> Iterator[Dims]:
    """Each size of a stated range, the others small, beyond those that every check visits."""
    visited = [*map(dict, subject.sizes)]
    small = {dim.name: dim.small for dim in subject.spec.dims}
    for dim in subject.spec.dims:
        last = min(dim.high, dim.low + _MOST_STATED) if dim.declared else -1
        for size in range(dim.low, last + 1):
            dims = small | {dim.name: size}
            if dims not in visited and _numbers(subject, dims) <= _MOST_NUMBERS:
                yield dims


def _numbers(subject: Subject, dims: Dims) -> int:
    """How many numbers all inputs have together."""
    return sum(math.prod(entry.sizes(dims)) for entry in subject.space.inputs)


def _steps(subject: Subject, dims: Dims) -> int:
    return len(subject.derivation(dims).joint.code)


def _steps_of_derived(subject: Subject, dims: Dims) -> int:
    return _steps(subject, dims) * (1 if subject.elementwise else _numbers(subject, dims))


def _within_reach(
    steps: Callable[[Dims], int], choices: Sequence[Dims], most: int
) -> Iterator[Dims]:
    """Those of the choices, but for the first two, at which there are at most so many steps.

    How they grow is seen at these two: the mathematics is not written out to find out.
    """
    before, after = (max(steps(dims), 1) for dims in choices[:2])
    growth = math.log2(after / before) / math.log2(_grown(*choices[:2]))
    for dims in choices[2:]:
        if after * _grown(choices[1], dims) ** growth <= most:
            yield dims


def _grown(one: Dims, other: Dims) -> float:
    """How many times as large the size that grows most is in the second of two choices."""
    return max(other[name] / size for name, size in one.items() if size)


def empty_sizes(subject: Subject) -> Iterator[Dims]:
    """Each size without a stated range at 0 while the others are small."""
    free = _free(subject)
    for dim in free:
        yield {**_all_at(subject, free, 2), dim.name: 0}


def large_sizes(subject: Subject) -> tuple[Dims, ...]:
    """Choices of such sizes for a run of which nobody works out what is true, the largest first.

    Empty where all sizes have a stated range.
    """
    free = _free(subject)
    found = [_all_at(subject, free, size) for size in _LARGER if free]
    inputs = subject.space.inputs
    return tuple(
        dims
        for dims in reversed(found)
        if all(math.prod(entry.sizes(dims)) <= _LARGEST_UNKNOWN for entry in inputs)
    )


def wide_sizes(subject: Subject, size: int = _WIDE) -> tuple[Dims, ...]:
    """Choices at which one size is several vectors and a rest, the others small: two at most.

    None where that is out of range, or makes many numbers: whatever fails there is worked out.
    size: how large that one is, where its range does not end before.
    """
    small = {dim.name: dim.small for dim in subject.spec.dims}
    found = [
        small | {dim.name: wide}
        for dim in subject.spec.dims
        if (wide := min(dim.high if dim.declared else size, size)) > _VECTOR
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


def _all_at(subject: Subject, free: Sequence[Dim], size: int) -> dict[str, int]:
    """The free sizes all so large, each one more than the one before; the others at their least."""
    stated = {dim.name: dim.low for dim in subject.spec.dims if dim.declared}
    return stated | {dim.name: size + place for place, dim in enumerate(free)}


def broadcast(subject: Subject) -> Iterator[tuple[Subject, str]]:
    """The subject with inputs of different shapes that broadcast, and what is different.

    Only where every element is computed alone: there broadcasting means the same mathematics. So
    it does where the stated shapes broadcast already, as those of a bias and rows.
    """
    inputs = subject.spec.inputs
    many = [entry for entry in inputs if entry.value is None and not entry.complex]
    if len(many) < 2 or not (subject.elementwise or broadcasts(subject.spec)):
        return
    alike = subject.elementwise  # where a kernel knows of axes, it knows how many
    for entry in many:
        others = [other for other in many if other is not entry]
        left = {size for other in others for size in other.shape}
        ones = ((1,) * len(entry.shape), *_one_at_a_time(entry), *([()] if alike else []))
        for shape in dict.fromkeys(shape for shape in ones if shape != entry.shape):
            if left.union(shape) >= {*entry.shape}:  # else all that is new is a size of 1
                yield _with(subject, {entry.name: replace(entry, shape=shape)})
        if alike:
            longer = {each.name: replace(each, shape=(_ROWS, *each.shape)) for each in others}
            yield _with(subject, longer)


def _one_at_a_time(entry: Input) -> Iterator[tuple[str | int, ...]]:
    """The shapes in which one of an input's sizes is 1."""
    for axis in range(len(entry.shape)):
        yield (*entry.shape[:axis], 1, *entry.shape[axis + 1 :])


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
