"""The backward pass: which nodes run, in which order, what they hand on, what is left of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import final

from gradcheck_sym.symbolic.mechanics.formula import written
from gradcheck_sym.symbolic.mechanics.machine import Machine
from gradcheck_sym.symbolic.mechanics.model import (
    GraphNode,
    Raised,
    Tensor,
    Unmodelled,
)


@final
@dataclass(slots=True)
class Pass:
    """One backward pass from one root; gradients are recorded where `create` says so."""

    machine: Machine
    keep: bool  # retain_graph
    targets: tuple[GraphNode, ...] | None = None  # inputs=; None: every leaf
    capture: bool = False  # hand the targets' gradients back instead of accumulating them
    arrived: dict[GraphNode, Tensor] = field(default_factory=dict)
    captured: dict[GraphNode, Tensor] = field(default_factory=dict)
    obscured: list[GraphNode] = field(default_factory=list)

    def run(self, root: GraphNode, gradient: Tensor) -> None:
        """Runs the pass; what has happened before an exception stays."""
        waiting = _dependencies(root)
        wanted = None if self.targets is None else _leading_to(root, self.targets)
        if wanted is not None and root not in wanted:
            self._passed(root, gradient)
            return
        self.arrived[root] = gradient
        try:
            self._drain([root], waiting, wanted)
        finally:
            for node in self.obscured:
                node.doubtful = not node.freed

    def _drain(
        self, ready: list[GraphNode], waiting: Counter[GraphNode], wanted: set[GraphNode] | None
    ) -> None:
        """Visits nodes as they become ready, the one that was recorded last first."""
        while ready:
            node = max(ready, key=lambda candidate: candidate.number)
            ready.remove(node)
            for edge, piece in self._visit(node, wanted):
                waiting[edge] -= 1
                if wanted is None or edge in wanted:
                    if piece is not None:
                        self._arrive(edge, piece)
                    if not waiting[edge]:
                        ready.append(edge)

    def _arrive(self, node: GraphNode, piece: Tensor) -> None:
        before = self.arrived.get(node)
        self.arrived[node] = piece if before is None else self.machine.add(before, piece)

    def _visit(
        self, node: GraphNode, wanted: set[GraphNode] | None
    ) -> list[tuple[GraphNode, Tensor | None]]:
        gradient = self.arrived.pop(node, None)
        target = self.targets is not None and node in self.targets
        if gradient is not None:
            gradient = self._passed(node, gradient)
            if target and self.capture:
                self.captured[node] = gradient
        onward = wanted is None or any(edge in wanted for edge in node.edges if edge is not None)
        if target and self.capture and onward and node.hooks:
            raise Unmodelled("the gradient of a hooked tensor together with what lies behind it")
        if target and self.capture and not onward:
            return []
        if node.leaf is not None:
            self._accumulate(node.leaf, gradient)
            return []
        pieces = self._pull(node, gradient, wanted)
        if not self.keep:
            self._release(node)
        return [
            (edge, piece)
            for edge, piece in zip(node.edges, pieces, strict=True)
            if edge is not None
        ]

    def _release(self, node: GraphNode) -> None:
        """Lets go of what a node kept; of nodes that torch may have run along, nobody knows."""
        node.freed = True
        self.obscured.extend(node.obscures)

    def _passed(self, node: GraphNode, gradient: Tensor) -> Tensor:
        """Hooks first, in order; then retain_grad."""
        for hook in node.hooks:
            changed = hook.call(gradient)
            if changed.data.shape != gradient.data.shape:
                raise Raised("RuntimeError", "a hook gave a gradient of another shape")
            gradient = changed
        if node.retained is not None:
            self._retain(node.retained, gradient)
        return gradient

    def _retain(self, tensor: Tensor, gradient: Tensor) -> None:
        before = tensor.grad
        machine = self.machine
        tensor.grad = machine.copy(gradient) if before is None else machine.add(before, gradient)

    def _accumulate(self, leaf: Tensor, gradient: Tensor | None) -> None:
        """The first is a tensor of its own; later ones are added in place, unless recorded."""
        if gradient is None or not leaf.requires_grad:
            return
        machine = self.machine
        if leaf.grad is None:
            leaf.grad = machine.copy(gradient)
        elif machine.modes.grad:
            leaf.grad = machine.add(leaf.grad, gradient)
        else:
            total = machine.add(leaf.grad, gradient)
            machine.write(leaf.grad, total)

    def _pull(
        self, node: GraphNode, gradient: Tensor | None, wanted: set[GraphNode] | None
    ) -> list[Tensor | None]:
        """The gradient of each operand; raises where the graph is gone or a kept tensor changed."""
        _check(node)
        if gradient is None:
            return [None] * len(node.edges)
        return [
            self._slope(node, place, gradient) if _asked(edge, wanted) else None
            for place, edge in enumerate(node.edges)
        ]

    def _slope(self, node: GraphNode, place: int, gradient: Tensor) -> Tensor:
        """The gradient of one operand, from what the node kept."""
        machine = self.machine
        tracking = machine.modes.tracking
        if node.by_result is not None and node.result is not None:
            kept = [node.result.tensor, gradient]
            formula = written(node.by_result, _shapes(kept), ("y", "g"))
            edges = [node, machine.track(gradient)]
            return machine.derive(formula, kept, edges, (), recorded=tracking)
        assert node.formula is not None
        formula = node.formula.pullback(place)
        kept = [*(_as_kept(node, k) for k in range(len(node.operands))), gradient]
        flows = formula.flows()
        if node.linked:
            flows |= {*node.saved, len(node.operands)}
        edges = [
            _edge_of_kept(machine, node, k) if k in flows else None
            for k in range(len(node.operands))
        ]
        again = (node,) if node.keeps and any(edges) and not _exact(node) else ()
        edges.append(machine.track(gradient) if len(edges) in flows else None)
        recorded = tracking and any(_requires_grad(node, kept[k], k) for k in flows)
        return machine.derive(formula, kept, edges, again, recorded=recorded)


def _requires_grad(node: GraphNode, tensor: Tensor, place: int) -> bool:
    """Whether a tensor of the backward requires grad; of an operand that was not kept, its edge."""
    known = place in node.saved or place == len(node.operands)
    return tensor.requires_grad if known else node.edges[place] is not None


def _shapes(tensors: Sequence[Tensor]) -> tuple[tuple[int, ...], ...]:
    return tuple(tensor.data.shape for tensor in tensors)


def _exact(node: GraphNode) -> bool:
    """Whether the backward works from operands alone, and so does not come back to the node."""
    return node.result is None and bool(node.saved)


def _as_kept(node: GraphNode, place: int) -> Tensor:
    """An operand as the backward sees it: what was kept is read now, the rest as it was."""
    saved = node.saved.get(place)
    return saved.tensor if saved is not None else Tensor(node.values[place])


def _edge_of_kept(machine: Machine, node: GraphNode, place: int) -> GraphNode | None:
    """A leaf is asked again, anything else keeps the history that it had."""
    saved = node.saved.get(place)
    if saved is not None and saved.tensor.node is None:
        return machine.track(saved.tensor)
    return node.edges[place]


def _asked(edge: GraphNode | None, wanted: set[GraphNode] | None) -> bool:
    return edge is not None and (wanted is None or edge in wanted)


def _check(node: GraphNode) -> None:
    """Raises where the graph was freed, or a kept tensor has been written to."""
    if node.freed and node.keeps:
        raise Raised("RuntimeError", "the graph has been freed")
    if (node.freed and node.keeps is None) or (node.doubtful and node.keeps is not False):
        raise Unmodelled("a second pass through what a second-order pass may have freed")
    kept = [*node.saved.values()] + ([] if node.result is None else [node.result])
    if any(saved.modified for saved in kept):
        if not node.certain:
            raise Unmodelled("a second-order pass after an in-place write to what it may need")
        raise Raised("RuntimeError", "a tensor kept for backward was modified in place")
    if node.result is not None and node.by_result is None and any(s.overwritten for s in kept):
        raise Unmodelled("a backward from a result that was overwritten through .data")


def _reachable(root: GraphNode) -> list[GraphNode]:
    seen: dict[GraphNode, None] = {}
    pending = [root]
    while pending:
        node = pending.pop()
        if node not in seen:
            seen[node] = None
            pending.extend(edge for edge in node.edges if edge is not None)
    return list(seen)


def _dependencies(root: GraphNode) -> Counter[GraphNode]:
    """How many edges lead to each node."""
    return Counter(edge for node in _reachable(root) for edge in node.edges if edge is not None)


def _leading_to(root: GraphNode, targets: Sequence[GraphNode]) -> set[GraphNode]:
    """The nodes from which a target can be reached, targets included."""
    nodes = _reachable(root)
    above: dict[GraphNode, list[GraphNode]] = {}
    for node in nodes:
        for edge in node.edges:
            if edge is not None:
                above.setdefault(edge, []).append(node)
    found: set[GraphNode] = set()
    pending = [target for target in targets if target in nodes]
    while pending:
        node = pending.pop()
        if node not in found:
            found.add(node)
            pending.extend(above.get(node, ()))
    return found
