"""Mistakes of whole arrays: transposed, permuted, exchanged, summed over the wrong dimension."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from gradcheck_sym.run.diagnosis.evidence import Evidence, Floats, Sample
from gradcheck_sym.run.diagnosis.fit import Guess, matches, tells
from gradcheck_sym.verdict.diagnosis import Pattern

_MOST = 64  # elements of the gradient, and of the value, whose Jacobian is written out


def transposed(evidence: Evidence) -> Iterator[Guess]:
    """The Jacobian, or the gradient, is transposed."""
    if evidence.name is not None:
        words = "the Jacobian is transposed"
        yield Guess(Pattern.TRANSPOSED_JACOBIAN, words, _by_transposed_jacobian)
    yield Guess(Pattern.TRANSPOSED, f"the {_kind(evidence)} is transposed", _square_transposed)
    words = f"the {_kind(evidence)} in the order of its columns, as if contiguous"
    yield Guess(Pattern.TRANSPOSED, words, _by_columns)


def exchanged(evidence: Evidence) -> Iterator[Guess]:
    """The gradient by another input."""
    others = evidence.samples[0].others if evidence.samples else {}
    for other in others:
        words = f"the gradient by {other}: gradients are returned in the wrong order"
        yield Guess(Pattern.EXCHANGED, words, partial(_of_other, other))


def permuted(evidence: Evidence) -> Iterator[Guess]:
    """The right numbers at other elements."""
    kind = _kind(evidence)
    for words, change in _ORDERS.items():
        yield Guess(Pattern.PERMUTED, words.replace("?", kind), partial(_ordered, change))
    words = f"the elements of the {kind} are right, but at other places"
    yield Guess(Pattern.PERMUTED, words, _same_elements)


def sums(evidence: Evidence) -> Iterator[Guess]:
    """A sum over repeated elements that was left out, or done over another dimension."""
    if evidence.name is None or not evidence.samples:
        return
    rank = evidence.samples[0].cotangents.ndim - 1
    if "" in evidence.complexes:  # a last axis [re, im], which nobody sums over
        rank -= 1
        for dropped, place in (("imaginary", 0), ("real", -1)):
            said = f"the {dropped} part of grad_output is dropped"
            yield Guess(Pattern.COTANGENT_MISREAD, said, partial(_one_of, rank, place))
    for axis in range(rank):
        for words, place in (("first", 0), ("last", -1)):
            said = (
                f"the sum over dimension {axis} of the output is missing: only its {words} counts"
            )
            yield Guess(Pattern.MISSING_SUM, said, partial(_one_of, axis, place))
    for axis in range(rank):
        words = f"summed over dimension {axis} of the output, which is the wrong one"
        yield Guess(Pattern.WRONG_SUM, words, partial(_summed, axis))
    for which, place in (("the first", 0), ("the last", -1)):
        words = f"{which} element alone instead of the sum over those that share it"
        yield Guess(Pattern.MISSING_SUM, words, partial(_one_of_all, place))


def _kind(evidence: Evidence) -> str:
    return "gradient" if evidence.name is not None else "value"


# ---- the Jacobian


def jacobian(sample: Sample) -> Floats | None:
    """The true Jacobian at each point: (lanes, elements of the input, elements of the value)."""
    outputs, elements = math.prod(sample.cotangents.shape[1:]), math.prod(sample.shape)
    if sample.gradient is None or not (0 < outputs <= _MOST and 0 < elements <= _MOST):
        return None
    columns = []
    for place in range(outputs):
        unit = np.zeros((sample.lanes, outputs))
        unit[:, place] = 1
        column = sample.gradient(sample.values, unit.reshape(sample.cotangents.shape))
        columns.append(column.reshape(sample.lanes, elements))
    return np.stack(columns, axis=2)


def _by_transposed_jacobian(sample: Sample) -> Floats | None:
    found = jacobian(sample)
    if found is None or found.shape[1] != found.shape[2] or found.shape[1] == 1:
        return None
    fed = sample.cotangents.reshape(sample.lanes, -1)
    product = np.einsum("lij,li->lj", found, fed)
    return np.asarray(product.reshape(sample.claim.shape))


def contributions(sample: Sample) -> Floats | None:
    """What each element of the value adds to each of the gradient: (lanes, elements, *value)."""
    found = jacobian(sample)
    if found is None:
        return None
    flat = found * sample.cotangents.reshape(sample.lanes, 1, -1)
    return np.asarray(flat.reshape(sample.lanes, -1, *sample.cotangents.shape[1:]))


def _is_long(contributions: Floats, axis: int) -> bool:
    """Whether the value has that dimension, and there is something to add up along it."""
    lengths = contributions.shape[2:]
    return axis < len(lengths) and lengths[axis] > 1


def _one_of(axis: int, place: int, sample: Sample) -> Floats | None:
    parts = contributions(sample)
    if parts is None or not _is_long(parts, axis):
        return None if parts is None else sample.truth
    kept = np.take(parts, place, axis=axis + 2)
    return np.asarray(kept.reshape(*kept.shape[:2], -1).sum(axis=2).reshape(sample.claim.shape))


def _one_of_all(place: int, sample: Sample) -> Floats | None:
    """Of what is added up for an element, the first (last) part that isn't zero alone."""
    parts = contributions(sample)
    if parts is None:
        return None
    flat = parts.reshape(*parts.shape[:2], -1)
    used = (flat != 0).argmax(axis=2)
    if place < 0:
        used = flat.shape[2] - 1 - (flat[:, :, ::-1] != 0).argmax(axis=2)
    return np.take_along_axis(flat, used[..., None], axis=2)[..., 0].reshape(sample.claim.shape)


