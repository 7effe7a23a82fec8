"""Right while every input requires a gradient; some layer was frozen."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

Two = tuple[Tensor | None, Tensor | None]


class FillsTheFirstSlot(torch.autograd.Function):
    """Collects the gradients that are wanted, and hands them back from the first slot on."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x, y)
        return x * y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Two:
        x, y = ctx.saved_tensors
        slopes = (y, x)
        wanted = [
            grad_output * s for s, need in zip(slopes, ctx.needs_input_grad, strict=True) if need
        ]
        first, second = [*wanted, None][:2]
        return first, second


class AllOrNothing(torch.autograd.Function):
    """Returns zeros at once unless everything requires a gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x, y)
        return x.sin() * y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Two:
        x, y = ctx.saved_tensors
        if not all(ctx.needs_input_grad):
            return torch.zeros_like(x), torch.zeros_like(y)
        return grad_output * x.cos() * y, grad_output * x.sin()


class SavesWhatRequiresGrad(torch.autograd.Function):
    """Saves an input only if it requires a gradient; it is the other's that needs it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(*(t for t in (x, y) if t.requires_grad))
        return x / y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Two:
        x, y = ctx.saved_tensors
        return grad_output / y, -grad_output * x / (y * y)


class FrozenWeightFreezesBias(torch.autograd.Function):
    """The bias asks for the weight's flag: a slip of one in the index."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return x * weight + bias

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        to_x = grad_output * weight if ctx.needs_input_grad[0] else None
        to_weight = grad_output * x if ctx.needs_input_grad[1] else None
        to_bias = grad_output if ctx.needs_input_grad[1] else None
        return to_x, to_weight, to_bias


class SharedTermInOneBranch(torch.autograd.Function):
    """What both gradients share is computed where only the first is."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x, y)
        return torch.exp(x + 2 * y)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Two:
        x, y = ctx.saved_tensors
        to_x = to_y = None
        if ctx.needs_input_grad[0]:
            grad_output = grad_output * torch.exp(x + 2 * y)
            to_x = grad_output
        if ctx.needs_input_grad[1]:
            to_y = 2 * grad_output
        return to_x, to_y


def frozen_layer(x: Tensor, weight: Tensor) -> Tensor:
    """Saves memory in frozen layers; but what lies before them learns through them."""
    with torch.set_grad_enabled(weight.requires_grad):
        return torch.tanh(x * weight)
