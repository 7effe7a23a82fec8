"""What a page draws: formulas, errors over an input, the graph of a program; plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

from gradcheck_sym.spec.records import Spec
from gradcheck_sym.spec.tree import Node

_VALUES = ("f", "y", "F", "value")  # what the value may be called


def value_name(spec: Spec) -> str:
    """What the value of a spec's expr is called in formulas: a name that the spec does not use."""
    taken = {entry.name for entry in spec.inputs} | {name for name, _ in spec.let}
    taken |= {dim.name for dim in spec.dims}
    return next((name for name in _VALUES if name not in taken), f"{spec.name}_value")


@final
@dataclass(frozen=True, slots=True)
class Slope:
    """A derivative as a formula: that of one element of the value by one of an input."""

    input: str
    of: Node  # the element of the value: f, or f[0, 1]
    by: Node  # the element of the input: x, or x[0, 1]
    formula: Node
    dims: Mapping[str, int] = field(default_factory=dict)  # the sizes at which it is written out
