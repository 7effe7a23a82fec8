"""Slips in how autograd is used: graphs cut, buffers shared, tensors written to, layouts."""

# ruff: noqa: D102, D103 - the names say what each does

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


@torch.no_grad()
def swish_without_grad(x: Tensor) -> Tensor:
    """The decorator was left over from an evaluation script."""
    return x * torch.sigmoid(x)


def product_half_tracked(x: Tensor, y: Tensor) -> Tensor:
    """One factor is computed under no_grad, for its memory."""
    with torch.no_grad():
        gate = torch.tanh(y)
    return x * gate


def sine_times_detached(x: Tensor) -> Tensor:
    return x.detach() * x.sin()


def scaled_by_item(x: Tensor) -> Tensor:
    """A Python number in between cuts the graph."""
    largest = float(x.square().sum())
    return x / (1 + largest)


def clipped_by_hook(x: Tensor) -> Tensor:
    """Gradient clipping, hidden in a hook."""
    y = x * 3
    if y.requires_grad:
        y.register_hook(lambda gradient: gradient.clamp(-1, 1))
    return y.sin()


class ClipsGradient(torch.autograd.Function):
    """A clamp of the gradient for stability; it kills what lies outside."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return (grad_output * 3 * x * x).clamp(-10, 10)


class WritesToInput(torch.autograd.Function):
    """Saves memory by squaring in place."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x.clone())
        return x.detach().mul_(x).clone()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return 2 * x * grad_output


class WritesToGradOutput(torch.autograd.Function):
    """Saves memory in the backward; whoever shares grad_output pays."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output.mul_(2 * x)


class SavedThenOverwritten(torch.autograd.Function):
    """The saved output is used as scratch space before the backward sees it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        gate = torch.sigmoid(x)
        ctx.gate = gate
        result = x * gate
        gate.mul_(1 - gate)
        return result

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return grad_output * (ctx.gate + ctx.gate * (1 - ctx.gate))


class StaleCache(torch.autograd.Function):
    """Caches the slope by shape, as if the same input came again."""

    cache: dict[torch.Size, Tensor] = {}  # noqa: RUF012 - that it is shared is the fault

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.slope = StaleCache.cache.setdefault(x.shape, x.detach().cos())
        return x.sin()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return grad_output * ctx.slope


class StaleForward(nn.Module):
    """Normalizes by a running maximum: the answer depends on what came before."""

    def __init__(self) -> None:
        super().__init__()
        self.largest = 0.0

    def forward(self, x: Tensor) -> Tensor:
        self.largest = max(self.largest, float(x.detach().abs().max()))
        return x / max(self.largest, 1.0)


class SavedOnTheClass(torch.autograd.Function):
    """Keeps its input on the class: right until two results are alive at once."""

    x: Tensor

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        SavedOnTheClass.x = x
        return x.sin()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return grad_output * SavedOnTheClass.x.cos()


class OneResultBuffer(torch.autograd.Function):
    """Returns the same memory from every call of a shape."""

    buffers: dict[torch.Size, Tensor] = {}  # noqa: RUF012 - that it is shared is the fault

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        buffer = OneResultBuffer.buffers.setdefault(x.shape, torch.empty_like(x))
        return torch.sin(x, out=buffer.detach())

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * x.cos()


class GradOutputAsContiguous(torch.autograd.Function):
    """Reads grad_output's memory as a C kernel would that never looks at strides."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        memory = grad_output.untyped_storage()
        flat = torch.tensor([], dtype=grad_output.dtype).set_(memory)
        start = grad_output.storage_offset()
        there = flat[start : start + x.numel()]
        read = torch.cat([there, there.new_zeros(x.numel() - there.numel())])
        return 2 * x * read.reshape(x.shape)


class GradOutputAsOneNumber(torch.autograd.Function):
    """After .sum() all of grad_output is alike; after anything else it is not."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return 2 * x * grad_output.reshape(-1)[0]


class NeedsWrongInput(torch.autograd.Function):
    """Asks whether the first input needs a gradient, and skips that of the second."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x, y)
        return x * y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, y = ctx.saved_tensors
        to_x = grad_output * y if ctx.needs_input_grad[0] else None
        to_y = grad_output * x if not ctx.needs_input_grad[0] else None
        return to_x, to_y


class Regularized(nn.Module):
    """Dropout was left in training mode."""

    def __init__(self) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.25)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(torch.tanh(x))


class RaisesForOne(torch.autograd.Function):
    """Never tried with one row."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return 2 * x

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        first, second, *rest = grad_output.unbind()
        return torch.stack([2 * first, 2 * second, *(2 * other for other in rest)])


class DetachedSecondOrder(torch.autograd.Function):
    """The first derivative is right; it is computed without a graph of its own."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.x = x.detach()
        return x**3

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return 3 * ctx.x**2 * grad_output


class ReluKink(torch.autograd.Function):
    """At the kink itself neither slope nor anything between them: 2."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * ((x > 0) + 2 * (x == 0))


def written_through_data(x: Tensor) -> Tensor:
    """Writing through .data goes past autograd: the gradient is that of the clone."""
    y = x.clone()
    y.data = torch.sin(y.data)
    return y


def averaged_by_hook(x: Tensor) -> Tensor:
    """Averages over the two replicas of another machine."""
    y = x.exp()
    if y.requires_grad:
        y.register_hook(lambda gradient: gradient / 2)
    return y
