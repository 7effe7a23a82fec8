"""forward: the value that torch computes against the mathematics."""

from __future__ import annotations

from collections.abc import Iterator

from gradcheck_sym.run.conclude import Question, conclude, evidence_of
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.symbolic.derivation import Derivation
from gradcheck_sym.verdict.records import Result


def forward(subject: Subject) -> Iterator[Result]:
    """One result: a right gradient of the wrong function is wrong."""
    evidence = evidence_of(subject)
    yield conclude(Question(subject, "forward", None, value_columns, evidence))


def value_columns(derivation: Derivation) -> slice:
    """The columns of the value."""
    return slice(0, derivation.values)
