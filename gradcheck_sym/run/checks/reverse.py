"""reverse: autograd's vector-Jacobian products against the symbolic derivative."""

from __future__ import annotations

from collections.abc import Iterator

from gradcheck_sym.run.conclude import Columns, Question, conclude, evidence_of
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.symbolic.derivation import Derivation
from gradcheck_sym.verdict.records import Result


def reverse(subject: Subject) -> Iterator[Result]:
    """One result for each input that requires a gradient."""
    for entry in subject.spec.inputs:
        if entry.requires_grad:
            evidence = evidence_of(subject)
            yield conclude(
                Question(subject, "reverse", entry.name, gradient_columns(entry.name), evidence)
            )


def gradient_columns(name: str) -> Columns:
    """The columns of one input's gradient."""

    def columns(derivation: Derivation) -> slice:
        return derivation.columns()[name]

    return columns
