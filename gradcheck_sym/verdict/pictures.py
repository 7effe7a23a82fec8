"""What a page draws: formulas, errors over an input, the graph of a program; plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

from gradcheck_sym.spec.records import Domain, Spec
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


@final
@dataclass(frozen=True, slots=True)
class Outline:
    """How far a check's numbers are off, over what went in: the outline of all its points."""

    input: str  # whose value is the first of each point; "": the largest magnitude of all inputs
    alone: bool  # nothing else varies but cotangents, so that what is allowed is a curve
    points: tuple[tuple[float, float, float], ...]  # value, error in ulps, allowed in ulps; rising
    numbers: int  # that were compared; the points are the largest errors among them


@final
@dataclass(frozen=True, slots=True)
class Vertex:
    """One operation of a program, or one of its inputs."""

    label: str  # the operation; of an input its name
    name: str = ""  # what the program calls the result
    value: str = ""  # after the step that made it, if that is short
    grad: str = ""  # after the last step; "" where there is none
    leaf: bool = False
    tracked: bool = False  # requires a gradient
    roots: tuple[str, ...] = ()  # labels of the steps that go backward from here


@final
@dataclass(frozen=True, slots=True)
class Edge:
    """That one vertex is an operand of another."""

    source: int
    target: int
    flows: bool  # whether a gradient comes back along it


@final
@dataclass(frozen=True, slots=True)
class Graph:
    """The operations of a program in the order in which they are carried out."""

    vertices: tuple[Vertex, ...]
    edges: tuple[Edge, ...]


@final
@dataclass(frozen=True, slots=True)
class Portrait:
    """What is known of a spec's mathematics before any point is looked at."""

    slopes: tuple[Slope, ...] = ()  # those that are short
    domains: Mapping[str, Domain | None] = field(default_factory=dict)  # stated, else inferred
    kinks: Mapping[str, tuple[float, ...]] = field(default_factory=dict)  # and where it branches
    graph: Graph | None = None  # of steps
