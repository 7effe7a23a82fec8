"""Compiled implementations: the same claims, and a missing compiler told as such."""

# ruff: noqa: D102, D103 - the names say what each does

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from gradcheck_sym.autograd.compiled import compiled
from gradcheck_sym.autograd.implementation import Implementation
from gradcheck_sym.autograd.reverse import reverse
from gradcheck_sym.autograd.support import Feature

pytestmark = pytest.mark.slow  # the compiler takes seconds to load

X = np.array([[0.5, 1.0, 2.0], [1.5, 3.0, 0.25]])
FED = np.array([[1.0, -0.5, 2.0], [3.0, 0.25, 1.0]])


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        (x,) = ctx.saved_tensors
        return 2 * x * grad


def double_when_compiled(x: Tensor) -> Tensor:
    """Takes another way where it is compiled, as code with its own fast path does."""
    return x * x if torch.compiler.is_compiling() else x * 2


def reads_a_number(x: Tensor) -> Tensor:
    return x * x.sum().item()


def own(function: Any) -> Implementation:
    """An implementation of one input."""
    return Implementation(lambda tensors: function(tensors["x"]), "user", "own")


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
@pytest.mark.parametrize("function", [torch.sin, Square.apply, reads_a_number])
def test_compiled_claims(function: Any, backend: str) -> None:
    """What is compiled claims what it does otherwise, at several sizes, with breaks as well."""
    twin = compiled(own(function), backend)
    for size in (3, 2):
        values, fed = {"x": X[:, :size]}, FED[:, :size]
        plain = reverse(own(function), values, ("x",), fed, "float64")
        found = reverse(twin, values, ("x",), fed, "float64")
        assert not found.problems
        np.testing.assert_allclose(found.values, plain.values, rtol=1e-14)
        mine, theirs = found.gradients["x"], plain.gradients["x"]
        np.testing.assert_allclose(mine, theirs, rtol=1e-14)  # type: ignore[arg-type]


def test_another_way_when_compiled() -> None:
    """The compiled function is what is judged, not the other."""
    found = reverse(compiled(own(double_when_compiled), "eager"), {"x": X}, ("x",), FED, "float64")
    np.testing.assert_array_equal(found.values, X * X)


def test_no_compiler() -> None:
    """Without a C++ compiler nothing is claimed, and the reason is given."""
    from torch._inductor import config  # loads the compiler

    with config.patch({"cpp.cxx": (None, "no-such-compiler"), "force_disable_caches": True}):
        found = reverse(compiled(own(torch.cos)), {"x": X}, ("x",), FED, "float64")
    assert {what.feature for what in found.unsupported.values()} == {Feature.COMPILE}
    assert "No working C++ compiler" in found.problems[0]


def test_what_raises_is_told() -> None:
    """An error of the function itself is a problem like any other."""

    def broken(x: Tensor) -> Tensor:
        if x.sum() > 4:
            raise ValueError("too large")
        return x * 2

    found = reverse(compiled(own(broken), "eager"), {"x": X}, ("x",), FED, "float64")
    assert found.problems == {1: "ValueError: too large"}
    assert not found.unsupported
