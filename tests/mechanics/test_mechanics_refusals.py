"""What the rules do not say is refused with a position, never guessed."""

from __future__ import annotations

import pytest

from gradcheck_sym.autograd.programs import execute
from gradcheck_sym.errors import Position
from gradcheck_sym.spec.dtypes import format_of
from gradcheck_sym.spec.parser import parse
from gradcheck_sym.spec.records import Expression, Input, Spec, Step
from gradcheck_sym.symbolic.mechanics import StepsError, predict
from gradcheck_sym.symbolic.mechanics.numbers import nearest

HERE = Position("program.yaml", 1, 1)

REFUSED = {
    "a write of a tensor's own elements": '- set: {u: "2*u"}\n  - set: {u: u}',
    "memory that torch may share": "- grad: {of: sum(x), wrt: [x], as: [g]}\n  - set: {g: 1}",
    "requires_grad on memory": "- grad: {of: sum(x), wrt: [x], as: [g]}\n  - requires_grad: g",
    "index that is not a constant": '- let: {y: "x[s]"}',
    "index that is not an integer": '- let: {y: "x[1/2]"}',
    "without elements": '- let: {y: "x[2:]"}',
    "takes two vectors": '- let: {y: "outer(x, s)"}',
    "overwritten through .data": (
        "- let: {v: 1*x, y: prod(v)}\n  - set: {v.data: 3}\n  - backward: y"
    ),
    "data of an inference tensor": "- inference_mode: [let: {i: 2*x}]\n  - set: {i.data: 1}",
    "may have freed": (
        "- let: {y: prod(x)}\n  - grad: {of: y, wrt: [x], create_graph: true, as: [g]}\n"
        "  - backward: sum(g)\n  - backward: y"
    ),
    "may need": (
        '- let: {v: 1*x}\n  - let: {y: "sum(v**3)"}\n'
        "  - grad: {of: y, wrt: [v], create_graph: true, as: [g]}\n"
        "  - no_grad: [set: {v: 2}]\n  - backward: sum(g)"
    ),
    "diff is with respect to an input": '- let: {y: x*x}\n  - expect: {x: "diff(y, y)"}',
}


@pytest.mark.parametrize("reason", REFUSED)
def test_refused(reason, program):
    """The error names the reason and the step."""
    spec = program(f"  {REFUSED[reason]}\n")
    with pytest.raises(StepsError, match=reason.replace("(", r"\(")) as caught:
        predict(spec, "float64")
    assert caught.value.position.path == spec.path
    assert caught.value.position.line > 5


def test_an_input_needs_a_value():
    """Steps are about one point; a shape with a domain is not one."""
    entry = Input("x", None, (2,), None, None, True, HERE)
    spec = Spec("p", "program.yaml", HERE, inputs=(entry,))
    with pytest.raises(StepsError, match="x needs a value"):
        predict(spec, "float64")
    with pytest.raises(ValueError, match="x needs a value"):
        execute(spec, "float64")


def test_unknown_names_raise_alike(judged):
    """Records that no reader has checked: a name that is not bound is Python's NameError."""
    entry = Input("x", 2.0, (), None, None, True, HERE)
    wild = Expression("y*x", parse("y*x"), HERE)
    steps = (
        Step("let", HERE, bindings=(("z", wild),), raises="NameError"),
        Step("retain_grad", HERE, wrt=("y",), raises="NameError"),
        Step("set", HERE, bindings=(("x.grad", wild),), raises="NameError"),
    )
    found = judged(Spec("p", "program.yaml", HERE, inputs=(entry,), steps=steps))
    assert found.divergences == ()


def test_hooks(judged):
    """A hook changes what passes on, is refused without gradients, and must keep the shape."""

    def text(written: str) -> Expression:
        return Expression(written, parse(written), HERE)

    inputs = (
        Input("x", (1.0, 2.0), (2,), None, None, True, HERE),
        Input("u", (1.0, 2.0), (2,), None, None, False, HERE),
    )
    steps = (
        Step("let", HERE, bindings=(("y", text("3*x")),)),
        Step("hook", HERE, wrt=("y",), gradient=text("10")),
        Step("hook", HERE, wrt=("u",), gradient=text("10"), raises="RuntimeError"),
        Step("retain_grad", HERE, wrt=("y",)),
        Step("backward", HERE, of=text("sum(y)"), retain_graph=True),
        Step("expect", HERE, bindings=(("x.grad", text("[30, 30]")), ("y.grad", text("[10, 10]")))),
        Step("hook", HERE, wrt=("x",), gradient=text("[[1, 2]]")),
        Step("backward", HERE, of=text("sum(y)"), raises="RuntimeError"),
    )
    found = judged(Spec("p", "program.yaml", HERE, inputs=inputs, steps=steps))
    assert [one.message for one in found.divergences] == []


@pytest.mark.parametrize(
    "step, reason",
    [
        (Step("hook", HERE, wrt=("v",), gradient=Expression("2", parse("2"), HERE)), "a hook on"),
        (
            Step(
                "grad",
                HERE,
                of=Expression("sum(y*y)", parse("sum(y*y)"), HERE),
                wrt=("x", "y"),
                names=("g", "h"),
            ),
            "hooked tensor",
        ),
    ],
)
def test_hooks_that_are_refused(step, reason):
    """Hooks in places where torch itself is not of one mind."""

    def let(name: str, written: str) -> Step:
        return Step("let", HERE, bindings=((name, Expression(written, parse(written), HERE)),))

    ten = Expression("10", parse("10"), HERE)
    steps = (
        let("y", "3*x"),
        Step("hook", HERE, wrt=("y",), gradient=ten),
        Step("no_grad", HERE, body=(let("v", "x[0:1]"),)),
        step,
    )
    entry = Input("x", (1.0, 2.0), (2,), None, None, True, HERE)
    with pytest.raises(StepsError, match=reason):
        predict(Spec("p", "program.yaml", HERE, inputs=(entry,), steps=steps), "float64")


@pytest.mark.parametrize(
    "value, dtype, expected",
    [
        (0.1, "float64", 0.1),
        (0.1, "float32", 0.10000000149011612),
        (0.1, "bfloat16", 0.10009765625),
        (1e6, "float16", float("inf")),
        (3e-8, "float16", 5.960464477539063e-08),
        (0.0, "float16", 0.0),
        (float("-inf"), "float32", float("-inf")),
    ],
)
def test_inputs_are_rounded_as_torch_rounds_them(value, dtype, expected):
    """To the nearest number of the format, its subnormals and its range included."""
    assert nearest(value, format_of(dtype)) == expected
