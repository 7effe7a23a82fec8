"""reverse: autograd's vector-Jacobian products against the symbolic derivative."""

from __future__ import annotations

from collections.abc import Iterator

from gradcheck_sym.run.conclude import conclude_each, evidence_of
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.verdict.records import Result


def reverse(subject: Subject) -> Iterator[Result]:
    """One result for each input that requires a gradient."""
    return conclude_each(subject, "reverse", subject.graded, evidence_of(subject))
