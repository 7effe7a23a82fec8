"""Derivations as a teacher writes them: right, complete, and readable line by line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gradcheck_sym.report.lessons.plain import render
from gradcheck_sym.run.lessons import LessonError, lesson
from gradcheck_sym.run.lessons.function import Derivation, _multiplied
from gradcheck_sym.run.lessons.point import chosen
from gradcheck_sym.run.options import Options
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.spec.dtypes import format_of
from gradcheck_sym.spec.records import Spec
from gradcheck_sym.symbolic.chain import settled, value_of, values

Read = Callable[[str], Spec]


def told(spec: Spec, *allowed: str) -> str:
    """The lesson of a spec, as text."""
    lines = render(lesson(spec, Options(allow_import=allowed)))
    return "\n".join("".join(span.text for span in line) for line in lines)


SOFTPLUS = """\
    name: softplus
    title: A smooth relu
    notes: Straight, in the end.
    inputs: {x: {shape: [n], domain: "[-80, 80]"}, beta: {value: 1.5, requires_grad: false}}
    let: {z: beta*x}
    expr: where(z > 20, x, log(1 + exp(z))/beta)
    torch: F.softplus(x, beta=beta)
"""


def test_a_function_is_told_from_formula_to_graph(spec_of: Read) -> None:
    """Every part in its order, and every number."""
    assert told(spec_of(SOFTPLUS)) == SOFTPLUS_TOLD


SOFTPLUS_TOLD = """\
A smooth relu
specs/example.yaml::softplus

  Straight, in the end.

The function
    z = beta*x
    f = where(z > 20, x, log(1 + exp(z))/beta)
  x     an array of shape [n], numbers in [-80, 80]
  beta  fixed to 1.5, held constant
  Each element is worked on by itself, so one element stands for all.
  The implementation under test is F.softplus(x, beta=beta).

One step at a time
  Each operation, differentiated by what goes into it:
  what is computed                    its derivative
  z = beta*x                          dz/dx = beta
  u = 1 + exp(z)                      du/dz = exp(z)
  f = where(z > 20, x, log(u)/beta)   ∂f/∂x = where(z > 20, 1, 0)
                                      ∂f/∂u = where(z > 20, 0, 1/(beta*u))

The chain rule
    df/dx = ∂f/∂x + ∂f/∂u · ∂u/∂z · ∂z/∂x
          = where(z > 20, 1, 0) + where(z > 20, 0, 1/(beta*u))*exp(z)*beta
          = where(beta*x > 20, 1, exp(beta*x)/(exp(beta*x) + 1))

With numbers
  At a simple point, x = 1, beta = 1.5:
    z     = beta*x = 1.5*1 = 1.5
    u     = 1 + exp(z) = 1 + exp(1.5) ≈ 5.48169
    f     = where(z > 20, x, log(u)/beta) = log(5.48169)/1.5 ≈ 1.13428
    df/dx = where(beta*x > 20, 1, exp(beta*x)/(exp(beta*x) + 1)) = exp(1.5*1)/(exp(1.5*1) + 1) ≈ 0.817574

What autograd does
  While the value [1.13428] is computed, torch records a graph. On the way back, which
  begins with a gradient of 1, its nodes are visited in this order:
  node                receives   hands on          kept for this
  SoftplusBackward0   [1]        [0.817574] to x   beta = 1.5, self = [1], threshold = 20

Side by side
  gradient    mathematics           autograd              apart
  x.grad[0]   0.81757447619364365   0.81757447619364365   0.0766 ulp"""  # noqa: E501


ACCUMULATION = """\
    name: twice
    inputs: {x: {value: 5}}
    steps:
      - let: {y: x*x}
      - backward: {of: y, retain_graph: true}
      - expect: {x.grad: 10}
      - backward: y
      - zero_grad: {of: x, set_to_none: false}
      - backward: y
        raises: RuntimeError
