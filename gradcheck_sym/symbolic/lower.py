"""Tree to scalars: an expression over arrays, written out at one concrete shape.

Arrays are NumPy object arrays of `Scalar`s, so every function that only moves elements is
NumPy's own indexing, and every function that combines them is a few scalar operations.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, reduce
from typing import Any, final

import numpy as np

from gradcheck_sym.spec import tree
from gradcheck_sym.spec.functions import CONSTANTS, FUNCTIONS, Function, parameters
from gradcheck_sym.spec.parser import parse
from gradcheck_sym.spec.tree import Node
from gradcheck_sym.symbolic.complexes import FUNCTIONS as FUNCTIONS_OF_COMPLEX
from gradcheck_sym.symbolic.complexes import ComplexError, is_complex
from gradcheck_sym.symbolic.program import Builder, ProgramError, Scalar, flat_names
from gradcheck_sym.symbolic.rules import RULES
from gradcheck_sym.symbolic.rules.common import (
    Array,
    LowerError,
    as_array,
    mapped,
    numbers,
    roomy,
    summed,
    together,
    uniform,
)
from gradcheck_sym.symbolic.rules.linear_algebra import product


def input_array(builder: Builder, name: str, shape: Sequence[int]) -> Array:
    """The array of an input's scalars, of that shape; LowerError where it has too many."""
    try:
        roomy(*shape)
    except ValueError as err:
        raise LowerError(f"{name}: {err}", tree.NOWHERE) from None
    array = np.empty(math.prod(shape), dtype=object)
    for index, flat in enumerate(flat_names(name, shape)):
        array[index] = builder.input(flat)
    return array.reshape(tuple(shape))


def lower(node: Node, bindings: Mapping[str, Array], builder: Builder) -> Array:
    """The expression's elements as scalars of the builder, in an object array of its shape.

    Raises LowerError where the expression has no meaning at the shapes of the bindings.
    """
    return _walked(lambda: _Lowering(bindings, builder).array(node))


def lower_condition(node: Node, bindings: Mapping[str, Array], builder: Builder) -> Array:
    """As lower, for an expression that must be a condition, such as x < y."""
    return _walked(lambda: _Lowering(bindings, builder).conditions(node))


def _walked(walk: Callable[[], Array]) -> Array:
    try:
        return walk()
    except RecursionError:
        raise LowerError("the expression is nested too deeply", tree.NOWHERE) from None


__all__ = ["Array", "LowerError", "definition", "input_array", "lower", "lower_condition"]


