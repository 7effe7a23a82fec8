"""forward: the value that torch computes against the mathematics."""

from __future__ import annotations

from collections.abc import Iterator

from gradcheck_sym.run.conclude import conclude_each, evidence_of
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.verdict.records import Result


def forward(subject: Subject) -> Iterator[Result]:
    """One result: a right gradient of the wrong function is wrong."""
    return conclude_each(subject, "forward", [None], evidence_of(subject))
