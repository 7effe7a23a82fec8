"""The right formula at other values: the output, a transposed operand, those of another call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

import numpy as np

from gradcheck_sym.run.diagnosis.evidence import Evidence, Floats, Sample, Values
from gradcheck_sym.run.diagnosis.fit import Guess
from gradcheck_sym.sampling.ordinals import round_to
from gradcheck_sym.spec.dtypes import format_of
from gradcheck_sym.verdict.diagnosis import Pattern


def other_points(evidence: Evidence) -> Iterator[Guess]:
    """The gradient as it would be at other values of the inputs."""
    if evidence.name is None or not evidence.samples:
        return
    for words, change in _changes(tuple(evidence.samples[0].values), evidence):
        yield Guess(Pattern.OTHER_POINT, words, at(change))


def stale(evidence: Evidence) -> Iterator[Guess]:
    """The gradient at the values of an earlier call; or the sum of several calls."""
    if evidence.name is None:
        return
    previous = "the slope at the inputs of the call before: a stale buffer"
    yield Guess(Pattern.STALE, previous, at(lambda sample: sample.before))
    first = "the slope at the inputs of the first call of these sizes: a stale buffer"
    yield Guess(Pattern.STALE, first, at(lambda sample: sample.first))
    names = tuple(evidence.samples[0].values) if evidence.samples else ()
    for name in names if len(names) > 1 else ():
        words = f"the slope where {name} is that of the {{}}: a stale buffer"
        yield Guess(Pattern.STALE, words.format("call before"), at(_kept(name, "before")))
        said = words.format("first call of these sizes")
        yield Guess(Pattern.STALE, said, at(_kept(name, "first")))


def _kept(name: str, call: str) -> _Change:
    """One input alone as it was in another call."""

    def change(sample: Sample) -> Values:
        earlier: Values = getattr(sample, call)
        return {**sample.values, name: earlier[name]}

    return change


_Change = Callable[[Sample], Values | None]


def at(change: _Change) -> Callable[[Sample], Floats | None]:
    """The gradient at other values of the inputs; None where there are none such."""

    def predicted(sample: Sample) -> Floats | None:
        values = change(sample)
        if values is None or sample.gradient is None:
            return None
        return sample.gradient(values, sample.cotangents)

    return predicted


def _changes(names: tuple[str, ...], evidence: Evidence) -> Iterator[tuple[str, _Change]]:
    for name in names:
        yield (
            f"the slope where {name} is the output: the output was saved, not the input",
            _output(name),
        )
        yield f"the slope where {name} is transposed", exchanged(name, _transposed)
        if name not in evidence.complexes and not is_counted(name, evidence):
            words = f"the slope where {name} is ignored, as if it were all ones"
            yield words, exchanged(name, np.ones_like)
        yield f"the slope where {name} has the other sign", exchanged(name, np.negative)
        yield f"the slope where {name} is its absolute value", exchanged(name, np.abs)
        yield f"the slope where {name} is in reversed order", exchanged(name, _reversed)
        for shift, where in ((1, "before"), (-1, "after")):
            words = f"the slope at the element {where}: {name} is read one element off"
            yield words, exchanged(name, _rolled(shift))
        for narrow in ("float32", "float16", "bfloat16"):
            if format_of(narrow).precision < evidence.dtype.precision:
                words = f"the slope where {name} is rounded to {narrow}"
                yield words, exchanged(name, partial(round_to, narrow))
    for one in names:
        for other in names:
            if one < other:
                yield f"the slope where {one} and {other} are exchanged", _swapped(one, other)


def is_counted(name: str, evidence: Evidence) -> bool:
    """Whether an input holds whole numbers alone, as labels and masks: 1 is one of them."""
    arrays = [sample.values[name] for sample in evidence.samples]
    return all(bool((array == np.rint(array)).all()) for array in arrays)


def _output(name: str) -> _Change:
    def change(sample: Sample) -> Values | None:
        if sample.value is None or sample.cotangents.shape != sample.values[name].shape:
            return None
        return {**sample.values, name: sample.value(sample.values)}

    return change


def exchanged(name: str, of: Callable[[Floats], Floats | None]) -> _Change:
    """Another array in the place of one input."""

    def change(sample: Sample) -> Values | None:
        with np.errstate(all="ignore"):
            new = of(sample.values[name])
        return None if new is None else {**sample.values, name: new}

    return change


def _swapped(one: str, other: str) -> _Change:
    def change(sample: Sample) -> Values | None:
        values: Mapping[str, Floats] = sample.values
        if values[one].shape != values[other].shape:
            return None
        return {**values, one: values[other], other: values[one]}

    return change


def _transposed(array: Floats) -> Floats | None:
    square = array.ndim > 2 and array.shape[-1] == array.shape[-2] > 1
    return np.ascontiguousarray(array.swapaxes(-1, -2)) if square else None


def _reversed(array: Floats) -> Floats | None:
    flat = array.reshape(len(array), -1)
    return np.ascontiguousarray(flat[:, ::-1]).reshape(array.shape) if flat.shape[1] > 1 else None


def _rolled(shift: int) -> Callable[[Floats], Floats | None]:
    def of(array: Floats) -> Floats | None:
        flat = array.reshape(len(array), -1)
        return np.roll(flat, shift, axis=1).reshape(array.shape) if flat.shape[1] > 1 else None

    return of
