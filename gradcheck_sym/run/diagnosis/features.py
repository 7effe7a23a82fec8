"""What a fault may depend on: a number, or a yes or no, for each number that is claimed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any, final

import numpy as np
import numpy.typing as npt

from gradcheck_sym.run.diagnosis.evidence import Evidence, Floats, Sample
from gradcheck_sym.verdict.diagnosis import Pattern

# In a shape that fits the claim's; None where there is no such number.
Feature = Callable[[Sample], Floats | None]
# A mistake that shows only where something holds, in words, and what is 1 there.
Condition = tuple[Pattern, str, Feature]


def features(evidence: Evidence) -> Iterator[tuple[str, Feature]]:
    """What a fault may depend on, the likeliest first; in the words of the report."""
    names = list(evidence.samples[0].values) if evidence.samples else []
    own = [name for name in names if name == evidence.name]
    for name in own + [name for name in names if name not in own]:
        yield f"Re or Im of {name}" if name in evidence.complexes else name, _Own(name)
    if evidence.name is not None:
        yield "grad_output", _Fed()
    for name in own + [name for name in names if name not in own]:
        yield f"the largest element of {name}", _Reduced(name, np.max)
        yield f"the smallest element of {name}", _Reduced(name, np.min)
        yield f"the largest |element| of {name}", _Reduced(name, _largest)
        yield f"the spread of {name}", _Reduced(name, np.ptp)


def distances(evidence: Evidence) -> Iterator[tuple[str, Feature]]:
    """How near to a tie a point is; where nothing holds that is told in fewer words."""
    names = list(evidence.samples[0].values) if evidence.samples else []
    for one, other in combinations(names, 2):
        yield f"|{one} - {other}|", _Apart(one, other)
    for name in names:
        yield f"the gap between the closest elements of {name}", _Reduced(name, _closest)


def _largest(array: Floats, axis: int) -> Floats:
    return np.asarray(np.abs(array).max(axis=axis))


def _closest(array: Floats, axis: int) -> Floats:
    """How far the two elements are apart that are next to each other; of one alone, infinite."""
    return np.asarray(np.diff(np.sort(array, axis=axis), axis=axis).min(axis=axis, initial=np.inf))


@final
@dataclass(frozen=True, slots=True)
class _Own:
    """The element of an input at the same place; None where there is none."""

    name: str

    def __call__(self, sample: Sample) -> Floats | None:
        array = sample.values[self.name]
        if array.shape == sample.claim.shape:
            return array
        if array.ndim == 1:
            return array.reshape(-1, *[1] * len(sample.shape))
        return None


@final
@dataclass(frozen=True, slots=True)
class _Apart:
    """How far two inputs are apart at the same place."""

    one: str
    other: str

    def __call__(self, sample: Sample) -> Floats | None:
        one, other = _Own(self.one)(sample), _Own(self.other)(sample)
        return None if one is None or other is None else np.abs(one - other)


@final
@dataclass(frozen=True, slots=True)
class _Fed:
    """The cotangent at the same place."""

    def __call__(self, sample: Sample) -> Floats | None:
        fed = sample.cotangents
        return fed if fed.shape == sample.claim.shape else None


@final
@dataclass(frozen=True, slots=True)
class _Reduced:
    """One number of a point's input."""

    name: str
    of: Callable[..., Floats]

    def __call__(self, sample: Sample) -> Floats | None:
        array = sample.values[self.name].reshape(sample.lanes, -1)
        if array.shape[1] == 0:
            return None
        return _beside_claims(self.of(array, axis=1), sample)


def _beside_claims(of_points: npt.NDArray[Any], sample: Sample) -> Floats:
    """A number for each point, in a shape that fits the claims'."""
    return np.asarray(of_points, dtype=np.float64).reshape(-1, *[1] * len(sample.shape))


# ---- yes or no


def of_complexes(evidence: Evidence) -> Iterator[Condition]:
    """What may hold of a complex input, at the same place or everywhere; 1 where it does."""
    for name in evidence.samples[0].values if evidence.samples else ():
        if name in evidence.complexes:
            for words, part in (("real", 1), ("imaginary", 0)):
                said = f"where {name} is {words}"
                yield Pattern.STRUCTURE, said, _Vanishing(name, part)
                yield Pattern.STRUCTURE, said, _Vanishing(name, part, whole=False)
            yield Pattern.STRUCTURE, f"where {name} is Hermitian", _Hermitian(name)


