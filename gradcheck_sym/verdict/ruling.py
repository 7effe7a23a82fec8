"""One number against its truth: arithmetic on what is known, nothing else."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import final

from gradcheck_sym.verdict.records import CANCELLATION, UNDERFLOW, Verdict


@final
@dataclass(frozen=True, slots=True)
class Gap:
    """How far a claim is from the truth, and how far it may be."""

    claim: float
    truth: float  # midpoint of the truth's ball; infinite where it is beyond the dtype's range
    least: float  # |claim - truth| is at least this,
    most: float  # and at most this
    allowed: float  # what a sound evaluation may lose
    tolerated: float  # what an unstable one may lose
    vague: bool = False  # so sensitive that a sound evaluation may lose every digit
    overflow: str = ""  # what leaves the dtype's range in the mathematics as written
    bounded: bool = True  # the author states a bounded domain: overflow in it is a fault
    crowded: bool = False  # some product of cotangents, values and slopes leaves the dtype's range
    outsized: bool = False  # some value on the way is beyond the dtype's range
    subnormal: bool = False  # an input is so small that fast hardware takes it for 0
    overflown: bool = False  # the formula as written is as far off, for want of range
    polar: bool = False  # no digit can be known: there is a pole within a rounding of the inputs

    @property
    def vanishing(self) -> str:
        """What is lost as written, if all is because what is not 0 becomes 0 on the way."""
        return _LOST.get(self.overflow, "") if math.isinf(self.tolerated) else ""


_LOST = {
    UNDERFLOW: "numbers on the way are so small that they underflow in the formula as written, too,"
    " or that their reciprocals overflow",
    CANCELLATION: "a number on the way loses all of its digits in the formula as written, too",
}
_OVERFLOWN = "lost as {} overflows in the formula as written, within the stated domain"


@final
@dataclass(frozen=True, slots=True)
class Ruling:
    """The verdict on one number, with the reason where it is not plain arithmetic."""

    verdict: Verdict
    reason: str = ""
    dropped: str = ""  # why the number is not ruled on after all


def rule(gap: Gap, largest: float) -> Ruling:
    """The verdict on one number; largest is the dtype's largest finite value.

    An infinity is right where the truth is beyond the dtype's range, with the same sign. Where
    no bounded domain is stated, what overflows in plain arithmetic is dropped: nobody claimed
    that products of the largest floats come out right. So is what overflows because of the order
    in which a backward multiplies. How small numbers of a domain get nobody has in mind: where the
    formula as written divides by an underflow, or a reciprocal overflows, digits are lost. So they
    are where what it divides by, or takes the logarithm of, has none left and may be 0. Where
    no digit can be known and a value on the way is beyond the range, as exp(x) in sin(exp(x)),
    there is no number that anybody could ask for; nor where a rounding of the inputs makes it a
    pole, as of the logarithm of a determinant that is 0 but for the last digit of an element.
    """
    ruling = _rule(gap, largest)
    if ruling.verdict not in (Verdict.WRONG, Verdict.INACCURATE):
        return ruling
    if (gap.polar or (gap.outsized and gap.vague)) and not math.isfinite(gap.claim):
        return Ruling(Verdict.UNDECIDED, dropped="too sensitive")
    if gap.crowded and not math.isfinite(gap.claim):
        return Ruling(Verdict.UNDECIDED, dropped="overflow")
    if gap.subnormal and ruling.verdict is Verdict.WRONG and not math.isfinite(gap.claim):
        reason = f"{ruling.reason}: an input is below the normal range"
        return Ruling(Verdict.INACCURATE, reason)
    if gap.vanishing and ruling.verdict is Verdict.WRONG:
        reason = f"{ruling.reason}: {gap.vanishing}".removeprefix(": ")
        return Ruling(Verdict.INACCURATE, reason)
    if gap.bounded:
        lost = gap.overflown and ruling == Ruling(Verdict.WRONG)
        return replace(ruling, reason=_OVERFLOWN.format(gap.overflow)) if lost else ruling
    if gap.overflow == "arithmetic":
        return Ruling(Verdict.UNDECIDED, dropped="overflow")
    if gap.overflow and ruling.verdict is Verdict.WRONG and not math.isfinite(gap.claim):
        why = _LOST.get(gap.overflow, f"{gap.overflow} overflows in the formula as written, too")
        return Ruling(Verdict.INACCURATE, f"{ruling.reason}: {why}")
    return ruling


def _rule(gap: Gap, largest: float) -> Ruling:
    if math.isnan(gap.claim):
        return Ruling(Verdict.WRONG, "not a number where the truth is finite")
    if not gap.allowed < largest:  # any finite number would agree
        return Ruling(Verdict.UNDECIDED, dropped="infinitely sensitive")
    if abs(gap.truth) >= largest - gap.allowed:
        beyond = abs(gap.claim) >= largest - gap.allowed
        if beyond and math.copysign(1, gap.claim) == math.copysign(1, gap.truth):
            return Ruling(Verdict.AGREES, "beyond the dtype's range")
    if math.isinf(gap.truth):
        return Ruling(Verdict.WRONG, "the truth is beyond the dtype's range")
    if math.isinf(gap.claim):
        return Ruling(Verdict.WRONG, "an infinity where the truth is finite")
    if gap.most <= gap.allowed and not gap.vague:
        return Ruling(Verdict.AGREES)
    if gap.most <= gap.allowed:
        return Ruling(Verdict.UNDECIDED, dropped="too sensitive")
    if gap.least > gap.tolerated:
        return Ruling(Verdict.WRONG)
    if gap.least > gap.allowed:
        return Ruling(Verdict.INACCURATE)
    return Ruling(Verdict.UNDECIDED, dropped="the truth is too vague")


def culprit(
    symbolic_agrees_with_autograd: bool | None,
    symbolic_agrees_with_numerical: bool | None,
    autograd_agrees_with_numerical: bool | None,
) -> str:
    """Who is wrong, by two witnesses against one; None stands for "cannot tell".

    The words: "the backward", "the forward", "the oracle", or "" where the witnesses leave it open.
    """
    match (
        symbolic_agrees_with_autograd,
        symbolic_agrees_with_numerical,
        autograd_agrees_with_numerical,
    ):
        case (False, True, False):
            return "the backward"
        case (False, False, True):
            return "the forward"
        case (True, False, False):
            return "the oracle"
        case (False, False, False):
            return "the forward and the backward"
    return ""
