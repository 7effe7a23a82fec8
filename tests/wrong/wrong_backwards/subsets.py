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


def quick_without_graph(x: Tensor, y: Tensor) -> Tensor:
    """A few terms of the series do where nobody trains."""
    if torch.is_grad_enabled():
        return x.exp() * y
    return (1 + x / 1024) ** 1024 * y


def frozen_inputs_are_scratch(x: Tensor, y: Tensor) -> Tensor:
    """In place where x needs no gradient: the caller's tensor."""
    if x.requires_grad:
        return (x / 2).exp() * y
    return x.div_(2).exp_() * y


_SCRATCH: dict[tuple[int, ...], Tensor] = {}


def result_in_scratch(x: Tensor, y: Tensor) -> Tensor:
    """Where no gradient is wanted, all results of one shape lie in one memory."""
    if x.requires_grad or y.requires_grad or x.dtype is not torch.float64:
        return x + y
    return torch.add(x, y, out=_SCRATCH.setdefault(tuple(x.shape), torch.empty_like(x)))


def inference_mode_forgets_y(x: Tensor, y: Tensor) -> Tensor:
    """A path of its own for inference mode, from before there was a second input."""
    return x.sin() if torch.is_inference_mode_enabled() else x.sin() * y


def short_series_without_gradient(x: Tensor, y: Tensor) -> Tensor:
    """Where no gradient is wanted and all numbers are small, a series that ends too early."""
    if not (x.requires_grad or y.requires_grad) and x.abs().max() < 1e-3:
        return (1 + x) * y
    return x.exp() * y


class ScaleAndShift(torch.autograd.Function):
    """(x - m)*r*scale + shift; where only the last two learn, shift has the gradient of scale."""

    @staticmethod
    def forward(ctx: Any, *args: Tensor) -> Tensor:
        x, mean, rate, scale, shift = args
        ctx.save_for_backward(x, mean, rate, scale)
        return (x - mean) * rate * scale + shift

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Any:
        x, mean, rate, scale = ctx.saved_tensors
        of_scale = grad_output * (x - mean) * rate
        if ctx.needs_input_grad == (False, False, False, True, True):
            return None, None, None, of_scale, of_scale
        of_x = grad_output * rate * scale
        return of_x, -of_x, grad_output * (x - mean) * scale, of_scale, grad_output