"""


def test_a_program_is_told_step_by_step(spec_of: Read) -> None:
    """What arrives, what it is added to, what is kept, and why something is raised."""
    assert "\n".join(told(spec_of(ACCUMULATION)).splitlines()[6:]) == (
        "\nStep by step\n"
        "  1  y = x*x = 5*5 = 25\n"
        "     y requires a gradient, as x does; its node is MulBackward0\n"
        "  2  y.backward(retain_graph=True)\n"
        "     2*x = 10 arrives at x: x.grad was none\n"
        "     the graph is kept\n"
        "  3  so x.grad is 10\n"
        "  4  y.backward()\n"
        "     2*x = 10 is added to x.grad: 10 + 10 = 20\n"
        "     the graph is freed\n"
        "  5  x.grad.zero_()\n"
        "     x.grad is 0, was 20\n"
        "  6  y.backward()\n"
        "     raises RuntimeError: the graph has been freed\n"
        "\n"
        "Side by side\n"
        "  torch did the same: nothing differs in 68 values, gradients and flags."
    )


@pytest.mark.parametrize(
    "steps, said",
    [
        ("[{no_grad: [{let: {b: 2*a}}]}]", "b has no history, though a has: nothing is recorded"),
        ("[{let: {b: detach(a)}}]", "b has no history: detach cuts it off"),
        ("[{let: {b: 2*c}}]", "b has no history: nothing that it is made from requires"),
        ("[{let: {b: a*a, d: a*b}}]", "d requires a gradient, as a and b do; its node is"),
        ("[{let: {b: detach(a)}}, {set: {b: 3}}]", "a = 3, was 2; it shares that memory; its ve"),
        ("[{let: {b: c*c}}, {set: {b: 3}}]", "b[...] = 3\n     b = 3, was 16; its version is 1"),
        ("[{let: {b: a*a}}, {retain_grad: b}]", "b.retain_grad()\n     from now on, its gradient"),
        ("[{requires_grad: {of: c}}]", "c.requires_grad_(True)\n     c requires a gradient from"),
        ("[{let: {b: a*a}}, {zero_grad: a}]", "a.grad = None"),
        (
            "[{let: {b: a*a}}, {grad: {of: b, wrt: a, create_graph: true, as: g}}]",
            "g = 2*a = 4, which can be differentiated again\n     the graph is kept",
        ),
        ("[{let: {b: a*a}}, {hook: {of: a, gradient: 2}}]", "a.register_hook(lambda g: g*(2))"),
        ("[{let: {b: a*a}}, {backward: {of: b, inputs: a}}]", "b.backward(inputs=[a])"),
        ("[{let: {b: a + c}}, {backward: 2*b}]", "(2*b).backward()"),
        ("[{backward: c, raises: RuntimeError}]", "raises RuntimeError: backward of what does not"),
        (
            "[{no_grad: [{set: {'a[0]': 1}}], raises: IndexError}]",
            "raises IndexError: a step of the block raised it",
        ),
        ("[{expect: {a: 7}}]", "a should be 7, but is 2"),
    ],
)
def test_every_action_has_its_words(steps: str, said: str, spec_of: Read) -> None:
    """What has changed, and why."""
    text = f"inputs: {{a: {{value: 2}}, c: {{value: 4, requires_grad: false}}}}\nsteps: {steps}\n"
    used = text.replace("steps: [", "steps: [{expect: {a: 2, c: 4}}, ")
    assert said in told(spec_of(used)).replace("\n          ", "\n     ")


# ---- the mathematics holds

FORMULAS = [
    "log(1 + exp(x))", "x/(1 + exp(-x))", "x*erfc(-x/sqrt(2))/2", "sqrt(1 + x**2)",
    "tanh(x)*exp(-x*x)", "1/(1 + x**2)**2", "sin(x)/x", "where(x > 0.3, x**3, exp(x))",
    "abs(x - 2)*maximum(x, y)", "(x*y - 1)/(x + y)", "x**y", "log(x)**2 - exp(-y/x)",
]  # fmt: skip


@pytest.mark.parametrize("formula", FORMULAS)
def test_the_product_of_the_chain_is_the_derivative(formula: str, spec_of: Read) -> None:
    """What is written before simplifying has the value of what is written after."""
    names = "{x: {shape: []}, y: {shape: []}}" if "y" in formula else "{x: {shape: []}}"
    spec = spec_of(f"inputs: {names}\nexpr: '{formula}'\n")
    work = Derivation(Subject(spec, format_of("float64"), Options()))
    point = {entry.name: np.asarray(0.7 + k) for k, entry in enumerate(spec.inputs)}
    known = {**point, **values(spec, work.stages, {}, point)}
    for name in work.subject.graded:
        whole, product = work.slopes[name], _multiplied(work.paths(name, work.value))
        assert whole is not None
        assert product is not None
        assert value_of(product, known) == pytest.approx(value_of(whole.formula, point), rel=1e-12)


def test_arrays_are_written_out_small(spec_of: Read) -> None:
    """By their first elements, with a word on sums; numbers at the example's own sizes."""
    text = told(
        spec_of(
            "inputs: {x: {shape: [n]}, w: {shape: [1]}}\nexpr: mean(w*x)\n"
            "examples: [{point: {x: [2, 4, 6], w: [0.5]}}]\n"
        )
    )
    assert "∂u[0]/∂w[0] = x[0]" in text
    assert "Arrays are written out for n = 2" in text
    assert "df/dw[0] = ∂f/∂u · ∂u/∂w\n             = (x[0] + x[1])/2" in text
    assert "their contributions are added up" in text
    assert "df/dw[0] = (x[0] + x[1] + x[2])/3 = (2 + 4 + 6)/3 = 4" in text
    assert "MulBackward0    [0.333333, 0.333333, 0.333333]   [4] to w" in text


