"""second_order: a backward through the backward, and forward mode through it, against the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from gradcheck_sym.autograd.support import Feature
from gradcheck_sym.autograd.transforms import Reach, reached
from gradcheck_sym.run.conclude import conclude_each
from gradcheck_sym.run.derived import (
    at_sizes,
    bent_tangent_at,
    functional_tangent_at,
    gradient_at,
    second_tangent_at,
    tangent_at,
)
from gradcheck_sym.run.elsewhere import WIDE, at_middle, elsewhere, wrong_in_other_dtypes
from gradcheck_sym.run.evidence import Evidence, Pardon
from gradcheck_sym.run.function import Dims, Function
from gradcheck_sym.run.promised import excuse
from gradcheck_sym.run.sample import Sample, aimed, exampled, sampled, spread
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.run.suspects import gradient_suspected
from gradcheck_sym.run.thrice import wrong_again
from gradcheck_sym.run.tracked import in_other_ways, with_graph
from gradcheck_sym.run.trial import Trial
from gradcheck_sym.spec.checks import GRAD_OUTPUT
from gradcheck_sym.symbolic.program import ProgramError
from gradcheck_sym.verdict.diagnosis import Pattern
from gradcheck_sym.verdict.records import Result, Verdict

_SAMPLE = Sample(edges=24, bulk=24)
_OF_TANGENT = Sample(edges=12, bulk=6)
_OF_REACH = Sample(edges=0, bulk=3)
_MANY = 128
_FEW = 3
_ACCUSED = "the backward"
_LACKING = frozenset({Feature.DERIVATIVE, Feature.GRAD, Feature.REWRITTEN, Feature.OTHER})
_UNTURNED = _LACKING | {Feature.FORWARD_MODE, Feature.VMAP}
# What makes a function of the one under test, and what is judged of it: its value, or, where there
# is nothing, its gradients.
_OTHERWISE: tuple[tuple[Callable[[Function, Dims], Function], tuple[None, ...]], ...] = (
    (bent_tangent_at, ()),
    (second_tangent_at, (None,)),
    (functional_tangent_at, (None,)),
)
_CUT = (
    "the second derivative is silently cut: the gradient has a graph that leads to no input; "
    "torch.autograd.function.once_differentiable says so aloud"
)


def second_order(subject: Subject) -> Iterator[Result]:
    """One result for each input and for grad_output, and one for forward over reverse.

    Where the gradient's derivatives are not wrong, those of the tangent may be: torch has formulas
    of their own for tangents, and differentiates these as well.
    """
    gradient = _gradient(subject)
    wrong: dict[str | None, Result] | None = None
    for result in _of_gradient(subject, gradient):
        if result.verdict in (Verdict.WRONG, Verdict.ERROR):
            yield result
            continue
        if wrong is None:
            wrong = _wrong_otherwise(subject, gradient)
        yield wrong.get(result.input, result)


def _of_gradient(subject: Subject, gradient: Callable[[Dims], Function]) -> Iterator[Result]:
    """What becomes of the gradient, differentiated in reverse and along tangents.

    The function under test is the gradient: its own gradient holds Hessian-vector products,
    mixed partials and the derivative by grad_output. A backward that works with what its forward
    made and saved, or that leaves torch, is not differentiable twice; that is reported, as where it
    raises, and no mistake. One that has the inputs at hand and cuts them off is wrong.
    """
    turns = [*aimed(subject, gradient, subject.function_at, subject.probed)]
    evidence = [*turns, *_at_points(subject, gradient)]
    wrt = evidence[0].trial.derivation.wrt
    usual = evidence[-1].trial
    reach = _reach(subject, usual)
    pardon = partial(excuse, subject, reach)
    evidence += in_other_ways(subject, evidence[-1])
    evidence += elsewhere(subject, gradient, gradient_suspected) if reach.inputs else ()
    first = _first(subject)
    for result in _judged(wrt, pardon, subject, evidence):
        cut = result.verdict is Verdict.WRONG and not reach.inputs and not reach.keeps
        told = _cut(result) if cut and result.input in subject.graded else result
        yield first.get(result.input, told)
    if reach.inputs:
        judged = partial(_judged_otherwise, wrt, subject)
        yield from wrong_in_other_dtypes(subject, at_middle(_gradient), judged, WIDE)
        if reach.by_hand or (reach.by_torch and subject.implementation.kind != "user"):
            yield from wrong_again(subject, gradient, usual, partial(_third, wrt))
        tangent = at_sizes(tangent_at, gradient)
        known = [item.trial for item in turns]
        along = [*aimed(subject, tangent, gradient, known), *_at_points(subject, tangent)]
        excuses = _LACKING | {Feature.FORWARD_MODE}
        yield from conclude_each(
            subject, "second_order", [None], along, excuses, _ACCUSED, pardon=pardon
        )


def _wrong_otherwise(
    subject: Subject, gradient: Callable[[Dims], Function]
) -> dict[str | None, Result]:
    """What is wrong in other orders, by input: reverse over forward, forward over forward (None).

    And under torch.func. Of a user's own code only the first: torch itself drops second tangents of
    Functions. And that of jvps of the user's own, where they work with nothing but the inputs.
    """
    users = subject.implementation.kind == "user"
    if users and not _is_of_inputs(subject, gradient):
        return {}
    found: dict[str | None, Result] = {}
    for make, entries in _OTHERWISE[: 1 if users else None]:
        function = at_sizes(make, subject.function_at)
        try:
            evidence = [
                *exampled(subject, function),
                *sampled(subject, function(subject.middle), _OF_TANGENT),
            ]
        except ProgramError:
            continue
        asked = entries or subject.graded
        for result in conclude_each(
            subject, "second_order", asked, evidence, _UNTURNED, "the jvp", digits=False
        ):
            if result.verdict is Verdict.WRONG:
                found.setdefault(result.input, result)
    return found


def _is_of_inputs(subject: Subject, gradient: Callable[[Dims], Function]) -> bool:
    """Whether all has a jvp of its own, and is made of nothing that is a constant to it."""
    made = sampled(subject, gradient(subject.middle), _OF_REACH)
    reach = _reach(subject, made[-1].trial)
    return reach.jvps and bool(reach.inputs) and not reach.keeps


def _gradient(subject: Subject) -> Callable[[Dims], Function]:
    return at_sizes(gradient_at, subject.function_at)


def _judged(
    wrt: Sequence[str], pardon: Pardon, subject: Subject, evidence: Sequence[Evidence]
) -> Iterator[Result]:
    return conclude_each(subject, "second_order", wrt, evidence, _LACKING, _ACCUSED, pardon=pardon)


def _judged_otherwise(
    wrt: Sequence[str], usual: Subject, other: Subject, evidence: Sequence[Evidence]
) -> Iterator[Result]:
    """In another dtype, in which the graph of the gradient may lead elsewhere: a cast cuts it."""
    pardon = partial(excuse, usual, _reach(other, evidence[-1].trial))
    return _judged(wrt, pardon, other, evidence)


def _third(wrt: Sequence[str], subject: Subject, evidence: Sequence[Evidence]) -> Iterator[Result]:
    return conclude_each(subject, "second_order", wrt, evidence, _LACKING, _ACCUSED)


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
        *sampled(subject, made(subject.middle), _SAMPLE),
    ]


def _cut(result: Result) -> Result:
    return replace(result, diagnosis=_CUT, pattern=Pattern.CUT_AGAIN.value)


def _reach(subject: Subject, trial: Trial) -> Reach:
    """What the graph of the gradient leads to, at a few points of its trial."""
    few = {name: array[:_FEW] for name, array in trial.values.items()}
    fed = few.pop(GRAD_OUTPUT)
    return reached(subject.implementation, few, subject.graded, fed, subject.dtype.name)
