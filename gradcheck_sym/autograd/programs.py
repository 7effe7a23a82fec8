"""Steps programs in torch: the same records, carried out by torch itself, seen after every step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, final

import torch
from torch import Tensor

from gradcheck_sym.autograd.functions import evaluate
from gradcheck_sym.autograd.state import undisturbed
from gradcheck_sym.spec import tree
from gradcheck_sym.spec.functions import CONSTANTS
from gradcheck_sym.spec.parser import parse
from gradcheck_sym.spec.records import Expression, Input, Spec, Step
from gradcheck_sym.verdict.mechanics import Array, Number, Snapshot, State, Trace, flattened


def execute(spec: Spec, dtype: str) -> Trace:
    """The trace of a spec's steps in torch, in a dtype; every exception is part of the trace.

    Raises ValueError for an input without a value.
    """
    return tuple(_carried_out(spec, dtype).trace)


def final_tensors(spec: Spec, dtype: str) -> tuple[Tensor, ...]:
    """What the names of a program stand for after its last step."""
    return tuple(_carried_out(spec, dtype).names.values())


def _carried_out(spec: Spec, dtype: str) -> _Run:
    with undisturbed():
        names = {entry.name: _leaf(entry, dtype) for entry in spec.inputs}
        run = _Run(names)
        run.steps(spec.steps)
    return run


def _leaf(entry: Input, dtype: str) -> Tensor:
    if entry.value is None:
        raise ValueError(f"the input {entry.name} needs a value")
    kind = getattr(torch, entry.dtype or dtype)
    return torch.tensor(entry.value, dtype=kind, requires_grad=entry.requires_grad)


@final
@dataclass(slots=True)
class _Run:
    """One run of a program."""

    names: dict[str, Tensor]
    trace: list[Snapshot] = field(default_factory=list)

    def steps(self, steps: Sequence[Step], prefix: str = "") -> None:
        """Carries out steps in order; an exception that nobody declared leaves the block."""
        for number, step in enumerate(steps, start=1):
            label = f"{prefix}{number}"
            raised = self._step(step, label)
            name = None if raised is None else type(raised).__name__
            states = tuple(_state(*item) for item in self.names.items())
            self.trace.append(
                Snapshot(label, step.action, step.position, states, name, step.raises)
            )
            if raised is not None and step.raises is None and prefix:
                raise raised

    def _step(self, step: Step, label: str) -> Exception | None:
        try:
            if step.action in _MODES:
                with _MODES[step.action]():
                    self.steps(step.body, f"{label}.")
            else:
                _ACTIONS[step.action](self, step)
        except Exception as err:  # noqa: BLE001 - which one it is, is what is compared
            return err
        return None

    # expressions

    def tensor(self, expression: Expression) -> Tensor:
        """The value of an expression."""
        grads = {f"{name}.grad": tensor.grad for name, tensor in self.names.items()}
        known = self.names | {name: grad for name, grad in grads.items() if grad is not None}
        _check_names(tree.names(expression.tree), known, grads)
        return evaluate(expression.tree, known)

    def maybe(self, expression: Expression | None) -> Tensor | None:
        """The value of an expression, where there is one."""
        return None if expression is None else self.tensor(expression)

    def named(self, names: Sequence[str]) -> Iterator[Tensor]:
        """The tensors of those names, one by one."""
        for name in names:
            if name not in self.names:
                raise NameError(name)
            yield self.names[name]

    # actions

    def let(self, step: Step) -> None:
        """Binds names in order."""
        for name, expression in step.bindings:
            assert expression is not None
            self.names[name] = self.tensor(expression)

    def expect(self, step: Step) -> None:
        """Nothing happens; what is expected is held against the trace later."""

    def backward(self, step: Step) -> None:
        """torch.autograd.backward."""
        assert step.of is not None
        torch.autograd.backward(
            self.tensor(step.of),
            self.maybe(step.gradient),
            retain_graph=step.retain_graph,
            create_graph=step.create_graph,
            inputs=list(self.named(step.wrt)) if step.wrt else None,
        )

    def grad(self, step: Step) -> None:
        """torch.autograd.grad."""
        assert step.of is not None
        found = torch.autograd.grad(
            self.tensor(step.of),
            list(self.named(step.wrt)),
            self.maybe(step.gradient),
            retain_graph=step.retain_graph,
            create_graph=step.create_graph,
        )
        self.names |= dict(zip(step.names, found, strict=True))

    def zero_grad(self, step: Step) -> None:
        """What torch.nn.Module.zero_grad does to each of its parameters."""
        for tensor in self.named(step.wrt):
            if step.set_to_none or tensor.grad is None:
                tensor.grad = None
            else:
                if tensor.grad.grad_fn is not None:
                    tensor.grad.detach_()
                else:
                    tensor.grad.requires_grad_(False)
                tensor.grad.zero_()

    def retain_grad(self, step: Step) -> None:
        """Tensor.retain_grad."""
        for tensor in self.named(step.wrt):
            tensor.retain_grad()

    def requires_grad(self, step: Step) -> None:
        """Tensor.requires_grad_."""
        for tensor in self.named(step.wrt):
            tensor.requires_grad_(step.flag)

    def set(self, step: Step) -> None:
        """Writes in place, in order."""
        for text, expression in step.bindings:
            assert expression is not None
            value = self.tensor(expression)
            target, key = self._target(text)
            target[key] = value

    def _target(self, text: str) -> tuple[Any, Any]:
        head, bracket, rest = text.partition("[")
        name, _, attribute = head.strip().partition(".")
        (tensor,) = self.named([name])
        target = getattr(tensor, attribute) if attribute in ("data", "grad") else tensor
        return target, _key(parse(f"x[{rest}")) if bracket else ...

    def hook(self, step: Step) -> None:
        """Tensor.register_hook: what passes is multiplied by a factor that is fixed now."""
        assert step.gradient is not None
        factor = self.tensor(step.gradient)
        for tensor in self.named(step.wrt):
            tensor.register_hook(lambda gradient: gradient * factor)  # type: ignore[no-untyped-call]


_MODES: Mapping[str, Callable[[], AbstractContextManager[Any]]] = MappingProxyType(
    {
        "no_grad": torch.no_grad,
        "inference_mode": torch.inference_mode,
        "enable_grad": torch.enable_grad,
    }
)
_ACTIONS: Mapping[str, Callable[[_Run, Step], None]] = MappingProxyType(
    {
        "let": _Run.let,
        "expect": _Run.expect,
        "backward": _Run.backward,
        "grad": _Run.grad,
        "zero_grad": _Run.zero_grad,
        "retain_grad": _Run.retain_grad,
        "requires_grad": _Run.requires_grad,
        "set": _Run.set,
        "hook": _Run.hook,
    }
)


def _check_names(
    used: frozenset[str], known: Mapping[str, Tensor], grads: Mapping[str, Tensor | None]
) -> None:
    """Raises what Python would for a name that stands for nothing, or for None."""
    missing = used - known.keys() - set(CONSTANTS)
    for name in missing - grads.keys():
        raise NameError(name)
    for name in missing:
        raise TypeError(f"{name} is None")


def _key(node: tree.Node) -> Any:
    """The index that stands in a target, as Python passes it on."""
    assert isinstance(node, tree.Index)
    items = tuple(_item(item) for item in node.items)
    return items[0] if len(items) == 1 else items


def _item(node: tree.Node) -> Any:
    match node:
        case tree.Slice(start, stop, step):
            return slice(*(None if end is None else _item(end) for end in (start, stop, step)))
        case tree.Dots():
            return ...
        case tree.Absent():
            return None
    value = evaluate(node, {}).item()
    return int(value) if value == int(value) else value


def _state(name: str, tensor: Tensor) -> State:
    grad = tensor.grad
    return State(
        name,
        _array(tensor),
        tensor.requires_grad,
        _is_leaf(tensor),
        None if grad is None else _array(grad),
        grad is not None and grad.requires_grad,
        _node(tensor),
        _version(tensor),
    )


def _node(tensor: Tensor) -> str:
    node = None if _is_leaf(tensor) is not False else tensor.grad_fn
    return "" if node is None else str(node.name())


def _version(tensor: Tensor) -> int | None:
    """None of a tensor that was made in inference mode: nobody counts its writes."""
    return None if tensor.is_inference() else int(tensor._version)


def _is_leaf(tensor: Tensor) -> bool | None:
    """None where torch refuses to say: a view made in no_grad mode whose base was written to."""
    try:
        return tensor.is_leaf
    except RuntimeError:
        return None


def _array(tensor: Tensor) -> Array:
    return Array(tuple(tensor.shape), flattened(tensor.tolist(), lambda leaf: Number(float(leaf))))
