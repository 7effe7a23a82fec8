"""One number against its truth: three values, and nothing unclear ever agrees."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck_sym.verdict.records import CANCELLATION, UNDERFLOW, Case, Measured, Result, Verdict
from gradcheck_sym.verdict.ruling import Gap, Ruling, culprit, rule

QUICK = settings(deadline=None, derandomize=True, max_examples=400)
MAX = 3.0e38
PLAIN = Gap(claim=1.0, truth=1.0, least=0.0, most=0.0, allowed=1e-6, tolerated=1e-3)
_any = st.floats(allow_nan=True, allow_infinity=True)
_error = st.floats(min_value=0, allow_nan=False)


def _off(least: float, most: float | None = None, **fields: object) -> Gap:
    claim = 1.0 + least
    return replace(PLAIN, claim=claim, least=least, most=most or least, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "gap, verdict, dropped",
    [
        (PLAIN, Verdict.AGREES, ""),
        (_off(1e-6), Verdict.AGREES, ""),
        (_off(1e-5), Verdict.INACCURATE, ""),
        (_off(1e-3), Verdict.INACCURATE, ""),
        (_off(1e-2), Verdict.WRONG, ""),
        (_off(1e-7, 1e-5), Verdict.UNDECIDED, "the truth is too vague"),
        (_off(1e-5, 1e-1), Verdict.INACCURATE, ""),
        (_off(1e-6, 1e-5), Verdict.UNDECIDED, "the truth is too vague"),
        (_off(0.0, math.inf), Verdict.UNDECIDED, "the truth is too vague"),
        (_off(0.0, math.nan), Verdict.UNDECIDED, "the truth is too vague"),
        (_off(1e-7, vague=True), Verdict.UNDECIDED, "too sensitive"),
        (_off(1e-6, vague=True), Verdict.UNDECIDED, "too sensitive"),
        (_off(1e-2, vague=True), Verdict.WRONG, ""),
        (_off(1e-2, allowed=math.inf), Verdict.UNDECIDED, "infinitely sensitive"),
        (_off(1e-2, allowed=math.nan), Verdict.UNDECIDED, "infinitely sensitive"),
        (_off(1e-2, allowed=2 * MAX), Verdict.UNDECIDED, "infinitely sensitive"),
        (_off(1e-2, allowed=MAX), Verdict.UNDECIDED, "infinitely sensitive"),
        (_off(1e-2, tolerated=math.inf), Verdict.INACCURATE, ""),
        (_off(1e-2, tolerated=math.nan), Verdict.INACCURATE, ""),
        (replace(PLAIN, claim=math.nan), Verdict.WRONG, ""),
        (replace(PLAIN, claim=math.nan, vague=True), Verdict.WRONG, ""),
        (replace(PLAIN, claim=math.nan, allowed=math.inf), Verdict.WRONG, ""),
        (
            replace(PLAIN, claim=math.nan, vague=True, outsized=True),
            Verdict.UNDECIDED,
            "too sensitive",
        ),
        (replace(PLAIN, claim=math.inf, polar=True), Verdict.UNDECIDED, "too sensitive"),
        (replace(PLAIN, claim=99.0, least=98.0, most=98.0, polar=True), Verdict.WRONG, ""),
        (replace(PLAIN, claim=math.nan, vague=True, overflow="log"), Verdict.WRONG, ""),
        (replace(PLAIN, claim=math.nan, overflow=UNDERFLOW), Verdict.WRONG, ""),
        (replace(PLAIN, claim=math.nan, overflow=CANCELLATION), Verdict.WRONG, ""),
        (
            replace(PLAIN, claim=math.inf, overflow=CANCELLATION, tolerated=math.inf),
            Verdict.INACCURATE,
            "",
        ),
        (
            replace(PLAIN, claim=math.nan, overflow=UNDERFLOW, tolerated=math.inf),
            Verdict.INACCURATE,
            "",
        ),
        (replace(PLAIN, overflow=UNDERFLOW, tolerated=math.inf), Verdict.AGREES, ""),
        (replace(PLAIN, claim=math.inf, least=math.inf, most=math.inf), Verdict.WRONG, ""),
        (replace(PLAIN, claim=-math.inf, least=math.inf, most=math.inf), Verdict.WRONG, ""),
    ],
)
def test_rulings(gap: Gap, verdict: Verdict, dropped: str) -> None:
    """The table of verdicts: within the bound, beyond it, far beyond it, vague, not finite."""
    ruling = rule(gap, MAX)
    assert (ruling.verdict, ruling.dropped) == (verdict, dropped)
    if not math.isfinite(gap.claim):
        assert ruling.reason or ruling.dropped


def _beyond(claim: float, truth: float, allowed: float = 1e30) -> Gap:
    gap = abs(claim - truth)
    return Gap(claim, truth, gap, gap, allowed, allowed)


@pytest.mark.parametrize(
    "claim, truth, agrees",
    [
        (math.inf, math.inf, True),
        (math.inf, 1e39, True),
        (-math.inf, -1e39, True),
        (MAX, 1e39, True),
        (math.inf, MAX, True),
        (math.inf, MAX - 1e30, True),
        (MAX - 1e30, 1e39, True),
        (-math.inf, 1e39, False),
        (math.inf, -1e39, False),
        (-math.inf, math.inf, False),
        (5.0, 1e39, False),
        (5.0, math.inf, False),
        (0.0, math.inf, False),
        (-MAX, 1e39, False),
        (math.inf, 1e37, False),
        (math.inf, 0.0, False),
        (math.nan, math.inf, False),
    ],
)
def test_beyond_the_range_an_infinity_of_the_right_sign_is_right(
    claim: float, truth: float, agrees: bool
) -> None:
    """Overflow is right where the truth is beyond the dtype; with the wrong sign it is wrong."""
    ruling = rule(_beyond(claim, truth), MAX)
    assert ruling.verdict is (Verdict.AGREES if agrees else Verdict.WRONG)


@pytest.mark.parametrize(
    "claim, truth, reason",
    [
        (math.nan, 1.0, "not a number where the truth is finite"),
        (math.inf, 1.0, "an infinity where the truth is finite"),
        (1.0, math.inf, "the truth is beyond the dtype's range"),
        (math.inf, 1e39, "beyond the dtype's range"),
        (2e36, 1e36, ""),
    ],
)
def test_reasons(claim: float, truth: float, reason: str) -> None:
    """What is no plain arithmetic is told; what softens a ruling is told besides."""
    gap = _beyond(claim, truth)
    assert rule(gap, MAX).reason == reason
    if not math.isfinite(claim) and truth == 1:
        softer = {
            "an input is below the normal range": replace(gap, subnormal=True),
            "exp overflows in the formula as written, too": replace(
                gap, overflow="exp", bounded=False
            ),
            "a number on the way loses all of its digits in the formula as written, too": replace(
                gap, overflow=CANCELLATION, bounded=False
            ),
        }
        for why, soft in softer.items():
            assert rule(soft, MAX).reason == f"{reason}: {why}"


@QUICK
@given(
    _any, _any, _error, _error, _error, st.booleans(), st.sampled_from(["", "arithmetic", "exp"])
)
def test_agreement_is_never_without_evidence(
    claim: float, truth: float, least: float, spread: float, bound: float, bounded: bool, over: str
) -> None:
    """Whatever comes in, only a distance within the bound, or a shared overflow, agrees."""
    gap = Gap(claim, truth, least, least + spread, bound, 16 * bound, False, over, bounded)
    ruling = rule(gap, MAX)
    if ruling.verdict is Verdict.AGREES:
        near = least + spread <= bound < MAX
        over_both = abs(claim) >= MAX - bound and abs(truth) >= MAX - bound
        assert near or (over_both and (claim > 0) == (truth > 0))
        assert not math.isnan(claim)
        assert not ruling.dropped
    if ruling.verdict is Verdict.UNDECIDED:
        assert ruling.dropped


@QUICK
@given(_error, _error, st.floats(0, 1e10), st.floats(1, 1e6))
def test_a_larger_error_is_never_judged_milder(
    least: float, more: float, bound: float, factor: float
) -> None:
    """Of exactly known distances the verdict gets worse with the distance."""
    first = rule(Gap(1.0, 2.0, least, least, bound, bound * factor), MAX)
    second = rule(Gap(1.0, 2.0, least + more, least + more, bound, bound * factor), MAX)
    assert second.verdict.rank >= first.verdict.rank


def test_overflow_of_a_formula_in_an_unbounded_domain() -> None:
    """What overflows as written is dropped, or milder; in a stated domain it is a fault."""
    wrong = replace(_off(1.0), bounded=False)
    assert rule(wrong, MAX).verdict is Verdict.WRONG
    dropped = Ruling(Verdict.UNDECIDED, dropped="overflow")
    assert rule(replace(wrong, overflow="arithmetic"), MAX) == dropped
    assert rule(replace(wrong, overflow="exp"), MAX).verdict is Verdict.WRONG
    infinite = replace(wrong, overflow="exp", claim=math.nan)
    mild = rule(infinite, MAX)
    assert mild.verdict is Verdict.INACCURATE
    assert "exp overflows" in mild.reason
    for overflow in ("arithmetic", "exp"):
        stated = replace(infinite, overflow=overflow, bounded=True)
        assert rule(stated, MAX).verdict is Verdict.WRONG
    fine = replace(PLAIN, overflow="arithmetic", bounded=False)
    assert rule(fine, MAX).verdict is Verdict.AGREES


THREE = (True, False, None)


@pytest.mark.parametrize("agreements", list(itertools.product(THREE, THREE, THREE)))
def test_two_witnesses_against_one(agreements: tuple[bool | None, ...]) -> None:
    """The odd one out is named only where all three comparisons are decided and say so."""
    named = {
        (False, True, False): "the backward",
        (False, False, True): "the forward",
        (True, False, False): "the oracle",
        (False, False, False): "the forward and the backward",
    }
    assert culprit(*agreements) == named.get(agreements, "")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "verdict, expected, outcome",
    [
        (Verdict.PROVED, "", "passed"),
        (Verdict.AGREES, "", "passed"),
        (Verdict.SUBGRADIENT, "", "passed"),
        (Verdict.SKIPPED, "", "passed"),
        (Verdict.INACCURATE, "", "warned"),
        (Verdict.UNDECIDED, "", "warned"),
        (Verdict.WRONG, "", "failed"),
        (Verdict.ERROR, "", "errors"),
        (Verdict.WRONG, "known", "xfailed"),
        (Verdict.ERROR, "known", "xfailed"),
        (Verdict.INACCURATE, "known", "xfailed"),
        (Verdict.AGREES, "known", "xpassed"),
    ],
)
def test_how_verdicts_count(verdict: Verdict, expected: str, outcome: str) -> None:
    """Every verdict counts as exactly one outcome; an xfail turns the tables."""
    result = Result("f.yaml::x", "reverse", "x", "float64", verdict, expected=expected)
    assert result.outcome == outcome


def test_verdicts_are_ordered_from_best_to_worst() -> None:
    """Ranks rise from proved to error."""
    ranks = [verdict.rank for verdict in Verdict]
    assert ranks == sorted(set(ranks))
    assert Verdict.AGREES.rank < Verdict.INACCURATE.rank < Verdict.WRONG.rank < Verdict.ERROR.rank


def test_records_are_frozen() -> None:
    """What a check concluded cannot be changed afterwards."""
    case = Case({}, None, (), Measured(1.0), None, None, 0.0, 0.0, 0.0)
    for record, name in ((case, "reason"), (PLAIN, "claim"), (Measured(1.0), "value")):
        with pytest.raises(AttributeError):
            setattr(record, name, 1)


@pytest.mark.parametrize("bounded", [True, False])
def test_overflow_of_a_product_that_nobody_has_to_form_is_dropped(bounded: bool) -> None:
    """Only infinities and NaN are excused by it; a finite number was not made by overflow."""
    crowded = replace(_off(1.0), crowded=True, bounded=bounded)
    assert rule(crowded, MAX).verdict is Verdict.WRONG
    for claim in (math.inf, -math.inf, math.nan):
        dropped = Ruling(Verdict.UNDECIDED, dropped="overflow")
        assert rule(replace(crowded, claim=claim), MAX) == dropped
        assert rule(replace(crowded, claim=claim, crowded=False), MAX).verdict is Verdict.WRONG
    assert rule(replace(PLAIN, crowded=True), MAX).verdict is Verdict.AGREES


@pytest.mark.parametrize("claim", [math.nan, math.inf, -math.inf])
def test_what_an_input_below_the_normal_range_makes_infinite(claim: float) -> None:
    """Told, and not called wrong; a finite number that is wrong there is."""
    gap = replace(PLAIN, claim=claim, least=math.inf, most=math.inf)
    assert rule(gap, MAX).verdict is Verdict.WRONG
    tiny = rule(replace(gap, subnormal=True), MAX)
    assert tiny.verdict is Verdict.INACCURATE
    assert "below the normal range" in tiny.reason
    off = replace(PLAIN, claim=2.0, least=1.0, most=1.0, subnormal=True)
    assert rule(off, MAX).verdict is Verdict.WRONG


def test_overflow_within_the_stated_domain_is_told() -> None:
    """A number that is lost as in the formula as written is wrong, and the reason is given."""
    gap = replace(PLAIN, least=1.0, most=1.0, overflow="exp", overflown=True)
    assert rule(gap, MAX) == Ruling(
        Verdict.WRONG,
        "lost as exp overflows in the formula as written, within the stated domain",
    )
    assert rule(replace(gap, overflown=False), MAX) == Ruling(Verdict.WRONG)
    assert rule(replace(gap, bounded=False), MAX).reason == ""
