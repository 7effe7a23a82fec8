"""The chain rule, stage by stage: what each stage of a computation is made of, differentiated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np
import numpy.typing as npt

from gradcheck_sym.spec import tree
from gradcheck_sym.spec.functions import CONSTANTS
from gradcheck_sym.spec.records import Dim, Expression, Input, Spec
from gradcheck_sym.spec.stages import Stage, flowing
from gradcheck_sym.spec.tree import Node
from gradcheck_sym.spec.unparse import unparse
from gradcheck_sym.symbolic import floats
from gradcheck_sym.symbolic.complexes import is_complex
from gradcheck_sym.symbolic.derivation import lower_spec
from gradcheck_sym.symbolic.display import slope
from gradcheck_sym.symbolic.lower import Array, LowerError, input_array, lower, lower_condition
from gradcheck_sym.symbolic.program import Builder, Scalar, finish, reachable
from gradcheck_sym.verdict.pictures import Slope

Floats = npt.NDArray[np.float64]


@final
@dataclass(frozen=True, slots=True)
class Link:
    """The derivative of a stage by one of the things that it is made of."""

    stage: str
    by: str  # an input or an earlier stage
    slope: Slope  # for one element of each
    ways: int  # elements of the stage on which that one element acts


def links(
    spec: Spec, stages: Sequence[Stage], dims: Mapping[str, int], *, scalar: bool
) -> tuple[Link, ...]:
    """The links that lead from the inputs with a gradient to the value, in order.

    Args:
        spec: whose stages these are.
        stages: the last one is the value.
        dims: the sizes at which arrays are written out.
        scalar: whether the function acts on each element alone, so that one stands for all.

    Those that are long, or no formula, are left out; there are none where numbers are complex.
    """
    try:
        arrays = _arrays(spec, stages, dims, scalar=scalar)
    except LowerError:
        return ()
    shapes = {name: array.shape for name, array in arrays.items()}
    live = {entry.name for entry in spec.inputs if entry.requires_grad}
    found = []
    for stage in stages if shapes else ():
        names = sorted(flowing(stage.tree) & live, key=_order(stage.tree).index)
        if names:
            live.add(stage.name)
        alone = _alone(spec, stage, shapes, dims)
        found += [link for name in names if (link := _link(stage, name, alone)) is not None]
    return tuple(found)


def _order(node: Node) -> list[str]:
    return [part.name for part in tree.walk(node) if isinstance(part, tree.Name)]


def values(
    spec: Spec,
    stages: Sequence[Stage],
    dims: Mapping[str, int],
    point: Mapping[str, Floats],
) -> Mapping[str, Floats]:
    """What each stage is at a point, in float64; nothing where numbers are complex.

    point: arrays by input name.
    """
    arrays = _arrays(spec, stages, dims, scalar=False)
    wanted = {stage.name: arrays[stage.name] for stage in stages if stage.name in arrays}
    given = {entry.name: arrays[entry.name] for entry in spec.inputs if entry.name in arrays}
    names = [str(scalar.instruction.data) for scalar in _scalars(given.values())]
    row = [number for name in given for number in np.asarray(point[name]).reshape(-1).tolist()]
    program = finish(names, _scalars(wanted.values()))
    with np.errstate(all="ignore"):
        found = iter(floats.evaluate(program, np.asarray([row], dtype=np.float64)))
    return {
        name: np.asarray([float(next(found)[0]) for _ in range(array.size)]).reshape(array.shape)
        for name, array in wanted.items()
    }


def value_of(node: Node, point: Mapping[str, Floats]) -> float | None:
    """A formula's value in float64, of one number; None where the language has no such formula.

    point: arrays by name.
    """
    builder = Builder()
    arrays = {name: input_array(builder, name, array.shape) for name, array in point.items()}
    try:
        found = lower(node, arrays, builder)
    except LowerError:
        return None
    if found.shape:
        return None
    row = [number for array in point.values() for number in array.reshape(-1).tolist()]
    names = [str(scalar.instruction.data) for scalar in _scalars(arrays.values())]
    program = finish(names, _scalars([found]))
    with np.errstate(all="ignore"):
        (value,) = floats.evaluate(program, np.asarray([row], dtype=np.float64))
    return float(value[0])


def settled(node: Node) -> bool | None:
    """Whether a condition between numbers holds; None where names are left in it."""
    if tree.names(node) - set(CONSTANTS):
        return None
    builder = Builder()
    found = lower_condition(node, {}, builder)
    (value,) = floats.evaluate(finish([], _scalars([found])), np.zeros((1, 0)))
    return bool(value[0])


def _arrays(
    spec: Spec, stages: Sequence[Stage], dims: Mapping[str, int], *, scalar: bool
) -> Mapping[str, Array]:
    """Every input, size and stage, lowered; nothing where numbers are complex."""
    if any(entry.complex for entry in spec.inputs):
        return {}
    builder = Builder()
    sizes = {entry.name: () if scalar else entry.sizes(dims) for entry in spec.inputs}
    arrays = {name: input_array(builder, name, shape) for name, shape in sizes.items()}
    for name, size in dims.items():
        arrays[name] = np.array(builder.constant(size), dtype=object)
    for stage in stages:
        arrays[stage.name] = lower(stage.tree, arrays, builder)
        if arrays[stage.name].size and is_complex(arrays[stage.name]):
            return {}
    return arrays


def _alone(
    spec: Spec,
    stage: Stage,
    shapes: Mapping[str, tuple[int, ...]],
    dims: Mapping[str, int],
) -> Spec:
    """A stage as a spec of its own, with what it is made of as inputs."""
    names = [name for name in dict.fromkeys(_order(stage.tree)) if name in shapes]
    inputs = tuple(
        Input(name, None, shapes[name], None, None, requires_grad=True, position=spec.position)
        for name in names
        if name not in dims
    )
    return replace(
        spec,
        inputs=inputs,
        dims=tuple(Dim(name, size, size, declared=True) for name, size in dims.items()),
        let=(),
        expr=Expression(unparse(stage.tree), stage.tree, spec.position),
    )


def _link(stage: Stage, name: str, alone: Spec) -> Link | None:
    found = slope(alone, name)
    if found is None:
        return None
    named = replace(found, of=_renamed(found.of, stage.name))
    return Link(stage.name, name, named, _ways(alone, unparse(found.by)))


def _renamed(node: Node, name: str) -> Node:
    """An element of an array, of another one."""
    if isinstance(node, tree.Index):
        return replace(node, value=tree.Name(name))
    return tree.Name(name)


def _ways(alone: Spec, by: str) -> int:
    """How many elements of the value depend on an element of an input."""
    builder = Builder()
    dims = {dim.name: dim.low for dim in alone.dims}
    arrays = {e.name: input_array(builder, e.name, e.sizes(dims)) for e in alone.inputs}
    value, _ = lower_spec(alone, arrays, dims, builder)
    elements = _scalars(arrays.values())
    (source,) = (e.index for e in elements if str(e.instruction.data) == by.replace(" ", ""))
    used = [reachable(builder.code, [scalar.index]) for scalar in _scalars([value])]
    return sum(source in indices for indices in used)


def _scalars(arrays: Iterable[Array]) -> list[Scalar]:
    return [scalar for array in arrays for scalar in array.reshape(-1)]
