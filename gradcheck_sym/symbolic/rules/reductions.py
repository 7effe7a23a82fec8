"""Functions that combine the elements along dimensions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial, reduce
from typing import Any

import numpy as np

from gradcheck_sym.spec.tree import Node
from gradcheck_sym.symbolic import complexes
from gradcheck_sym.symbolic.program import Scalar
from gradcheck_sym.symbolic.rules.common import Array, Lowering, Rule, axes_of, called, total


def reduced(
    lowering: Lowering,
    x: Array,
    dim: Node,
    keepdim: Node,
    combine: Callable[[list[Scalar]], Scalar],
    neutral: int | None = None,
) -> Array:
    """combine over the elements along dim; the result has those dimensions at 1, or none.

    neutral: the value over no elements; None: there is none, and ValueError is raised.
    """
    axes = axes_of(lowering, dim, x.ndim) if x.ndim else ()
    rest = tuple(axis for axis in range(x.ndim) if axis not in axes)
    kept = tuple(x.shape[axis] for axis in rest)
    together = math.prod(x.shape[axis] for axis in axes)
    rows = x.transpose(rest + axes).reshape((*kept, together))
    if not together:
        if neutral is None:
            raise ValueError("a reduction over no elements")
        combine = partial(_neutral, lowering.builder.constant(neutral))
    result = np.empty(kept, dtype=object)
    for index in np.ndindex(*kept):
        result[index] = combine(list(np.atleast_1d(rows[index])))
    if lowering.plain(keepdim):
        result = result.reshape(
            tuple(1 if axis in axes else size for axis, size in enumerate(x.shape))
        )
    return result


def _neutral(value: Scalar, values: Sequence[Scalar]) -> Scalar:
    return value


def _mean(values: Sequence[Scalar]) -> Scalar:
    return total(values) / len(values)


def _prod(values: Sequence[Scalar]) -> Scalar:
    return reduce(lambda a, b: a * b, values)


def _variance(values: Sequence[Scalar], correction: Any) -> Scalar:
    centre = _mean(values)
    count = len(values) - correction
    if count <= 0:
        raise ValueError(f"a variance over {len(values)} elements with correction {correction}")
    return total([complexes.norm(value - centre) for value in values]) / Fraction(count)


def sum_(lowering: Lowering, x: Node, dim: Node, keepdim: Node) -> Array:
    """Sum."""
    return reduced(lowering, lowering.array(x), dim, keepdim, total, neutral=0)


def mean(lowering: Lowering, x: Node, dim: Node, keepdim: Node) -> Array:
    """Arithmetic mean."""
    return reduced(lowering, lowering.array(x), dim, keepdim, _mean)


def prod(lowering: Lowering, x: Node, dim: Node, keepdim: Node) -> Array:
    """Product."""
    return reduced(lowering, lowering.array(x), dim, keepdim, _prod, neutral=1)


def var(lowering: Lowering, x: Node, dim: Node, correction: Node, keepdim: Node) -> Array:
    """Variance: squared distances from the mean, over count less correction."""
    spread = lowering.plain(correction)
    return reduced(lowering, lowering.array(x), dim, keepdim, lambda v: _variance(v, spread))


def std(lowering: Lowering, x: Node, dim: Node, correction: Node, keepdim: Node) -> Array:
    """Square root of the variance."""
    spread = lowering.plain(correction)
    return reduced(
        lowering, lowering.array(x), dim, keepdim, lambda v: called("sqrt", _variance(v, spread))
    )


def extreme(op: str) -> Rule:
    """The rule of max or min."""

    def rule(lowering: Lowering, x: Node, dim: Node, keepdim: Node) -> Array:
        return reduced(
            lowering, lowering.array(x), dim, keepdim, lambda v: lowering.builder.extreme(op, v)
        )

    return rule


def norm(lowering: Lowering, x: Node, p: Node, dim: Node, keepdim: Node) -> Array:
    """p-norm; p may be inf or -inf."""
    order = lowering.plain(p)

    def combine(values: list[complexes.Number]) -> complexes.Number:
        sizes = [called("abs", value) for value in values]
        if order == 2:
            return called("sqrt", total([complexes.norm(value) for value in values]))
        if order == 1:
            return total(sizes)
        if order in (math.inf, -math.inf):
            return lowering.builder.extreme("max" if order > 0 else "min", sizes)
        if not order:
            raise ValueError("the 0-norm has no derivative")
        return total([size ** Fraction(order) for size in sizes]) ** (1 / Fraction(order))

    neutral = 0 if 0 < order < math.inf else None
    return reduced(lowering, lowering.array(x), dim, keepdim, combine, neutral)


def logsumexp(lowering: Lowering, x: Node, dim: Node, keepdim: Node) -> Array:
    """Logarithm of the sum of exponentials, as the textbook has it."""
    return reduced(
        lowering,
        lowering.array(x),
        dim,
        keepdim,
        lambda v: called("log", total([called("exp", value) for value in v])),
    )
