"""The digits of a narrower dtype: a gradient that passed through one, or something inside."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gradcheck_sym.run.diagnosis.evidence import Evidence
from gradcheck_sym.run.diagnosis.fit import Guess, independent, telling_numbers
from gradcheck_sym.run.diagnosis.plain import ratios
from gradcheck_sym.spec.dtypes import Format, format_of
from gradcheck_sym.verdict.diagnosis import Diagnosis, Pattern


def low_precision(evidence: Evidence) -> Iterator[Guess]:
    """The digits of a narrower dtype."""
    for name in ("bfloat16", "float16", "float32"):
        narrow = format_of(name)
        if narrow.precision < evidence.dtype.precision and _rounded(evidence, narrow):
            words = f"rounded to {name}: it has passed through that"
            yield Guess(Pattern.LOW_PRECISION, words, lambda sample: sample.claim)
            return


def _rounded(evidence: Evidence, narrow: Format) -> bool:
    """Whether all failing claims are numbers of a narrower dtype, and near to the truth."""
    claims = telling_numbers(evidence.samples, lambda s: s.claim)
    truths = telling_numbers(evidence.samples, lambda s: s.truth)
    mantissas, _ = np.frexp(claims)
    scaled = mantissas * 2.0**narrow.precision
    near = np.abs(claims - truths) <= 8 * narrow.epsilon * np.abs(truths)
    plain = np.frexp(truths)[0] * 2.0**narrow.precision  # truths that are short themselves
    short = (plain == np.rint(plain)).mean() if len(plain) else 1.0
    fits = (scaled == np.rint(scaled)) & near
    return independent(claims) >= 3 and bool(fits.mean() >= 0.9) and bool(short < 0.5)


def float32_inside(evidence: Evidence) -> Iterator[Guess]:
    """Relative errors of the size that an intermediate in float32 leaves."""
    narrow = format_of("float32")
    if narrow.precision < evidence.dtype.precision and _of_size(evidence, narrow.epsilon):
        words = f"relative errors near {narrow.epsilon:.0e}: something inside is in float32"
        yield Guess(Pattern.LOW_PRECISION, words, lambda sample: sample.claim)


def near(evidence: Evidence) -> Diagnosis | None:
    """All claims are near to the truth, and nothing tells what they are instead."""
    if any((sample.failing & ~np.isfinite(sample.claim)).any() for sample in evidence.samples):
        return None
    claims = telling_numbers(evidence.samples, lambda s: s.claim)
    truths = telling_numbers(evidence.samples, lambda s: s.truth)
    if len(truths) < _MANY:
        return None
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        middle = float(np.median(np.abs(claims / truths - 1)))
        missed = float(np.linalg.norm(claims - truths) / np.linalg.norm(truths))
    if not max(middle, missed) <= _NEAR:
        return None
    off = f"{100 * middle:.2g} %" if middle > 1e-4 else f"{middle:.2g} of it"
    words = f"near to the truth, off by {off} in the middle, as what is approximated or rounded is"
    return Diagnosis(Pattern.NEAR, words)


def _of_size(evidence: Evidence, epsilon: float) -> bool:
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        off = (telling_numbers(evidence.samples, ratios) - 1) / epsilon
    if len(off) < _MANY or not np.isfinite(off).mean() >= 0.9:
        return False
    both = (off > 0).mean()  # rounding goes both ways
    middle, high = np.quantile(np.abs(off[np.isfinite(off)]), [0.5, 0.9])
    return bool(2.0**-8 <= middle <= 4 and high <= 16 and 0.1 <= both <= 0.9)


_NEAR = 0.05  # of the truth; what is further off is not near to it
_MANY = 16  # relative errors whose spread says something
