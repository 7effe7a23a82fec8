"""The comparison alone: what is changed on either side, or in an expectation, is found."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from gradcheck_sym.autograd.programs import execute
from gradcheck_sym.errors import Position
from gradcheck_sym.spec.dtypes import DTYPES, format_of
from gradcheck_sym.symbolic.mechanics import predict
from gradcheck_sym.verdict.mechanics import (
    Array,
    Comparison,
    Number,
    Snapshot,
    State,
    Wanted,
    compare,
)

HERE = Position("program.yaml", 3, 5)


def scalar(value: float, loss: float = 0.0) -> Array:
    """One number as an array of no dimensions."""
    return Array((), (Number(value, loss),))


def trace(**changes: object) -> tuple[Snapshot, ...]:
    """A trace of one step, in which the state of x has some changes."""
    state = State("x", scalar(1.0), True, True, scalar(10.0))
    return (Snapshot("1", "let", HERE, (replace(state, **changes),)),)


@pytest.mark.parametrize(
    "changes, name",
    [
        ({"value": scalar(1.0 + 1e-12)}, "x"),
        ({"value": scalar(math.nan)}, "x"),
        ({"value": scalar(math.inf)}, "x"),
        ({"value": Array((1,), (Number(1.0),))}, "x"),
        ({"requires_grad": False}, "x.requires_grad"),
        ({"is_leaf": False}, "x.is_leaf"),
        ({"is_leaf": None}, "x.is_leaf"),
        ({"grad": None}, "x.grad"),
        ({"grad": scalar(-10.0)}, "x.grad"),
        ({"grad_requires_grad": True}, "x.grad.requires_grad"),
    ],
)
def test_one_difference_is_found(changes, name):
    """Each facet is compared, and the difference carries its step, place and name."""
    comparison = compare(trace(), trace(**changes), "float64")
    (found,) = comparison.divergences
    assert (found.name, found.label, found.position) == (name, "1", HERE)
    assert (comparison.verdict, found.culprit) == ("wrong", "autograd")
    assert f"{name}: predicted" in found.message


def test_rounding_is_allowed():
    """A few units in the last place, and what the prediction says may be lost."""
    near = trace(value=scalar(math.nextafter(1.0, 2.0)))
    assert compare(trace(), near, "float64").verdict == "agrees"
    lossy = trace(value=scalar(1.0, 1e-3))
    assert compare(lossy, trace(value=scalar(1.001)), "float64").verdict == "agrees"
    assert compare(lossy, trace(value=scalar(1.1)), "float64").verdict == "wrong"
    assert compare(trace(), trace(value=scalar(1.001)), "bfloat16").verdict == "agrees"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("value", [1.0, 1.75, -96.0])
def test_four_units_in_the_last_place(dtype, value):
    """As far as torch's elementary functions may be off, and no further."""
    unit = math.copysign(format_of(dtype).epsilon, value) * 2.0 ** math.floor(math.log2(abs(value)))
    for off, verdict in ((4, "agrees"), (5, "wrong")):
        claim = trace(value=scalar(value + off * unit))
        assert compare(trace(value=scalar(value)), claim, dtype).verdict == verdict


def test_zero_and_beyond_the_range():
    """Zero is compared in the smallest steps; an overflow is right where the truth overflows."""
    assert (
        compare(trace(value=scalar(0.0)), trace(value=scalar(0.0)), "float32").verdict == "agrees"
    )
    assert compare(trace(value=scalar(0.0)), trace(value=scalar(1e-30)), "float32").divergences
    huge = trace(value=scalar(1e6))
    assert compare(huge, trace(value=scalar(math.inf)), "float16").verdict == "agrees"


def test_what_the_mathematics_leaves_open_is_counted():
    """A number without a truth is undecided, never agreed on."""
    open_ = trace(value=scalar(math.nan, math.inf), grad=None)
    found = compare(open_, trace(grad=None), "float64")
    assert (found.undecided, found.divergences) == (1, ())
    assert found.decided == 5  # what is raised, two flags, that there is no gradient, and its flag
    assert compare(trace(), trace(), "float64").decided == 6
    assert compare(trace() * 2, trace() * 2, "float64").decided == 12
    pair = Array((2,), (Number(1.0, math.inf), Number(2.0, math.inf)))
    assert compare(trace(value=pair), trace(value=pair), "float64").undecided == 2
    assert Comparison((), 0, 1).verdict == "undecided"


def test_a_difference_that_stays_is_told_once():
    """Later steps do not repeat it."""
    longer = tuple(replace(trace()[0], label=label) for label in "123")
    wrong = tuple(replace(trace(grad=None)[0], label=label) for label in "123")
    assert len(compare(longer, wrong, "float64").divergences) == 1


def test_missing_steps_and_names():
    """A side that ended early, or lacks a name, is found."""
    (found,) = compare(trace(), (), "float64").divergences
    assert found.message == "step 1 (let): the step: predicted step 1, torch gave no such step"
    other = (replace(trace()[0], label="2"),)
    (found,) = compare(trace(), other, "float64").divergences
    assert found.message == "step 1 (let): the step: predicted step 1, torch gave step 2"
    empty = (replace(trace()[0], states=()),)
    assert compare(trace(), empty, "float64").divergences[0].autograd == "no such name"


