"""The steps of a program, carried out on the machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import final

from gradcheck_sym.errors import Position
from gradcheck_sym.spec import tree
from gradcheck_sym.spec.functions import CONSTANTS
from gradcheck_sym.spec.parser import parse
from gradcheck_sym.spec.records import Expression, Step
from gradcheck_sym.spec.tree import Node
from gradcheck_sym.symbolic.differentiate import vjp
from gradcheck_sym.symbolic.lower import Array, LowerError, lower
from gradcheck_sym.symbolic.mechanics.engine import Pass
from gradcheck_sym.symbolic.mechanics.evaluate import Evaluator, rebuilt
from gradcheck_sym.symbolic.mechanics.formula import shaped
from gradcheck_sym.symbolic.mechanics.machine import Machine, accumulator
from gradcheck_sym.symbolic.mechanics.model import GraphNode, Hook, Raised, Tensor, Unmodelled

_FLAGS = ("requires_grad", "is_leaf")


@final
@dataclass(frozen=True, slots=True)
class Seen:
    """One tensor after a step, its numbers still symbolic."""

    name: str
    value: Array
    requires_grad: bool
    is_leaf: bool | None  # None: to ask raises
    grad: Array | None
    grad_requires_grad: bool


@final
@dataclass(frozen=True, slots=True)
class Moment:
    """The world after one step, its numbers still symbolic."""

    label: str
    step: Step
    seen: tuple[Seen, ...]
    raised: str | None
    why: str  # it raised
    wanted: tuple[tuple[str, Array | bool | None], ...]


@final
class StepsError(ValueError):
    """A steps program that the interpreter cannot predict; says where and why."""

    def __init__(self, message: str, position: Position) -> None:
        super().__init__(f"{position}: steps: {message}")
        self.message = message
        self.position = position


@final
@dataclass(slots=True)
class Interpreter:
    """One run of a program."""

    machine: Machine
    names: dict[str, Tensor]
    inputs: Mapping[str, Array]  # the inputs' scalars as they were given
    moments: list[Moment] = field(default_factory=list)

    def run(self, steps: Sequence[Step], prefix: str = "") -> None:
        """Carries out steps in order; an exception that nobody declared leaves the block."""
        for number, step in enumerate(steps, start=1):
            label = f"{prefix}{number}"
            raised = self._step(step, label)
            self._observe(label, step, raised)
            if raised is not None and step.raises is None and prefix:
                raise Raised(raised.name, "a step of the block raised it")

    def _step(self, step: Step, label: str) -> Raised | None:
        try:
            if step.action in _MODES:
                with self._in_mode(step.action):
                    self.run(step.body, f"{label}.")
            else:
                _ACTIONS[step.action](self, step)
        except Raised as err:
            return err
        except Unmodelled as err:
            raise StepsError(f"{err} is not modelled", step.position) from None
        return None

    @contextmanager
    def _in_mode(self, action: str) -> Iterator[None]:
        modes = self.machine.modes
        before = modes.grad, modes.inference
        modes.grad = _MODES[action]
        modes.inference |= action == "inference_mode"
        try:
            yield
        finally:
            modes.grad, modes.inference = before

    def _observe(self, label: str, step: Step, raised: Raised | None) -> None:
        seen = tuple(self._seen(name, tensor) for name, tensor in self.names.items())
        wanted = self._wanted(step) if step.action == "expect" else ()
        name, why = (None, "") if raised is None else (raised.name, raised.why)
        self.moments.append(Moment(label, step, seen, name, why, wanted))

    def _seen(self, name: str, tensor: Tensor) -> Seen:
        grad = tensor.grad
        return Seen(
            name,
            tensor.data.copy(),
            tensor.requires_grad,
            self._is_leaf(tensor),
            None if grad is None else grad.data.copy(),
            grad is not None and grad.requires_grad,
        )

    def _is_leaf(self, tensor: Tensor) -> bool | None:
        try:
            return self.machine.is_leaf(tensor)
        except Raised:
            return None

    # expressions

    def tensor(self, expression: Expression) -> Tensor:
        """The value of an expression."""
        scope = self._scope()
        for name in tree.names(expression.tree) - scope.keys():
            if name.partition(".")[0] not in self.names and name not in CONSTANTS:
                raise Raised("NameError", f"{name} has no value")
        for name in tree.names(expression.tree) - scope.keys() - set(CONSTANTS):
            raise Raised("TypeError", f"{name} is None")
        return Evaluator(self.machine, scope).tensor(expression.tree)

    def named(self, names: Sequence[str]) -> list[Tensor]:
        """The tensors of those names."""
        return [Evaluator(self.machine, self._scope()).tensor(tree.Name(name)) for name in names]

    def _scope(self) -> dict[str, Tensor]:
        grads = {
            f"{name}.grad": tensor.grad
            for name, tensor in self.names.items()
            if tensor.grad is not None
        }
        return self.names | grads

    # actions

    def let(self, step: Step) -> None:
        """Binds names in order."""
        for name, expression in step.bindings:
            assert expression is not None
            self.names[name] = self.tensor(expression)

    def expect(self, step: Step) -> None:
        """Nothing happens; what is expected is held against both sides later."""

    def backward(self, step: Step) -> None:
        """Accumulates into the leaves, or into those of `wrt`, leaf or not."""
        assert step.of is not None
        output = self.tensor(step.of)
        given = None if step.gradient is None else self.tensor(step.gradient)
        wrt = self.named(step.wrt)
        gradient = self._gradient(output, given)
        root = self._root(output)
        for tensor in wrt:
            self._retain(tensor)
        targets = self._targets(wrt)
        self._pass(root, gradient, step, targets if wrt else None, capture=False)

    def grad(self, step: Step) -> None:
        """Binds the gradients of `of`, without accumulating."""
        assert step.of is not None
        output = self.tensor(step.of)
        wrt = self.named(step.wrt)
        given = None if step.gradient is None else self.tensor(step.gradient)
        gradient = self._gradient(output, given)
        root = self._root(output)
        targets = self._targets(wrt)
        captured = self._pass(root, gradient, step, targets, capture=True)
        if any(target not in captured for target in targets):
            raise Raised("RuntimeError", "a tensor of wrt is not used in the graph")
        for name, target in zip(step.names, targets, strict=True):
            self.names[name] = captured[target]
            self.names[name].memory.aliased = True

    def _root(self, output: Tensor) -> GraphNode:
        root = self.machine.edge(output) if output.requires_grad else None
        if root is None:
            raise Raised("RuntimeError", "backward of what does not require grad")
        return root

    def _targets(self, wrt: Sequence[Tensor]) -> tuple[GraphNode, ...]:
        found = []
        for tensor in wrt:
            if not tensor.requires_grad:
                raise Raised("RuntimeError", "a tensor of wrt does not require grad")
            found.append(self.machine.grad_fn(tensor) or accumulator(tensor))
        return tuple(found)

    def _gradient(self, output: Tensor, given: Tensor | None) -> Tensor:
        shape = output.data.shape
        if given is not None:
            if given.data.shape != shape:
                raise Raised("RuntimeError", f"a gradient of shape {given.data.shape}")
            given.memory.aliased = True
            return given
        if output.data.size != 1:
            raise Raised("RuntimeError", "backward of several numbers without a gradient")
        return self.machine.new(shaped([self.machine.builder.constant(1)], shape))

    def _pass(
        self,
        root: GraphNode,
        gradient: Tensor,
        step: Step,
        targets: tuple[GraphNode, ...] | None,
        *,
        capture: bool,
    ) -> dict[GraphNode, Tensor]:
        keep = step.create_graph if step.retain_graph is None else step.retain_graph
        modes = self.machine.modes
        before, modes.grad = modes.grad, step.create_graph
        running = Pass(self.machine, keep, targets, capture)
        try:
            running.run(root, gradient)
        finally:
            modes.grad = before
        return running.captured

    def zero_grad(self, step: Step) -> None:
        """As torch's optimizers do it: None, or zeros written in place."""
        for tensor in self.named(step.wrt):
            if step.set_to_none or tensor.grad is None:
                tensor.grad = None
            else:
                tensor.grad.flag = False
                if not self.machine.modes.inference:  # there detaching in place does nothing
                    tensor.grad.node = None
                zero = self.machine.new(shaped([self.machine.builder.constant(0)], ()))
                self.machine.write(tensor.grad, zero)

    def retain_grad(self, step: Step) -> None:
        """From now on what passes these tensors is added to their .grad as well."""
        for tensor in self.named(step.wrt):
            self._retain(tensor)

    def _retain(self, tensor: Tensor) -> None:
        if not tensor.requires_grad:
            raise Raised("RuntimeError", "retain_grad of what does not require grad")
        if self.machine.is_leaf(tensor) or tensor.retains:
            return
        node = self.machine.grad_fn(tensor)
        assert node is not None
        node.retained, tensor.retains = tensor, True

    def requires_grad(self, step: Step) -> None:
        """Sets the flag; a tensor with history cannot lose it."""
        for tensor in self.named(step.wrt):
            if not self.machine.is_leaf(tensor) and not step.flag:
                raise Raised("RuntimeError", "only a leaf can stop requiring grad")
            if step.flag and tensor.inference and not self.machine.modes.inference:
                raise Raised("RuntimeError", "an inference tensor cannot require grad")
            if tensor.memory.aliased and step.flag and not tensor.requires_grad:
                raise Unmodelled("requires_grad on memory that torch may share with another tensor")
            tensor.flag = step.flag

    def set(self, step: Step) -> None:
        """Writes in place, in order."""
        for text, expression in step.bindings:
            assert expression is not None
            source = self.tensor(expression)
            self.machine.write(self._target(text), source)

    def _target(self, text: str) -> Tensor:
        head, bracket, rest = text.partition("[")
        name, _, attribute = head.strip().partition(".")
        (tensor,) = self.named([name])
        if attribute == "data":
            tensor = self.machine.unversioned(tensor)
        elif attribute == "grad":
            if tensor.grad is None:
                raise Raised("TypeError", f"{text} is None")
            tensor = tensor.grad
        if not bracket:
            return tensor
        node = parse(f"x[{rest}")
        assert isinstance(node, tree.Index)
        part = Evaluator(self.machine, self._scope()).select(tensor, node.items)
        return tensor if _same_memory(part, tensor) else part

    def hook(self, step: Step) -> None:
        """Multiplies whatever gradient passes a tensor by a factor that is fixed now."""
        assert step.gradient is not None
        factor = self.tensor(step.gradient)
        for tensor in self.named(step.wrt):
            if not tensor.requires_grad:
                raise Raised("RuntimeError", "a hook on what does not require grad")
            node = self.machine.edge(tensor)
            if node is None:
                raise Unmodelled("a hook on a view that was made without gradients")
            node.hooks.append(Hook(lambda gradient: self._scaled(gradient, factor)))

    def _scaled(self, gradient: Tensor, factor: Tensor) -> Tensor:
        product = tree.Binary("*", tree.Name("g"), tree.Name("f"))
        names = {"g": gradient, "f": factor}
        return Evaluator(self.machine, names).tensor(product)

    # expectations

    def _wanted(self, step: Step) -> tuple[tuple[str, Array | bool | None], ...]:
        return tuple((target, self._facet(target, said, step)) for target, said in step.bindings)

    def _facet(self, target: str, said: Expression | None, step: Step) -> Array | bool | None:
        if said is None:
            return None
        if isinstance(said.tree, tree.Boolean):
            return said.tree.value
        arrays = {name: tensor.data for name, tensor in self._scope().items()}
        try:
            return lower(self._without_diff(said.tree, arrays), arrays, self.machine.builder)
        except LowerError as err:
            raise StepsError(f"{target}: {err.message}", said.position) from None

    def _without_diff(self, node: Node, arrays: dict[str, Array]) -> Node:
        """The expression with each diff(y, x) replaced by a name for its value."""
        if isinstance(node, tree.Call) and node.function == "diff":
            name = f"diff {len(arrays)}"
            value, by = node.arguments
            arrays[name] = self._diff(self._without_diff(value, arrays), by, arrays)
            return tree.Name(name)
        if isinstance(node, (tree.Unary, tree.Binary, tree.Call, tree.Sequence)):
            return rebuilt(node, lambda part: self._without_diff(part, arrays))
        return node

    def _diff(self, value: Node, by: Node, arrays: Mapping[str, Array]) -> Array:
        if not isinstance(by, tree.Name) or by.name not in self.inputs:
            raise LowerError("diff is with respect to an input", by.span)
        outputs = list(lower(value, arrays, self.machine.builder).reshape(-1))
        wrt = self.inputs[by.name]
        ones = [self.machine.builder.constant(1)] * len(outputs)
        return shaped(vjp(outputs, ones, list(wrt.reshape(-1))), wrt.shape)


def _same_memory(part: Tensor, whole: Tensor) -> bool:
    """Whether an index selects everything, so that torch writes to the tensor itself."""
    return (
        part.data.shape == whole.data.shape
        and part.data.strides == whole.data.strides
        and part.data.size == whole.data.size
    )


_MODES: Mapping[str, bool] = MappingProxyType(
    {"no_grad": False, "inference_mode": False, "enable_grad": True}
)
_ACTIONS: Mapping[str, Callable[[Interpreter, Step], None]] = MappingProxyType(
    {
        "let": Interpreter.let,
        "expect": Interpreter.expect,
        "backward": Interpreter.backward,
        "grad": Interpreter.grad,
        "zero_grad": Interpreter.zero_grad,
        "retain_grad": Interpreter.retain_grad,
        "requires_grad": Interpreter.requires_grad,
        "set": Interpreter.set,
        "hook": Interpreter.hook,
    }
)
