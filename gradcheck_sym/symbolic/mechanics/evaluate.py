"""Expressions as operations: which part of a tree is one operation, which a view, which a number.

The parts are those that `autograd.functions` hands to torch one by one; a part of numbers alone
stays a number, as in Python.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from operator import mul
from types import MappingProxyType
from typing import Any, final

import numpy as np
from numpy.lib.stride_tricks import as_strided

from gradcheck_sym.spec import tree
from gradcheck_sym.spec.functions import CONSTANTS, FUNCTIONS
from gradcheck_sym.spec.parser import parse
from gradcheck_sym.spec.tree import Node
from gradcheck_sym.symbolic.lower import Array, LowerError, lower
from gradcheck_sym.symbolic.mechanics.formula import Formula, Shape, placeholder, written
from gradcheck_sym.symbolic.mechanics.kept import keeping
from gradcheck_sym.symbolic.mechanics.machine import Machine
from gradcheck_sym.symbolic.mechanics.model import Raised, Tensor, Unmodelled
from gradcheck_sym.symbolic.program import Scalar

# Functions whose result is a view of their argument wherever torch can make it one.
VIEWS = frozenset("transpose T mT permute reshape flatten unsqueeze squeeze expand".split())

# Functions for which autograd.functions calls several operations of torch.
_COMPOSED = MappingProxyType({"softplus": "softplus(beta*x)/beta"})


@final
@dataclass(slots=True)
class Evaluator:
    """Carries out expressions on a machine, in an environment of named tensors."""

    machine: Machine
    names: Mapping[str, Tensor] = field(default_factory=dict)

    def tensor(self, node: Node) -> Tensor:
        """The value of an expression; a number becomes a tensor of its own.

        Raises Raised for what torch raises, Unmodelled where that is not known.
        """
        try:
            return self._tensor(node)
        except LowerError as err:
            raise Unmodelled(err.message) from None

    def _tensor(self, node: Node) -> Tensor:
        match node:
            case tree.Name(name) if not self.closed(node):
                return self._named(name)
            case tree.Unary("+", operand) if not self.closed(operand):
                return self._tensor(operand)
            case tree.Index(value, items):
                return self.select(self._tensor(value), items)
            case tree.Sequence():
                return self._operation(tree.Call("stack", (node,)))
            case tree.Call("detach", (value,)):
                return self.machine.detach(self._tensor(value))
            case tree.Call("softplus", arguments, options) if len(arguments) + len(options) > 1:
                return self._softplus(node)
            case tree.Call(function) if function in VIEWS:
                return self._view(node)
            case tree.Compare() | tree.Logic() | tree.Unary("not"):
                return self._operation(tree.Call("where", (node, _ONE, _ZERO)))
        return self._operation(node)

    def _named(self, name: str) -> Tensor:
        if name not in self.names:
            raise Raised("NameError", f"{name} has no value")
        return self.names[name]

    # operations

    def _operation(self, node: Node) -> Tensor:
        """One operation over its operands, which are evaluated first, left to right."""
        form, operands, untracked = self._abstract(node)
        shapes = tuple(operand.data.shape for operand in operands)
        try:
            formula = written(form, shapes)
        except LowerError as err:
            if _elementwise(form):  # shapes that do not broadcast
                raise Raised("RuntimeError", err.message) from None
            raise
        if not formula.output.size:
            raise Unmodelled("a tensor without elements")
        result = self.machine.apply(formula, operands, keeping(form, shapes), untracked)
        if isinstance(form, tree.Call) and form.function == "einsum" and len(operands) == 1:
            result.memory.aliased = True  # torch may return a view
        return result

    def _abstract(self, node: Node) -> tuple[Node, list[Tensor], frozenset[int]]:
        """The operation over %0, %1, …; the tensors that these are; those without gradient."""
        operands: list[Tensor] = []
        conditions: set[int] = set()

        def operand(part: Node) -> Node:
            if self.closed(part):
                return part
            operands.append(self._tensor(part))
            return tree.Name(placeholder(len(operands) - 1))

        def condition(part: Node) -> Node:
            """Conditions stay inside: torch computes them on their own, without gradient."""
            before = len(operands)
            inner = rebuilt(part, condition if _connects(part) else operand)
            conditions.update(range(before, len(operands)))
            return inner

        match node:
            case _ if self.closed(node):
                form = node
            case tree.Call("where", (held, first, second)):
                form = tree.Call("where", (condition(held), operand(first), operand(second)))
            case tree.Call("cat" | "stack", (tree.Sequence() as parts, *rest), options):
                form = tree.Call(node.function, (rebuilt(parts, operand), *rest), options)
            case _:
                form = rebuilt(node, operand)
        return form, operands, frozenset(conditions)

    def _softplus(self, node: tree.Call) -> Tensor:
        """With a tensor as beta torch's softplus is built from its softplus of beta 1."""
        beta = (*node.arguments[1:], *(value for _, value in node.options))[0]
        if self.closed(beta):
            return self._operation(node)
        names = {"x": self._tensor(node.arguments[0]), "beta": self._tensor(beta)}
        return Evaluator(self.machine, names)._tensor(parse(_COMPOSED["softplus"]))

    # views

    def select(self, source: Tensor, items: Sequence[Node]) -> Tensor:
        """A part of a tensor, as a view."""
        keys = tuple(self._key(item) for item in items)
        whole = keys if ... in keys else (*keys, ...)
        try:
            return self.machine.look(source, source.data[whole], _places(_numbered(source)[whole]))
        except IndexError as err:
            raise Raised("IndexError", str(err)) from None

    def _key(self, item: Node) -> Any:
        match item:
            case tree.Slice(start, stop, step):
                ends = [None if end is None else self._integer(end) for end in (start, stop, step)]
                if ends[2] is not None and ends[2] <= 0:
                    raise Raised("ValueError", "the step of a slice is positive")
                return slice(*ends)
            case tree.Dots():
                return ...
            case tree.Absent():
                return None
        return self._integer(item)

    def _integer(self, node: Node) -> int:
        if not self.closed(node):
            raise Unmodelled("an index that is not a constant")
        scalar: Scalar = lower(node, {}, self.machine.builder).item()
        value = scalar.constant
        if value is None or value.denominator != 1:
            raise Unmodelled("an index that is not an integer")
        return int(value)

    def _view(self, node: tree.Call) -> Tensor:
        """A function that rearranges: a view where the strides allow it, else a copy."""
        source = self._tensor(node.arguments[0])
        if node.function == "flatten" and source.data.ndim == 1:
            return source  # torch hands back the very tensor
        call = tree.Call(node.function, (tree.Name(_SOURCE), *node.arguments[1:]), node.options)
        formula = written(call, (source.data.shape,))
        if not formula.output.size:
            raise Unmodelled("a tensor without elements")
        places = _places_in(formula)
        data = _strided(source.data, places, formula.output.shape)
        if data is None:
            return self.machine.apply(formula, [source])
        return self.machine.look(source, data, places)

    def closed(self, node: Node) -> bool:
        """Whether a part is made of numbers alone and so is no tensor."""
        return all(self._closed(part) for part in tree.walk(node))

    def _closed(self, part: Node) -> bool:
        if isinstance(part, tree.Name):
            return part.name in CONSTANTS and part.name not in self.names
        return not isinstance(part, tree.Call) or FUNCTIONS[part.function].elementwise


