"""The mathematics of a spec, carried out by torch's own functions."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor

from gradcheck_sym.autograd.rules import RULES, matmul
from gradcheck_sym.autograd.trees import (
    PRECISE,
    Dialect,
    Program,
    Scope,
    Value,
    compile_tree,
    folded,
    scope_of,
    to_tensor,
)
from gradcheck_sym.spec import tree
from gradcheck_sym.spec.functions import FUNCTIONS, Function, parameters
from gradcheck_sym.spec.operators import path
from gradcheck_sym.spec.records import Spec

Evaluation = Callable[[Mapping[str, Tensor]], Tensor]
_Named = list[tuple[str, tree.Node]]
_Invocation = Callable[[Scope, Sequence[Value], Mapping[str, Value]], Value]

# Parameters of array functions that take arrays; the others are sizes, axes and options.
_ARRAYS = frozenset({"x", "y", "operands", "real", "imag", "abs", "angle"})

_WORDS: Mapping[str, Value] = {"none": None, "false": False, "true": True}


def evaluate(node: tree.Node, tensors: Mapping[str, Tensor]) -> Tensor:
    """The value of an expression at `tensors`, in their dtype and on their device.

    Every step is torch's own function, so autograd sees what a user would have written.
    Raises what torch raises.
    """
    return compiled(node, frozenset(tensors))(tensors)


def compiled(node: tree.Node, bound: frozenset[str]) -> Evaluation:
    """`evaluate` with the tree already read, for many calls; `bound` are the names it is given."""
    program = compile_tree(node, LANGUAGE, bound)

    def call(tensors: Mapping[str, Tensor]) -> Tensor:
        scope = _scope(tensors, tensors)
        return to_tensor(program(scope), scope)

    return call


def evaluate_spec(spec: Spec, tensors: Mapping[str, Tensor]) -> Tensor:
    """The value of a spec's `expr`, after its `let`s in order."""
    return compiled_spec(spec)(tensors)


def compiled_spec(spec: Spec) -> Evaluation:
    """`evaluate_spec` with the trees already read, for many calls.

    Raises ValueError where the spec has no `expr`.
    """
    if spec.expr is None:
        raise ValueError(f"{spec.name} has no expr")
    bound = {item.name for item in spec.inputs} | {dim.name for dim in spec.dims}
    steps: list[tuple[str, Program]] = []
    for name, expression in spec.let:
        steps.append((name, compile_tree(expression.tree, LANGUAGE, bound)))
        bound.add(name)
    result = compile_tree(spec.expr.tree, LANGUAGE, bound)

    def call(tensors: Mapping[str, Tensor]) -> Tensor:
        names: dict[str, Value] = sizes(spec, tensors) | dict(tensors)
        scope = _scope(tensors, names)
        for name, program in steps:
            names[name] = program(scope)
        return to_tensor(result(scope), scope)

    return call


def _scope(tensors: Mapping[str, Tensor], names: Mapping[str, Value]) -> Scope:
    """Numbers are real, in the precision of the inputs: real times complex is torch's business."""
    given = scope_of(tensors)
    return Scope(names, given.dtype.to_real(), given.device)


def sizes(spec: Spec, tensors: Mapping[str, Tensor]) -> dict[str, Value]:
    """The sizes that the symbolic dims have in these tensors."""
    return {
        size: tensors[item.name].shape[axis]
        for item in spec.inputs
        for axis, size in enumerate(item.shape)
        if isinstance(size, str) and item.name in tensors
    }


# --- calls --------------------------------------------------------------------------------


@cache
def operator(dotted: str) -> Callable[..., Any]:
    """The function behind a dotted name such as F.softplus.

    Only for names out of this package's tables, never for a text that a spec has chosen.
    """
    holder: Any = torch
    for name in path(dotted):
        holder = getattr(holder, name)
    function: Callable[..., Any] = holder
    return function


def _operand(value: Value, scope: Scope) -> Value:
    """An operand of arithmetic: numbers as they are, booleans of an array as 0 and 1."""
    return to_tensor(value, scope) if isinstance(value, (Tensor, list, tuple)) else value


def _call(node: tree.Call, compiled: Callable[[tree.Node], Program]) -> Program:
    row = FUNCTIONS[node.function]
    given, named = _arguments(row, node)
    parts = [compiled(part) for _, part in given]
    options = [(name, compiled(part)) for name, part in named]
    invoke = _invocation(row, [name for name, _ in given])

    def program(scope: Scope) -> Value:
        values = [part(scope) for part in parts]
        return invoke(scope, values, {name: part(scope) for name, part in options})

    return folded(program, parts + [part for _, part in options])


def _arguments(row: Function, node: tree.Call) -> tuple[_Named, _Named]:
    """The arguments of a call by parameter: those that must be given, and the options.

    The parser has made sure that they fit the signature. Raises TypeError for too many.
    """
    declared = parameters(row.signature)
    names = [parameter.name for parameter in declared]
    if declared[-1].variadic:
        names += names[-1:] * (len(node.arguments) - len(names))
    if len(node.arguments) > len(names):
        raise TypeError(f"{row.name}({row.signature}) takes no {len(node.arguments)} arguments")
    given = [*zip(names, node.arguments, strict=False), *node.options]
    given.sort(key=lambda pair: names.index(pair[0]))
    defaults = _defaults(row)
    return (
        [pair for pair in given if pair[0] not in defaults],
        [pair for pair in given if pair[0] in defaults],
    )


@cache
def _defaults(row: Function) -> Mapping[str, Value]:
    """The options of a row with their defaults, read from its signature."""
    return {
        parameter.name: _default(parameter.default)
        for parameter in parameters(row.signature)
        if parameter.default is not None
    }


def _default(text: str) -> Value:
    return _WORDS[text] if text in _WORDS else ast.literal_eval(text)


def _invocation(row: Function, names: Sequence[str]) -> _Invocation:
    """How to call a row's function with values for `names` and some options."""
    rule = RULES.get(row.name)
    apply = rule or _operator_rule(row.torch)
    lifted = [name in _ARRAYS or (row.elementwise and rule is None) for name in names]
    defaults = _defaults(row)

    def invoke(scope: Scope, values: Sequence[Value], options: Mapping[str, Value]) -> Value:
        arguments = (
            to_tensor(value, scope) if lift else value
            for value, lift in zip(values, lifted, strict=True)
        )
        return apply(scope, *arguments, **{**defaults, **options})

    return _numeric(invoke) if row.elementwise else invoke


def _numeric(invoke: _Invocation) -> _Invocation:
    """The same, which for numbers alone computes in float64 and gives a number.

    So a constant such as log(2) is not rounded to the dtype of the inputs before it is used.
    """

    def numeric(scope: Scope, values: Sequence[Value], options: Mapping[str, Value]) -> Value:
        if all(isinstance(value, (int, float)) for value in (*values, *options.values())):
            return invoke(PRECISE, values, options).item()
        return invoke(scope, values, options)

    return numeric


def _operator_rule(dotted: str) -> Callable[..., Value]:
    """A rule that calls torch's operator; an option left open (none) is not passed."""
    function = operator(dotted)

    def rule(scope: Scope, *arguments: Value, **options: Value) -> Value:
        return function(*arguments, **{k: v for k, v in options.items() if v is not None})

    return rule


LANGUAGE = Dialect(operand=_operand, call=_call, product=matmul)
