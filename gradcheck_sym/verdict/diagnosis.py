"""What is wrong, in words: the known mistakes by name, and what is told once all runs are in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import final

from gradcheck_sym.verdict.records import Result, Verdict


@final
class Pattern(StrEnum):
    """The known mistakes; the words are stable, for machines."""

    NO_GRADIENT = "no-gradient"  # autograd gives none: the graph is cut
    CUT_AGAIN = "cut-second-derivative"  # the gradient has a graph, which leads to no input
    MUTATION = "mutation"  # something was written to that is not the function's own
    UNSELECTED_BRANCH = "unselected-branch"  # 0 times an infinity of the branch not taken
    NOT_FINITE = "not-finite"
    ZERO = "zero-gradient"
    SIGN = "sign"
    RATIO = "constant-ratio"  # 2, 1/n, pi, ... times the truth
    OFFSET = "constant-offset"
    LOW_PRECISION = "low-precision"  # digits of a narrower dtype
    COTANGENT_IGNORED = "cotangent-ignored"  # as if grad_output were all ones
    COTANGENT_TWICE = "cotangent-twice"
    COTANGENT_MISREAD = "cotangent-misread"  # its mean, its absolute value, another order, ...
    STRAIGHT_THROUGH = "straight-through"  # grad_output itself, as if the slope were 1
    CONSTANT_SLOPE = "constant-slope"  # the same slope whatever the inputs are
    CLIPPED = "clipped"
    CONJUGATE = "conjugate"  # of complex numbers: one is missing, or too many
    TRANSPOSED_JACOBIAN = "transposed-jacobian"
    TRANSPOSED = "transposed-gradient"
    MISSING_SUM = "missing-sum"  # over a dimension along which the input was repeated
    WRONG_SUM = "wrong-sum"  # over another dimension than that
    PERMUTED = "permuted"  # the right numbers at other elements
    EXCHANGED = "exchanged"  # the gradient of another input
    OTHER_POINT = "other-point"  # the right formula at other values, such as the output
    OTHER_BRANCH = "other-branch"  # its slope, where a condition says the other way
    STALE = "stale-buffer"  # the right formula at the values of another call
    MISSING_TERM = "missing-term"  # of the product rule or of the sum over paths
    WRONG_TERM = "wrong-term"  # one term with another factor: the wrong sign, twice
    MISSING_FACTOR = "missing-factor"  # of the chain rule
    THRESHOLD = "beyond-threshold"
    INTERVAL = "within-interval"
    TIES = "at-ties"
    KINKS = "at-kinks"  # no member of the generalized gradient
    STRUCTURE = "at-structure"  # a symmetric or triangular matrix, real numbers
    SOME_SIZES = "some-sizes"
    SOME_ELEMENTS = "some-elements"
    ONE_DTYPE = "one-dtype"
    ONE_SETTING = "one-setting"  # one layout, say
    GROWING = "growing-error"  # from nothing, with an input or towards its 0
    NEAR = "near"  # to the truth everywhere, as approximations are
    UNKNOWN = "unknown-pattern"


@final
@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The known mistake that fits what was seen."""

    code: Pattern
    sentence: str  # for people: "2 times the truth at all 57 failing points"


UNKNOWN = Diagnosis(Pattern.UNKNOWN, "unknown pattern")


# ---- once a spec has been judged in all dtypes


def across(results: Sequence[Result]) -> tuple[Result, ...]:
    """The results of one spec, where a fault that only one dtype has is told as such."""
    return tuple(_told(result, results) for result in results)


def _told(result: Result, results: Sequence[Result]) -> Result:
    others = [each for each in results if _alike(each, result) and each.dtype != result.dtype]
    agreeing = [each for each in others if each.verdict.rank < Verdict.INACCURATE.rank]
    if result.verdict is not Verdict.WRONG or not others or agreeing != others:
        return result
    words = f"in {result.dtype} only"
    if result.pattern in ("", Pattern.UNKNOWN):
        return replace(result, diagnosis=f"wrong {words}", pattern=Pattern.ONE_DTYPE.value)
    return replace(result, diagnosis=f"{result.diagnosis}, {words}")


# What is compared in one dtype and in the others, at ordinary layouts.
_BY_DTYPE = frozenset({"forward", "reverse", "dtypes"})


def _alike(one: Result, other: Result) -> bool:
    return (one.input == other.input and {one.check, other.check} <= _BY_DTYPE) or (
        one.check,
        one.input,
    ) == (other.check, other.input)
