"""Mistakes that show in the numbers alone: ratios, offsets, constants, clipping, lost digits."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import numpy as np

from gradcheck_sym.run.diagnosis.evidence import Evidence, Floats, Sample
from gradcheck_sym.run.diagnosis.fit import Guess, agreed, telling_numbers
from gradcheck_sym.spec.dtypes import format_of
from gradcheck_sym.verdict.diagnosis import Pattern
from gradcheck_sym.verdict.names import digits, ratio_name

_SPREAD = 2.0**-20  # of a ratio in float64; narrower dtypes scatter more
_LUCKY = 2.0**-6  # of float32's spacing: few constants are rounded so little
_ROUNDINGS = 32.0  # unit roundoffs by which ratios of two rounded numbers may differ


def spread(evidence: Evidence) -> float:
    """By how much a ratio of claims to truths may vary by rounding, relatively."""
    return max(_SPREAD, _ROUNDINGS * evidence.dtype.epsilon)


def zero(evidence: Evidence) -> Iterator[Guess]:
    """The gradient is 0, and not merely small beside a truth that is large."""
    yield Guess(Pattern.ZERO, "zero", lambda s: np.where(s.claim == 0, 0.0, np.nan))


def sign(evidence: Evidence) -> Iterator[Guess]:
    """The gradient has the wrong sign."""
    yield Guess(Pattern.SIGN, "minus the truth: the sign is wrong", lambda s: -s.truth)


# ---- ratios


def ratio(evidence: Evidence) -> Iterator[Guess]:
    """The same multiple of the truth everywhere."""
    middle = agreed(telling_numbers(evidence.samples, ratios), spread(evidence))
    if middle is None or middle == 0:
        return
    off = abs(middle - 1)
    single = format_of("float32").epsilon
    if evidence.dtype.precision > 24 and single * _LUCKY <= off <= single / 2:
        words = f"off by the factor 1 {middle - 1:+.3g}: a constant in float32 would do that"
        yield Guess(Pattern.LOW_PRECISION, words, _scaled(lambda _: middle))
        return
    name = ratio_name(middle, max(spread(evidence), _scatter(evidence)))
    if name == "1":
        name = digits(middle, off * 1e-3)
    yield Guess(
        Pattern.RATIO, f"{_times(name)}{_as_size(evidence, middle)}", _scaled(lambda _: middle)
    )


def _as_size(evidence: Evidence, ratio: float) -> str:
    """The size that a ratio is, where only one is wrong and the ratio is no small one."""
    wrong = [sample for sample in evidence.samples if sample.failing.any()]
    slack = spread(evidence)
    if _visited(wrong) > 1 or 0.5 - slack <= abs(ratio) <= 2 + slack:
        return ""
    sample = wrong[0]
    for words, factor in _SIZED.items():
        found = {
            words.replace("n", name): size(sample)
            for name, size in _sizes(evidence)
            if abs(_by_size(factor, size)(sample) - ratio) <= slack * abs(ratio)
        }
        of_dims = {said: size for said, size in found.items() if " of " not in said} or found
        if of_dims:
            return f" (which is {' or '.join(of_dims)} for the size {max(of_dims.values())})"
    return ""


def sized_ratio(evidence: Evidence) -> Iterator[Guess]:
    """A multiple that depends on a size: n, 1/n, (n - 1)/n."""
    if _visited(evidence.samples) < 2:
        return
    for name, size in _sizes(evidence):
        for words, factor in _SIZED.items():
            said = words.replace("n", name)
            yield Guess(Pattern.RATIO, _times(said), _scaled(_by_size(factor, size)))


def _visited(samples: Iterable[Sample]) -> int:
    """How many choices of sizes there are."""
    return len({tuple(sorted(sample.dims.items())) for sample in samples})


def ratios(sample: Sample) -> Floats:
    """What each claim is a multiple of its truth by."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.asarray(sample.claim / sample.truth)


def _scatter(evidence: Evidence) -> float:
    """Half the width of the middle half of the ratios, relatively."""
    found = telling_numbers(evidence.samples, ratios)
    low, high = np.quantile(found[np.isfinite(found)], [0.25, 0.75])
    return abs(float(high - low) / float(high + low)) if high + low else 0.0


def _scaled(factor: Callable[[Sample], float]) -> Callable[[Sample], Floats | None]:
    def predicted(sample: Sample) -> Floats | None:
        by = factor(sample)
        return np.asarray(by * sample.truth) if math.isfinite(by) else None

    return predicted


def _by_size(
    factor: Callable[[float], float], size: Callable[[Sample], int]
) -> Callable[[Sample], float]:
    def of(sample: Sample) -> float:
        try:
            return factor(float(size(sample)))
        except ZeroDivisionError:
            return math.nan

    return of


def _sizes(evidence: Evidence) -> Iterator[tuple[str, Callable[[Sample], int]]]:
    """The sizes that a mistake may be a multiple of, by name."""
    for dim in dict.fromkeys(dim for sample in evidence.samples for dim in sample.dims):
        yield dim, lambda sample, dim=dim: sample.dims.get(dim, 0)  # type: ignore[misc]
    yield "(the number of elements)", lambda sample: math.prod(sample.shape)
    yield "(the number of outputs)", lambda sample: math.prod(sample.cotangents.shape[1:])


