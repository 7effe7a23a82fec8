"""Where the points of a spec may lie: its sizes, domains, conditions and thresholds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck_sym.sampling.space import Constraint, Space
from gradcheck_sym.spec import tree
from gradcheck_sym.spec.functions import FUNCTIONS
from gradcheck_sym.spec.records import Domain, Expression, Input, Interval, Spec
from gradcheck_sym.symbolic import floats, structure
from gradcheck_sym.symbolic.derivation import Derivation, condition
from gradcheck_sym.symbolic.program import Program

Floats = npt.NDArray[np.float64]
Dims = Mapping[str, int]

# Functions of arrays that know no place of an element along a dimension they leave alone: what
# they do to two slices, they do to any number.
_PLACELESS = frozenset(
    """amax amin clamp cumprod cumsum detach log_softmax logsumexp matmul max mean min norm prod
    softmax sort std sum unsqueeze var where""".split()
)

_ALONE = frozenset({"clamp", "where"})  # of several arrays, each element alone


def space_of(spec: Spec, dtype: str, forward: Program) -> Space:
    """Where points may lie: stated domains, else those that the functions of the value need."""
    natural = _by_input(structure.natural_domains(forward))
    marks = _by_input(structure.thresholds(forward))
    return Space(
        tuple(_with_domain(entry, natural.get(entry.name, ())) for entry in spec.inputs),
        dtype,
        spec.dims,
        tuple(_constraint(spec, expression) for expression in spec.where),
        {name: tuple(sorted({x for part in parts for x in part})) for name, parts in marks.items()},
    )


def is_bounded(entry: Input) -> bool:
    """Whether an input is fixed, or its author states a bounded domain."""
    if entry.value is not None:
        return True
    pieces = () if entry.domain is None else entry.domain.intervals
    return bool(pieces) and -np.inf < pieces[0].low and pieces[-1].high < np.inf


def is_elementwise(spec: Spec, derivation: Callable[[Dims], Derivation]) -> bool:
    """Whether element k of the value depends on element k of the inputs and on nothing else.

    Looked at with every dim at 2; inputs without a gradient may be numbers that all share. Nor on
    k itself, as where a position is counted: cumsum(ones(n), 0), or on how many there are: x/n.
    """
    if not spec.dims or any(dim.declared for dim in spec.dims):
        return False
    if not is_placeless(spec, {dim.name for dim in spec.dims}):
        return False
    some = derivation({dim.name: 2 for dim in spec.dims})
    if some.complex_value or any(entry.complex for entry in spec.inputs):
        return False  # what one long vector is made of are numbers, not pairs
    mine, shared = [], set()
    for entry in spec.inputs:
        shape = some.shapes[entry.name]
        if shape == some.out_shape and entry.value is None:
            mine.append(entry.name)
        elif entry.value is not None and not shape and not entry.requires_grad:
            shared.add(entry.name)
        else:
            return False
    names = [some.flat_names(name) for name in mine]
    return bool(mine) and structure.is_elementwise(some.forward, names, frozenset(shared))


def is_placeless(spec: Spec, along: Collection[str]) -> bool:
    """Whether the mathematics knows neither an element's place along those dims nor their size.

    Of functions of arrays, where they act along other axes.
    """
    assert spec.expr is not None
    parts = [spec.expr, *(expression for _, expression in spec.let)]
    return _is_made_of(parts, _PLACELESS, along)


def _is_made_of(
    parts: Iterable[Expression], functions: Collection[str], along: Collection[str]
) -> bool:
    """Whether all that is no such function acts on elements alone, and none names those dims."""
    return all(
        node.name not in along
        if isinstance(node, tree.Name)
        else acts_elementwise(node) or (isinstance(node, tree.Call) and node.function in functions)
        for part in parts
        for node in tree.walk(part.tree)
    )


def acts_elementwise(node: tree.Node) -> bool:
    """Whether a node of a tree does the same to each element alone."""
    is_array = isinstance(node, tree.Call) and not FUNCTIONS[node.function].elementwise
    return not (is_array or isinstance(node, (tree.Index, tree.Sequence)))


def broadcasts(spec: Spec) -> bool:
    """Whether other shapes that broadcast mean the same mathematics: it is of elements alone.

    No size has a stated range, and none is a number of the mathematics.
    """
    if spec.expr is None or not spec.dims or any(dim.declared for dim in spec.dims):
        return False
    parts = [spec.expr, *(expression for _, expression in spec.let), *spec.where]
    return _is_made_of(parts, _ALONE, {dim.name for dim in spec.dims})


def sizes_of(spec: Spec, point: Mapping[str, Any], given: Dims) -> Dims:
    """The sizes of a spec's dims that a point's arrays imply; those given win."""
    found = {dim.name: dim.low for dim in spec.dims}
    for entry in spec.inputs:
        shape = np.shape(point.get(entry.name, entry.value))
        pairs = zip(entry.real_shape, shape, strict=False)
        found |= {name: size for name, size in pairs if isinstance(name, str)}
    return found | dict(given)


def _by_input(found: Mapping[str, Any]) -> dict[str, list[Any]]:
    """What is known of flat inputs, collected by the input that they are elements of."""
    collected: dict[str, list[Any]] = {}
    for flat, value in found.items():
        collected.setdefault(flat.partition("[")[0], []).append(value)
    return collected


def _with_domain(entry: Input, ranges: Sequence[tuple[float, float]]) -> Input:
    """The input with the domain that its functions need, where the author states none."""
    if entry.domain is not None or entry.value is not None or not ranges:
        return entry
    low, high = max(low for low, _ in ranges), min(high for _, high in ranges)
    return replace(
        entry, domain=Domain((Interval(low, high, low_closed=False, high_closed=False),))
    )


def _constraint(spec: Spec, expression: Expression) -> Constraint:
    """A `where` of the spec as a test on arrays of points."""

    def holds(values: Mapping[str, Floats]) -> npt.NDArray[np.bool_]:
        own = [values[entry.name] for entry in spec.inputs]
        lanes = len(own[0])
        shapes = {name: values[name].shape[1:] for name in (entry.name for entry in spec.inputs)}
        program = condition(spec, expression, shapes)
        rows = np.concatenate(
            [array.reshape(lanes, prod(array.shape[1:])) for array in own], axis=1
        )
        found = np.array(floats.evaluate(program, rows), dtype=np.bool_)
        return found.reshape(len(program.outputs), lanes).T  # arrays may have no elements

    return Constraint(f"where {expression.text}", holds)