_SOURCE = placeholder(0)
_ONE, _ZERO = tree.Number(Fraction(1)), tree.Number(Fraction(0))


def _elementwise(form: Node) -> bool:
    if isinstance(form, tree.Call):
        return form.function in ("where", "clamp") or FUNCTIONS[form.function].elementwise
    return isinstance(form, tree.Binary)


def _places_in(formula: Formula) -> tuple[int, ...]:
    """Which elements of its one operand a formula rearranges, in row-major places."""
    place = {slot.index: k for k, slot in enumerate(formula.operands[0].reshape(-1))}
    return tuple(place[scalar.index] for scalar in formula.output.reshape(-1))


def _strided(data: Array, places: tuple[int, ...], shape: Shape) -> Array | None:
    """A view of those elements in that shape; None where no strides reach them all."""
    offsets = _offsets(data.shape, data.strides)
    wanted = offsets[list(places)].reshape(shape)
    steps = [
        int(np.diff(wanted, axis=axis).flat[0]) if size > 1 else 0
        for axis, size in enumerate(shape)
    ]
    if not np.array_equal(wanted.reshape(-1), _offsets(shape, steps)):
        return None
    return as_strided(data, shape, steps)


def _offsets(shape: Shape, steps: Sequence[int]) -> Array:
    """How far each element lies from the first, in row-major order."""
    return np.array([sum(map(mul, place, steps)) for place in np.ndindex(*shape)], dtype=int)


def _connects(part: Node) -> bool:
    return isinstance(part, tree.Logic) or (isinstance(part, tree.Unary) and part.op == "not")


def rebuilt(node: Node, change: Callable[[Node], Node]) -> Node:
    """The same node over other parts."""
    match node:
        case tree.Unary(op, value):
            return tree.Unary(op, change(value))
        case tree.Binary(op, left, right) | tree.Compare(op, left, right):
            return type(node)(op, change(left), change(right))
        case tree.Logic(op, parts):
            return tree.Logic(op, tuple(map(change, parts)))
        case tree.Sequence(items):
            return tree.Sequence(tuple(map(change, items)))
        case tree.Call(function, arguments, options):
            changed = tuple((name, change(value)) for name, value in options)
            return tree.Call(function, tuple(map(change, arguments)), changed)
    raise Unmodelled("a condition that is not written out in its place")


def _numbered(source: Tensor) -> Array:
    return np.arange(source.data.size).reshape(source.data.shape)


def _places(shown: Array) -> tuple[int, ...]:
    return tuple(shown.reshape(-1).tolist())
