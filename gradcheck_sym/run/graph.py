"""The operations of a steps program as a graph, with what flows back through it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import final

from gradcheck_sym.spec import tree
from gradcheck_sym.spec.functions import CONSTANTS
from gradcheck_sym.spec.records import Expression, Spec, Step
from gradcheck_sym.spec.tree import Node
from gradcheck_sym.spec.unparse import unparse
from gradcheck_sym.verdict.mechanics import Array, Snapshot, State, Trace
from gradcheck_sym.verdict.pictures import Edge, Graph, Vertex

_LONGEST_VALUE = 16  # characters; of a longer one only the shape is told
_RECORDING = {"no_grad": False, "inference_mode": False, "enable_grad": True}


def graph_of(spec: Spec, trace: Trace) -> Graph:
    """The graph of all operations of a spec's steps, as far as they were carried out.

    What a name holds and whether it requires a gradient is read from the predicted trace.
    """
    drawing = _Drawing({snapshot.label: snapshot for snapshot in trace})
    for entry in spec.inputs:
        at_first = _state(trace[0], entry.name) if trace else None
        vertex = Vertex(entry.name, entry.name, _value(at_first), leaf=True)
        drawing.names[entry.name] = drawing.add(vertex, tracked=entry.requires_grad)
    drawing.run(spec.steps, recording=True)
    return drawing.finished(trace)


@final
@dataclass(slots=True)
class _Drawing:
    """A graph under construction."""

    snapshots: Mapping[str, Snapshot]
    vertices: list[Vertex] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)  # -> the vertex that made what it holds

    def add(self, vertex: Vertex, *, tracked: bool, operands: tuple[int, ...] = ()) -> int:
        """A new vertex after its operands."""
        target = len(self.vertices)
        self.vertices.append(replace(vertex, tracked=tracked))
        for source in operands:
            flows = tracked and self.vertices[source].tracked
            self.edges.append(Edge(source, target, flows))
        return target

    def run(self, steps: tuple[Step, ...], *, recording: bool, prefix: str = "") -> None:
        """The operations of some steps, in order."""
        for number, step in enumerate(steps, start=1):
            label = f"{prefix}{number}"
            snapshot = self.snapshots.get(label)
            if snapshot is None:
                return  # an exception ended the program before
            if step.action in _RECORDING:
                self.run(step.body, recording=_RECORDING[step.action], prefix=f"{label}.")
            elif snapshot.raised is None or step.action == "backward":
                self._step(step, snapshot, recording=recording)

    def _step(self, step: Step, after: Snapshot, *, recording: bool) -> None:
        match step.action:
            case "let":
                for name, expression in step.bindings:
                    self._bind(name, self._made(expression, recording=recording), after)
            case "set":
                for target, expression in step.bindings:
                    self._written(target, expression, after, recording=recording)
            case "backward":
                self._root(step, after)
            case "grad":
                self._gradients(step, after)
            case "requires_grad":
                for name in step.wrt:
                    self._flag(name, after)

    # ---- steps

    def _made(self, expression: Expression | None, *, recording: bool) -> int:
        assert expression is not None
        return self._operation(expression.tree, recording=recording)

    def _bind(self, name: str, vertex: int, after: Snapshot) -> None:
        state = _state(after, name)
        made = self.vertices[vertex]
        if made.name:  # another name for what has one
            vertex = self.add(Vertex("="), tracked=made.tracked, operands=(vertex,))
            made = self.vertices[vertex]
        self.vertices[vertex] = replace(made, name=name, value=_value(state))
        self.names[name] = vertex

    def _written(
        self, target: str, expression: Expression | None, after: Snapshot, *, recording: bool
    ) -> None:
        """A write in place: what comes after depends on what was there and on what is written."""
        name = target.partition("[")[0].partition(".")[0].strip()
        assert expression is not None
        operands = [self.names[name]] if name in self.names else []
        told = "" if self._varies(expression.tree) else unparse(expression.tree)
        if not told:
            operands.append(self._operation(expression.tree, recording=recording))
        state = _state(after, name)
        tracked = state is not None and state.requires_grad
        written = Vertex(f"{target} ← {told}".strip(), name, _value(state))
        self.names[name] = self.add(written, tracked=tracked, operands=tuple(operands))

    def _root(self, step: Step, after: Snapshot) -> None:
        assert step.of is not None
        label = f"{after.label}, {after.raised}" if after.raised else after.label
        vertex = self._operation(step.of.tree, recording=True)
        found = self.vertices[vertex]
        self.vertices[vertex] = replace(found, roots=(*found.roots, label))

    def _gradients(self, step: Step, after: Snapshot) -> None:
        assert step.of is not None
        of = self._operation(step.of.tree, recording=True)
        for name, by in zip(step.names, step.wrt, strict=False):
            state = _state(after, name)
            label = f"∂{unparse(step.of.tree)}/∂{by}"
            operands = (of, self.names[by]) if by in self.names else (of,)
            tracked = state is not None and state.requires_grad
            self._bind(name, self.add(Vertex(label), tracked=tracked, operands=operands), after)

    def _flag(self, name: str, after: Snapshot) -> None:
        state = _state(after, name)
        if name in self.names and state is not None:
            at = self.names[name]
            self.vertices[at] = replace(self.vertices[at], tracked=state.requires_grad)

    # ---- expressions

    def _operation(self, node: Node, *, recording: bool) -> int:
        """The vertex of an expression; numbers are part of the operations that use them."""
        if isinstance(node, tree.Name) and node.name in self.names:
            return self.names[node.name]
        parts = [part for part in tree.children(node) if self._varies(part)]
        operands = tuple(self._operation(part, recording=recording) for part in parts)
        tracked = recording and any(self.vertices[at].tracked for at in operands)
        if isinstance(node, tree.Call) and node.function == "detach":
            tracked = False
        return self.add(Vertex(self._label(node)), tracked=tracked, operands=operands)

    def _varies(self, node: Node) -> bool:
        """Whether an expression is more than numbers."""
        return bool(tree.names(node) - (set(CONSTANTS) - self.names.keys()))

    def _label(self, node: Node) -> str:
        """An operation without its operands, but with the numbers that it holds."""
        match node:
            case tree.Binary(op, left, right):
                sides = ["" if self._varies(side) else unparse(side) for side in (left, right)]
                return f"{sides[0]} {_SIGNS[op]} {sides[1]}".strip()
            case tree.Unary(op) | tree.Compare(op) | tree.Logic(op):
                return _SIGNS.get(op, op)
            case tree.Call(function, _, options):
                told = [f"{name}={unparse(value)}" for name, value in options]
                return f"{function} {', '.join(told)}".strip()
            case tree.Index(_, items):
                return f"[{', '.join(map(unparse, items))}]"
            case tree.Sequence():
                return "[ ]"
        return unparse(node)

    def finished(self, trace: Trace) -> Graph:
        """The graph, with the gradients that there are in the end."""
        last = trace[-1] if trace else None
        for name, at in self.names.items():
            state = None if last is None else _state(last, name)
            if state is not None and state.grad is not None:
                self.vertices[at] = replace(self.vertices[at], grad=_text(state.grad))
        return Graph(tuple(self.vertices), tuple(self.edges))


_SIGNS = {"+": "+", "-": "−", "*": "×", "/": "÷", "**": "^", "@": "@"}


def _state(snapshot: Snapshot, name: str) -> State | None:
    return next((state for state in snapshot.states if state.name == name), None)


def _value(state: State | None) -> str:
    return "" if state is None else _text(state.value)


def _text(array: Array) -> str:
    """The numbers, where they are few; else the shape."""
    text = str(array)
    return text if len(text) <= _LONGEST_VALUE else f"{' × '.join(map(str, array.shape))} numbers"
