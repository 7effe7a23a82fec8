"""The steps of a program as one types them in Python."""

from __future__ import annotations

from gradcheck_sym.spec import tree
from gradcheck_sym.spec.records import Expression, Step

BLOCKS = {
    "no_grad": "with torch.no_grad():",
    "inference_mode": "with torch.inference_mode():",
    "enable_grad": "with torch.enable_grad():",
}


def typed(step: Step) -> str:
    """The statement, or the statements, that a step stands for."""
    match step.action:
        case "let":
            return "; ".join(f"{name} = {_text(value)}" for name, value in step.bindings)
        case "set":
            return "; ".join(_written(name, value) for name, value in step.bindings)
        case "backward":
            inputs = [f"inputs=[{', '.join(step.wrt)}]"] if step.wrt else []
            return f"{_of(step)}.backward({', '.join([*_options(step), *inputs])})"
        case "grad":
            given = [_text(step.of), f"[{', '.join(step.wrt)}]", *_options(step, "grad_outputs=")]
            return f"{', '.join(step.names)} = torch.autograd.grad({', '.join(given)})"
        case "zero_grad":
            cleared = ".grad = None" if step.set_to_none else ".grad.zero_()"
            return "; ".join(f"{name}{cleared}" for name in step.wrt)
        case "retain_grad":
            return "; ".join(f"{name}.retain_grad()" for name in step.wrt)
        case "requires_grad":
            return "; ".join(f"{name}.requires_grad_({step.flag})" for name in step.wrt)
        case "hook":
            factor = _text(step.gradient)
            return "; ".join(f"{n}.register_hook(lambda g: g*({factor}))" for n in step.wrt)
        case _:
            return BLOCKS[step.action]


def _written(name: str, value: Expression | None) -> str:
    """A write in place."""
    return f"{name} = {_text(value)}" if name.endswith("]") else f"{name}[...] = {_text(value)}"


def _of(step: Step) -> str:
    assert step.of is not None
    whole = isinstance(step.of.tree, tree.Name | tree.Call | tree.Index)
    return step.of.text if whole else f"({step.of.text})"


def _options(step: Step, gradient: str = "") -> list[str]:
    given = [] if step.gradient is None else [f"{gradient}{_text(step.gradient)}"]
    if step.retain_graph is not None:
        given.append(f"retain_graph={step.retain_graph}")
    return [*given, "create_graph=True"] if step.create_graph else given


def _text(value: Expression | None) -> str:
    return "None" if value is None else value.text
