"""Expression trees turned into Python closures, once, for both dialects.

The language and the torch dialect share their syntax: numbers, names, arithmetic, comparisons,
indexing. They differ in what a call means and in what arithmetic does with a boolean; a
`Dialect` states just that.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, final

import torch
from torch import Tensor

from gradcheck_sym.spec import tree

Value = Any  # Tensor, number, bool, None, str, slice, Ellipsis, or a tuple or list of these


@final
@dataclass(frozen=True, slots=True)
class Scope:
    """What a tree is evaluated in: the values of its names, and where new tensors belong."""

    names: Mapping[str, Value]
    dtype: torch.dtype
    device: torch.device


Program = Callable[[Scope], Value]


@final
@dataclass(frozen=True, slots=True)
class Constant:
    """A program whose value does not depend on the scope."""

    value: Value

    def __call__(self, scope: Scope) -> Value:
        """The value, whatever the scope."""
        return self.value


@final
@dataclass(frozen=True, slots=True)
class Dialect:
    """What the shared syntax leaves open."""

    operand: Callable[[Value, Scope], Value]  # what arithmetic does with an operand first
    call: Callable[[tree.Call, Callable[[tree.Node], Program]], Program]
    product: Callable[[Value, Value], Value] = operator.matmul  # what @ means


CONSTANTS: Mapping[str, float] = {"pi": math.pi, "e": math.e, "inf": math.inf}

# Where numbers are computed apart from any input: there only the precision matters.
PRECISE = Scope({}, torch.float64, torch.device("cpu"))


def scope_of(tensors: Mapping[str, Tensor]) -> Scope:
    """The scope of some inputs: their common floating dtype, and the first one's device.

    Without a floating input the dtype is float64; torch's default dtype never matters.
    """
    return Scope(tensors, ambient_dtype(tensors.values()), _device(tensors.values()))


def ambient_dtype(tensors: Collection[Tensor]) -> torch.dtype:
    """The dtype that the floating or complex tensors promote to; float64 where there is none."""
    dtypes = {tensor.dtype for tensor in tensors}
    if len(dtypes) == 1:
        (only,) = dtypes
        return only if only.is_floating_point or only.is_complex else torch.float64
    inexact = [dtype for dtype in dtypes if dtype.is_floating_point or dtype.is_complex]
    return reduce(torch.promote_types, inexact) if inexact else torch.float64


def _device(tensors: Collection[Tensor]) -> torch.device:
    return next((tensor.device for tensor in tensors), PRECISE.device)


def to_tensor(value: Value, scope: Scope) -> Tensor:
    """A value as an inexact tensor: numbers, booleans and nests of them in the ambient dtype."""
    if isinstance(value, Tensor):
        inexact = value.dtype.is_floating_point or value.dtype.is_complex
        return value if inexact else value.to(scope.dtype)
    if isinstance(value, (list, tuple)):
        return torch.stack([to_tensor(item, scope) for item in value])
    return torch.tensor(value, dtype=scope.dtype, device=scope.device)


def compile_tree(node: tree.Node, dialect: Dialect, bound: Collection[str]) -> Program:
    """A closure that computes `node`; `bound` are the names that its scope will hold.

    Arithmetic of numbers alone is done here and now. Raises KeyError for a name that is neither
    bound nor a constant, and whatever the dialect raises for a call it does not know.
    """

    def compiled(part: tree.Node) -> Program:
        return compile_tree(part, dialect, bound)

    match node:
        case tree.Number():
            return Constant(_number(node))
        case tree.Boolean() | tree.Text():
            return Constant(node.value)
        case tree.Absent():
            return Constant(None)
        case tree.Dots():
            return Constant(Ellipsis)
        case tree.Name():
            return _name(node.name, bound)
        case tree.Call():
            return dialect.call(node, compiled)
        case tree.Index() | tree.Slice() | tree.Sequence():
            return _selection(node, compiled)
        case _:
            return _arithmetic(node, dialect, compiled)


def _number(node: tree.Number) -> int | float:
    exact = node.value
    if exact.denominator == 1 and exact.numerator.bit_length() < 64:  # torch's integers end there
        return exact.numerator
    try:
        return float(exact)
    except OverflowError:
        return math.inf


def _name(name: str, bound: Collection[str]) -> Program:
    if name not in bound:
        return Constant(CONSTANTS[name])
    return lambda scope: scope.names[name]


def folded(program: Program, parts: Sequence[Program]) -> Program:
    """The program, or its value where all its parts are numbers and it yields one.

    What raises is left for the run: 1/0 is an error only where it is reached.
    """
    if not all(
        isinstance(part, Constant) and isinstance(part.value, (int, float)) for part in parts
    ):
        return program
    try:
        value = program(PRECISE)
    except Exception:  # noqa: BLE001 - raised again at the run, if that comes to it
        return program
    return Constant(value) if isinstance(value, (int, float)) else program


# --- arithmetic ---------------------------------------------------------------------------


def power(base: Value, exponent: Value) -> Value:
    """base**exponent; of two numbers a real number, never a complex or a boundless integer.

    Raises ValueError or OverflowError where two numbers have no such power.
    """
    if isinstance(base, Tensor) or isinstance(exponent, Tensor):
        return base**exponent
    whole = isinstance(base, int) and isinstance(exponent, int) and exponent >= 0
    if whole and base.bit_length() * exponent < 64:
        return base**exponent
    return math.pow(base, exponent)


_ARITHMETIC: Mapping[str, Callable[..., Value]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": power,
}

_COMPARISONS: Mapping[str, Callable[..., Value]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}

_SIGNS: Mapping[str, Callable[..., Value]] = {"-": operator.neg, "+": operator.pos}


def _arithmetic(
    node: tree.Node, dialect: Dialect, compiled: Callable[[tree.Node], Program]
) -> Program:
    parts = [compiled(part) for part in tree.children(node)]
    match node:
        case tree.Unary(op="not"):
            return folded(lambda scope: _negation(parts[0](scope)), parts)
        case tree.Unary():
            return folded(_lifted(_SIGNS[node.op], parts, dialect), parts)
        case tree.Binary():
            function = dialect.product if node.op == "@" else _ARITHMETIC[node.op]
            return folded(_lifted(function, parts, dialect), parts)
        case tree.Compare():
            return folded(_lifted(_COMPARISONS[node.op], parts, dialect), parts)
        case tree.Logic():
            return folded(_logic(node.op, parts), parts)
        case _:
            raise TypeError(f"{type(node).__name__} is no part of an expression")


def _lifted(function: Callable[..., Value], parts: Sequence[Program], dialect: Dialect) -> Program:
    operand = dialect.operand
    if len(parts) == 1:
        (only,) = parts
        return lambda scope: function(operand(only(scope), scope))
    left, right = parts
    return lambda scope: function(operand(left(scope), scope), operand(right(scope), scope))


def _truth(value: Value) -> Tensor | bool:
    return value if isinstance(value, Tensor) else bool(value)


def _negation(value: Value) -> Tensor | bool:
    return torch.logical_not(value) if isinstance(value, Tensor) else not value


def _both(left: Tensor | bool, right: Tensor | bool) -> Tensor | bool:
    if isinstance(left, Tensor) and isinstance(right, Tensor):
        return torch.logical_and(left, right)
    return (left != 0) & (right != 0)


def _either(left: Tensor | bool, right: Tensor | bool) -> Tensor | bool:
    if isinstance(left, Tensor) and isinstance(right, Tensor):
        return torch.logical_or(left, right)
    return (left != 0) | (right != 0)


def _logic(op: str, parts: Sequence[Program]) -> Program:
    joined = _both if op == "and" else _either
    return lambda scope: reduce(joined, [_truth(part(scope)) for part in parts])


# --- selection ----------------------------------------------------------------------------


def _selection(
    node: tree.Index | tree.Slice | tree.Sequence, compiled: Callable[[tree.Node], Program]
) -> Program:
    match node:
        case tree.Index():
            return _index(compiled(node.value), [compiled(item) for item in node.items])
        case tree.Slice():
            ends = [
                Constant(None) if end is None else compiled(end)
                for end in (node.start, node.stop, node.step)
            ]
            return lambda scope: slice(*(end(scope) for end in ends))
        case tree.Sequence():
            items = [compiled(item) for item in node.items]
            form = tuple if node.brackets == "()" else list
            return lambda scope: form(item(scope) for item in items)


def _index(value: Program, items: Sequence[Program]) -> Program:
    if len(items) == 1:  # a tuple of results, as max(x, dim=0) gives, takes no tuple of indices
        (only,) = items
        return lambda scope: value(scope)[only(scope)]
    return lambda scope: value(scope)[tuple(item(scope) for item in items)]
