"""How results count on the page: well, as a warning, badly; with a sign each."""

from __future__ import annotations

from collections.abc import Iterable

from gradcheck_sym.report.words import SIGNS
from gradcheck_sym.verdict.records import Result, Verdict

STATES = {
    "passed": "good",
    "xfailed": "good",
    "warned": "warn",
    "xpassed": "warn",
    "failed": "bad",
    "errors": "bad",
}  # of each outcome
_SKIPPED = "–"


def state(result: Result) -> str:
    """ "good", "warn", "bad", or "none" for what was skipped."""
    return "none" if result.verdict is Verdict.SKIPPED else STATES[result.outcome]


def sign(result: Result) -> str:
    """The sign of a result."""
    return _SKIPPED if result.verdict is Verdict.SKIPPED else SIGNS[result.outcome].text


def worst(results: Iterable[Result], strict: bool) -> str:
    """The worst state of some results; a warning is as bad as a failure where it fails the run."""
    found = set(map(state, results))
    if strict and "warn" in found:
        return "bad"
    return next((each for each in ("bad", "warn", "good") if each in found), "none")
