"""The torch dialect: call expressions over the inputs, as a user of torch would write them.

Only names out of the table in `spec.operators` are ever looked up in torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from gradcheck_sym.autograd.functions import operator
from gradcheck_sym.autograd.trees import (
    Dialect,
    Program,
    Scope,
    Value,
    compile_tree,
    scope_of,
)
from gradcheck_sym.spec import tree
from gradcheck_sym.spec.operators import OPERATORS

# What the parser makes of the two properties that an expression may take of a tensor.
_PROPERTIES: Mapping[str, Callable[[Tensor], Tensor]] = {
    "T": lambda x: x.T,
    "mT": lambda x: x.mT,
}

# What they make would be of torch's default dtype, whatever the inputs are.
_FLOATING = frozenset(
    f"torch.{name}" for name in ("eye", "full", "linspace", "logspace", "ones", "zeros")
)


def compiled_torch(
    node: tree.Node,
    bound: frozenset[str],
    own: Mapping[str, Callable[..., Any]],
    sizes: Callable[[Mapping[str, Tensor]], Mapping[str, Value]] = lambda tensors: {},
) -> Callable[[Mapping[str, Tensor]], Any]:
    """A callable for a tree of the torch dialect over tensors, and sizes of theirs, in `bound`.

    `own` holds the user's functions by the names that the expression calls them by. Python's
    rules hold throughout: numbers stay numbers and nothing is converted; the result is whatever
    the expression gives. Raises KeyError for a name or an operator that is not permitted.
    """

    def call(node: tree.Call, compiled: Callable[[tree.Node], Program]) -> Program:
        function = _function(node.function, own)
        floating = node.function in _FLOATING
        parts = [compiled(part) for part in node.arguments]
        options = [(name, compiled(part)) for name, part in node.options]

        def program(scope: Scope) -> Value:
            arguments = [part(scope) for part in parts]
            named = {name: part(scope) for name, part in options}
            if floating:
                named["dtype"] = scope.dtype
            return function(*arguments, **named)

        return program

    program = compile_tree(node, Dialect(operand=_unchanged, call=call), bound)

    def run(tensors: Mapping[str, Tensor]) -> Any:
        given = scope_of(tensors)
        return program(Scope({**sizes(tensors), **tensors}, given.dtype, given.device))

    return run


def _unchanged(value: Value, scope: Scope) -> Value:
    return value


def _function(name: str, own: Mapping[str, Callable[..., Any]]) -> Callable[..., Any]:
    if name in own:
        return own[name]
    if name in _PROPERTIES:
        return _PROPERTIES[name]
    if name not in OPERATORS:
        raise KeyError(name)
    return operator(name)
