"""What a diagnosis is made from: truths and claims at many points, as plain arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import final

import numpy as np
import numpy.typing as npt

from gradcheck_sym.spec.dtypes import Format

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Values = Mapping[str, Floats]  # input -> (lanes, *its shape)

# The true gradient in floats by values and cotangents: (lanes, *shape of the input in question).
Gradient = Callable[[Values, Floats], Floats]


@final
@dataclass(frozen=True, eq=False)
class Sample:
    """Points of the same sizes: what a gradient (or the value) is, and what it's claimed to be."""

    dims: Mapping[str, int]
    values: Values
    cotangents: Floats  # (lanes, *shape of the value)
    truth: Floats  # (lanes, *shape): of the gradient in question
    claim: Floats  # the same shape
    slack: Floats  # the same shape: by how much a right implementation may miss the truth
    failing: Mask  # the same shape: the numbers that are wrong
    agreeing: Mask  # the same shape: the numbers that are right; neither where nobody knows
    lossy: Mask  # failing numbers that evaluating the formula as written misses, or may, by as much
    others: Values  # the true gradients by others that are wrong, too: input -> (lanes, *its shape)
    before: Values  # what the function was called with before: the values of the point before
    first: Values  # and of the very first point of these sizes, in each lane
    gradient: Gradient | None = None  # None for values: they have no cotangents
    value: Callable[[Values], Floats] | None = None  # the true value in floats
    stepwise: Gradient | None = None  # the gradient step by step in the range of the dtype
    naive: Gradient | None = None  # the same if an unselected branch times 0 is not dropped
    # at which points, (lanes,), that one overflows; what else is not finite divides by 0
    overflows: Callable[[Values, Floats], Mask] | None = None
    setting: str = ""  # what was special about the run: "x transposed"
    joined: int = 1  # so many points were run as one long vector

    @property
    def lanes(self) -> int:
        """The number of points."""
        return len(self.claim)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the gradient at one point."""
        return self.claim.shape[1:]

    def size(self, dim: str) -> int:
        """How large a dimension was as it was run; 0 where it is none of these sizes."""
        return self.dims.get(dim, 0) * self.joined

    @cached_property
    def failing_lanes(self) -> Mask:
        """The points at which any number is wrong: (lanes,)."""
        return np.asarray(self.failing.reshape(self.lanes, -1).any(axis=1))

    @cached_property
    def computed(self) -> Floats | None:
        """What the formula as written gives in plain floats, to be compared with the claim."""
        if self.stepwise is not None:
            return self.stepwise(self.values, self.cotangents)
        return None if self.value is None else self.value(self.values)

    def take(self, lanes: npt.NDArray[np.int64]) -> Sample:
        """Some of the points."""

        def chosen(values: Values) -> Values:
            return {name: array[lanes] for name, array in values.items()}

        return replace(
            self,
            values=chosen(self.values),
            cotangents=self.cotangents[lanes],
            truth=self.truth[lanes],
            claim=self.claim[lanes],
            slack=self.slack[lanes],
            failing=self.failing[lanes],
            agreeing=self.agreeing[lanes],
            lossy=self.lossy[lanes],
            others=chosen(self.others),
            before=chosen(self.before),
            first=chosen(self.first),
        )

    def thinned(self, each: int) -> Sample:
        """At most so many failing points and as many others, evenly chosen."""
        bad, good = np.flatnonzero(self.failing_lanes), np.flatnonzero(~self.failing_lanes)
        return self.take(np.sort(np.concatenate([_evenly(bad, each), _evenly(good, each)])))


@final
@dataclass(frozen=True, slots=True)
class Alternative:
    """A gradient with one part left out, in words, by the sample that it is for."""

    part: str
    key: str  # what it is known by at other sizes; "" where nothing tells
    flaw: str  # what is wrong with it; "" where it is left out
    branch: bool  # the flaw is that a condition is not asked, or taken the wrong way round
    summand: bool  # whether the part is added to the rest, or a factor of it
    gradient: Gradient


@final
@dataclass(frozen=True, eq=False)
class Evidence:
    """All points of one check in one dtype, for one input."""

    name: str | None  # the input whose gradient it is; None: the value itself
    dtype: Format
    samples: tuple[Sample, ...]
    complexes: frozenset[str] = frozenset()  # inputs, "" for the value: a last axis [re, im]
    ungiven: bool = False  # autograd gave no gradient at all
    purity: tuple[str, ...] = ()  # what the purity check found written to or changed
    # the gradient at the sizes of a sample without each of its parts in turn
    alternatives: Callable[[Sample], Iterable[Alternative]] = field(default=lambda _: ())
    # which numbers are wrong at new values (and cotangents), at the sizes of a sample
    probe: Callable[[Sample, Values, Floats], Mask] | None = None

    def thinned(self, each: int) -> Evidence:
        """The same with at most so many failing and agreeing points of each sample."""
        return replace(self, samples=tuple(sample.thinned(each) for sample in self.samples))

    def plain(self) -> Evidence:
        """The same without failing numbers that lose their digits; with them, if all do."""
        samples = [replace(each, failing=each.failing & ~each.lossy) for each in self.samples]
        left = any(sample.failing.any() for sample in samples)
        return replace(self, samples=tuple(samples)) if left else self


def _evenly(lanes: npt.NDArray[np.int64], most: int) -> npt.NDArray[np.int64]:
    if len(lanes) <= most:
        return lanes
    return lanes[np.linspace(0, len(lanes) - 1, most).astype(np.int64)]
