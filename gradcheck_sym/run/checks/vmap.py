"""vmap: gradients that torch.func takes of many points at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gradcheck_sym.autograd.ledger import Claims
from gradcheck_sym.autograd.support import Feature
from gradcheck_sym.autograd.transforms import vmapped
from gradcheck_sym.run.conclude import conclude_each
from gradcheck_sym.run.function import Request
from gradcheck_sym.run.sample import Sample, sampled
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.verdict.records import Result

_SAMPLE = Sample(edges=16, bulk=32)
_EXCUSES = frozenset({Feature.VMAP, Feature.LAYOUT, Feature.OTHER})


def vmap(subject: Subject) -> Iterator[Result]:
    """One result for each input that requires a gradient."""
    evidence = sampled(subject, replace(subject.function, claimant=_mapped), _SAMPLE)
    return conclude_each(
        subject, "vmap", subject.graded, evidence, _EXCUSES, "the vmap rule", digits=False
    )


def _mapped(asked: Request) -> Claims:
    return vmapped(*asked.lanes)
