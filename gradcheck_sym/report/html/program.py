"""A steps program as lines that read like Python."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

from gradcheck_sym.spec.records import Expression, Step


@final
@dataclass(frozen=True, slots=True)
class Line:
    """One step, and those inside it."""

    text: str
    inner: tuple[Line, ...] = ()


def line_of(step: Step) -> Line:
    """A step as text: "b = a*a", "backward(b, retain_graph=True)", "expect a.grad = 3"."""
    text = _text(step)
    if step.raises is not None:
        text += f"  raises {step.raises}"
    return Line(text, tuple(map(line_of, step.body)))


def _text(step: Step) -> str:
    bindings = [f"{name} = {_said(expression)}" for name, expression in step.bindings]
    match step.action:
        case "let":
            return "; ".join(bindings)
        case "expect":
            return f"expect {', '.join(bindings)}"
        case "set":
            return "; ".join(f"{name}[...] = {_said(value)}" for name, value in step.bindings)
        case "no_grad" | "inference_mode" | "enable_grad":
            return f"with {step.action}:"
        case "grad":
            return f"{', '.join(step.names)} = grad({', '.join(_arguments(step))})"
    return f"{step.action}({', '.join(_arguments(step))})"


def _arguments(step: Step) -> Iterator[str]:
    """What a call is given, as far as it is not what it would be anyway."""
    if step.of is not None:
        yield step.of.text
    if step.wrt:
        names = ", ".join(step.wrt)
        yield (
            names
            if step.of is None
            else f"[{names}]"
            if step.action == "grad"
            else (f"inputs=[{names}]")
        )
    if step.gradient is not None:
        yield step.gradient.text if step.action == "hook" else f"gradient={step.gradient.text}"
    if step.retain_graph is not None:
        yield f"retain_graph={step.retain_graph}"
    if step.create_graph:
        yield "create_graph=True"
    if step.action == "zero_grad" and not step.set_to_none:
        yield "set_to_none=False"
    if step.action == "requires_grad" and not step.flag:
        yield "False"


def _said(expression: Expression | None) -> str:
    return "none" if expression is None else expression.text