def conditions(evidence: Evidence) -> Iterator[Condition]:
    """What may hold at a point, in words; 1 where it does."""
    names = list(evidence.samples[0].values) if evidence.samples else []
    for name in names:
        yield Pattern.STRUCTURE, f"where {name} is diagonal", _Matrix(name, _is_diagonal)
        yield Pattern.STRUCTURE, f"where {name} is symmetric", _Matrix(name, _is_symmetric)
        yield Pattern.STRUCTURE, f"where {name} is triangular", _Matrix(name, _is_triangular)
        yield from _of_zeros(evidence, name)
        yield Pattern.TIES, f"where elements of {name} are equal", _Tied(name)
        yield Pattern.TIES, f"where the largest elements of {name} are equal", _TiedFirst(name, 1)
        yield Pattern.TIES, f"where the smallest elements of {name} are equal", _TiedFirst(name, -1)
    if evidence.name is not None:
        yield Pattern.TIES, "where grad_output equals the result", _fed_the_result
        yield Pattern.TIES, "where one element of grad_output alone is not 0", _fed_alone
    for one, other in combinations(names, 2):
        yield Pattern.TIES, f"where {one} and {other} are equal", _Equal(one, other)
    for name in names:
        yield Pattern.TIES, f"where an element of {name} is 0", _HasZeros(name)
        yield Pattern.INTERVAL, f"where {name} is a whole number", _Whole(name)


@final
@dataclass(frozen=True, slots=True)
class _Tied:
    """Whether two elements of an input are equal, anywhere in it."""

    name: str

    def __call__(self, sample: Sample) -> Floats | None:
        array = np.sort(sample.values[self.name].reshape(sample.lanes, -1), axis=1)
        tied = (np.diff(array, axis=1) == 0).any(axis=1)
        return _beside_claims(tied, sample)


@final
@dataclass(frozen=True, slots=True)
class _TiedFirst:
    """Whether several elements of an input are its largest (1), or its smallest (-1)."""

    name: str
    sign: int

    def __call__(self, sample: Sample) -> Floats | None:
        array = self.sign * sample.values[self.name].reshape(sample.lanes, -1)
        if not array.shape[1]:
            return None
        largest = array.max(axis=1, keepdims=True)
        return _beside_claims(np.asarray((array == largest).sum(axis=1) > 1), sample)


def _fed_alone(sample: Sample) -> Floats | None:
    """Whether grad_output is 0 but for one element, as where a Jacobian is made row by row."""
    fed = sample.cotangents.reshape(sample.lanes, -1)
    alone = np.asarray((fed != 0).sum(axis=1) == 1)
    return _beside_claims(alone & (fed.shape[1] > 1), sample)


def _fed_the_result(sample: Sample) -> Floats | None:
    """Whether grad_output is the function's own result, but for rounding."""
    if sample.value is None:
        return None
    close = np.isclose(sample.value(sample.values), sample.cotangents, rtol=1e-6, atol=0.0)
    return _beside_claims(np.asarray(close.reshape(sample.lanes, -1).all(axis=1)), sample)


@final
@dataclass(frozen=True, slots=True)
class _Equal:
    """Whether two inputs are equal at the same place."""

    one: str
    other: str

    def __call__(self, sample: Sample) -> Floats | None:
        one, other = _Own(self.one)(sample), _Own(self.other)(sample)
        if one is None or other is None:
            return None
        return np.broadcast_to(one == other, sample.claim.shape).astype(np.float64)


def _of_zeros(evidence: Evidence, name: str) -> Iterator[Condition]:
    """Several zeros beside each other, or nothing else: more than that elements are equal."""
    rank = _rank(evidence, name)
    for words, every in (("two elements", False), ("all elements", True)):
        for axis in range(rank):
            along = f" along dimension {axis}" if rank > 1 else ""
            said = f"where {words} of {name}{along} are 0"
            yield Pattern.TIES, said, _HasZeros(name, axis, every=every)


