"""What a check concludes: verdicts, the case that shows it, and the result of one check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import final

from gradcheck_sym.verdict.pictures import Outline

UNDERFLOW = "underflow"  # what left the range where a number became too small, and mattered
CANCELLATION = "cancellation"  # where a number lost all of its digits, and may as well be 0


@final
class Verdict(StrEnum):
    """The outcome of a check, from best to worst."""

    PROVED = "proved"
    AGREES = "agrees"
    SUBGRADIENT = "subgradient"
    SKIPPED = "skipped"  # left out by the author, with a reason
    INACCURATE = "inaccurate"
    UNDECIDED = "undecided"
    WRONG = "wrong"
    ERROR = "error"

    @property
    def rank(self) -> int:
        """Position in the order from best to worst."""
        return _RANKS[self]


_RANKS = {verdict: rank for rank, verdict in enumerate(Verdict)}


@final
@dataclass(frozen=True, slots=True)
class Measured:
    """A number with its error: the truth lies within value ± error."""

    value: float
    error: float = 0.0  # inf where the source cannot tell


@final
@dataclass(frozen=True, slots=True)
class Case:
    """One number at one point, as its three witnesses state it."""

    point: Mapping[str, object]  # input name -> nested tuples of floats
    cotangent: object  # nested tuples of floats, of the output's shape; None where none was fed
    index: tuple[int, ...]  # which element of the gradient (or of the value)
    symbolic: Measured
    autograd: float | None  # None: autograd gave no gradient
    numerical: Measured | None  # None: not measured
    error_ulp: float  # |autograd - symbolic| in units in the last place of symbolic, in the dtype
    error_abs: float
    allowed: float  # the derived bound on error_abs
    reason: str = ""  # why the ruling is not plain arithmetic: "a NaN", "the shape is (2,)"
    setting: str = ""  # what was special about the run: "x transposed", "grad_output expanded"


@final
@dataclass(frozen=True, slots=True)
class Result:
    """The verdict on one spec, check, input and dtype."""

    spec: str  # FILE::NAME
    check: str  # out of spec.checks.CHECKS
    input: str | None  # the input whose gradient it is; None where the check has none
    dtype: str
    verdict: Verdict
    points: int = 0  # points decided
    dropped: Mapping[str, int] = field(default_factory=dict)  # reason -> points not decided
    worst: Case | None = None  # the largest error in ulps
    smallest: Case | None = None  # the simplest point that fails
    culprit: str = ""  # "the backward", "the forward", "the oracle"; "" where it is left open
    diagnosis: str = ""  # the known mistake that fits, for people
    message: str = ""  # a sentence for people
    reproduce: str = ""  # the command that shows exactly this again
    expected: str = ""  # reason of an xfail; the verdict is then what was measured
    formula: str = ""
    derivative: str = ""
    line: int = 0  # where the spec begins in its file
    column: int = 0
    pattern: str = ""  # the known mistake as a stable word, out of verdict.diagnosis.Pattern
    id: str = ""  # of the failing case, for `replay`; "" where nothing failed
    pin: str = ""  # the failing point as an entry of the spec's `examples`
    # the errors at all points, where a run is asked to keep them
    outline: Outline | None = field(default=None, repr=False)

    @property
    def outcome(self) -> str:
        """ "passed", "warned", "failed", "errors", "xfailed" or "xpassed": how it counts."""
        bad = self.verdict in (Verdict.WRONG, Verdict.ERROR)
        soft = self.verdict in (Verdict.INACCURATE, Verdict.UNDECIDED)
        if self.expected:
            return "xfailed" if bad or soft else "xpassed"
        if self.verdict is Verdict.ERROR:
            return "errors"
        return "failed" if bad else "warned" if soft else "passed"
