"""The point at which a lesson puts in numbers: the author's first example, or a simple one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import final

import numpy as np
import numpy.typing as npt

from gradcheck_sym.run.domains import sizes_of
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.sampling.bulk import bulk
from gradcheck_sym.sampling.ordinals import round_to
from gradcheck_sym.sampling.points import Batch
from gradcheck_sym.sampling.seeds import generator
from gradcheck_sym.sampling.space import kept
from gradcheck_sym.symbolic.careful import Settled
from gradcheck_sym.symbolic.places import Place

Floats = npt.NDArray[np.float64]

# Elements are numbered through, and take these numbers in turn; the first choice that fits.
_CHOICES = (
    (1.0, 2.0, 3.0, 4.0, 5.0, 6.0),
    (0.5, 1.5, 2.5, 3.5, 4.5),
    (0.5, 0.25, 0.75, 0.125),
    (2.0, -1.0, 1.0, 3.0, -2.0),
    (-1.0, -2.0, -3.0, -4.0),
    (-0.5, 0.5, -0.25, 0.25),
    (10.0, 20.0, 30.0, 40.0),
)
_DRAWN = 16  # random points, where none of the simple ones will do


@final
@dataclass(frozen=True, slots=True)
class Chosen:
    """One point of a subject."""

    dims: Mapping[str, int]
    values: Mapping[str, Floats]  # every input
    origin: str  # where it comes from, as a sentence begins


def chosen(subject: Subject, dims: Mapping[str, int]) -> Chosen:
    """A point to show: the first telling example, a simple point at those sizes, or any example."""
    examples = list(_examples(subject))
    telling = [each for each in examples if _is_telling(subject, each)]
    if telling:
        return telling[0]
    origin = "At a simple point," if subject.space.free else "At the values given,"
    simple = (Chosen(dims, values, origin) for values in _candidates(subject, dims))
    fitting = [each for each in simple if _fits(subject, each)]
    regular = (each for each in fitting if _is_telling(subject, each))
    return next(chain(regular, examples, fitting))


def _examples(subject: Subject) -> Iterator[Chosen]:
    for example in subject.spec.examples:
        values: dict[str, Floats] = {}
        for entry in subject.spec.inputs:
            given = example.point.get(entry.name, entry.value)
            assert given is not None  # an example names every input that has no value
            values[entry.name] = round_to(subject.dtype.name, given)
        yield Chosen(sizes_of(subject.spec, example.point, {}), values, "At the example")


def _candidates(subject: Subject, dims: Mapping[str, int]) -> Iterator[Mapping[str, Floats]]:
    for numbers in _CHOICES:
        for start in range(len(numbers)):
            yield _filled(subject, dims, (*numbers[start:], *numbers[:start]))
    options, spec, dtype = subject.options, subject.spec, subject.dtype.name
    random = generator(options.seed, spec.name, dtype, "lesson", dict(dims))
    drawn = bulk(subject.space, dims, _DRAWN, random).batch
    for lane in range(drawn.lanes):
        yield {name: array[lane] for name, array in drawn.values.items()}


def _filled(
    subject: Subject, dims: Mapping[str, int], numbers: tuple[float, ...]
) -> Mapping[str, Floats]:
    values: dict[str, Floats] = {}
    used = 0
    for entry in subject.spec.inputs:
        if entry.value is not None:
            values[entry.name] = round_to(subject.dtype.name, entry.value)
            continue
        shape = entry.sizes(dims)
        size = int(np.prod(shape))
        taken = [numbers[(used + k) % len(numbers)] for k in range(size)]
        values[entry.name] = np.asarray(taken, dtype=np.float64).reshape(shape)
        used += size
    return values


def _fits(subject: Subject, point: Chosen) -> bool:
    lanes = {name: array[None] for name, array in point.values.items()}
    good, _ = kept(subject.space, Batch(point.dims, subject.dtype.name, lanes, ("example",)))
    return bool(good[0])


def _is_telling(subject: Subject, point: Chosen) -> bool:
    """Whether numbers can be followed there: none is 0, and value and gradient are smooth."""
    if any((array == 0).any() for array in point.values.values()):
        return False
    found = settled(subject, point)
    if found.place is not Place.REGULAR or None in found.gradient:
        return False
    return any(truth is not None and truth.middle != 0 for truth in found.gradient)


def settled(subject: Subject, point: Chosen) -> Settled:
    """What is known of a point, for a cotangent of ones."""
    derivation = subject.derivation(point.dims)
    lanes = {name: array[None] for name, array in point.values.items()}
    row = derivation.pack(lanes, derivation.ones[None])[0]
    return derivation.settle(row.tolist(), subject.dtype)
