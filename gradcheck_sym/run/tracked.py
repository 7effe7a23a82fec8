"""What requires a gradient while one is differentiated again: the ways in which users ask for it.

A gradient penalty feeds ones, which require none, and differentiates by the inputs that it is
about. A backward can see both, and that it is run with create_graph=True at all, and so may take
another way than where everything requires a gradient.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from gradcheck_sym.autograd.ledger import TRACKED, UNTRACKED, Claims
from gradcheck_sym.autograd.reverse import reverse
from gradcheck_sym.autograd.subsets import Subset, subsets
from gradcheck_sym.autograd.transforms import gradient_of
from gradcheck_sym.run.evidence import Evidence
from gradcheck_sym.run.function import Floats, Request
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.run.trial import Trial
from gradcheck_sym.spec.checks import GRAD_OUTPUT

_FEW = 6  # points at which a gradient is differentiated in each way
_SOME = 6  # points of each trial at which gradients are asked for with a graph, one by one

_GRAPHS = {
    UNTRACKED: "create_graph=True",
    TRACKED: "create_graph=True, and a grad_output that requires a gradient",
}


def with_graph(subject: Subject) -> Iterator[Evidence]:
    """The points at which the function was judged already, then again with create_graph=True."""
    for trial in subject.trials:
        yield Evidence(subject.function, trial)
    for graph, setting in _GRAPHS.items():
        claimant = partial(_with_graph, graph)
        function = replace(subject.function, claimant=claimant, setting=setting)
        if not subject.elementwise:
            function = replace(function, together="each")
        for trial in subject.trials:
            usual = trial if subject.elementwise else trial.thinned(_SOME)
            yield Evidence(function, function.again(usual, function.together))


def _with_graph(graph: str, asked: Request) -> Claims:
    return reverse(*asked.arguments, graph)


def in_other_ways(subject: Subject, usual: Evidence) -> Iterator[Evidence]:
    """A few points of a gradient again, where only some of its inputs require a gradient."""
    few = usual.trial.take(range(min(_FEW, len(usual.trial.claimed))))
    everything = usual.trial.derivation.wrt
    for subset in subsets(subject.graded):
        for tracked in ((*subset, GRAD_OUTPUT), subset) if subset else ():
            untracked = [name for name in everything if name not in tracked]
            if not untracked:
                continue
            function = replace(
                usual.function,
                implementation=gradient_of(subject.implementation, subject.graded, tracked=tracked),
                claimant=partial(_restricted, tracked),
                setting=f"{' and '.join(untracked)} requiring no gradient",
                weights=_asked_for(usual.trial, subject.graded, subset),
            )
            trial = function.trial(few.batch, "each", few.cotangents)
            if subset == subject.graded:
                trial = trial.beside(few)
            yield Evidence(function, trial, frozenset(untracked))


def _restricted(tracked: Subset, asked: Request) -> Claims:
    return reverse(*replace(asked, wrt=tracked).arguments)


def _asked_for(trial: Trial, graded: Subset, subset: Subset) -> Floats:
    """1 for each element of the gradients by a subset of the inputs, 0 for the others: flat."""
    sizes = [int(np.prod(trial.derivation.shapes[name])) for name in graded]
    return np.repeat([float(name in subset) for name in graded], sizes)
