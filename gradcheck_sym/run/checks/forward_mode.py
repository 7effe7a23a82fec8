"""forward_mode: Jacobian-vector products by dual numbers against the truth."""

from __future__ import annotations

from collections.abc import Iterator

from gradcheck_sym.autograd.support import Feature
from gradcheck_sym.run.conclude import conclude_each
from gradcheck_sym.run.derived import tangent_at
from gradcheck_sym.run.sample import Sample, middle, sampled
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.verdict.records import Result

_SAMPLE = Sample(edges=48, bulk=48)
_EXCUSES = frozenset({Feature.FORWARD_MODE, Feature.DERIVATIVE})


def forward_mode(subject: Subject) -> Iterator[Result]:
    """One result: the value is J v, for tangents v of all inputs with a gradient."""
    evidence = sampled(subject, tangent_at(subject.function, middle(subject)), _SAMPLE)
    return conclude_each(subject, "forward_mode", [None], evidence, _EXCUSES, "the jvp")
