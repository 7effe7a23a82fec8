"""requires_grad_subsets: each subset of the inputs requires a gradient, the others do not.

The empty one as well: who wants no gradient gets the same value.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

from gradcheck_sym.autograd.ledger import Claims
from gradcheck_sym.autograd.reverse import reverse
from gradcheck_sym.autograd.subsets import (
    NO_GRAD,
    WITHOUT_GRAPH,
    reverse_alone,
    subsets,
    untracked,
)
from gradcheck_sym.autograd.support import Feature
from gradcheck_sym.run.conclude import blank, conclude_each
from gradcheck_sym.run.elsewhere import in_layouts, wrong_in_other_dtypes
from gradcheck_sym.run.evidence import Evidence
from gradcheck_sym.run.function import Dims, Function, Request
from gradcheck_sym.run.probing import unwanted
from gradcheck_sym.run.sample import Sample, sampled
from gradcheck_sym.run.shapes import wide_sizes
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.run.trial import Trial
from gradcheck_sym.verdict.records import Result, Verdict

_CHECK = "requires_grad_subsets"
_EXCUSES = frozenset({Feature.GRAD})
_SAMPLE = Sample(edges=2, bulk=4)
_FEW = Sample(edges=0, bulk=2)

# How the text of a problem begins that is a slip of its author's, not a refusal.
_MISTAKES = ("AttributeError", "IndexError", "KeyError", "NameError", "TypeError", "UnboundLocal")

Subset = tuple[str, ...]


def requires_grad_subsets(subject: Subject) -> Iterator[Result]:
    """One result for the value where no gradient is wanted, and one for each of several inputs.

    That of an input has its gradient in every subset that it belongs to. An implementation may
    refuse to run without a graph, where it differentiates on its own, say.
    """
    yield from _valued(subject)
    if len(subject.graded) > 1:
        yield from _graded(subject)


# --- no gradient at all -------------------------------------------------------------------


def _valued(subject: Subject) -> Iterator[Result]:
    """The value at points where it is known, run in each way that wants no gradient.

    Only what comes out otherwise than as usual is judged: the rest is up to the forward check.
    A user's own code is run at all points where neither torch nor an input wants a gradient.
    """
    refused: list[str] = []
    evidence: list[Evidence] = []
    for made, usual in _ways(subject):
        trial = made.again(usual)
        if _refuses(trial):
            refused.append(made.setting)
        else:
            evidence.append(Evidence(made, trial))
    said = f"not taken: {', '.join(dict.fromkeys(refused))}" if refused else ""
    if not evidence:
        yield replace(blank(subject, _CHECK, None), verdict=Verdict.SKIPPED, message=said)
        return
    for result in conclude_each(subject, _CHECK, [None], evidence):
        yield replace(result, message=result.message or said)


def _ways(subject: Subject) -> Iterator[tuple[Function, Trial]]:
    """Functions that want no gradient, and points as they are run usually."""
    none = "no input requires a gradient"
    few = [item.trial for item in sampled(subject, subject.function, _SAMPLE)]
    yield from product([_ungraded(subject.function, none)], few)
    for told in WITHOUT_GRAPH:
        yield from product([_untracked(subject.function, told)], few)
    if subject.implementation.kind == "user":
        both = _ungraded(_untracked(subject.function, NO_GRAD), f"{none}, {NO_GRAD}")
        yield from product([both], [*subject.trials, *_unwanted(subject)])


def _unwanted(subject: Subject) -> Iterator[Trial]:
    """Points at which a user's own code takes another way where no gradient is wanted."""
    if subject.options.point is None:
        trial = unwanted(subject.function, subject.middle)
        yield from () if trial is None else (trial,)


def _ungraded(function: Function, told: str) -> Function:
    """The function run on inputs of which none requires a gradient."""

    def claim(asked: Request) -> Claims:
        return function.claimant(replace(asked, wrt=()))

    return replace(function, claimant=claim, setting=told, together="each")


def _untracked(function: Function, told: str) -> Function:
    """The function run where torch keeps no graph, though all inputs require a gradient."""

    def claim(asked: Request) -> Claims:
        return untracked(*asked.arguments, told=told)

    return replace(function, claimant=claim, setting=told, together="each")


def _refuses(trial: Trial) -> bool:
    """Whether it says at every point that it does not run so; Python's own errors say no such."""
    plainly = not any(text.startswith(_MISTAKES) for text in trial.problems.values())
    return trial.is_refused and plainly


# --- some gradients -----------------------------------------------------------------------


def _graded(subject: Subject) -> Iterator[Result]:
    evidence = [*_in_subsets(subject, _SAMPLE), *_each_alone(subject)]
    if subject.implementation.kind == "user":
        evidence += _widely(subject)
    results = [*_judged(subject, evidence)]
    yield from results
    if not any(result.verdict is Verdict.WRONG for result in results):
        yield from wrong_in_other_dtypes(subject, lambda it: [*_widely(it)], _judged, digits=True)


def _judged(subject: Subject, evidence: Sequence[Evidence]) -> Iterator[Result]:
    return conclude_each(subject, _CHECK, subject.graded, evidence, _EXCUSES, digits=False)


def _in_subsets(
    subject: Subject, sample: Sample, sizes: tuple[Dims, ...] = ()
) -> Iterator[Evidence]:
    """A few points for each subset, neither empty nor whole."""
    wrt = subject.graded
    for subset in subsets(wrt):
        if subset and subset != wrt:
            silent = frozenset(wrt) - {*subset}
            for item in sampled(subject, _restricted(subject.function, subset), sample, sizes):
                yield replace(item, silent=silent)


def _each_alone(subject: Subject) -> Iterator[Evidence]:
    for name in subject.graded:
        silent = frozenset(subject.graded) - {name}
        for item in sampled(subject, _alone(subject.function, name), _SAMPLE):
            yield replace(item, silent=silent)


def _widely(subject: Subject) -> Iterator[Evidence]:
    """The subsets where vectors are full, then with tensors that lie elsewhere in memory.

    Sizes that are refused whatever requires a gradient need not be taken.
    """
    if subject.options.point is not None:
        return
    for item in _in_subsets(subject, _FEW, wide_sizes(subject)):
        if item.trial.is_refused and subject.function.again(item.trial).is_refused:
            continue
        yield item
        if not item.trial.problems:
            yield from in_layouts(item)


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