@pytest.mark.parametrize(
    "foreseen, seen, declared, culprit",
    [
        ("RuntimeError", None, "RuntimeError", "autograd"),
        ("RuntimeError", "IndexError", "RuntimeError", "autograd"),
        (None, "RuntimeError", None, "autograd"),
        ("RuntimeError", "RuntimeError", None, "the expectation"),
        (None, None, "RuntimeError", "the expectation"),
    ],
)
def test_exceptions(foreseen, seen, declared, culprit):
    """Which exception is raised is compared like any number."""
    predicted = (replace(trace()[0], raised=foreseen, declared=declared),)
    executed = (replace(trace()[0], raised=seen, declared=declared),)
    (found,) = compare(predicted, executed, "float64").divergences
    assert (found.name, found.culprit) == ("raises", culprit)


def raising(label: str, action: str, declared: str | None = None) -> Snapshot:
    """A step that raises, as foreseen."""
    return Snapshot(label, action, HERE, (), raised="RuntimeError", declared=declared)


@pytest.mark.parametrize(
    "steps, told",
    [
        ([("1.1", "backward", None), ("1", "no_grad", None)], ["1.1"]),
        ([("1.1", "backward", None), ("1", "no_grad", "RuntimeError")], []),
        ([("1.1", "backward", None), ("1", "no_grad", None), ("2", "let", None)], ["1.1", "2"]),
    ],
)
def test_an_exception_is_told_once(steps, told):
    """Where it began, unless the step or a block around it declares it."""
    trace = tuple(raising(*step) for step in steps)
    found = compare(trace, trace, "float64").divergences
    assert [one.label for one in found] == told
    assert {one.culprit for one in found} <= {"the expectation"}


def test_the_sentence():
    """Step, name, and what each of the three says; an author who said nothing is left out."""
    wanted = (Wanted("x.grad", scalar(11.0)),)
    step = replace(trace()[0], wanted=wanted)
    (found,) = compare((step,), trace(), "float64").divergences
    assert found.message == "step 1 (let): x.grad: predicted 10, torch gave 10, expected 11"
    (found,) = compare(trace(), trace(grad=None), "float64").divergences
    assert found.message == "step 1 (let): x.grad: predicted 10, torch gave none"
    (found,) = compare(trace(), trace(requires_grad=False), "float64").divergences
    assert found.message == "step 1 (let): x.requires_grad: predicted true, torch gave false"
    declared = raising("1", "let", "RuntimeError")
    silent = replace(declared, raised=None)
    (found,) = compare((declared,), (silent,), "float64").divergences
    assert found.message == (
        "step 1 (let): raises: predicted RuntimeError, torch gave nothing, expected RuntimeError"
    )
    (found,) = compare((raising("1", "let"),), (raising("1", "let"),), "float64").divergences
    assert found.message == (
        "step 1 (let): raises: predicted RuntimeError, torch gave RuntimeError, expected nothing"
    )


def test_an_expectation_of_a_name_that_one_side_lacks():
    """Both its absence and the expectation are told."""
    step = replace(trace()[0], wanted=(Wanted("x.requires_grad", True),))
    (*missing, found) = compare((step,), (replace(step, states=()),), "float64").divergences
    assert len(missing) == 5
    assert (found.symbolic, found.autograd, found.wanted) == ("true", "no such name", "true")


PROGRAM = """\
inputs: {{x: {{value: 5}}}}
steps:
  - let: {{y: x*x}}
  - backward: y
  - expect: {{{expectation}}}
"""


@pytest.mark.parametrize(
    "expectation",
    [
        "x.grad: 11",
        "x.grad: null",
        'x.grad: "[10]"',
        "y.grad: 0",
        "y.requires_grad: false",
        "y.is_leaf: true",
        "x: 4",
        'x.grad: "diff(y*x, x)"',
    ],
)
def test_a_wrong_expectation_is_the_culprit(expectation, program, judged):
    """Where prediction and torch agree, the author is told."""
    (found,) = judged(program(PROGRAM.format(expectation=expectation))).divergences
    assert found.culprit == "the expectation"
    assert found.wanted is not None
    assert found.position.line == 5
    assert f", expected {found.wanted}" in found.message


def test_an_autograd_of_zeros_is_caught(program):
    """Every gradient replaced by 0: a divergence on each, and the author's number beside it."""
    spec = program(PROGRAM.format(expectation="x.grad: 10"))
    executed = tuple(
        replace(step, states=tuple(replace(s, grad=s.grad and scalar(0.0)) for s in step.states))
        for step in execute(spec, "float64")
    )
    found = compare(predict(spec, "float64"), executed, "float64").divergences
    assert [(one.label, one.name, one.culprit) for one in found] == [
        ("2", "x.grad", "autograd"),
        ("3", "x.grad", "autograd"),
    ]


def test_torch_shares_a_gradient_between_two_leaves(program, judged):
    """torch 2.13: two leaves reshaped and added get one .grad memory, which then counts twice.

    The prediction is what backward is documented to do: each leaf accumulates its own gradient.
    """
    steps = """\
inputs: {a: {value: [1, 2]}, b: {value: [3, 4]}}
steps:
  - let: {z: "sum((reshape(a, (2, 1)) + reshape(b, (2, 1)))*1)"}
  - backward: {of: z, retain_graph: true}
  - expect: {a.grad: "[1, 1]", b.grad: "[1, 1]"}
  - backward: z
"""
    found = judged(program(steps)).divergences
    assert [(one.label, one.name, one.autograd) for one in found] == [
        ("4", "a.grad", "[3, 3]"),
        ("4", "b.grad", "[3, 3]"),
    ]
