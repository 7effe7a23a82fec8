"""Derivations of derived functions: the gradient as a function, and the directional derivative.

The gradient of sum(c*f(x)) is again a function, of x and of c. Its own derivation holds what a
backward through a backward must give: Hessian-vector products, mixed partials, and the derivative
by c. Along v the directional derivative J v is the derivative of (J^T c)·v by c, for that is linear
in c (transposition twice, as forward mode from reverse mode).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from gradcheck_sym.symbolic.derivation import COTANGENT, Derivation
from gradcheck_sym.symbolic.differentiate import vjp
from gradcheck_sym.symbolic.lower import input_array
from gradcheck_sym.symbolic.program import Builder, Program, Scalar, finish, flat_names

Shape = tuple[int, ...]


def gradient_of(base: Derivation, fed: str) -> Derivation:
    """The function (inputs, fed) -> gradients of sum(fed*value), flat, one input after the other.

    The name of the input that takes the place of the cotangent is `fed`; it has the shape of the
    value and comes last. Raises ProgramError where the derivatives are too large.
    """
    builder = Builder()
    outputs = _loaded(builder, base, fed)[base.values :]
    shapes = {**base.shapes, fed: base.out_shape}
    size = len(outputs)
    # A product with the Hessian mixes all inputs, and so do the roundings of what computes it.
    joined = slice(0, size), slice(size, 2 * size)
    derived = _derived(builder, outputs, (size,), shapes, (*base.wrt, fed))
    return replace(derived, joined=joined, scales=(*base.scales, fed), fixed=base.fixed)


def tangent_of(base: Derivation, along: Mapping[str, str], wrt: tuple[str, ...] = ()) -> Derivation:
    """The function (inputs, tangents) -> J v, of the value's shape, with its own gradient by wrt.

    along: the name of the tangent of each input with a gradient; tangents come last.
    Raises ProgramError where the derivatives are too large.
    """
    builder = Builder()
    gradient = _loaded(builder, base, COTANGENT)[base.values :]
    tangents = {along[name]: base.shapes[name] for name in base.wrt}
    fed = _inputs(builder, COTANGENT, base.out_shape)
    directions = [v for name, shape in tangents.items() for v in _inputs(builder, name, shape)]
    outputs = vjp(gradient, directions, fed)
    derived = _derived(builder, outputs, base.out_shape, {**base.shapes, **tangents}, wrt)
    joined = [part for part in base.joined if part.stop <= base.values]
    if wrt:
        joined.append(slice(derived.values, len(derived.joint.outputs)))  # all of the Hessian's
    scales = (*base.scales, *tangents)
    return replace(derived, joined=(*joined,), scales=scales, fixed=base.fixed)


def _derived(
    builder: Builder,
    outputs: Sequence[Scalar],
    out_shape: Shape,
    shapes: Mapping[str, Shape],
    wrt: tuple[str, ...],
) -> Derivation:
    names = [flat for name, shape in shapes.items() for flat in flat_names(name, shape)]
    targets = [scalar for name in wrt for scalar in _inputs(builder, name, shapes[name])]
    gradient = vjp(outputs, _inputs(builder, COTANGENT, out_shape), targets) if targets else []
    every = [*names, *flat_names(COTANGENT, out_shape)]
    return Derivation(
        shapes, out_shape, wrt, finish(names, outputs), finish(every, [*outputs, *gradient])
    )


def _inputs(builder: Builder, name: str, shape: Shape) -> list[Scalar]:
    return list(input_array(builder, name, shape).reshape(-1))


def _loaded(builder: Builder, base: Derivation, fed: str) -> list[Scalar]:
    """The outputs of the joint program in a builder, its cotangent under another name."""
    renamed = dict(
        zip(
            flat_names(COTANGENT, base.out_shape),
            flat_names(fed, base.out_shape),
            strict=True,
        )
    )
    return _emitted(builder, base.joint, renamed)


def _emitted(builder: Builder, program: Program, renamed: Mapping[str, str]) -> list[Scalar]:
    scalars: list[Scalar] = []
    for step in program.code:
        data = renamed.get(str(step.data), step.data) if step.op == "input" else step.data
        scalars.append(builder.emit(step.op, [scalars[arg] for arg in step.args], data))
    return [scalars[at] for at in program.outputs]
