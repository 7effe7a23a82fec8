"""Third derivatives that follow from a second one by hand: a backward of a backward is written.

Where a second derivative is made of torch's operators, torch differentiates it, and there is
nothing to look at. A Function in it promises a third one, unless it refuses, or what it kept is no
input: then it was not written for that. Formulas of torch's own for the derivative of a backward
promise one as well: torch differentiates them like any others, and to what was saved they
are blind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from gradcheck_sym.autograd.transforms import Reach, reached
from gradcheck_sym.run.derived import at_sizes, gradient_at
from gradcheck_sym.run.evidence import Evidence
from gradcheck_sym.run.function import Dims, Function
from gradcheck_sym.run.sample import Sample, sampled
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.run.trial import Trial
from gradcheck_sym.spec.checks import GRAD_OUTPUT, tangent_name
from gradcheck_sym.symbolic.program import ProgramError
from gradcheck_sym.verdict.records import Result, Verdict

FED = tangent_name(GRAD_OUTPUT)  # what the gradient's own gradient is fed

_SAMPLE = Sample(edges=0, bulk=6)
_FEW = 2


def wrong_again(
    subject: Subject,
    gradient: Callable[[Dims], Function],
    known: Trial,
    judged: Callable[[Subject, Sequence[Evidence]], Iterator[Result]],
) -> Iterator[Result]:
    """Results of a few points at small sizes; only what is wrong.

    gradient: the gradient as a function at some sizes. known: points of it. judged: what a check
    says of evidence.
    """
    if subject.options.point is not None or not _is_written(subject, gradient, known):
        return
    dims = min(subject.sizes[:2], key=lambda sizes: (1 in sizes.values(), sum(sizes.values())))
    try:
        second = at_sizes(partial(gradient_at, fed=FED), gradient)(dims)
        (*_, item) = sampled(
            subject, replace(second, setting="a third derivative"), _SAMPLE, (dims,)
        )
    except ProgramError:
        return
    if _is_promised(item):
        for result in judged(subject, [item]):
            if result.verdict is Verdict.WRONG:
                yield replace(result, message=f"the third derivative: {result.message}")


def _is_written(subject: Subject, gradient: Callable[[Dims], Function], known: Trial) -> bool:
    """Whether a Function takes part in the second derivative that the gradient has not.

    Of torch's own operators nobody asks but where torch has a formula for it.
    """
    users = subject.implementation.kind == "user"
    return not users or _reach(gradient(known.dims), known).by_hand


def _is_promised(second: Evidence) -> bool:
    """Whether the second derivative keeps nothing but inputs, and has a graph that leads to any."""
    reach = _reach(second.function, second.trial)
    return bool(reach.inputs) and not reach.keeps


def _reach(function: Function, trial: Trial) -> Reach:
    """What the graph of a function's gradient leads to, at a few points of its trial."""
    few = trial.take(range(min(_FEW, len(trial.claimed))))
    return reached(
        function.implementation, few.values, trial.derivation.wrt, few.cotangents, trial.dtype.name
    )
