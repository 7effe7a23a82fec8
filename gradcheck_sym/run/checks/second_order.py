"""second_order: a backward through the backward, and forward mode through it, against the truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gradcheck_sym.autograd.support import Feature
from gradcheck_sym.autograd.transforms import reached
from gradcheck_sym.run.conclude import conclude_each
from gradcheck_sym.run.derived import gradient_at, tangent_at
from gradcheck_sym.run.sample import Sample, middle, sampled
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.run.trial import Trial
from gradcheck_sym.spec.checks import GRAD_OUTPUT
from gradcheck_sym.verdict.records import Result, Verdict

_SAMPLE = Sample(edges=24, bulk=24)
_FEW = 3
_ACCUSED = "the backward"
_LACKING = frozenset({Feature.DERIVATIVE, Feature.GRAD, Feature.OTHER})
_SILENT = (
    "not differentiable twice, and it does not say so: the gradient depends on grad_output alone, "
    "what was saved is constant to it; torch.autograd.function.once_differentiable says so"
)


def second_order(subject: Subject) -> Iterator[Result]:
    """One result for each input and for grad_output, and one for forward over reverse.

    The function under test is the gradient: its own gradient holds Hessian-vector products,
    mixed partials and the derivative by grad_output. A backward that nothing but grad_output goes
    into is not differentiable twice; that is reported, as where it raises, and no mistake.
    """
    gradient = gradient_at(subject.function, middle(subject))
    evidence = sampled(subject, gradient, _SAMPLE)
    wrt = evidence[0].trial.derivation.wrt
    unreached = _is_unreached(subject, evidence[-1].trial)
    for result in conclude_each(subject, "second_order", wrt, evidence, _LACKING, _ACCUSED):
        if result.verdict is Verdict.WRONG and unreached and result.input in subject.graded:
            yield replace(result, verdict=Verdict.UNDECIDED, message=_SILENT, culprit="")
        else:
            yield result
    if not unreached:
        along = sampled(subject, tangent_at(gradient, middle(subject)), _SAMPLE)
        excuses = _LACKING | {Feature.FORWARD_MODE}
        yield from conclude_each(subject, "second_order", [None], along, excuses, _ACCUSED)


def _is_unreached(subject: Subject, trial: Trial) -> bool:
    """Whether the graph of the gradient leads to no input, at any of a few points of its trial."""
    few = {name: array[:_FEW] for name, array in trial.values.items()}
    fed = few.pop(GRAD_OUTPUT)
    return not reached(subject.implementation, few, subject.graded, fed, subject.dtype.name)
