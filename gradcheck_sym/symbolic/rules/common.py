"""What the rules of array functions share: the lowering they are given, axes, elementwise maps."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from gradcheck_sym.spec.records import MAX_ELEMENTS
from gradcheck_sym.spec.tree import Node, Span
from gradcheck_sym.symbolic import complexes
from gradcheck_sym.symbolic.program import Builder, Scalar

Array = npt.NDArray[Any]  # of Scalar, or of Complex
Rule = Callable[..., Array]  # takes the lowering, then the function's arguments as nodes


class LowerError(ValueError):
    """The expression has no meaning at these shapes."""

    def __init__(self, message: str, span: Span) -> None:
        super().__init__(message)
        self.message = message
        self.span = span


class Lowering(Protocol):
    """What a rule may ask of the walk that calls it."""

    @property
    def builder(self) -> Builder:
        """The program under construction."""

    def array(self, node: Node) -> Array:
        """The elements of an argument that is an array."""

    def conditions(self, node: Node) -> Array:
        """The elements of an argument that must be conditions."""

    def plain(self, node: Node) -> Any:
        """The value of an option: an integer, a fraction, a boolean, none, a text or a tuple."""


def roomy(*sizes: int) -> None:
    """Raises ValueError where an array of these sizes has too many elements to write out."""
    if (count := math.prod(sizes)) > MAX_ELEMENTS:
        raise ValueError(f"an array of {count} elements; at most {MAX_ELEMENTS} are written out")


def together(arrays: list[Array]) -> list[Array]:
    """Arrays that are about to become one; ValueError where that has too many elements."""
    roomy(sum(array.size for array in arrays))
    return arrays


def mapped(function: Callable[..., complexes.Number], *operands: Array) -> Array:
    """An elementwise operation with broadcasting, over object arrays."""
    broadcast = np.broadcast_arrays(*operands)
    roomy(*broadcast[0].shape)
    result = np.empty(broadcast[0].shape, dtype=object)
    flat = result.reshape(-1)
    columns = [array.reshape(-1) for array in broadcast]
    for index in range(flat.size):
        flat[index] = function(*(column[index] for column in columns))
    return result


def as_array(value: Any) -> Array:
    """A scalar as an array of no dimensions; arrays as they are."""
    if isinstance(value, np.ndarray):
        return value
    array = np.empty((), dtype=object)
    array[()] = value
    return array


def numbers(operand: Array) -> Array:
    """An array with its conditions as 1 where they hold and 0 elsewhere, as torch counts them."""
    if not any(scalar.is_condition for scalar in operand.reshape(-1)):
        return operand
    return mapped(_number, operand)


def _number(scalar: Scalar) -> Scalar:
    if not scalar.is_condition:
        return scalar
    one, zero = scalar.builder.constant(1), scalar.builder.constant(0)
    return scalar.builder.emit("select", [scalar, one, zero])


def uniform(operand: Array) -> Array:
    """An array in which all numbers are complex if one is, as in torch."""
    kinds = {isinstance(number, complexes.Complex) for number in operand.reshape(-1)}
    return mapped(complexes.promoted, operand) if len(kinds) > 1 else operand


def axes_of(lowering: Lowering, dim: Node, ndim: int) -> tuple[int, ...]:
    """The axes that dim names; all of them where it is none or empty."""
    value = lowering.plain(dim)
    chosen = value if isinstance(value, tuple) else (value,)
    if value is None or value == ():
        return tuple(range(ndim))
    axes = tuple(axis_of(axis, ndim) for axis in chosen)
    if len(set(axes)) != len(axes):
        raise LowerError("the same dimension twice", dim.span)
    return axes


def axis_of(value: Any, ndim: int) -> int:
    """A dimension counted from the front; ValueError where there is none such."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"a dimension is an integer, not {value}")
    if not -max(ndim, 1) <= value < max(ndim, 1):
        raise ValueError(f"dimension {value} is out of range for {ndim} dimensions")
    return value % max(ndim, 1)


def sizes_of(lowering: Lowering, node: Node) -> tuple[int, ...]:
    """A shape that an option states; LowerError where it is none, or enormous."""
    value = lowering.plain(node)
    sizes = value if isinstance(value, tuple) else (value,)
    if not all(isinstance(size, int) for size in sizes):
        raise LowerError("sizes are integers", node.span)
    if math.prod(max(size, 1) for size in sizes) > MAX_ELEMENTS:
        raise LowerError(f"more than {MAX_ELEMENTS} elements", node.span)
    return sizes


def filled(lowering: Lowering, shape: tuple[int, ...], value: int) -> Array:
    """An array of one constant."""
    roomy(*shape)
    result = np.empty(shape, dtype=object)
    result[...] = lowering.builder.constant(value)
    return result


def total(values: Sequence[Scalar]) -> Scalar:
    """The sum of scalars, first to last."""
    return reduce(lambda a, b: a + b, values)


def summed(builder: Builder, array: Array) -> Array:
    """Sums that NumPy has made of object arrays: those of nothing are its own 0, not a scalar."""
    if array.size and isinstance(array.flat[0], int):
        array[...] = builder.constant(0)
    return array


def called(name: str, value: complexes.Number) -> complexes.Number:
    """An elementwise function of the table, of one scalar."""
    if isinstance(value, complexes.Complex):
        return complexes.FUNCTIONS[name](value)
    return value.builder.emit(name, [value])
