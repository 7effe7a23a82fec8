"""What a page shows of a spec before any point is looked at; runs none of its implementation."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from gradcheck_sym.run.domains import is_elementwise, space_of
from gradcheck_sym.run.graph import graph_of
from gradcheck_sym.sampling.shapes import assignments
from gradcheck_sym.spec.records import Spec
from gradcheck_sym.symbolic.derivation import derive
from gradcheck_sym.symbolic.display import slope
from gradcheck_sym.symbolic.lower import LowerError
from gradcheck_sym.symbolic.mechanics import StepsError, predict
from gradcheck_sym.symbolic.program import ProgramError
from gradcheck_sym.verdict.pictures import Graph, Portrait, Slope

_REFERENCE = "float64"  # the dtype in which inferred domains and values are told


def portrait(spec: Spec) -> Portrait:
    """Derivatives, domains, kinks and the graph of steps; less where the spec is at fault."""
    graph = _graph(spec) if spec.steps else None
    if spec.expr is None:
        return Portrait(domains={entry.name: entry.domain for entry in spec.inputs}, graph=graph)
    try:
        space = space_of(spec, _REFERENCE, derive(spec, assignments(spec.dims)[0]).forward)
        slopes = tuple(_slopes(spec))
    except (LowerError, ProgramError):
        return Portrait(graph=graph)
    domains = {entry.name: entry.domain for entry in space.inputs}
    return Portrait(slopes, domains, space.thresholds, graph)


def _slopes(spec: Spec) -> Iterator[Slope]:
    elementwise = is_elementwise(spec, partial(derive, spec))
    for entry in spec.inputs:
        found = slope(spec, entry.name, elementwise) if entry.requires_grad else None
        if found is not None:
            yield found


def _graph(spec: Spec) -> Graph | None:
    try:
        return graph_of(spec, predict(spec, _REFERENCE))
    except StepsError:
        return None
