"""Functions derived from the one under test: its gradient, and its directional derivative."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from gradcheck_sym.autograd import transforms as torch_side
from gradcheck_sym.run.function import Dims, Function, backward
from gradcheck_sym.sampling.search import COTANGENTS
from gradcheck_sym.sampling.space import Space
from gradcheck_sym.spec.checks import GRAD_OUTPUT, second_tangent_name, tangent_name
from gradcheck_sym.spec.records import Input
from gradcheck_sym.symbolic import transforms as symbolic_side
from gradcheck_sym.symbolic.derivation import Derivation

Shape = tuple[int, ...]


def at_sizes(
    make: Callable[[Function, Dims], Function], base: Callable[[Dims], Function]
) -> Callable[[Dims], Function]:
    """A function derived of another at any choice of sizes; at each of them once."""
    known: dict[tuple[tuple[str, int], ...], Function] = {}

    def at(dims: Dims) -> Function:
        key = tuple(sorted(dims.items()))
        if key not in known:
            known[key] = make(base(dims), dims)
        return known[key]

    return at


def gradient_at(base: Function, dims: Dims, fed: str = GRAD_OUTPUT) -> Function:
    """The function (inputs, grad_output) -> gradient, at one choice of sizes.

    fed: the name of the input that is the grad_output, where the base has one already. Its own
    gradient is what a backward through the backward must give. Raises ProgramError where
    the derivatives are too large.
    """
    derivation = base.derivation(dims)
    derived = symbolic_side.gradient_of(derivation, fed)
    return replace(
        _like(base, derived, {fed: derivation.out_shape}, "gradient"),
        implementation=torch_side.gradient_of(base.implementation, derivation.wrt, fed),
    )


def tangent_at(base: Function, dims: Dims) -> Function:
    """The function (inputs, tangents) -> directional derivative, at one choice of sizes.

    Raises ProgramError where the derivatives are too large.
    """
    return _tangent(base, dims, (), "tangent")


def bent_tangent_at(base: Function, dims: Dims) -> Function:
    """The same with its own gradient by the inputs: reverse over forward, at one choice of sizes.

    Raises ProgramError where the derivatives are too large.
    """
    return _tangent(base, dims, base.derivation(dims).wrt, "bent tangent")


def _tangent(base: Function, dims: Dims, wrt: tuple[str, ...], purpose: str) -> Function:
    """The tangent with its own gradient by wrt."""
    derivation = base.derivation(dims)
    along, shapes = _directions(derivation, tangent_name)
    derived = symbolic_side.tangent_of(derivation, along, wrt)
    return replace(
        _like(base, derived, shapes, purpose),
        implementation=torch_side.tangent_of(base.implementation, derivation.wrt),
    )


def second_tangent_at(base: Function, dims: Dims) -> Function:
    """The function (inputs, tangents, second tangents) -> derivative of J v along the second.

    Forward over forward. Raises ProgramError where the derivatives are too large.
    """
    derivation = base.derivation(dims)
    along, shapes = _directions(derivation, tangent_name)
    beyond, more = _directions(derivation, second_tangent_name)
    once = symbolic_side.tangent_of(derivation, along, derivation.wrt)
    derived = symbolic_side.tangent_of(once, beyond)
    return replace(
        _like(base, derived, {**shapes, **more}, "second tangent"),
        implementation=torch_side.second_tangent_of(base.implementation, derivation.wrt),
    )


def functional_tangent_at(base: Function, dims: Dims) -> Function:
    """The tangent of the gradient of the base as torch.func has it, at one choice of sizes.

    Raises ProgramError where the derivatives are too large.
    """
    gradient = gradient_at(base, dims)
    wrt = base.derivation(dims).wrt
    return replace(
        tangent_at(gradient, dims),
        implementation=torch_side.functional_tangent_of(base.implementation, wrt),
        setting="under torch.func",
    )


def _directions(
    derivation: Derivation, called: Callable[[str], str]
) -> tuple[Mapping[str, str], Mapping[str, Shape]]:
    """The name of a direction for each input with a gradient, and the shape of each direction."""
    along = {name: called(name) for name in derivation.wrt}
    return along, {along[name]: derivation.shapes[name] for name in derivation.wrt}


def _like(
    base: Function, derived: Derivation, shapes: Mapping[str, Shape], purpose: str
) -> Function:
    """The base with another derivation and more inputs; its implementation is still the base's."""

    def stream(words: str, dims: Dims) -> np.random.Generator:
        return base.stream(f"{purpose} {words}", dims)

    return replace(
        base,
        derivation=lambda dims: derived,
        space=_extended(base.space, derived, shapes),
        stream=stream,
        together="elementwise" if base.together == "elementwise" else "each",
        claimant=backward,
        smooth=True,
    )


def _extended(space: Space, derived: Derivation, shapes: Mapping[str, Shape]) -> Space:
    """The space at concrete sizes, with more inputs that are drawn as cotangents are."""
    own = tuple(
        entry
        if entry.value is not None
        else replace(entry, shape=derived.shapes[entry.name][: len(entry.shape)])
        for entry in space.inputs
    )
    position = space.inputs[0].position
    more = tuple(
        Input(name, None, shape, COTANGENTS, None, True, position) for name, shape in shapes.items()
    )
    return replace(space, inputs=own + more, dims=())
