"""A spec's mathematics in stages: the lets, inner functions by names of their own, the value.

What a teacher does before applying the chain rule: log(1 + exp(x)) is log(u) with u = 1 + exp(x).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import final

from gradcheck_sym.spec import tree
from gradcheck_sym.spec.functions import CONSTANTS, FUNCTIONS
from gradcheck_sym.spec.parser import PROPERTIES
from gradcheck_sym.spec.records import Spec
from gradcheck_sym.spec.rewrite import rebuilt
from gradcheck_sym.spec.tree import Node, children

_NAMES = "uvwstpqr"
_MOST = 6  # inner functions; where there are more, their names explain nothing
_WHOLE = frozenset({"where", "detach"})  # their arguments are not inner functions


@final
@dataclass(frozen=True, slots=True)
class Stage:
    """One step of a computation."""

    name: str
    tree: Node  # over the inputs and earlier stages


def stages(spec: Spec, value: str) -> tuple[Stage, ...]:
    """The stages of expr in order; the last one is the value, under that name.

    Inner functions that depend on an input with a gradient get names, unless there are many.
    """
    assert spec.expr is not None
    written = [*((name, said.tree) for name, said in spec.let), (value, spec.expr.tree)]
    tracked = {entry.name for entry in spec.inputs if entry.requires_grad}
    naming = _Naming(tracked, _free_names(spec, value))
    for name, node in written:
        naming.add(name, node)
    if len(naming.known) <= _MOST:
        return tuple(naming.stages)
    return tuple(Stage(name, node) for name, node in written)


def flowing(node: Node) -> frozenset[str]:
    """The names through which a derivative may flow: those outside detach and conditions."""
    match node:
        case tree.Name():
            return frozenset({node.name})
        case tree.Call("detach") | tree.Compare() | tree.Logic():
            return frozenset()
        case tree.Index():
            return flowing(node.value)
    return frozenset().union(*map(flowing, children(node)))


def _free_names(spec: Spec, value: str) -> Iterator[str]:
    taken = {value, *CONSTANTS, *FUNCTIONS}
    taken |= {entry.name for entry in spec.inputs} | {dim.name for dim in spec.dims}
    taken |= {name for name, _ in spec.let}
    yield from (name for name in _NAMES if name not in taken)
    number = 1
    while True:
        yield f"u{number}"
        number += 1


@final
@dataclass(slots=True)
class _Naming:
    """Stages being collected."""

    live: set[str]  # names through which a derivative flows
    free: Iterator[str]
    stages: list[Stage] = field(default_factory=list)
    known: dict[Node, str] = field(default_factory=dict)  # inner functions and their names

    def add(self, name: str, node: Node) -> None:
        """One written stage, after those that its inner functions make."""
        self.stages.append(Stage(name, self._shared(self._pulled(node))))
        if flowing(node) & self.live:
            self.live.add(name)

    def _pulled(self, node: Node) -> Node:
        """The tree with names in place of its inner functions."""
        if isinstance(node, tree.Compare | tree.Logic | tree.Index | tree.Slice):
            return node
        if isinstance(node, tree.Call) and node.function == "detach":
            return node
        inner = tuple(_inner_places(node))
        parts = [self._pulled(child) for child in children(node)]
        for place in inner:
            parts[place] = self._name(parts[place])
        return rebuilt(node, parts) if parts else node

    def _name(self, node: Node) -> Node:
        if _is_simple(node, self.live):
            return node
        if node not in self.known:
            self.known[node] = next(self.free)
            self.stages.append(Stage(self.known[node], node))
            self.live.add(self.known[node])
        return tree.Name(self.known[node])

    def _shared(self, node: Node) -> Node:
        """The tree with a name wherever an inner function occurs: exp(x), in exp(x)/sum(exp(x))."""
        if node in self.known:
            return tree.Name(self.known[node])
        parts = list(map(self._shared, children(node)))
        return rebuilt(node, parts) if parts and not isinstance(node, tree.Slice) else node


def _inner_places(node: Node) -> Iterator[int]:
    """Which children of a node are inner functions: arguments, denominators, bases, exponents."""
    match node:
        case tree.Call() if node.function not in _WHOLE:
            yield from (
                place
                for place, argument in enumerate(node.arguments)
                if not isinstance(argument, tree.Sequence)
            )
        case tree.Binary("/"):
            yield 1
        case tree.Binary("**"):
            yield from (0, 1)
        case tree.Binary("@"):
            yield from (0, 1)


def _is_simple(node: Node, live: Collection[str]) -> bool:
    """Whether a part is a name, its negative, or no function of an input with a gradient."""
    match node:
        case tree.Unary():
            return _is_simple(node.operand, live)
        case tree.Call(function, (argument,)) if function in PROPERTIES:
            return _is_simple(argument, live)
    return isinstance(node, tree.Name | tree.Index) or not flowing(node) & set(live)
