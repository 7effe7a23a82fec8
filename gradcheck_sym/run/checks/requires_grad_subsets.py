"""requires_grad_subsets: each subset of the inputs requires a gradient, the others do not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gradcheck_sym.autograd.ledger import Claims
from gradcheck_sym.autograd.reverse import reverse
from gradcheck_sym.autograd.subsets import reverse_alone, subsets
from gradcheck_sym.autograd.support import Feature
from gradcheck_sym.run.conclude import conclude_each
from gradcheck_sym.run.evidence import Evidence
from gradcheck_sym.run.function import Function, Request
from gradcheck_sym.run.sample import Sample, sampled
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.verdict.records import Result

_EXCUSES = frozenset({Feature.GRAD})
_SAMPLE = Sample(edges=2, bulk=4)

Subset = tuple[str, ...]


def requires_grad_subsets(subject: Subject) -> Iterator[Result]:
    """One result for each input: its gradient in every subset that it belongs to."""
    wrt = subject.graded
    by_subset = {
        subset: sampled(subject, _restricted(subject.function, subset), _SAMPLE)
        for subset in subsets(wrt)
        if subset and subset != wrt
    }
    for name in wrt:
        evidence: list[Evidence] = [
            item for subset, items in by_subset.items() if name in subset for item in items
        ]
        evidence += sampled(subject, _alone(subject.function, name), _SAMPLE)
        yield from conclude_each(
            subject, "requires_grad_subsets", [name], evidence, _EXCUSES, digits=False
        )


def _restricted(function: Function, subset: Subset) -> Function:
    """The function run with a gradient for some of the inputs only."""
    told = f"only {', '.join(subset)} {'requires' if len(subset) == 1 else 'require'} a gradient"

    def claim(asked: Request) -> Claims:
        return reverse(*replace(asked, wrt=subset).arguments)

    return replace(function, claimant=claim, setting=told, together="each")


def _alone(function: Function, name: str) -> Function:
    """The function run with a gradient for all inputs, of which one is asked for."""

    def claim(asked: Request) -> Claims:
        return reverse_alone(*asked.lanes, name)

    told = f"torch.autograd.grad of {name} alone"
    return replace(function, claimant=claim, setting=told, together="each")
