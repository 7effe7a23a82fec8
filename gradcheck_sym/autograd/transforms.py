"""Functions made of a function: its gradient, and its directional derivative.

Both are implementations again: whatever judges a function and its backward can judge
them and theirs. The backward of a gradient is the second derivative; the tangent of a gradient is
forward over reverse, the gradient of a tangent reverse over forward.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import final

import torch
from torch import Tensor
from torch.autograd import forward_ad

from gradcheck_sym.autograd.complexes import realigned
from gradcheck_sym.autograd.graphs import same
from gradcheck_sym.autograd.implementation import RAISED, Implementation, ImplementationError
from gradcheck_sym.autograd.leaving import Leaving
from gradcheck_sym.autograd.ledger import Array, dense, job_of
from gradcheck_sym.autograd.memory import (
    constants,
    has_formula,
    has_jvps,
    own_nodes,
    parameters,
    plain_numbers,
)
from gradcheck_sym.autograd.state import undisturbed
from gradcheck_sym.autograd.support import Feature, UnsupportedError
from gradcheck_sym.spec.checks import (
    GRAD_OUTPUT,
    is_tangent,
    second_tangent_name,
    tangent_name,
)

# --- the gradient -------------------------------------------------------------------------


def gradient_of(
    implementation: Implementation,
    wrt: tuple[str, ...],
    fed: str = GRAD_OUTPUT,
    tracked: Collection[str] | None = None,
) -> Implementation:
    """The gradients by `wrt` as a function of the inputs and of the cotangent, an input `fed`.

    They are flat, one after the other: (number of elements of all in wrt,); an input that the
    graph does not reach has zeros. Computed with create_graph=True. The call raises
    UnsupportedError where the gradient has no graph at all, so that nobody can mistake it for one
    that can be differentiated again; a graph that lacks a part shows in wrong numbers only.

    tracked: those of wrt and `fed` that require a gradient, the others have zeros; None: all.
    """
    chosen = {*wrt, fed} if tracked is None else set(tracked)

    def call(tensors: Mapping[str, Tensor]) -> Tensor:
        given = {k: _tracked(tensor) if k in chosen else tensor for k, tensor in tensors.items()}
        cotangent = given.pop(fed)
        leaves = {name: given[name] for name in wrt if name in chosen}
        with torch.enable_grad():
            result = implementation.call(given)
            parts = dict(zip(leaves, _pulled(result, [*leaves.values()], cotangent), strict=True))
            flat = [_flat(parts.get(name), given[name]) for name in wrt]
            if implementation.complex:
                flat = [realigned(part) for part in flat]
            return _reaching(torch.cat(flat), tensors)

    return replace(
        implementation, call=call, description=f"gradient of {implementation.description}"
    )


@final
@dataclass(frozen=True, slots=True)
class Reach:
    """What the graph of a gradient consists of."""

    inputs: frozenset[str]  # those that it leads to, at some point
    keeps: bool  # what its own forward made, or what is no torch, is a constant in it
    by_hand: bool  # somebody wrote its derivative: a Function's own backward takes part in it
    by_torch: bool  # torch has a formula for its derivative, and does not make it of its operations
    jvps: bool  # the value is made by Functions with a jvp of their own, and by nothing of torch's


def reached(
    implementation: Implementation,
    values: Mapping[str, Array],
    wrt: tuple[str, ...],
    cotangents: Array,
    dtype: str,
) -> Reach:
    """What the graph of the gradient leads to; arguments as of `reverse`.

    A backward that no input goes into is not differentiable twice, whatever it gives. A lane that
    raises leads nowhere.
    """
    found: set[str] = set()
    numbers: set[str] = set()  # that are kept as no tensors, by lane: constants are the same in all
    keeps = by_hand = by_torch = jvps = False
    with undisturbed():
        job = job_of(implementation, values, wrt, cotangents, dtype)
        for lane in range(job.lanes):
            tensors = {name: batch[lane].detach() for name, batch in job.inputs.items()}
            leaves = {name: tensors[name].requires_grad_() for name in wrt}
            assert job.cotangents is not None
            fed = job.cotangents[lane].detach().requires_grad_()
            try:
                with torch.enable_grad():
                    result = job.call(tensors)
                    jvps |= has_jvps(result)
                    kept = constants(result)
                    numbers.add(repr(plain_numbers(result)))
                    leaving = Leaving(result)
                    parts = _pulled(result, list(leaves.values()), fed)
            except RAISED:
                continue
            lent = [batch[lane] for batch in job.inputs.values()]
            keeps |= any(not any(same(tensor, own) for own in lent) for tensor in kept)
            keeps |= leaving.left
            ends = [leaf for part in parts if part is not None for leaf in parameters(part)]
            by_hand |= any(
                part is not None and own_nodes(part) - own_nodes(result) for part in parts
            )
            by_torch |= any(part is not None and has_formula(part) for part in parts)
            found |= {name for name, leaf in leaves.items() if any(leaf is end for end in ends)}
    return Reach(frozenset(found), keeps or len(numbers) > 1, by_hand, by_torch, jvps)


def _flat(part: Tensor | None, leaf: Tensor) -> Tensor:
    """One gradient, flat. Where the leaf has gaps, so has what is fed to that gradient's backward.

    What goes into a backward of a backward else always lies in one piece.
    """
    if part is None:
        return torch.zeros_like(leaf).flatten()
    whole = dense(part)
    if not leaf.is_contiguous():
        whole = torch.stack([whole, torch.zeros_like(whole)], dim=-1).select(-1, 0)
    return whole.flatten()


def _tracked(tensor: Tensor) -> Tensor:
    """A tensor that requires a gradient: itself, or a view, which keeps its tangent if any."""
    return tensor if tensor.requires_grad else tensor.view_as(tensor).requires_grad_()


def _reaching(result: Tensor, tensors: Mapping[str, Tensor]) -> Tensor:
    """The result, in whose graph all tensors are that require a gradient.

    A derivative may depend on an input at some points only, as that of where(x > 0, x**2, x)
    does; there its own derivative is 0, and no missing one.
    """
    for tensor in tensors.values():
        if tensor.requires_grad:
            result = result + tensor.flatten()[:0].sum().to(result.dtype)  # the empty sum: 0
    return result


def _pulled(result: Tensor, leaves: list[Tensor], fed: Tensor) -> tuple[Tensor | None, ...]:
    if result.shape != fed.shape:
        raise ImplementationError(f"returned shape {tuple(result.shape)}, not {tuple(fed.shape)}")
    if not (result.requires_grad and leaves):
        return (None,) * len(leaves)
    found = torch.autograd.grad(result, leaves, fed, create_graph=True, allow_unused=True)
    parts = [part for part in found if part is not None]  # type: ignore[redundant-expr]
    if not fed.requires_grad:  # of what is linear nothing depends on the inputs
        return found
    # linear in what is fed: where it is not 0, it has a graph, if there is one to be had
    if not any(part.requires_grad for part in parts) and any(bool(part.any()) for part in parts):
        reason = "the gradient has no graph, although create_graph=True asks for one"
        raise UnsupportedError(Feature.DERIVATIVE, reason)
    return found


# --- the directional derivative -----------------------------------------------------------


def tangent_of(implementation: Implementation, wrt: tuple[str, ...]) -> Implementation:
    """The Jacobian times tangents of `wrt`, as forward mode has it: of the shape of the result.

    A function of the inputs and of tangent_name(name) for each of wrt; tangents of others have no
    part in it. A result without tangent, which depends on none of them, gives zeros. The inputs
    require a gradient as well: without one, an operator of torch.library that lacks a formula
    gives none and says nothing. What the call raises for a function without forward mode,
    `unsupported` knows.
    """

    def call(tensors: Mapping[str, Tensor]) -> Tensor:
        along = {name: tensors[tangent_name(name)] for name in wrt}
        given = {k: v for k, v in tensors.items() if not is_tangent(k)}
        with forward_ad.dual_level():
            duals = {k: _dual(_tracked(given[k]), tangent) for k, tangent in along.items()}
            result = implementation.call({**given, **duals})
            return _reaching(_tangent(result), tensors)

    return replace(
        implementation, call=call, description=f"tangent of {implementation.description}"
    )


def jvp_of(implementation: Implementation, wrt: tuple[str, ...]) -> Implementation:
    """The same as tangent_of, by torch.func.jvp, which a map takes."""

    def call(tensors: Mapping[str, Tensor]) -> Tensor:
        return _along_own(_by_position(implementation, wrt, tensors), wrt, tensors)

    return replace(
        implementation, call=call, description=f"tangent of {implementation.description}"
    )


def second_tangent_of(implementation: Implementation, wrt: tuple[str, ...]) -> Implementation:
    """How the Jacobian times tangents of `wrt` changes along second tangents: forward over forward.

    By torch.func.jvp, since the dual numbers of torch.autograd do not nest.
    """

    def call(tensors: Mapping[str, Tensor]) -> Tensor:
        primals = tuple(tensors[name] for name in wrt)
        value = _by_position(implementation, wrt, tensors)
        first, second = (
            tuple(tensors[called(name)] for name in wrt)
            for called in (tangent_name, second_tangent_name)
        )

        def slope(*moved: Tensor) -> Tensor:
            return _along(value, moved, first)

        return _along(slope, primals, second)

    return replace(
        implementation, call=call, description=f"second tangent of {implementation.description}"
    )


def functional_tangent_of(
    implementation: Implementation, wrt: tuple[str, ...], fed: str = GRAD_OUTPUT
) -> Implementation:
    """The tangent of the gradient as torch.func has it: jvp over vjp.

    Of the inputs, of `fed`, and of tangents of `wrt` and `fed`. In there torch takes ways of its
    own, since it can't look at numbers.
    """
    moving = (*wrt, fed)

    def call(tensors: Mapping[str, Tensor]) -> Tensor:
        inputs = {name: tensor for name, tensor in tensors.items() if name != fed}
        value = _by_position(implementation, wrt, inputs)

        def gradient(*moved: Tensor) -> Tensor:
            *leaves, cotangent = moved
            parts = torch.func.vjp(value, *leaves)[1](cotangent)
            return torch.cat([_flat(part, leaf) for part, leaf in zip(parts, leaves, strict=True)])

        return _along_own(gradient, moving, tensors)

    return replace(
        implementation, call=call, description=f"tangent of {implementation.description}"
    )


def _by_position(
    implementation: Implementation, wrt: tuple[str, ...], tensors: Mapping[str, Tensor]
) -> Callable[..., Tensor]:
    """The function of the inputs `wrt` in their order, the other tensors but tangents as given."""
    rest = {name: tensor for name, tensor in tensors.items() if not is_tangent(name)}
    return lambda *moved: implementation.call({**rest, **dict(zip(wrt, moved, strict=True))})


def _along_own(
    function: Callable[..., Tensor], names: tuple[str, ...], tensors: Mapping[str, Tensor]
) -> Tensor:
    """How a function of some inputs changes along the tangents of these."""
    primals, tangents = (
        tuple(tensors[called(name)] for name in names) for called in (str, tangent_name)
    )
    return _along(function, primals, tangents)


def _along(
    function: Callable[..., Tensor], primals: tuple[Tensor, ...], tangents: tuple[Tensor, ...]
) -> Tensor:
    found: Tensor = torch.func.jvp(function, primals, tangents)[1]
    return found


def _dual(primal: Tensor, tangent: Tensor) -> Tensor:
    dual: Tensor = forward_ad.make_dual(primal, tangent)  # type: ignore[no-untyped-call]
    return dual


def _tangent(dual: Tensor) -> Tensor:
    tangent: Tensor | None = forward_ad.unpack_dual(dual).tangent  # type: ignore[no-untyped-call]
    return torch.zeros_like(dual) if tangent is None else tangent
