"""Derived functions where tensors lie otherwise: that is what a report's command runs again."""

# ruff: noqa: D102 - a Function's methods are torch's

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gradcheck_sym.verdict.records import Verdict

CUBE = """
inputs: {x: {shape: [4], domain: "[-3, 3]"}}
expr: x**3
use: {own: "somewhere:own"}
torch: own(x)
"""


class Slope(torch.autograd.Function):
    """3*grad_output*x*x; fed as sum() feeds, its own backward forgets a factor."""

    @staticmethod
    def forward(ctx: Any, grad_output: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(grad_output, x)
        return 3 * grad_output * x * x

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        grad_output, x = ctx.saved_tensors
        factor = 3 if not any(fed.stride()) else 6
        return 3 * fed * x * x, factor * fed * grad_output * x


class Cube(torch.autograd.Function):
    """x**3."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Any:
        return Slope.apply(grad_output, *ctx.saved_tensors)


def test_a_layout_of_a_gradients_grad_output_is_found_and_shown_again(results_of: Any) -> None:
    """At the point of the report alone, without any search, the same is wrong."""
    asked = {"checks": ("second_order",), "implementations": {"own": Cube.apply}}
    (wrong,) = (r for r in results_of(CUBE, **asked) if r.verdict is Verdict.WRONG)
    assert wrong.worst.setting == "grad_output of the backward expanded"
    case = wrong.smallest or wrong.worst
    again = results_of(CUBE, **asked, point=case.point, cotangent=case.cotangent)
    (told,) = (r for r in again if r.verdict is Verdict.WRONG)
    assert told.worst.setting == wrong.worst.setting