@final
@dataclass(frozen=True, slots=True)
class _Lowering:
    """One walk over a tree."""

    bindings: Mapping[str, Array]
    builder: Builder

    def array(self, node: Node) -> Array:
        """The value of a node that is an array of numbers; conditions count as 1 and 0."""
        return numbers(self._value(node))

    def conditions(self, node: Node) -> Array:
        """The value of a node that must consist of conditions."""
        value = self._value(node)
        if not all(scalar.is_condition for scalar in value.reshape(-1)):
            raise LowerError("a condition is wanted here, such as x > 0", node.span)
        return value

    def _value(self, node: Node) -> Array:
        try:
            array = self._array(node)
            roomy(*array.shape)
            return uniform(array)
        except LowerError:
            raise
        except (ValueError, TypeError, IndexError, ZeroDivisionError) as err:
            raise LowerError(_plain(err), node.span) from err

    def _array(self, node: Node) -> Array:
        match node:
            case tree.Number(value):
                return self._scalar(self.builder.constant(value))
            case tree.Name(name):
                return self._name(name)
            case tree.Unary(op, operand):
                return self._unary(op, operand)
            case tree.Binary(op, left, right):
                return self._binary(op, self.array(left), self.array(right))
            case tree.Compare(op, left, right):
                return self._compare(op, self.array(left), self.array(right))
            case tree.Logic(op, operands):
                return reduce(
                    lambda a, b: self._elementwise(op, a, b),
                    (self.conditions(operand) for operand in operands),
                )
            case tree.Index(value, items):
                return as_array(self.array(value)[tuple(self._index(item) for item in items)])
            case tree.Sequence(items):
                return as_array(np.stack(together([self.array(item) for item in items])))
            case tree.Call():
                return self._call(node)
            case _:
                raise ValueError(f"an expression is wanted here, not {_kind(node)}")

    def _unary(self, op: str, operand: Node) -> Array:
        if op == "not":
            return self._elementwise("not", self.conditions(operand))
        value = self.array(operand)
        return value if op == "+" else mapped(operator.neg, value)

    def _binary(self, op: str, left: Array, right: Array) -> Array:
        if op == "@":
            return summed(self.builder, product(left, right))
        return mapped(_BINARY[op], left, right)

    def _compare(self, op: str, left: Array, right: Array) -> Array:
        if is_complex(left) or is_complex(right):
            raise ValueError(f"{op} compares real numbers; here are complex ones")
        return self._elementwise(_COMPARE[op], left, right)

    def _scalar(self, value: Scalar) -> Array:
        array = np.empty((), dtype=object)
        array[()] = value
        return array

    def _name(self, name: str) -> Array:
        if name in self.bindings:
            return self.bindings[name]
        if name in CONSTANTS:
            return self._scalar(self.builder.emit(name))
        raise ValueError(f"'{name}' has no value here")

    def _elementwise(self, op: str, *operands: Array) -> Array:
        return mapped(lambda *scalars: self.builder.op(op, *scalars), *operands)

    def _index(self, item: Node) -> Any:
        match item:
            case tree.Slice(start, stop, step):
                return slice(
                    *(None if end is None else self.plain(end) for end in (start, stop, step))
                )
            case tree.Dots():
                return ...
            case tree.Absent():
                return None
            case _:
                return self.plain(item)

    def plain(self, node: Node) -> Any:
        """The value of an option: an integer, a fraction, a boolean, none, a text or a tuple."""
        match node:
            case tree.Boolean(value):
                return value
            case tree.Text(value):
                return value
            case tree.Absent():
                return None
            case tree.Sequence(items):
                return tuple(self.plain(item) for item in items)
            case _:
                return self._number(node)

    def _number(self, node: Node) -> int | Fraction | float:
        if isinstance(node, tree.Name) and node.name == "inf":
            return math.inf
        if isinstance(node, tree.Unary) and node.op == "-":
            return -self._number(node.operand)
        value = self.array(node)
        constant = value.item().constant if value.ndim == 0 else None
        if constant is None:
            raise LowerError("this option must be a constant", node.span)
        exact: Fraction = constant
        return exact.numerator if exact.denominator == 1 else exact

    def _call(self, node: tree.Call) -> Array:
        row = FUNCTIONS.get(node.function)
        if row is None:
            raise ValueError(f"'{node.function}' is no function of the language")
        given = _bind(row, node)
        if row.elementwise:
            return self._apply(row, [self.array(value) for value in given.values()])
        try:
            return as_array(RULES[row.lower](self, **given))
        except ComplexError:
            raise _not_complex(row) from None

    def _apply(self, row: Function, operands: Sequence[Array]) -> Array:
        if any(map(is_complex, operands)):
            return self._apply_complex(row, operands)
        if row.sympy in ("max", "min"):
            return mapped(lambda *scalars: self.builder.extreme(row.sympy, scalars), *operands)
        if row.ball:
            return mapped(lambda *scalars: self.builder.emit(row.name, scalars), *operands)
        return self._defined(row, operands)

    def _apply_complex(self, row: Function, operands: Sequence[Array]) -> Array:
        if rule := FUNCTIONS_OF_COMPLEX.get(row.name):
            return mapped(rule, *operands)
        try:
            if row.define:
                return self._defined(row, operands)
        except LowerError:
            pass  # what it is defined by is not
        raise _not_complex(row)

    def _defined(self, row: Function, operands: Sequence[Array]) -> Array:
        names = [parameter.name for parameter in parameters(row.signature)]
        inner = _Lowering(dict(zip(names, operands, strict=True)), self.builder)
        return inner.array(definition(row.name))


@cache
def definition(function: str) -> Node:
    """The tree of a function's definition in the table."""
    row = FUNCTIONS[function]
    return parse(row.define, names=[parameter.name for parameter in parameters(row.signature)])


def _bind(row: Function, node: tree.Call) -> dict[str, Any]:
    """The nodes of a call by parameter, defaults filled in."""
    declared = parameters(row.signature)
    given: dict[str, Any] = {}
    positional = list(node.arguments)
    for parameter in declared:
        if parameter.variadic:
            given[parameter.name] = tuple(positional)
            positional.clear()
        elif positional:
            given[parameter.name] = positional.pop(0)
    if positional:
        raise ValueError(f"{row.name}({row.signature}) takes fewer arguments")
    for name, value in node.options:
        if name in given or name not in {parameter.name for parameter in declared}:
            raise ValueError(f"{row.name}({row.signature}) does not take {name} here")
        given[name] = value
    for parameter in declared:
        if parameter.name not in given:
            if parameter.default is None:
                raise ValueError(f"{row.name}({row.signature}) needs {parameter.name}")
            given[parameter.name] = _default(parameter.default)
    return {parameter.name: given[parameter.name] for parameter in declared}


@cache
def _default(text: str) -> Node:
    """The node of a parameter's default, which may be an option that is no expression."""
    options: dict[str, Node] = {
        "none": tree.Absent(),
        "false": tree.Boolean(False),
        "()": tree.Sequence((), "()"),
    }
    return options[text] if text in options else parse(text)


_BINARY: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
}
_COMPARE = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "eq", "!=": "ne"}


def _not_complex(row: Function) -> ValueError:
    return ValueError(f"{row.name} is not defined for complex arguments here")


def _plain(err: Exception) -> str:
    """NumPy's sentence without its names of functions; ours as it is."""
    text = str(err)
    return text.removeprefix("matmul: ") if not isinstance(err, ProgramError) else text


def _kind(node: Node) -> str:
    return {"Boolean": "true or false", "Absent": "none", "Text": "a text"}.get(
        type(node).__name__, type(node).__name__.lower()
    )
