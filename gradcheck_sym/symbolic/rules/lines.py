"""Functions that turn every line of elements along one dimension into another line."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gradcheck_sym.spec.tree import Node
from gradcheck_sym.symbolic.program import Scalar
from gradcheck_sym.symbolic.rules.common import Array, Lowering, as_array, axis_of, called, total


def along(
    lowering: Lowering, x: Node, dim: Node, row: Callable[[list[Scalar]], list[Scalar]]
) -> Array:
    """row applied to every line of elements along dim; the shape stays."""
    array = lowering.array(x)
    axis = axis_of(lowering.plain(dim), array.ndim)
    if not array.size:
        return array
    if not array.ndim:
        return as_array(row([array.item()])[0])
    moved = np.moveaxis(array, axis, -1)
    result = np.empty(moved.shape, dtype=object)
    for index in np.ndindex(*moved.shape[:-1]):
        for place, value in enumerate(row(list(moved[index]))):
            result[(*index, place)] = value
    return np.moveaxis(result, -1, axis)


def softmax(lowering: Lowering, x: Node, dim: Node) -> Array:
    """Exponentials divided by their sum."""

    def row(values: list[Scalar]) -> list[Scalar]:
        weights = [called("exp", value) for value in values]
        whole = total(weights)
        return [weight / whole for weight in weights]

    return along(lowering, x, dim, row)


def log_softmax(lowering: Lowering, x: Node, dim: Node) -> Array:
    """Elements less their logsumexp."""

    def row(values: list[Scalar]) -> list[Scalar]:
        whole = called("log", total([called("exp", value) for value in values]))
        return [value - whole for value in values]

    return along(lowering, x, dim, row)


def _running(combine: Callable[[Scalar, Scalar], Scalar]) -> Callable[[list[Scalar]], list[Scalar]]:
    def row(values: list[Scalar]) -> list[Scalar]:
        results = values[:1]
        for value in values[1:]:
            results.append(combine(results[-1], value))
        return results

    return row


def cumsum(lowering: Lowering, x: Node, dim: Node) -> Array:
    """Running sum."""
    return along(lowering, x, dim, _running(lambda a, b: a + b))


def cumprod(lowering: Lowering, x: Node, dim: Node) -> Array:
    """Running product."""
    return along(lowering, x, dim, _running(lambda a, b: a * b))


def sort(lowering: Lowering, x: Node, dim: Node, descending: Node) -> Array:
    """An odd-even transposition network: each exchange is one min and one max."""
    builder, down = lowering.builder, lowering.plain(descending)

    def row(values: list[Scalar]) -> list[Scalar]:
        line = list(values)
        for turn in range(len(line)):
            for left in range(turn % 2, len(line) - 1, 2):
                pair = line[left : left + 2]
                line[left : left + 2] = [builder.emit("min", pair), builder.emit("max", pair)]
        return line[::-1] if down else line

    return along(lowering, x, dim, row)
