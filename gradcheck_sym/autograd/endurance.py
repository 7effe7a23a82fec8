"""Whether a function that counts its calls answers after thousands of them as it did at first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import thread_time

import torch

from gradcheck_sym.autograd.counters import counts, has_risen
from gradcheck_sym.autograd.graphs import Gradients, Point, alike, copied, points_of
from gradcheck_sym.autograd.implementation import RAISED, Implementation, told
from gradcheck_sym.autograd.impurity import FORWARD, Impurity, Kind
from gradcheck_sym.autograd.ledger import Array, job_of
from gradcheck_sym.autograd.rivals import different
from gradcheck_sym.autograd.state import repeatable, undisturbed

_CALLS = 2**15  # what tunes or warms itself up is done by then
_PATIENCE = 1.0  # seconds of this thread


def outworn(
    implementation: Implementation,
    values: Mapping[str, Array],
    wrt: tuple[str, ...],
    cotangents: Array | None,
    dtype: str,
) -> Impurity | None:
    """What is different after many calls at the first lane; arguments as of `reverse`.

    Looked at where a number that the function keeps rises by calling it. What changes with the
    number of calls otherwise shows at the thousands of points that other checks visit.
    """
    with undisturbed(), repeatable():
        point = points_of(job_of(implementation, values, wrt, cotangents, dtype))[0]
        stages = [counts(implementation.call)]
        try:
            graph = point.graph()
            stages.append(counts(implementation.call))
            first = copied(graph.pull())
        except RAISED:
            return None  # the other checks tell of it
        stages.append(counts(implementation.call))
        by_forward = has_risen(stages[0], stages[1])
        if not by_forward and not has_risen(stages[1], stages[2]):
            return None
        call = _forward(point) if by_forward else _both(point)
        return _after_many(point, call, graph.value, first)


def _forward(point: Point) -> Callable[[], object]:
    tensors = point.graph().tensors
    return lambda: point.call(tensors)


def _both(point: Point) -> Callable[[], object]:
    return lambda: point.graph().pull()


def _after_many(
    point: Point, call: Callable[[], object], value: torch.Tensor, first: Gradients
) -> Impurity | None:
    """Looks again each time that the number of calls has doubled."""
    begun, calls = thread_time(), 1
    while calls < _CALLS and thread_time() - begun < _PATIENCE:
        try:
            for _ in range(calls):
                call()
            calls *= 2
            graph = point.graph()
            changed = list(different(graph.wrt, graph.pull(), first))
        except RAISED as error:
            return Impurity(Kind.COUNTED, f"after {calls:,} calls it raises {told(error)}")
        if not alike(graph.value, value):
            text = f"after {calls:,} calls the same point has another value"
            return Impurity(Kind.COUNTED, text, by=FORWARD)
        for name in changed:
            text = f"after {calls:,} calls the same point has another gradient of {name}"
            return Impurity(Kind.COUNTED, text, name)
    return None
