"""Functions that move, repeat and join elements, and arrays of constants."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gradcheck_sym.spec import tree
from gradcheck_sym.spec.tree import Node
from gradcheck_sym.symbolic.rules.common import (
    Array,
    LowerError,
    Lowering,
    Rule,
    as_array,
    axes_of,
    axis_of,
    filled,
    sizes_of,
    together,
)


def transpose(lowering: Lowering, x: Node, dim0: Node, dim1: Node) -> Array:
    """Two dimensions exchanged."""
    array = lowering.array(x)
    axes = [axis_of(lowering.plain(dim), array.ndim) for dim in (dim0, dim1)]
    return np.swapaxes(array, *axes) if array.ndim else array


def matrix_transpose(lowering: Lowering, x: Node) -> Array:
    """Transpose of a matrix."""
    array = lowering.array(x)
    if array.ndim > 2:
        raise ValueError(".T is for matrices; .mT transposes the last two dimensions")
    return array.T


def batch_transpose(lowering: Lowering, x: Node) -> Array:
    """Transpose of the last two dimensions."""
    array = lowering.array(x)
    if array.ndim < 2:
        raise ValueError(f".mT needs a matrix, not shape {array.shape}")
    return np.swapaxes(array, -1, -2)


def reshape(lowering: Lowering, x: Node, shape: Node) -> Array:
    """Row-major reshape; one size may be -1."""
    return lowering.array(x).reshape(sizes_of(lowering, shape))


def flatten(lowering: Lowering, x: Node, start_dim: Node, end_dim: Node) -> Array:
    """A range of dimensions joined."""
    array = lowering.array(x)
    if not array.ndim:
        return array.reshape(1)
    first, last = (axis_of(lowering.plain(dim), array.ndim) for dim in (start_dim, end_dim))
    if first > last:
        raise ValueError("flatten's start_dim comes after its end_dim")
    return array.reshape(array.shape[:first] + (-1,) + array.shape[last + 1 :])


def permute(lowering: Lowering, x: Node, dims: Node) -> Array:
    """Dimensions reordered."""
    array = lowering.array(x)
    axes = tuple(axis_of(dim, array.ndim) for dim in lowering.plain(dims))
    return array.transpose(axes)


def unsqueeze(lowering: Lowering, x: Node, dim: Node) -> Array:
    """A dimension of size 1 added."""
    array = lowering.array(x)
    return np.expand_dims(array, axis_of(lowering.plain(dim), array.ndim + 1))


def squeeze(lowering: Lowering, x: Node, dim: Node) -> Array:
    """Dimensions of size 1 removed."""
    array = lowering.array(x)
    ones = tuple(axis for axis in axes_of(lowering, dim, array.ndim) if array.shape[axis] == 1)
    return as_array(np.squeeze(array, axis=ones)) if ones else array


def expand(lowering: Lowering, x: Node, sizes: Node) -> Array:
    """Broadcast to sizes; -1 keeps a size."""
    array, wanted = lowering.array(x), list(sizes_of(lowering, sizes))
    for back in range(1, array.ndim + 1):
        if back <= len(wanted) and wanted[-back] == -1:
            wanted[-back] = array.shape[-back]
    return np.broadcast_to(array, wanted)


def _several(lowering: Lowering, node: Node) -> list[Array]:
    if not isinstance(node, tree.Sequence) or not node.items:
        raise LowerError("a list of arrays is wanted here, such as [x, y]", node.span)
    return together([lowering.array(item) for item in node.items])


def cat(lowering: Lowering, tensors: Node, dim: Node) -> Array:
    """Joined along a dimension."""
    arrays = _several(lowering, tensors)
    return np.concatenate(arrays, axis=axis_of(lowering.plain(dim), arrays[0].ndim))


def stack(lowering: Lowering, tensors: Node, dim: Node) -> Array:
    """Joined along a new dimension."""
    arrays = _several(lowering, tensors)
    return np.stack(arrays, axis=axis_of(lowering.plain(dim), arrays[0].ndim + 1))


def roll(lowering: Lowering, x: Node, shifts: Node, dims: Node) -> Array:
    """Elements moved around."""
    return np.roll(lowering.array(x), lowering.plain(shifts), axis=lowering.plain(dims))


def flip(lowering: Lowering, x: Node, dims: Node) -> Array:
    """Order reversed."""
    array = lowering.array(x)
    return np.flip(array, axis=axes_of(lowering, dims, array.ndim))


def triangle(keep: Callable[[int, int, int], bool]) -> Rule:
    """The rule that keeps an element where keep(row, column, diagonal) holds, and 0 elsewhere."""

    def rule(lowering: Lowering, x: Node, diagonal: Node) -> Array:
        array, shift = lowering.array(x).copy(), lowering.plain(diagonal)
        if array.ndim < 2:
            raise ValueError(f"a matrix is wanted here, not shape {array.shape}")
        for row, column in np.ndindex(*array.shape[-2:]):
            if not keep(row, column, shift):
                array[..., row, column] = lowering.builder.constant(0)
        return array

    return rule


def diag(lowering: Lowering, x: Node, diagonal: Node) -> Array:
    """A matrix's diagonal, or the matrix with that diagonal."""
    array, shift = lowering.array(x), lowering.plain(diagonal)
    if array.ndim == 2:
        return np.diagonal(array, offset=shift).copy()
    if array.ndim != 1:
        raise ValueError(f"diag takes a vector or a matrix, not shape {array.shape}")
    size = array.shape[0] + abs(shift)
    result = filled(lowering, (size, size), 0)
    for place, value in enumerate(array):
        result[place + max(-shift, 0), place + max(shift, 0)] = value
    return result


def eye(lowering: Lowering, n: Node) -> Array:
    """Identity matrix."""
    (size,) = sizes_of(lowering, n)
    result = filled(lowering, (size, size), 0)
    np.fill_diagonal(result, lowering.builder.constant(1))
    return result


def zeros(lowering: Lowering, size: Node) -> Array:
    """Zeros."""
    return filled(lowering, sizes_of(lowering, size), 0)


def ones(lowering: Lowering, size: Node) -> Array:
    """Ones."""
    return filled(lowering, sizes_of(lowering, size), 1)
