"""The right formula of an input times a number, or plus one: a wrong constant on the way in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple, final

import numpy as np

from gradcheck_sym.run.diagnosis.evidence import Evidence, Floats, Sample
from gradcheck_sym.run.diagnosis.fit import Guess, tells
from gradcheck_sym.run.diagnosis.points import at, exchanged, is_counted
from gradcheck_sym.verdict.diagnosis import Pattern
from gradcheck_sym.verdict.names import ratio_name

_STEPS = 64  # numbers that are tried on either side of the right one
_MOST = 4.0  # times the input, and its inverse; and the most that is added
_HALVINGS = 60
_BESIDE = 2.0**-7  # by which another number is larger or smaller,
_FEW = 0.5  # and the share of the slopes that it may leave as they are
_SPREAD = 2.0**-20  # to which a number is told


@final
class _Way(NamedTuple):
    """One way in which an input may have been changed by a number."""

    words: str
    changed: Callable[[float, Floats], Floats]
    tried: Floats  # in order; the right number is not among them


_UP = np.linspace(0, 1, _STEPS + 1)[1:]
_WAYS = (
    _Way("the slope where {} is {} times as large", np.multiply, _MOST ** np.r_[-_UP[::-1], _UP]),
    _Way("the slope where {} is {} more", np.add, _MOST * np.r_[-_UP[::-1], _UP]),
)


def rescaled(evidence: Evidence) -> Iterator[Guess]:
    """What makes one claim right, of which the others then have to tell whether it is the cause."""
    found = _plainest(evidence)
    if found is None:
        return
    sample, lane, place = found
    for name in sample.values:
        if is_counted(name, evidence):
            continue
        for way in _WAYS:
            for number in _roots(sample, lane, place, name, way):
                if not _is_determined(sample, partial(way.changed, number), name):
                    continue
                words = way.words.format(name, ratio_name(number, _SPREAD))
                change = exchanged(name, partial(way.changed, number))
                yield Guess(Pattern.OTHER_POINT, words, at(change))


def _is_determined(sample: Sample, change: Callable[[Floats], Floats], name: str) -> bool:
    """Whether a number a little larger or smaller would give other slopes; of steps it does not."""
    assert sample.gradient is not None
    claimed = sample.gradient(
        {**sample.values, name: change(sample.values[name])}, sample.cotangents
    )
    for beside in (1 - _BESIDE, 1 + _BESIDE):
        moved = change(sample.values[name]) * beside
        found = sample.gradient({**sample.values, name: moved}, sample.cotangents)
        same = np.abs(found - claimed) <= sample.slack
        if same[tells(sample)].mean() > _FEW:
            return False
    return True


def _plainest(evidence: Evidence) -> tuple[Sample, int, int] | None:
    """The number that is farthest off, in what a right one may be off by."""
    best, most = None, 0.0
    for sample in evidence.samples:
        if sample.gradient is None or not sample.claim.size:
            continue
        share = np.where(tells(sample), np.abs(sample.claim - sample.truth) / sample.slack, 0.0)
        share = share.reshape(sample.lanes, -1)
        lane, place = np.unravel_index(int(share.argmax()), share.shape)
        if share[lane, place] > most:
            best, most = (sample, int(lane), int(place)), float(share[lane, place])
    return best


def _roots(sample: Sample, lane: int, place: int, name: str, way: _Way) -> Iterator[float]:
    """The numbers at which the slope is what is claimed."""
    gradient = sample.gradient
    assert gradient is not None
    claim = sample.claim.reshape(sample.lanes, -1)[lane, place]

    def gaps(numbers: Floats) -> Floats:
        many = np.full(len(numbers), lane)
        values = {key: array[many] for key, array in sample.values.items()}
        values[name] = np.stack([way.changed(n, sample.values[name][lane]) for n in numbers])
        found = gradient(values, sample.cotangents[many]).reshape(len(numbers), -1)
        return np.asarray(found[:, place] - claim)

    low, high = way.tried[:-1], way.tried[1:]
    gap = gaps(way.tried)
    crossing = (gap[:-1] * gap[1:] <= 0) & np.isfinite(gap[:-1]) & np.isfinite(gap[1:])
    low, high, sign = low[crossing], high[crossing], np.sign(gap[1:][crossing])
    for _ in range(_HALVINGS if low.size else 0):
        middle = (low + high) / 2
        above = gaps(middle) * sign > 0
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    yield from ((low + high) / 2).tolist()