def _summed(axis: int, sample: Sample) -> Floats | None:
    """What belongs to each element of the value, added up along one dimension of the value."""
    parts = contributions(sample)
    if parts is None or not _is_long(parts, axis):
        return None if parts is None else sample.truth
    total = parts.sum(axis=1).sum(axis=axis + 1)
    return total.reshape(sample.claim.shape) if total[0].size == sample.claim[0].size else None


# ---- orders


def _of_other(other: str, sample: Sample) -> Floats | None:
    found = sample.others.get(other)
    return found if found is not None and found.shape == sample.claim.shape else None


def _square_transposed(sample: Sample) -> Floats | None:
    truth = sample.truth
    square = truth.ndim > 2 and truth.shape[-1] == truth.shape[-2]
    return truth.swapaxes(-1, -2) if square else None


def _by_columns(sample: Sample) -> Floats | None:
    truth = sample.truth
    if truth.ndim < 3:
        return None
    return np.ascontiguousarray(truth.swapaxes(-1, -2)).reshape(truth.shape)


def _ordered(change: Callable[[Floats], Floats], sample: Sample) -> Floats | None:
    flat = sample.truth.reshape(sample.lanes, -1)
    return change(flat).reshape(sample.claim.shape)


def _same_elements(sample: Sample) -> Floats | None:
    """The truths in the order of the claims; what is not the same set of numbers will not match."""
    truth = sample.truth.reshape(sample.lanes, -1)
    claim = sample.claim.reshape(sample.lanes, -1)
    ordered = np.empty_like(truth)
    np.put_along_axis(ordered, np.argsort(claim, axis=1), np.sort(truth, axis=1), axis=1)
    predicted = ordered.reshape(sample.claim.shape)
    if truth.shape[1] < 3:
        return None
    telling = tells(sample)
    whole = (matches(sample, predicted) | ~telling).reshape(truth.shape).all(axis=1)
    return np.where(whole.reshape(-1, *[1] * len(sample.shape)), predicted, np.nan)


_ORDERS: dict[str, Callable[[Floats], Floats]] = {
    "the ? in reversed order": lambda flat: flat[:, ::-1],
    "the ? of the element before: one off": lambda flat: np.roll(flat, 1, axis=1),
    "the ? of the element after: one off": lambda flat: np.roll(flat, -1, axis=1),
    "the ? shifted by one, zero at the start": lambda flat: _pushed(flat, 1),
    "the ? shifted by one, zero at the end": lambda flat: _pushed(flat, -1),
    "each element of the ? is the mean of all": lambda flat: _spread(flat.mean(axis=1), flat),
    "each element of the ? is the sum of all": lambda flat: _spread(flat.sum(axis=1), flat),
}


def _pushed(flat: Floats, by: int) -> Floats:
    moved = np.roll(flat, by, axis=1)
    moved[:, 0 if by > 0 else -1] = 0
    return moved


def _spread(numbers: Floats, flat: Floats) -> Floats:
    return np.broadcast_to(numbers[:, None], flat.shape).copy()
