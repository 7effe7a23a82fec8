"""What torch has to differentiate by, and what a run makes use of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from gradcheck_sym.autograd.exercise import Exercised, exercised, exercised_by_steps
from gradcheck_sym.autograd.implementation import implementation
from gradcheck_sym.autograd.inventory import inventory
from gradcheck_sym.autograd.tape import names, nodes
from gradcheck_sym.spec.reader import read_source
from gradcheck_sym.spec.records import Spec
from gradcheck_sym.spec.yaml_nodes import Source


def spec(text: str) -> Spec:
    """The spec of a text."""
    found, problems = read_source(Source("a.yaml", text))
    assert not problems, problems
    return found[0]


def used(text: str, **point: Any) -> Exercised:
    """What a spec's function makes use of at a point."""
    read = spec(text)
    arrays = {name: np.asarray(value, dtype=np.float64)[None] for name, value in point.items()}
    wrt = tuple(entry.name for entry in read.inputs if entry.requires_grad)
    return exercised(implementation(read), arrays, wrt, "float64")


def test_nodes_are_torch_s_own_classes() -> None:
    """Hundreds, each a class of the installed torch; those for other devices are apart."""
    there = inventory()
    assert len(there.nodes) > 400
    assert all(hasattr(torch._C._functions, name) for name in there.nodes)
    assert not there.nodes & there.elsewhere
    assert {"MulBackward0", "GeluBackwardBackward0", "AdaptiveAvgPool2DBackward0"} <= there.nodes


@pytest.mark.parametrize("device", ["Cudnn", "Nested"])
def test_other_devices_are_not_counted(device: str) -> None:
    """What has no kernel on the CPU."""
    assert any(device in name for name in inventory().elsewhere)


def test_operators_are_overloads_that_compute() -> None:
    """Each can be called by its name; in-place and out variants, and composites, are none."""
    there = inventory()
    assert len(there.operators) > 400
    for name in there.operators:
        space, _, overload = name.removeprefix("aten::").partition(".")
        assert getattr(getattr(torch.ops.aten, space), overload or "default")
    assert {"aten::mul.Tensor", "aten::gelu", "aten::_softmax"} <= there.operators
    assert not {"aten::mul_.Tensor", "aten::mul.out", "aten::softmax.int"} & there.operators


def test_the_tape_is_walked_once_and_from_the_result() -> None:
    """Shared parts come once, however many paths lead there."""
    x = torch.tensor(2.0, requires_grad=True)
    y = x * x
    z = y.exp() + y
    found = [node.name() for node in nodes([z])]
    assert found[0] == "AddBackward0"
    assert sorted(found[1:3]) == ["ExpBackward0", "MulBackward0"]
    assert found.count("MulBackward0") == 1
    assert sum("AccumulateGrad" in name for name in found) == 1
    assert names([torch.tensor(1.0)]) == frozenset()


def test_value_and_gradient_have_nodes_of_their_own() -> None:
    """Those of the second backward are those that a gradient is made of."""
    found = used("inputs: {x: {shape: []}}\nexpr: tanh(x)\ntorch: torch.tanh(x)\n", x=0.5)
    assert "TanhBackward0" in found.nodes
    assert "TanhBackwardBackward0" in found.second
    assert {"aten::tanh", "aten::tanh_backward"} <= found.operators


def test_only_what_is_tracked_counts() -> None:
    """Operators on constants are differentiated by nobody."""
    text = (
        "inputs: {x: {shape: []}, c: {shape: [], requires_grad: false}}\n"
        "expr: x*exp(c)\ntorch: x*torch.exp(c)\n"
    )
    found = used(text, x=0.5, c=1.0)
    assert "aten::mul.Tensor" in found.operators
    assert "aten::exp" not in found.operators
    assert "ExpBackward0" not in found.nodes


def test_steps_count_too() -> None:
    """With the gradients that a program leaves behind."""
    program = (
        "inputs: {x: {value: 2}}\nsteps:\n  - let: {y: sin(x)}\n"
        "  - backward: {of: y, create_graph: true}\n"
    )
    found = exercised_by_steps(spec(program), "float64")
    assert "SinBackward0" in found.nodes
    assert "CosBackward0" in found.second