_SIZED: dict[str, Callable[[float], float]] = {
    "n": lambda n: n,
    "1/n": lambda n: 1 / n,
    "(n - 1)/n": lambda n: (n - 1) / n,
    "n/(n - 1)": lambda n: n / (n - 1),
    "(n - 1)": lambda n: n - 1,
    "1/(n - 1)": lambda n: 1 / (n - 1),
    "sqrt(n)": math.sqrt,
    "1/sqrt(n)": lambda n: 1 / math.sqrt(n),
    "n**2": lambda n: n * n,
    "1/n**2": lambda n: 1 / (n * n),
    "(n + 1)": lambda n: n + 1,
    "-n": lambda n: -n,
    "-1/n": lambda n: -1 / n,
}


def _times(name: str) -> str:
    if name.startswith("1/"):
        return f"{name} of the truth"
    return f"{name} times the truth"


# ---- constants

_Array = Callable[[Sample], Floats | None]


def offset(evidence: Evidence) -> Iterator[Guess]:
    """The truth and the same number, or the same multiple of an array, added to it."""
    for words, array in _addable(evidence):
        base = _over(evidence, array)
        middle = agreed(base, 64 * spread(evidence))
        if middle:
            name = ratio_name(middle, 64 * spread(evidence))
            said = words.replace("?", name)
            yield Guess(Pattern.OFFSET, said, _added(array, middle))


def _over(evidence: Evidence, array: _Array) -> Floats:
    """The gap as multiples of an array, at all failing numbers."""

    def of(sample: Sample) -> Floats:
        base = array(sample)
        if base is None:
            return np.full(sample.claim.shape, np.nan)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return np.asarray((sample.claim - sample.truth) / base)

    return telling_numbers(evidence.samples, of)


def _added(array: _Array, factor: float) -> Callable[[Sample], Floats | None]:
    def predicted(sample: Sample) -> Floats | None:
        base = array(sample)
        return None if base is None else np.asarray(sample.truth + factor * base)

    return predicted


def _ones(sample: Sample) -> Floats | None:
    return np.ones_like(sample.truth)


def _fed(sample: Sample) -> Floats | None:
    same = sample.cotangents.shape == sample.claim.shape
    return sample.cotangents if same and sample.gradient is not None else None


def _addable(evidence: Evidence) -> Iterator[tuple[str, _Array]]:
    yield "the truth plus ?", _ones
    yield "the truth plus ? times grad_output", _fed
    for name in evidence.samples[0].values if evidence.samples else ():
        yield f"the truth plus ? times {name}", partial(_input, name)


def _input(name: str, sample: Sample) -> Floats | None:
    array = sample.values[name]
    return array if array.shape == sample.claim.shape else None


def constant_slope(evidence: Evidence) -> Iterator[Guess]:
    """The same slope whatever the inputs are."""
    if evidence.name is None:
        return
    middle = agreed(telling_numbers(evidence.samples, _slopes), spread(evidence))
    if middle is not None and middle not in (0, 1):
        name = ratio_name(middle, spread(evidence))
        words = f"{name} times grad_output, whatever the inputs are"
        yield Guess(Pattern.CONSTANT_SLOPE, words, lambda s: _multiple_of_fed(s, middle))


def _slopes(sample: Sample) -> Floats:
    base = _fed(sample)
    if base is None:
        return np.full(sample.claim.shape, np.nan)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.asarray(sample.claim / base)


def _multiple_of_fed(sample: Sample, factor: float) -> Floats | None:
    base = _fed(sample)
    return None if base is None else np.asarray(factor * base)


def constant(evidence: Evidence) -> Iterator[Guess]:
    """The same number everywhere, whatever the truth is."""
    middle = agreed(telling_numbers(evidence.samples, lambda s: s.claim), spread(evidence))
    if middle:
        words = f"always {ratio_name(middle, spread(evidence))}"
        yield Guess(Pattern.CONSTANT_SLOPE, words, lambda s: np.full_like(s.truth, middle))


def clipped(evidence: Evidence) -> Iterator[Guess]:
    """What is larger than some number is cut off there."""
    middle = agreed(np.abs(telling_numbers(evidence.samples, lambda s: s.claim)), spread(evidence))
    if middle:
        words = f"clipped to ±{digits(middle, spread(evidence))}"
        yield Guess(Pattern.CLIPPED, words, lambda s: np.clip(s.truth, -middle, middle))
    if evidence.name is None:
        return
    limit = agreed(np.abs(telling_numbers(evidence.samples, _slopes)), spread(evidence))
    if limit:
        words = f"the slope is clipped to ±{digits(limit, spread(evidence))}"
        yield Guess(Pattern.CLIPPED, words, lambda s: _clipped_slope(s, limit))


def _clipped_slope(sample: Sample, limit: float) -> Floats | None:
    base = _fed(sample)
    if base is None:
        return None
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        slope = np.where(base == 0, 0.0, sample.truth / base)
        return np.asarray(base * np.clip(slope, -limit, limit))
