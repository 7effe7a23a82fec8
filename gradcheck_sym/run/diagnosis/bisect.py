"""A threshold narrowed down by asking the implementation at points between right and wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from gradcheck_sym.run.diagnosis.evidence import Evidence, Floats, Mask, Sample
from gradcheck_sym.sampling.ordinals import round_to

_ROUNDS = 3
_AT_ONCE = 33  # points of a round, ends included: each narrows to a 32nd


def refined(evidence: Evidence, words: str, right: float, wrong: float) -> tuple[float, float]:
    """A last right and a first wrong value of an input, nearer together where that can be asked.

    words: the feature as a region has it: "x" or "|x|" of an input; anything else stays as it is.
    """
    name = words.strip("|")
    start = _start(evidence, name, wrong, sized=words != name)
    if evidence.probe is None or start is None:
        return right, wrong
    for _ in range(_ROUNDS):
        tried = round_to(evidence.dtype.name, np.linspace(right, wrong, _AT_ONCE))
        fails = _asked(evidence, start, start.sign * tried)
        first = int(fails.argmax())
        if fails[0] or not fails[first:].all():  # it is no threshold after all
            break
        right, wrong = float(tried[first - 1]), float(tried[first])
    return right, wrong


@final
@dataclass(frozen=True, slots=True)
class _Start:
    """A failing number, and the element of an input that stands at its place."""

    sample: Sample
    name: str
    place: tuple[int, ...]  # lane, then the index of the element
    sign: float  # of that element, where its size is what counts


def _start(evidence: Evidence, name: str, wrong: float, *, sized: bool) -> _Start | None:
    """Where the input is what is known to be wrong."""
    for sample in evidence.samples:
        array = sample.values.get(name)
        if array is None or array.shape != sample.claim.shape:
            continue
        close = (np.abs(array) if sized else array) == wrong
        places = np.argwhere(close & sample.failing)
        if len(places):
            place = tuple(int(k) for k in places[0])
            return _Start(sample, name, place, -1.0 if sized and array[place] < 0 else 1.0)
    return None


def _asked(evidence: Evidence, start: _Start, tried: Floats) -> Mask:
    """Which of some values of an element are wrong, all else as it is at the point."""
    assert evidence.probe is not None
    sample, lane = start.sample, start.place[0]
    element: Any = (slice(None), *start.place[1:])
    values = {
        name: np.repeat(array[[lane]], len(tried), axis=0) for name, array in sample.values.items()
    }
    values[start.name][element] = tried
    fed = np.repeat(sample.cotangents[[lane]], len(tried), axis=0)
    failing = evidence.probe(sample, values, fed)
    return np.asarray(failing[element])
