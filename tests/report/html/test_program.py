"""Steps as lines."""

from __future__ import annotations

import pytest

from gradcheck_sym.report.html.program import Line, line_of
from gradcheck_sym.spec.reader import read_source
from gradcheck_sym.spec.yaml_nodes import Source

STEPS = """\
name: steps
inputs: {x: {value: [1, 2]}}
steps:
"""


@pytest.mark.parametrize(
    "step, text",
    [
        ("let: {y: x*x, z: sum(y)}", "y = x*x; z = sum(y)"),
        (
            "expect: {x.grad: null, x.requires_grad: true}",
            "expect x.grad = none, x.requires_grad = true",
        ),
        ("backward: sum(x)", "backward(sum(x))"),
        (
            "backward: {of: sum(x), retain_graph: true, create_graph: true}",
            "backward(sum(x), retain_graph=True, create_graph=True)",
        ),
        ("backward: {of: 2*x, gradient: x, inputs: [x]}", "backward(2*x, inputs=[x], gradient=x)"),
        ("grad: {of: sum(x*x), wrt: [x], as: [g]}", "g = grad(sum(x*x), [x])"),
        ("zero_grad: x", "zero_grad(x)"),
        ("zero_grad: {of: x, set_to_none: false}", "zero_grad(x, set_to_none=False)"),
        ("retain_grad: x", "retain_grad(x)"),
        ("requires_grad: {of: x, flag: false}", "requires_grad(x, False)"),
        ('set: {"x[0]": 3}', "x[0][...] = 3"),
        ("hook: {of: x, gradient: 2*x}", "hook(x, 2*x)"),
    ],
)  # fmt: skip
def test_steps_read_like_python(step: str, text: str) -> None:
    """Every action, with what is not so anyway."""
    assert _line(step).text == text


def test_exceptions_are_told() -> None:
    """What the author says must be raised."""
    assert _line("backward: sum(x)\n    raises: RuntimeError").text == (
        "backward(sum(x))  raises RuntimeError"
    )


def test_blocks_have_their_steps_inside() -> None:
    """A mode and what is done in it."""
    assert _line("no_grad: [{let: {y: 2*x}}]") == Line("with no_grad:", (Line("y = 2*x"),))


def _line(step: str) -> Line:
    specs, problems = read_source(Source("a.yaml", f"{STEPS}  - {step}\n"))
    assert problems == ()
    return line_of(specs[0].steps[0])
