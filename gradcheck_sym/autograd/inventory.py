"""What the installed torch can differentiate: its backward nodes and its operators.

Nothing is typed in. The nodes are the classes that torch generates from its table of derivatives;
their names follow from the operators', so that the operators of each are known, too. Which of
them run on the CPU, the dispatcher says.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, final

import torch

_NODE = re.compile(r"(?P<stem>\w+?)Backward\d+")
_FOR_TESTS = "Test"  # operators that torch has for its own tests


@final
@dataclass(frozen=True, slots=True)
class Inventory:
    """What there is to differentiate by."""

    version: str  # of torch
    nodes: frozenset[str]  # names of backward nodes, such as "MulBackward0"
    operators: frozenset[str]  # overloads with a backward of their own, such as "aten::mul.Tensor"
    elsewhere: frozenset[str]  # nodes and operators that need another device than the CPU


@cache
def inventory() -> Inventory:
    """The nodes and operators of the installed torch."""
    by_stem = _operators()
    nodes = {name: by_stem.get(stem, ()) for name, stem in _nodes().items()}
    operators = {name for known in nodes.values() for name in known if _is_differentiable(name)}
    lonely = {name for name, known in nodes.items() if not any(map(_on_cpu, known))}
    lonely |= {name for name in operators if not _on_cpu(name)}
    return Inventory(
        torch.__version__,
        frozenset(nodes) - lonely,
        frozenset(operators) - lonely,
        frozenset(lonely),
    )


def _nodes() -> Mapping[str, str]:
    """The classes of the nodes for ordinary dense tensors, with the stem of each name.

    Copies of views (…_copy) and the nodes of nested tensors have names of another form.
    """
    found = {name: _NODE.fullmatch(name) for name in dir(torch._C._functions)}
    return {
        name: match["stem"]
        for name, match in found.items()
        if match is not None and not name.startswith(_FOR_TESTS)
    }


def _operators() -> Mapping[str, tuple[str, ...]]:
    """The overloads of torch's operators by the stem of the node that is named after them."""
    found: dict[str, list[str]] = defaultdict(list)
    for name in _overloads():
        base = name.removeprefix("aten::").partition(".")[0].strip("_")
        for spelled in {base, base.removesuffix("_forward")}:
            found[spelled.title().replace("_", "")].append(name)
    return {stem: tuple(sorted(names)) for stem, names in found.items()}


@cache
def _overloads() -> Mapping[str, Any]:
    """The schemas of torch's operators by overload."""
    registered = set(torch._C._dispatch_get_all_op_names())
    named = ((_full_name(schema), schema) for schema in torch._C._jit_get_all_schemas())
    return {
        name: schema for name, schema in named if name.startswith("aten::") and name in registered
    }


def _full_name(schema: Any) -> str:
    return f"{schema.name}.{schema.overload_name}" if schema.overload_name else schema.name


def _is_differentiable(name: str) -> bool:
    """Whether an overload of a tensor has a backward of its own, and writes to nothing."""
    schema = _overloads()[name]
    writes = schema.is_mutable or any(argument.is_out for argument in schema.arguments)
    of_tensors = any("Tensor" in str(argument.type) for argument in schema.arguments)
    autograd = torch._C._dispatch_has_kernel_for_dispatch_key(name, "Autograd")
    return bool(autograd) and of_tensors and not writes


def _on_cpu(name: str) -> bool:
    return bool(torch._C._dispatch_has_computed_kernel_for_dispatch_key(name, "CPU"))
