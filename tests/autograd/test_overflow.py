"""What leaves the range of a dtype in torch's derivatives, and what is something else."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from gradcheck_sym.autograd.implementation import Implementation
from gradcheck_sym.autograd.overflow import on_the_way, overflow
from gradcheck_sym.autograd.transforms import tangent_of
from gradcheck_sym.spec.checks import tangent_name


def first(function: Callable[[Tensor], Tensor], x: float, fed: float = 1.0) -> str:
    """What overflows in float16 at one point."""
    implementation = Implementation(lambda tensors: function(tensors["x"]), "user", "own")
    values, cotangents = {"x": np.array([[x]])}, np.array([[fed]])
    return overflow(implementation, values, ("x",), cotangents, "float16")


@pytest.mark.parametrize(
    "function, x, fed",
    [
        (lambda x: 1 / x, 0.001, 0.0),  # the square of the result, whatever is fed
        (lambda x: torch.log(torch.full_like(x, 7) / x), 0.01, 1.0),  # the slope is 100
        (lambda x: torch.exp(-((x - 0.5) ** 2) / 2e-4), 0.5, 14.0),  # 14/2e-4, times 0
    ],
)
def test_arithmetic_beyond_the_range(
    function: Callable[[Tensor], Tensor], x: float, fed: float
) -> None:
    """A product or quotient that float64 has room for."""
    assert first(function, x, fed) in ("mul", "div")


@pytest.mark.parametrize(
    "function, x",
    [
        (lambda x: x * 2, 3.0),
        (lambda x: x.square() * 1000, 100.0),  # the forward itself
        (lambda x: x.sqrt(), 0.0),  # a pole
        (lambda x: torch.where(x > 0, x, x.sqrt() * 0), -1.0),  # no number at all
    ],
)
def test_what_is_something_else(function: Callable[[Tensor], Tensor], x: float) -> None:
    """Nothing, or nothing that a wider range would mend."""
    assert first(function, x) == ""


class Scaled(torch.autograd.Function):
    """Scales what comes up, and down again in the end."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x * 3

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> Tensor:
        return (fed * 1024) * 3 / 1024


def test_a_backward_of_ones_own_minds_its_range() -> None:
    """What a Function multiplies by was chosen by its author, not by torch."""
    assert first(Scaled.apply, 1.0, 100.0) == ""


class Square(torch.autograd.Function):
    """Of the slope's parts one is beyond the range, or a number of the code is."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.scale = scale
        return x * x

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        return fed * ctx.scale * x * 2 / ctx.scale, None


@pytest.mark.parametrize(
    "function, x, named",
    [
        (lambda x: Square.apply(x, 1024.0), 100.0, "mul"),
        (lambda x: Square.apply(x, 2.0**17), 0.001, ""),  # no number is small enough for that
        (lambda x: Square.apply(x, 4.0), 100.0, ""),
        (lambda x: torch.log(x * x), 300.0, "mul"),  # in the forward
        (lambda x: x.sinh() / x.cosh(), 12.0, "sinh"),
        (lambda x: x / (x - x), 3.0, ""),  # divided by 0
        (lambda x: torch.log(x * 1e-8), 1.0, ""),  # 0 on the way is no overflow
    ],
)
def test_the_first_that_is_beyond_the_range(
    function: Callable[[Tensor], Tensor], x: float, named: str
) -> None:
    """In a forward or a backward, whoever wrote it."""
    implementation = Implementation(lambda tensors: function(tensors["x"]), "user", "own")
    values, fed = {"x": np.array([[x]])}, np.array([[1.0]])
    assert on_the_way(implementation, values, ("x",), fed, "float16") == named


def test_tangents_without_numbers_are_passed_over() -> None:
    """Forward mode looks at shapes in tensors without memory; a constant's tangent has none."""
    implementation = Implementation(
        lambda tensors: torch.where(tensors["x"] == 0, 1.0, tensors["x"].exp() ** 2), "user", "own"
    )
    tangent = tangent_of(implementation, ("x",))
    values = {"x": np.array([[9.0], [1.0]])}
    values[tangent_name("x")] = np.ones((2, 1))
    for lane, said in ((0, "pow"), (1, "")):
        alone = {name: array[[lane]] for name, array in values.items()}
        assert on_the_way(tangent, alone, (), None, "float16") == said
