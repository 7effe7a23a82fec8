"""Products, determinants and inverses of matrices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from gradcheck_sym.spec.tree import Node
from gradcheck_sym.symbolic.program import Scalar
from gradcheck_sym.symbolic.rules.common import Array, Lowering, as_array, roomy, summed, total


def product(x: Array, y: Array) -> Array:
    """The matrix product of object arrays, with torch's rules for vectors and batches."""
    if not x.ndim or not y.ndim:
        raise ValueError("a matrix product needs vectors or matrices, not a number")
    left = x.reshape(1, -1) if x.ndim == 1 else x
    right = y.reshape(-1, 1) if y.ndim == 1 else y
    if left.shape[-1] != right.shape[-2]:
        raise ValueError(f"shapes {x.shape} and {y.shape} do not fit a matrix product")
    batch = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    roomy(*batch, *left.shape[-2:], right.shape[-1])
    terms = left[..., :, :, None] * right[..., None, :, :]
    summed = np.add.reduce(terms, axis=-2)
    drop = tuple(axis for axis, vector in ((-2, x.ndim == 1), (-1, y.ndim == 1)) if vector)
    return as_array(np.squeeze(summed, axis=drop) if drop else summed)


def matmul(lowering: Lowering, x: Node, y: Node) -> Array:
    """Matrix product."""
    return summed(lowering.builder, product(lowering.array(x), lowering.array(y)))


def dot(lowering: Lowering, x: Node, y: Node) -> Array:
    """Inner product of vectors."""
    left, right = lowering.array(x), lowering.array(y)
    if left.ndim != 1 or left.shape != right.shape:
        raise ValueError(f"dot takes two vectors of one length, not {left.shape} and {right.shape}")
    return summed(lowering.builder, product(left, right))


def outer(lowering: Lowering, x: Node, y: Node) -> Array:
    """Outer product of vectors."""
    left, right = lowering.array(x), lowering.array(y)
    if left.ndim != 1 or right.ndim != 1:
        raise ValueError("outer takes two vectors")
    roomy(left.size, right.size)
    return left[:, None] * right[None, :]


def einsum(lowering: Lowering, equation: Node, operands: Sequence[Node]) -> Array:
    """Einstein summation."""
    text = lowering.plain(equation)
    if not isinstance(text, str):
        raise TypeError("einsum's first argument is its equation, as a quoted text")
    arrays = [lowering.array(operand) for operand in operands]
    letters = text.replace(" ", "")
    roomy(*_extents(letters, arrays).values())
    return summed(lowering.builder, as_array(np.einsum(letters, *arrays, optimize=False)))


def _extents(letters: str, arrays: Sequence[Array]) -> dict[str, int]:
    """The size of every index letter; what does not fit is left to NumPy's own checks."""
    found: dict[str, int] = {}
    for part, array in zip(letters.partition("->")[0].split(","), arrays, strict=False):
        sizes = zip(part, array.shape, strict=False)
        found |= {letter: max(size, found.get(letter, 1)) for letter, size in sizes}
    return found


def _square(lowering: Lowering, x: Node) -> Array:
    matrix = lowering.array(x)
    if matrix.ndim < 2 or matrix.shape[-1] != matrix.shape[-2]:
        raise ValueError(f"a square matrix is wanted here, not shape {matrix.shape}")
    return matrix


def trace(lowering: Lowering, x: Node) -> Array:
    """Sum of the diagonal."""
    matrix = lowering.array(x)
    if matrix.ndim != 2:
        raise ValueError(f"a matrix is wanted here, not shape {matrix.shape}")
    return as_array(total(list(np.diagonal(matrix))))


def _minors(matrix: Array) -> Callable[[tuple[int, ...], tuple[int, ...]], Scalar]:
    """Determinants of submatrices by Laplace expansion along the first row, each only once."""
    first: Scalar = matrix.flat[0]
    builder = first.builder

    @cache
    def minor(rows: tuple[int, ...], columns: tuple[int, ...]) -> Scalar:
        if not rows:
            return builder.constant(1)
        terms = [
            matrix[rows[0], column] * minor(rows[1:], columns[:k] + columns[k + 1 :])
            for k, column in enumerate(columns)
        ]
        signed = [term if k % 2 == 0 else -term for k, term in enumerate(terms)]
        return total(signed)

    return minor


def det(lowering: Lowering, x: Node) -> Array:
    """Determinants by Laplace expansion; leading dimensions are a batch."""
    matrices = _square(lowering, x)
    every = tuple(range(matrices.shape[-1]))
    result = np.empty(matrices.shape[:-2], dtype=object)
    for index in np.ndindex(*result.shape):
        result[index] = _minors(matrices[index])(every, every)
    return result


def inv(lowering: Lowering, x: Node) -> Array:
    """The adjugate over the determinant (Cramer's rule)."""
    matrices = _square(lowering, x)
    every = tuple(range(matrices.shape[-1]))
    result = np.empty(matrices.shape, dtype=object)
    for index in np.ndindex(*matrices.shape[:-2]):
        minor = _minors(matrices[index])
        whole = minor(every, every)
        for row in every:
            for column in every:
                rest = minor(every[:column] + every[column + 1 :], every[:row] + every[row + 1 :])
                result[(*index, row, column)] = (rest if (row + column) % 2 == 0 else -rest) / whole
    return result