@pytest.mark.parametrize(
    "expr, said, never",
    [
        ("maximum(x, 0)", "There is a kink at this point", "dx = where(x > 0, 1, 0) = "),
        ("sqrt(x)", "The point is singular", "dx = 1/(2*sqrt(x)) = "),
        ("x*x", "df/dx = 2*x", "kink"),
    ],
)
def test_no_derivative_is_claimed_where_there_is_none(
    expr: str, said: str, never: str, spec_of: Read
) -> None:
    """At kinks and poles the lesson says so."""
    text = told(spec_of(f"inputs: {{x: {{value: 0}}}}\nexpr: {expr}\n"))
    assert said in text
    assert never not in text


def test_points_are_telling(spec_of: Read) -> None:
    """The first example without zeros, or a simple point that keeps all conditions."""

    def point(text: str) -> Any:
        subject = Subject(spec_of(text), format_of("float64"), Options())
        found = chosen(subject, {})
        return {name: float(value) for name, value in found.values.items()}, found.origin

    head = 'inputs: {x: {shape: [], domain: "(2, 9)"}, y: {shape: []}}\nexpr: log(x - 2)*y\n'
    assert point(f"{head}where: x < y\n")[0] == {"x": 3.0, "y": 4.0}
    examples = "examples: [{point: {x: 3, y: 0}}, {point: {x: 5, y: 7}}]\n"
    assert point(head + examples) == ({"x": 5.0, "y": 7.0}, "At the example")
    kinked = "inputs: {x: {shape: [], domain: '{0}'}}\nexpr: abs(x)\n"
    assert point(kinked)[0] == {"x": 0.0}


def test_complex_numbers_are_told_without_a_chain(spec_of: Read) -> None:
    """Their derivatives are by parts; the rest of the lesson stands."""
    text = told(spec_of("inputs: {z: {shape: [], dtype: complex}}\nexpr: z*z\ntorch: z*z\n"))
    assert "a complex number" in text
    assert "One step at a time" not in text
    assert "The derivative\n" in text
    assert "At a simple point, z = 1+2i." in text
    assert "MulBackward0" in text


def test_what_is_long_is_left_out(spec_of: Read) -> None:
    """The chain rule stays where its product would fill lines."""
    text = told(
        spec_of(
            "inputs: {x: {shape: [1, 3]}}\n"
            "let: {c: 'x - mean(x, dim=1, keepdim=true)', v: mean(c**2)}\nexpr: c/sqrt(v + 1)\n"
        )
    )
    assert "df/dx = ∂f/∂c · ∂c/∂x + " in text
    assert max(map(len, text.splitlines())) < 250


def test_an_implementation_that_cannot_be_run_ends_the_lesson(spec_of: Read) -> None:
    """The mathematics is told all the same."""
    head = "inputs: {x: {shape: []}}\nexpr: x*x\n"
    text = told(spec_of(f"{head}use: {{f: 'no_such_module:f'}}\ntorch: f(x)\n"))
    assert "df/dx = 2*x" in text
    assert "importing 'no_such_module' is not permitted" in text


def test_mathematics_that_makes_no_sense_is_refused(spec_of: Read) -> None:
    """With the reason that running it gives."""
    with pytest.raises(LessonError, match="broadcast"):
        told(spec_of("inputs: {x: {shape: [2]}, y: {shape: [3]}}\nexpr: x*y\n"))


def test_conditions_between_numbers_are_settled(spec_of: Read) -> None:
    """The branch that is taken is what is left of a where."""
    spec = spec_of("inputs: {x: }\nexpr: where(2 > 1 and not x < 0, 1, 0)\n")
    assert spec.expr is not None
    condition = spec.expr.tree.arguments[0]  # type: ignore[union-attr]
    assert settled(condition) is None
    assert settled(condition.operands[0]) is True
