"""The machine that operations run on: it records the graph, makes views, and writes in place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import final

import numpy as np

from gradcheck_sym.spec import tree
from gradcheck_sym.spec.parser import parse
from gradcheck_sym.spec.tree import Node
from gradcheck_sym.symbolic.lower import Array
from gradcheck_sym.symbolic.mechanics.formula import (
    Formula,
    gathered,
    overwritten,
    placeholder,
    stripped,
    written,
)
from gradcheck_sym.symbolic.mechanics.kept import NEEDED, Keeping
from gradcheck_sym.symbolic.mechanics.model import (
    GraphNode,
    Mode,
    Modes,
    Raised,
    Saved,
    Tensor,
    Unmodelled,
    View,
)
from gradcheck_sym.symbolic.program import Builder, Scalar

_LEAF_WRITE = "a leaf that requires grad is written in place"
_VIEW_WRITE = "a view made in no_grad or inference mode is modified where gradients are recorded"

_SILENT = Keeping("none")


@final
@dataclass(slots=True)
class Machine:
    """Where a program runs: one builder of scalars, the current modes, a clock of nodes."""

    builder: Builder = field(default_factory=Builder)
    modes: Modes = field(default_factory=Modes)
    clock: int = 0

    def new(self, data: Array, *, requires_grad: bool = False) -> Tensor:
        """A tensor in memory of its own."""
        return Tensor(data, inference=self.modes.inference, flag=requires_grad)

    # the graph

    def edge(self, tensor: Tensor) -> GraphNode | None:
        """Where a tensor's gradient goes; None where nowhere."""
        node = self.grad_fn(tensor)
        if node is not None:
            return node
        return accumulator(tensor) if tensor.flag else None

    def is_leaf(self, tensor: Tensor) -> bool:
        """Whether no operation that autograd recorded made it."""
        return self.grad_fn(tensor) is None

    def grad_fn(self, tensor: Tensor) -> GraphNode | None:
        """The node that made a tensor; of a view worked out anew when its base was written to."""
        view = tensor.view
        if view is None or (tensor.node is None and not view.base.requires_grad):
            return tensor.node
        if view.seen != tensor.counter.version:
            if view.mode is not Mode.DEFAULT:
                raise Raised("RuntimeError", _VIEW_WRITE)
            old = tensor.node
            formula = gathered(view.base.data.shape, view.index, tensor.data.shape)
            tensor.node = self._node(formula, [view.base], _SILENT, [self.edge(view.base)])
            view.seen = tensor.counter.version
            _move_retained(tensor, old)
        return tensor.node

    def _node(
        self,
        formula: Formula,
        operands: Sequence[Tensor],
        keeping: Keeping,
        edges: Sequence[GraphNode | None],
        free: frozenset[int] = frozenset(),
    ) -> GraphNode:
        """A node for an operation; `free` are operands whose gradient nobody asks for."""
        needed = _needed(formula, operands, keeping, edges)
        kept = {place: Saved.of(operands[place]) for place in sorted(needed - free)}
        if any(saved.tensor.inference for saved in kept.values()):
            raise Raised("RuntimeError", "an inference tensor would be saved for backward")
        self.clock += 1
        return GraphNode(
            self.clock,
            formula,
            operands=tuple(operands),
            values=tuple(operand.data.copy() for operand in operands),
            edges=tuple(edges),
            saved=kept,
            linked=keeping.linked,
            keeps=bool(kept) or keeping.internal or keeping.result,
        )

    # operations

    def apply(
        self,
        formula: Formula,
        operands: Sequence[Tensor],
        keeping: Keeping = NEEDED,
        untracked: frozenset[int] = frozenset(),
    ) -> Tensor:
        """An operation with a result in memory of its own."""
        values = [self.read(operand) for operand in operands]
        edges = [
            None if place in untracked else self.track(operand)
            for place, operand in enumerate(operands)
        ]
        result = self.new(formula.at(values, self.builder))
        if self.tracked(operands, untracked):
            node = self._node(formula, operands, keeping, edges, untracked)
            if keeping.result:
                node.result = Saved.of(result)
                node.by_result = parse(keeping.backward) if keeping.backward else None
            result.node = node
        return result

    def derive(
        self,
        formula: Formula,
        operands: Sequence[Tensor],
        edges: Sequence[GraphNode | None],
        obscures: tuple[GraphNode, ...],
        *,
        recorded: bool,
    ) -> Tensor:
        """An operation of a backward pass; its edges are those of what was kept.

        Which tensors torch keeps for its own backward is known only where it must keep some.
        """
        values = [self.read(operand) for operand in operands]
        result = self.new(formula.at(values, self.builder))
        if recorded:
            node = self._node(formula, operands, NEEDED, edges)
            node.keeps = node.keeps or None
            node.certain = False
            node.obscures = obscures
            result.node = node
        return result

    def tracked(self, operands: Sequence[Tensor], untracked: Iterable[int] = ()) -> bool:
        """Whether an operation on these is recorded."""
        considered = [t for place, t in enumerate(operands) if place not in untracked]
        seen = any(not tensor.inference for tensor in considered)  # else autograd is passed by
        return self.modes.tracking and seen and any(t.requires_grad for t in considered)

    def track(self, tensor: Tensor) -> GraphNode | None:
        """The edge that an operation recorded now has to a tensor."""
        return self.edge(tensor) if self.modes.tracking and tensor.requires_grad else None

    def read(self, tensor: Tensor) -> Array:
        """The elements as operations see them: of a detached tensor they are constants."""
        if not tensor.constant:
            return tensor.data
        emit = self.builder.emit
        held = np.empty(tensor.data.shape, dtype=object)
        for place in np.ndindex(*held.shape):
            scalar: Scalar = tensor.data.item(place)
            held[place] = scalar if scalar.constant is not None else emit("detach", [scalar])
        return held

    def calculate(
        self, node: Node, operands: Sequence[Tensor], keeping: Keeping = NEEDED
    ) -> Tensor:
        """An operation written as a tree over %0, %1 and so on."""
        return self.apply(written(node, tuple(t.data.shape for t in operands)), operands, keeping)

    def add(self, left: Tensor, right: Tensor) -> Tensor:
        """The sum of two tensors of one shape."""
        names = tree.Name(placeholder(0)), tree.Name(placeholder(1))
        return self.calculate(tree.Binary("+", *names), [left, right])

    def copy(self, source: Tensor) -> Tensor:
        """The same elements in memory of their own."""
        return self.calculate(tree.Call("clone", (tree.Name(placeholder(0)),)), [source], _SILENT)

    # views

    def look(self, source: Tensor, data: Array, index: tuple[int, ...]) -> Tensor:
        """A view: `data` is NumPy's view, `index` says which elements of the source it shows."""
        if not data.size:
            raise Unmodelled("a tensor without elements")
        formula = gathered(source.data.shape, index, data.shape)
        result = Tensor(
            data, source.memory, source.counter, source.inference, constant=source.constant
        )
        if not source.inference:
            inner = source.view
            base = source if inner is None else inner.base
            shown = index if inner is None else tuple(inner.index[place] for place in index)
            mode = self.modes.of_views
            if inner is not None and inner.mode is not Mode.DEFAULT:
                mode = inner.mode
            result.view = View(base, shown, mode, source.counter.version)
        if self.tracked([source]):
            result.node = self._node(formula, [source], _SILENT, [self.edge(source)])
        return result

    def detach(self, source: Tensor) -> Tensor:
        """The same memory and version, without history."""
        return Tensor(source.data, source.memory, source.counter, source.inference, constant=True)

    def unversioned(self, source: Tensor) -> Tensor:
        """What .data gives: the same memory, its writes unseen by autograd."""
        if source.inference:
            raise Unmodelled("a write to the data of an inference tensor")
        return Tensor(source.data, source.memory, constant=True)

    # writes

    def write(self, target: Tensor, source: Tensor) -> None:
        """Copies source into target, in place, with autograd's checks and bookkeeping."""
        recorded = self.tracked([target, source])
        if recorded:
            self._check_write(target)
        edges = [self.track(tensor) for tensor in (target, source)] if recorded else []
        self._store(target, source)
        if target.inference and not self.modes.inference:  # torch notices when it is done
            raise Raised("RuntimeError", "an inference tensor is written outside inference mode")
        if recorded:
            self._rebase(target, source, edges)

    def _check_write(self, target: Tensor) -> None:
        view = target.view
        if view is not None and view.mode is not Mode.DEFAULT:
            raise Raised("RuntimeError", _VIEW_WRITE)
        if view is not None and target.requires_grad and view.base.node is None:
            raise Raised("RuntimeError", _LEAF_WRITE)
        if target.requires_grad and self.is_leaf(target):
            raise Raised("RuntimeError", _LEAF_WRITE)

    def _store(self, target: Tensor, source: Tensor) -> None:
        if target.memory.aliased:
            raise Unmodelled("a write to memory that torch may share with another gradient")
        if source.memory is target.memory and np.shares_memory(source.data, target.data):
            raise Unmodelled("a write of a tensor's own elements onto itself")
        if _folded(target.data):
            raise Raised("RuntimeError", "two elements of the target share one place in memory")
        values = stripped(self.read(source), target.data.ndim)
        try:
            new = np.broadcast_to(values, target.data.shape).copy()
        except ValueError:
            raise Raised(
                "RuntimeError", f"{values.shape} does not fit {target.data.shape}"
            ) from None
        target.data[...] = new
        target.memory.writes += 1
        target.counter.version += 1

    def _rebase(self, target: Tensor, source: Tensor, edges: Sequence[GraphNode | None]) -> None:
        """Puts the write into the history of what was written to."""
        view = target.view
        base = target if view is None else view.base
        index = tuple(range(base.data.size)) if view is None else view.index
        formula = overwritten(base.data.shape, index, target.data.shape, source.data.shape)
        keeping = Keeping("none", internal=view is not None, linked=view is not None)
        old = base.node
        before = self.edge(base) if base.requires_grad and view is not None else edges[0]
        base.node = self._node(formula, [base, source], keeping, [before, edges[1]])
        if target.requires_grad:
            _move_retained(base, old)
        if view is not None:
            self.grad_fn(target)


def _folded(data: Array) -> bool:
    """Whether several elements are one place in memory, as expand makes them."""
    return any(size > 1 and not step for size, step in zip(data.shape, data.strides, strict=True))


def accumulator(leaf: Tensor) -> GraphNode:
    """The node that adds what arrives to a leaf's .grad."""
    if leaf.accumulator is None:
        leaf.accumulator = GraphNode(float("inf"), leaf=leaf)
    return leaf.accumulator


def _needed(
    formula: Formula,
    operands: Sequence[Tensor],
    keeping: Keeping,
    edges: Sequence[GraphNode | None],
) -> frozenset[int]:
    """The operands that are kept: those that a derivative that is asked for depends on."""
    every = frozenset(range(len(operands)))
    if keeping.operands != "needed":
        return every if keeping.operands == "all" else frozenset()
    wanted = [place for place, edge in enumerate(edges) if edge is not None]
    return every & frozenset().union(*(formula.pullback(place).uses() for place in wanted))


def _move_retained(tensor: Tensor, old: GraphNode | None) -> None:
    """retain_grad follows a tensor to its new node."""
    if tensor.retains and old is not None and tensor.node is not None:
        old.retained, tensor.node.retained = None, tensor
