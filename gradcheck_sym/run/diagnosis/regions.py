"""Where it is wrong: beyond a threshold, in an interval, at ties, at some sizes or elements."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import final

import numpy as np

from gradcheck_sym.run.diagnosis.bisect import refined
from gradcheck_sym.run.diagnosis.evidence import Evidence, Floats, Mask, Sample
from gradcheck_sym.run.diagnosis.features import (
    Condition,
    Feature,
    conditions,
    distances,
    features,
    numberings,
    of_complexes,
)
from gradcheck_sym.run.diagnosis.fit import LEAST
from gradcheck_sym.verdict.diagnosis import Diagnosis, Pattern
from gradcheck_sym.verdict.names import simplest

_LEAST_RIGHT = 8  # agreeing numbers outside a region; with fewer, luck could draw it
_STRAY = 0.01  # share of the failing, and of the agreeing, numbers on the wrong side
_SEVERAL = 8  # wrong numbers; of more, those next to a threshold are plainly wrong
_PLAIN = 64.0  # times what a right number may be off by
_PLAIN_SHARE = 0.125  # or by this share of the truth: of narrow dtypes there is not much more
_SIZE_ALONE = re.compile(r"\w+ = [\d,]+")  # a setting
_EXPECTED = 3  # points of other sizes, or settings, that chance would have made wrong, too
_TOLD = 3  # settings that are listed; the simplest say most
_MOSTLY = 0.5  # of the numbers of some sizes are wrong, if it is the sizes that matter
_SIZES = ("|", "the largest |element|", "the spread", "the gap")  # features that are 0 or more
_BITS = 30.0  # against chance, where some of what is inside is right
_LEAST_SHARE_OUTSIDE = 0.02  # of all numbers; a region of nearly everything says nothing


@final
@dataclass(frozen=True, slots=True)
class _Cloud:
    """A feature of all numbers that tell, and which of them are wrong."""

    feature: Floats
    wrong: Mask
    errors: Floats  # in what a right number may be off by

    def splits(self, inside: Mask) -> bool:
        """Whether what is inside is wrong, and what is outside is right."""
        bad, good = int(self.wrong.sum()), int((~self.wrong).sum())
        missed = int((self.wrong & ~inside).sum())
        stray = int((~self.wrong & inside).sum())
        return (
            bad >= LEAST
            and good - stray >= max(_LEAST_RIGHT, _LEAST_SHARE_OUTSIDE * (bad + good))
            and missed <= 2 * _STRAY * bad
            and stray <= _STRAY * good
            and stray < bad
        )

    def holds(self, inside: Mask) -> bool:
        """Whether all that is wrong is inside, by no chance; some of what is inside is right."""
        bad, share = int(self.wrong.sum()), float(inside.mean()) if inside.size else 1.0
        within = bad >= _SEVERAL and not (self.wrong & ~inside).any()
        return within and 0 < share < 1 and -bad * np.log2(share) >= _BITS


def region(evidence: Evidence, unchanged: Callable[[Sample], Mask]) -> Diagnosis | None:
    """Where the numbers are wrong, if that takes few words; None where it does not.

    unchanged: the numbers at which the mistake shows nothing, so that they agree anywhere.
    """
    evidence = evidence.plain()
    samples = _that_tell(evidence, unchanged)
    wrong = sum(int(sample.failing.sum()) for sample in evidence.samples)
    return None if wrong < LEAST else next(_every(evidence, samples), None)


def in_settings(evidence: Evidence) -> Diagnosis | None:
    """The only ways of running in which anything is wrong; None where there are no others."""
    return next(_settings(_that_tell(evidence.plain(), vanishing)), None)


def vanishing(sample: Sample) -> Mask:
    """The numbers that are 0, or as small as what they may be off by: factors show nothing."""
    return np.asarray(np.abs(sample.truth) <= sample.slack)


def none(sample: Sample) -> Mask:
    """Of a mistake that shows everywhere."""
    return np.zeros_like(sample.failing)


_Told = list[tuple[Sample, Mask]]
_Chosen = Callable[[Floats], Mask]  # which elements, by their numbers along a dimension


def _that_tell(evidence: Evidence, unchanged: Callable[[Sample], Mask]) -> _Told:
    return [
        (sample, sample.failing | (sample.agreeing & ~unchanged(sample)))
        for sample in evidence.samples
    ]


def _every(evidence: Evidence, samples: _Told) -> Iterator[Diagnosis]:
    yield from _settings(samples)
    yield from _marked(samples, of_complexes(evidence))
    yield from _by_inputs(evidence, samples)
    yield from _by_truth(evidence)
    yield from _sizes(samples, _MOSTLY)
    yield from _marked(samples, conditions(evidence))
    yield from _near(evidence, samples)
    yield from _places(evidence, samples)
    if _by_no_chance(samples, lambda sample: tuple(sample.dims.items())):
        yield from _sizes(samples, 0.0)
    yield from _some_at_places(evidence, samples)


def _cloud(samples: _Told, feature: Feature) -> _Cloud | None:
    numbers, wrong, errors = [np.zeros(0)], [np.zeros(0, dtype=np.bool_)], [np.zeros(0)]
    for sample, telling in samples:
        found = feature(sample)
        if found is None:
            return None
        numbers.append(np.broadcast_to(found, sample.claim.shape)[telling])
        wrong.append(sample.failing[telling])
        gap = np.nan_to_num(np.abs(sample.claim - sample.truth), nan=np.inf)
        plainly = np.where(gap >= _PLAIN_SHARE * np.abs(sample.truth), _PLAIN, 0.0)
        errors.append(np.maximum(gap / sample.slack, plainly)[telling])
    return _Cloud(np.concatenate(numbers), np.concatenate(wrong), np.concatenate(errors))


# ---- on a line


def _line(evidence: Evidence, words: str, cloud: _Cloud) -> Iterator[Diagnosis]:
    """Beyond or below a threshold of the feature or of its size, or between two."""
    clouds = [(words, cloud)]
    if " " not in words:  # of words such as "the largest element of x" the size says no more
        clouds.append((f"|{words}|", replace(cloud, feature=np.abs(cloud.feature))))
    yield from _at_zero(words, cloud)
    for said, each in clouds:
        yield from _beyond(evidence, said, each)
    for said, each in clouds:
        yield from _between(said, each)


def _at_zero(words: str, cloud: _Cloud) -> Iterator[Diagnosis]:
    """At 0 alone, or only where it has a minus sign."""
    zero = cloud.feature == 0
    signed = zero & np.signbit(cloud.feature)
    for said, inside in (("-0", signed), ("0", zero)):
        if cloud.wrong.any() and not (cloud.wrong & ~inside).any() and cloud.splits(inside):
            yield Diagnosis(Pattern.INTERVAL, f"only where {words} is {said}")


def _beyond(evidence: Evidence, words: str, cloud: _Cloud) -> Iterator[Diagnosis]:
    if not cloud.wrong.any() or cloud.wrong.all():
        return
    for sign, mark in ((1, ">"), (-1, "<")):
        feature = sign * cloud.feature
        first = _low(feature[cloud.wrong])
        if cloud.splits(feature >= first) and not _grows(feature, cloud, first):
            right = feature[~cloud.wrong & (feature < first)]
            last = float(right.max())
            last, first = refined(evidence, words, sign * last, sign * first)
            yield Diagnosis(Pattern.THRESHOLD, f"only where {_past(words, mark, last, first)}")


def _grows(feature: Floats, cloud: _Cloud, first: float) -> bool:
    """Whether the errors grow from nothing, without a jump: then there is no threshold.

    Those before it count, too, which would be strays if there were one.
    """
    if int(cloud.wrong.sum()) <= _SEVERAL:
        return False
    ordered = cloud.errors[cloud.wrong][np.argsort(feature[cloud.wrong], kind="stable")]
    nearest = ordered[: int((feature[cloud.wrong] < first).sum()) + _SEVERAL]
    largest = np.maximum.accumulate(nearest)
    return bool(nearest[0] < _PLAIN and (nearest[1:] < _PLAIN * largest[:-1]).all())


def _past(words: str, mark: str, right: float, wrong: float) -> str:
    """What holds on the wrong side of a threshold and on no other."""
    threshold = simplest(*sorted((right, wrong)))
    if threshold == wrong == 0 and words.startswith(_SIZES):
        return f"{words.strip('|')} is 0"
    mark = f"{mark}=" if threshold == wrong else mark
    return f"{words} {mark} {threshold:.15g}{_between_what(threshold, right, wrong)}"


def _between_what(threshold: float, right: float, wrong: float) -> str:
    """Between which numbers the threshold lies, where these leave much room."""
    if threshold == 0 or abs(right - wrong) <= 1e-3 * abs(threshold):
        return ""
    return f" (right at {right:.4g}, wrong at {wrong:.4g})"


def _low(numbers: Floats) -> float:
    """The smallest of some numbers but for strays."""
    ordered = np.sort(numbers)
    return float(ordered[int(_STRAY * len(ordered))])


def _between(words: str, cloud: _Cloud) -> Iterator[Diagnosis]:
    if not cloud.wrong.any() or cloud.wrong.all():
        return
    low, high = _low(cloud.feature[cloud.wrong]), -_low(-cloud.feature[cloud.wrong])
    if not cloud.splits((cloud.feature >= low) & (cloud.feature <= high)):
        return
    if low == high:
        yield Diagnosis(Pattern.INTERVAL, f"only where {words} is {low:.15g}")
        return
    right = cloud.feature[~cloud.wrong]
    below, above = right[right < low].max(initial=-np.inf), right[right > high].min(initial=np.inf)
    if _grows(cloud.feature, cloud, low) or _grows(-cloud.feature, cloud, -high):
        return
    start = simplest(float(below), low) if np.isfinite(below) else low
    end = simplest(high, float(above)) if np.isfinite(above) else high
    text = f"only where {words} lies between {start:.15g} and {end:.15g}"
    yield Diagnosis(Pattern.INTERVAL, text)


def _by_truth(evidence: Evidence) -> Iterator[Diagnosis]:
    """Beyond some size of the truth itself; the numbers that are 0 count there, too.

    Where they alone are right, or those that nobody tells from 0, all there is to see is wrong.
    """
    right = [sample.agreeing for sample in evidence.samples]
    seen = [sample.agreeing & ~vanishing(sample) for sample in evidence.samples]
    if sum(map(np.sum, seen)) <= _STRAY * sum(map(np.sum, right)):
        return
    samples = [(sample, sample.failing | sample.agreeing) for sample in evidence.samples]
    cloud = _cloud(samples, lambda sample: np.abs(sample.truth))
    if cloud is not None:
        words = f"the true |{'gradient' if evidence.name is not None else 'value'}|"
        yield from _beyond(evidence, words, cloud)


# ---- one of several


def _settings(samples: _Told) -> Iterator[Diagnosis]:
    """One layout, say, and no other."""
    kinds = [sample.setting for sample, _ in samples]
    wrong = {sample.setting for sample, telling in samples if (sample.failing & telling).any()}
    right = {sample.setting for sample, telling in samples if (sample.agreeing & telling).any()}
    by_size = all(_SIZE_ALONE.fullmatch(setting) for setting in wrong)  # told in fewer words
    if by_size or "" in wrong or len(set(kinds)) < 2:
        return
    if wrong and right - wrong and _by_no_chance(samples, lambda sample: sample.setting):
        some = sorted(wrong, key=lambda setting: (len(setting), setting))
        left = len(some) - _TOLD
        more = f" and {left} {'other' if left == 1 else 'others'}" if left > 0 else ""
        told = f"only {_preposition(some[0])}{'; '.join(some[:_TOLD])}{more}"
        yield Diagnosis(Pattern.ONE_SETTING, told)


def _preposition(setting: str) -> str:
    """What goes before a way of running: "with x transposed", "under torch.no_grad()"."""
    if setting.startswith("under "):
        return ""
    return "where " if setting.startswith(("only ", "no ")) else "with "


def _sizes(samples: _Told, share: float) -> Iterator[Diagnosis]:
    """Some sizes of a dimension, at which at least that share of the numbers is wrong.

    Where those of another one tell as much, both are told of; of thresholds and lists, the former.
    """
    every = list(_of_each_size(samples, share))
    beyond = [words for words, is_threshold in every if is_threshold]
    found = beyond or [words for words, _ in every]
    if found:
        also = f", or for {' or '.join(found[1:])}: no sizes tell these apart" if found[1:] else ""
        yield Diagnosis(Pattern.SOME_SIZES, f"only for {found[0]}{also}")


def _of_each_size(samples: _Told, share: float) -> Iterator[tuple[str, bool]]:
    """The sizes of each dimension that are wrong where all others are right, in words.

    And whether a threshold parts them.
    """
    for dim in dict.fromkeys(dim for sample, _ in samples for dim in sample.dims):
        counted: dict[int, Counter[bool]] = defaultdict(Counter)  # of wrong and of right numbers
        for sample, telling in samples:
            failing = sample.failing[telling]
            counted[sample.size(dim)] += Counter(failing.tolist())
        wrong = {size for size, found in counted.items() if found[True]}
        right = {size for size, found in counted.items() if found and not found[True]}
        if any(counted[size][True] < share * counted[size].total() for size in wrong):
            return
        if not wrong or not right:
            continue
        if min(wrong) > max(right):
            yield f"{dim} > {max(right)}", True
        elif max(wrong) < min(right):
            yield f"{dim} < {min(right)}", True
        else:
            yield _certain(dim, wrong, right), False


def _certain(dim: str, wrong: set[int], right: set[int]) -> str:
    """What certain sizes have in common that no other has, or which they are."""
    common = []
    for words, holds in _KINDS.items():
        if all(map(holds, wrong)) and not any(map(holds, right)):
            common.append(words)
    enough = min(len(wrong), len(right)) >= LEAST and len(wrong) + len(right) >= _MANY_SIZES
    if enough and len(common) == 1:
        return f"{dim} {common[0]} ({_listed(wrong)}; right for {_listed(right)})"
    return f"{dim} = {_listed(wrong)} (right for {_listed(right)})"


def _listed(sizes: set[int]) -> str:
    """The first few of some sizes."""
    some = sorted(sizes)
    return ", ".join(map(str, some[:_MOST_SIZES])) + (", …" if len(some) > _MOST_SIZES else "")


def _multiple(of: int) -> Callable[[int], bool]:
    return lambda size: size % of == 0


def _no_multiple(of: int) -> Callable[[int], bool]:
    return lambda size: size % of > 0


_MANY_SIZES = 10  # with fewer, most sets of sizes have something in common
_MOST_SIZES = 8  # that are listed
_KINDS: dict[str, Callable[[int], bool]] = {
    "odd": lambda size: size % 2 == 1,
    "even": lambda size: size % 2 == 0,
    "a power of 2": lambda size: size.bit_count() == 1,
    "not a power of 2": lambda size: size.bit_count() > 1,
}
for _of in (3, 4, 8, 16, 32, 64, 128, 256):
    _KINDS[f"a multiple of {_of}"] = _multiple(_of)
    _KINDS[f"not a multiple of {_of}"] = _no_multiple(_of)


def _by_no_chance(samples: _Told, kind: Callable[[Sample], object]) -> bool:
    """Whether, as often as it shows in the kinds where it does, it would have in the others."""
    wrong, beside, right = 0, 0, 0
    kinds = {kind(sample) for sample, telling in samples if (sample.failing & telling).any()}
    for sample, telling in samples:
        points = int(telling.reshape(sample.lanes, -1).any(axis=1).sum())
        if kind(sample) in kinds:
            wrong, beside = wrong + int(sample.failing_lanes.sum()), beside + points
        else:
            right += points
    return wrong * right >= _EXPECTED * beside


def _marked(samples: _Told, conditions: Iterable[Condition]) -> Iterator[Diagnosis]:
    """Where something holds: equal elements, equal operands, zeros, whole numbers."""
    for code, words, feature in conditions:
        cloud = _cloud(samples, feature)
        if cloud is not None and cloud.splits(cloud.feature != 0):
            yield Diagnosis(code, f"only {words}")


def _near(evidence: Evidence, samples: _Told) -> Iterator[Diagnosis]:
    """Nearer to a tie than so much."""
    for words, feature in distances(evidence):
        cloud = _cloud(samples, feature)
        if cloud is not None:
            yield from _beyond(evidence, words, cloud)


def _places(evidence: Evidence, samples: _Told) -> Iterator[Diagnosis]:
    """Some elements along a dimension."""
    for place, cloud, _, chosen in _runs_of_places(evidence, samples):
        if cloud.splits(chosen(cloud.feature)):
            yield Diagnosis(Pattern.SOME_ELEMENTS, f"only {place}")


def _some_at_places(evidence: Evidence, samples: _Told) -> Iterator[Diagnosis]:
    """The same where they are right at some points; and at which they are not, if that is known."""
    for place, cloud, feature, chosen in _runs_of_places(evidence, samples):
        if cloud.holds(chosen(cloud.feature)):
            there = [(sample, _among(sample, mask, feature, chosen)) for sample, mask in samples]
            also = next(_at_points(evidence, there), None)
            further = "" if also is None else f", and there {also.sentence}"
            yield Diagnosis(Pattern.SOME_ELEMENTS, f"only {place}{further}")


def _among(sample: Sample, telling: Mask, feature: Feature, chosen: _Chosen) -> Mask:
    """The numbers that tell at the places that were chosen."""
    found = feature(sample)
    assert found is not None
    return telling & np.broadcast_to(chosen(found), telling.shape)


def _at_points(evidence: Evidence, samples: _Told) -> Iterator[Diagnosis]:
    """By the inputs alone."""
    yield from _by_inputs(evidence, samples)
    yield from _marked(samples, conditions(evidence))


def _by_inputs(evidence: Evidence, samples: _Told) -> Iterator[Diagnosis]:
    """Beyond a size of something in the inputs, or in an interval of it."""
    for words, feature in features(evidence):
        cloud = _cloud(samples, feature)
        if cloud is not None:
            yield from _line(evidence, words, cloud)


def _runs_of_places(
    evidence: Evidence, samples: _Told
) -> Iterator[tuple[str, _Cloud, Feature, _Chosen]]:
    """Elements along each dimension in words, how they are numbered, and which are chosen."""
    kind = "gradient" if evidence.name is not None else "value"
    ranks = {len(sample.shape) for sample, _ in samples}
    rank = ranks.pop() if len(ranks) == 1 else 0
    for axis in range(rank):
        where = f" dimension {axis} of the {kind}" if rank > 1 else f" the {kind}"
        for words, feature in numberings(axis):
            cloud = _cloud(samples, feature)
            if cloud is None:
                continue
            for said, chosen in _runs(cloud):
                place = words.replace("?", said).replace(" but 0 of", " of")
                yield place + where, cloud, feature, chosen


def _runs(cloud: _Cloud) -> Iterator[tuple[str, _Chosen]]:
    """The number of an element: one, from one on, up to one, each second."""
    wrong = cloud.feature[cloud.wrong]
    if not wrong.size:
        return
    low, high = float(wrong.min()), float(wrong.max())
    if low == high:
        yield f"{low:g}", lambda number: np.asarray(number == low)
    yield f"{low:g} and after", lambda number: np.asarray(number >= low)
    yield f"{high:g} and before", lambda number: np.asarray(number <= high)
    for step in (2, 3, 4, 7, 8, 10, 16, 32):
        if step <= high:
            yield f"{low:g}, {low + step:g}, …", partial(_each, step, low)


def _each(step: int, start: float, number: Floats) -> Mask:
    """Each second, say, from the first."""
    return np.asarray(number % step == start % step)
