"""reverse: autograd's vector-Jacobian products against the symbolic derivative."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from gradcheck_sym.run.conclude import conclude
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.symbolic.derivation import Derivation
from gradcheck_sym.verdict.records import Result


def reverse(subject: Subject) -> Iterator[Result]:
    """One result for each input that requires a gradient."""
    for entry in subject.spec.inputs:
        if entry.requires_grad:
            yield conclude(subject, "reverse", entry.name, partial(_gradient, entry.name))


def _gradient(name: str, derivation: Derivation) -> slice:
    return derivation.columns()[name]