def _rank(evidence: Evidence, name: str) -> int:
    """Of an input's shape; at sizes at which it is another one, as of broadcast inputs, 0."""
    ranks = {sample.values[name].ndim - 1 for sample in evidence.samples}
    return ranks.pop() if len(ranks) == 1 else 0


@final
@dataclass(frozen=True, slots=True)
class _HasZeros:
    """Whether any element of an input is 0; or several, or all, that lie along a dimension.

    Where the claims are of the input's shape, those along the same line; else any.
    """

    name: str
    axis: int | None = None
    every: bool = False

    def __call__(self, sample: Sample) -> Floats | None:
        zero = sample.values[self.name] == 0
        if self.axis is None:
            return _beside_claims(zero.reshape(sample.lanes, -1).any(axis=1), sample)
        length = zero.shape[self.axis + 1]
        least = length if self.every else 2
        lines = (zero.sum(axis=self.axis + 1, keepdims=True) >= least) & (length > 0)
        if zero.shape == sample.claim.shape:
            return np.broadcast_to(lines, zero.shape).astype(np.float64)
        return _beside_claims(lines.reshape(sample.lanes, -1).any(axis=1), sample)


@final
@dataclass(frozen=True, slots=True)
class _Vanishing:
    """Whether all real (0) or all imaginary parts (1) are 0; or that at the same place."""

    name: str
    part: int
    whole: bool = True

    def __call__(self, sample: Sample) -> Floats | None:
        zero = sample.values[self.name][..., self.part] == 0
        if self.whole:
            return _beside_claims(zero.reshape(sample.lanes, -1).all(axis=1), sample)
        alike = sample.values[self.name].shape == sample.claim.shape
        return np.broadcast_to(zero[..., None], sample.claim.shape) * 1.0 if alike else None


@final
@dataclass(frozen=True, slots=True)
class _Hermitian:
    """Whether a complex input's square matrices, of more than one row, are their own adjoints."""

    name: str

    def __call__(self, sample: Sample) -> Floats | None:
        array = sample.values[self.name]
        if array.ndim < 4 or array.shape[-2] != array.shape[-3]:
            return None
        adjoint = array.swapaxes(-2, -3) * np.array([1.0, -1.0])
        found = (array == adjoint).reshape(sample.lanes, -1).all(axis=1) & (array.shape[-2] > 1)
        return _beside_claims(found, sample)


@final
@dataclass(frozen=True, slots=True)
class _Matrix:
    """What holds of an input's square matrices, of more than one row."""

    name: str
    holds: Callable[[Floats], Floats]  # (..., n, n) -> (...)

    def __call__(self, sample: Sample) -> Floats | None:
        array = sample.values[self.name]
        if array.ndim < 3 or array.shape[-1] != array.shape[-2]:
            return None
        found = self.holds(array).reshape(sample.lanes, -1).all(axis=1) & (array.shape[-1] > 1)
        return _beside_claims(found, sample)


def _is_symmetric(array: Floats) -> Floats:
    return np.asarray((array == array.swapaxes(-1, -2)).all(axis=(-1, -2)))


def _is_diagonal(array: Floats) -> Floats:
    return np.asarray((array * np.eye(array.shape[-1]) == array).all(axis=(-1, -2)))


def _is_triangular(array: Floats) -> Floats:
    upper, lower = np.triu(array) == array, np.tril(array) == array
    return np.asarray(upper.all(axis=(-1, -2)) | lower.all(axis=(-1, -2)))


@final
@dataclass(frozen=True, slots=True)
class _Whole:
    """Whether the element at the same place is a whole number."""

    name: str

    def __call__(self, sample: Sample) -> Floats | None:
        own = _Own(self.name)(sample)
        return None if own is None else (own == np.rint(own)).astype(np.float64)


# ---- places


def numberings(axis: int) -> Iterator[tuple[str, Feature]]:
    """The number of each element along a dimension, from both ends."""

    def forwards(sample: Sample) -> Floats:
        number = np.arange(sample.shape[axis], dtype=np.float64)
        return number.reshape([-1 if k == axis else 1 for k in range(-1, len(sample.shape))])

    def backwards(sample: Sample) -> Floats:
        return sample.shape[axis] - 1 - forwards(sample)

    yield "element ? of", forwards
    yield "the last element but ? of", backwards
