"""compile: value and gradients of the compiled implementation against the same truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gradcheck_sym.autograd.compiled import compiled
from gradcheck_sym.autograd.support import Feature
from gradcheck_sym.run.conclude import conclude_each
from gradcheck_sym.run.sample import Sample, sampled
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.verdict.records import Result

_SAMPLE = Sample(edges=16, bulk=16)


def compile_(subject: Subject) -> Iterator[Result]:
    """One result for the value and one for each input that requires a gradient."""
    function = replace(
        subject.function,
        implementation=compiled(subject.implementation),
        together="each",
        setting="compiled",
    )
    evidence = sampled(subject, function, _SAMPLE)
    entries = (None, *subject.graded)
    return conclude_each(subject, "compile", entries, evidence, frozenset({Feature.COMPILE}))
