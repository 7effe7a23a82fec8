"""second_order: a backward through the backward, and forward mode through it, against the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from gradcheck_sym.autograd.support import Feature
from gradcheck_sym.autograd.transforms import Reach, reached
from gradcheck_sym.run.conclude import conclude_each
from gradcheck_sym.run.derived import at_sizes, gradient_at, tangent_at
from gradcheck_sym.run.elsewhere import WIDE, at_middle, elsewhere, wrong_in_other_dtypes
from gradcheck_sym.run.evidence import Evidence, Pardon
from gradcheck_sym.run.function import Dims, Function
from gradcheck_sym.run.promised import excuse
from gradcheck_sym.run.sample import Sample, aimed, exampled, middle, sampled, spread
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.run.tracked import in_other_ways, with_graph
from gradcheck_sym.run.trial import Trial
from gradcheck_sym.spec.checks import GRAD_OUTPUT
from gradcheck_sym.verdict.diagnosis import Pattern
from gradcheck_sym.verdict.records import Result, Verdict

_SAMPLE = Sample(edges=24, bulk=24)
_MANY = 128
_FEW = 3
_ACCUSED = "the backward"
_LACKING = frozenset({Feature.DERIVATIVE, Feature.GRAD, Feature.REWRITTEN, Feature.OTHER})
_CUT = (
    "the second derivative is silently cut: the gradient has a graph that leads to no input; "
    "torch.autograd.function.once_differentiable says so aloud"
)


def second_order(subject: Subject) -> Iterator[Result]:
    """One result for each input and for grad_output, and one for forward over reverse.

    The function under test is the gradient: its own gradient holds Hessian-vector products,
    mixed partials and the derivative by grad_output. A backward that works with what its forward
    made and saved, or that leaves torch, is not differentiable twice; that is reported, as where it
    raises, and no mistake. One that has the inputs at hand and cuts them off is wrong.
    """
    gradient = _gradient(subject)
    turns = [*aimed(subject, gradient, subject.function_at, subject.probed)]
    evidence = [*turns, *_at_points(subject, gradient)]
    wrt = evidence[0].trial.derivation.wrt
    reach = _reach(subject, evidence[-1].trial)
    pardon = partial(excuse, subject, reach)
    evidence += in_other_ways(subject, evidence[-1])
    evidence += elsewhere(subject, gradient) if reach.inputs else ()
    first = _first(subject)
    for result in _judged(wrt, pardon, subject, evidence):
        cut = result.verdict is Verdict.WRONG and not reach.inputs and not reach.keeps
        told = _cut(result) if cut and result.input in subject.graded else result
        yield first.get(result.input, told)
    if reach.inputs:
        judged = partial(_judged, wrt, pardon)
        yield from wrong_in_other_dtypes(subject, at_middle(_gradient), judged, WIDE)
        tangent = at_sizes(tangent_at, gradient)
        known = [item.trial for item in turns]
        along = [*aimed(subject, tangent, gradient, known), *_at_points(subject, tangent)]
        excuses = _LACKING | {Feature.FORWARD_MODE}
        yield from conclude_each(
            subject, "second_order", [None], along, excuses, _ACCUSED, pardon=pardon
        )


def _gradient(subject: Subject) -> Callable[[Dims], Function]:
    return at_sizes(gradient_at, subject.function_at)


def _judged(
    wrt: Sequence[str], pardon: Pardon, subject: Subject, evidence: Sequence[Evidence]
) -> Iterator[Result]:
    return conclude_each(subject, "second_order", wrt, evidence, _LACKING, _ACCUSED, pardon=pardon)


def _first(subject: Subject) -> dict[str | None, Result]:
    """The inputs by which the gradient itself is wrong where it has a graph, and nowhere else."""
    found = conclude_each(
        subject, "second_order", subject.graded, [*with_graph(subject)], _LACKING, digits=False
    )
    wrong = (result for result in found if result.verdict is Verdict.WRONG)
    return {r.input: r for r in wrong if r.worst is not None and r.worst.setting}


def _at_points(subject: Subject, made: Callable[[Dims], Function]) -> list[Evidence]:
    return [
        *exampled(subject, made),
        *spread(subject, made, _MANY),
        *sampled(subject, made(middle(subject)), _SAMPLE),
    ]


def _cut(result: Result) -> Result:
    return replace(result, diagnosis=_CUT, pattern=Pattern.CUT_AGAIN.value)


def _reach(subject: Subject, trial: Trial) -> Reach:
    """What the graph of the gradient leads to, at a few points of its trial."""
    few = {name: array[:_FEW] for name, array in trial.values.items()}
    fed = few.pop(GRAD_OUTPUT)
    return reached(subject.implementation, few, subject.graded, fed, subject.dtype.name)
