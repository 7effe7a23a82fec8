"""Mistakes with grad_output: the right Jacobian times something else."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from gradcheck_sym.run.diagnosis.evidence import Evidence, Floats, Sample
from gradcheck_sym.run.diagnosis.fit import Guess
from gradcheck_sym.verdict.diagnosis import Pattern


def cotangents(evidence: Evidence) -> Iterator[Guess]:
    """The gradient that another cotangent would give."""
    if evidence.name is None:
        return
    for (code, words), change in _CHANGES.items():
        yield Guess(code, words, _with(change))


def straight_through(evidence: Evidence) -> Iterator[Guess]:
    """The cotangent itself is handed on."""
    if evidence.name is not None:
        words = "grad_output itself, as if the slope were 1 (straight through)"
        yield Guess(Pattern.STRAIGHT_THROUGH, words, _handed_on)


def _handed_on(sample: Sample) -> Floats | None:
    return sample.cotangents if sample.cotangents.shape == sample.claim.shape else None


def _with(change: Callable[[Floats], Floats | None]) -> Callable[[Sample], Floats | None]:
    def predicted(sample: Sample) -> Floats | None:
        if sample.gradient is None:
            return None
        with np.errstate(all="ignore"):
            fed = change(sample.cotangents)
        return None if fed is None else sample.gradient(sample.values, fed)

    return predicted


def _flat(fed: Floats) -> Floats:
    return fed.reshape(len(fed), -1)


def _filled(fed: Floats, numbers: Floats) -> Floats:
    """One number a point, at every element."""
    filled = np.broadcast_to(numbers[:, None], _flat(fed).shape)
    return np.asarray(filled.reshape(fed.shape), dtype=np.float64)


def _mean(fed: Floats) -> Floats | None:
    return _filled(fed, _flat(fed).mean(axis=1)) if _flat(fed).shape[1] > 1 else None


def _sum(fed: Floats) -> Floats | None:
    return _filled(fed, _flat(fed).sum(axis=1)) if _flat(fed).shape[1] > 1 else None


def _first(fed: Floats) -> Floats | None:
    return _filled(fed, _flat(fed)[:, 0]) if _flat(fed).shape[1] > 1 else None


def _last(fed: Floats) -> Floats | None:
    return _filled(fed, _flat(fed)[:, -1]) if _flat(fed).shape[1] > 1 else None


def _reversed(fed: Floats) -> Floats | None:
    return np.ascontiguousarray(_flat(fed)[:, ::-1]).reshape(fed.shape)


def _transposed(fed: Floats) -> Floats | None:
    square = fed.ndim > 2 and fed.shape[-1] == fed.shape[-2]
    return np.ascontiguousarray(fed.swapaxes(-1, -2)) if square else None


def _by_columns(fed: Floats) -> Floats | None:
    """The elements in the order of columns, read as if they were in that of rows."""
    if fed.ndim < 3 or 1 in fed.shape[-2:]:
        return None
    return np.ascontiguousarray(fed.swapaxes(-1, -2)).reshape(fed.shape)


def _shifted(fed: Floats) -> Floats | None:
    return np.roll(_flat(fed), 1, axis=1).reshape(fed.shape) if _flat(fed).shape[1] > 1 else None


def _shifted_back(fed: Floats) -> Floats | None:
    return np.roll(_flat(fed), -1, axis=1).reshape(fed.shape) if _flat(fed).shape[1] > 1 else None


_MISREAD = Pattern.COTANGENT_MISREAD
_CHANGES: dict[tuple[Pattern, str], Callable[[Floats], Floats | None]] = {
    (Pattern.COTANGENT_IGNORED, "grad_output is ignored, as if it were all ones"): np.ones_like,
    (Pattern.COTANGENT_TWICE, "grad_output is multiplied in twice"): np.square,
    (_MISREAD, "as if grad_output were its absolute value"): np.abs,
    (_MISREAD, "as if grad_output were its sign"): np.sign,
    (_MISREAD, "as if grad_output were its mean"): _mean,
    (_MISREAD, "as if grad_output were its sum"): _sum,
    (_MISREAD, "as if all of grad_output were its first element"): _first,
    (_MISREAD, "as if all of grad_output were its last element"): _last,
    (_MISREAD, "grad_output is transposed"): _transposed,
    (_MISREAD, "grad_output is read in the order of its columns, as contiguous"): _by_columns,
    (_MISREAD, "grad_output is read in reversed order"): _reversed,
    (_MISREAD, "grad_output is read one element off"): _shifted,
    (_MISREAD, "grad_output is read one element off, to the other side"): _shifted_back,
    (_MISREAD, "grad_output is divided by instead of multiplied"): np.reciprocal,
    (_MISREAD, "the negative part of grad_output is dropped"): lambda fed: np.maximum(fed, 0.0),
}
