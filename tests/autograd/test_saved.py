"""What a second derivative lacks of a backward that saved intermediates."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from gradcheck_sym.autograd.implementation import Implementation
from gradcheck_sym.autograd.saved import Line, of_saved

X, FED = np.array([0.5, 2.0]), np.array([3.0, -1.0])


class SavesCosine(torch.autograd.Function):
    """sin(x), whose slope is saved."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x.cos())
        return x.sin()

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> Tensor:
        (slope,) = ctx.saved_tensors
        return fed * slope


class KeepsCosine(SavesCosine):
    """The same as an attribute, beside what is no tensor."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.slope, ctx.size = [x.cos()], len(x)
        return x.sin()

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> Tensor:
        assert ctx.size == 2
        found: Tensor = fed * ctx.slope[0]
        return found


class SavesInput(SavesCosine):
    """Nothing that is constant."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = x.sin()
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> Tensor:
        x, y = ctx.saved_tensors
        return fed * x.cos() + 0 * y


class SavesMore(SavesCosine):
    """Another number of things on the right of 1."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x.cos(), *([x.cos()] if x[0] > 1 else []))
        return x.sin()

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> Tensor:
        return fed * ctx.saved_tensors[0]


def along(function: Any, offsets: list[float]) -> np.ndarray:
    """The first element of the gradient, when what was saved is that of x[0] moved."""
    implementation = Implementation(lambda tensors: function(tensors["x"]), "user", "own")
    line = Line({"x": np.array([1.0, 0.0])}, np.array([1.0, 0.0]))
    found = of_saved(implementation, {"x": X}, ("x",), FED, "float64", line)
    return found(np.array(offsets))


@pytest.mark.parametrize("function", [SavesCosine, KeepsCosine])
def test_follows_what_is_saved(function: Any) -> None:
    """The gradient at x is made of the cosine at the point moved."""
    offsets = [0.0, 0.25, -0.5]
    expected = [3 * np.cos(0.5 + offset) for offset in offsets]
    assert along(function.apply, offsets) == pytest.approx(expected, rel=1e-14)


def test_inputs_and_results_stay() -> None:
    """They are known to autograd, which differentiates through them."""
    assert along(SavesInput.apply, [0.0, 0.25]) == pytest.approx([3 * np.cos(0.5)] * 2)


def test_nothing_is_said_where_other_things_are_saved() -> None:
    """Another branch, another graph; so where the forward raises."""
    found = along(SavesMore.apply, [0.25, 1.0])
    assert found[0] == pytest.approx(3 * np.cos(0.75))
    assert np.isnan(found[1])
    assert np.isnan(along(lambda x: x.not_there(), [0.0])).all()
