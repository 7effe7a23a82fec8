"""Wrong at some numbers only: one value, a narrow range, ties, a share of the elements."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _SavesInput(torch.autograd.Function):
    """Saves what it is given."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.sin()


class ThreeIsSpecial(_SavesInput):
    """A branch for a marker value, compared in Python, element by element."""

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        gradient = grad_output * x.cos()
        for place, number in enumerate(x.flatten().tolist()):
            if number == 3.0:
                gradient.view(-1)[place] = 0
        return gradient


class TenthIsSpecial(_SavesInput):
    """isclose where a mask was meant: everything next to a tenth counts as missing."""

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        missing = torch.isclose(x, torch.full_like(x, 0.1), rtol=1e-9, atol=0)
        return grad_output * x.cos().masked_fill(missing, 0)


class IntegersRounded(_SavesInput):
    """A table for integers that holds one decimal too few."""

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        slope = x.cos()
        rounded = (slope * 1e4).round() / 1e4
        return grad_output * torch.where(x == x.round(), rounded, slope)


class NegativeZero(torch.autograd.Function):
    """The sign bit of -0. is taken for a negative number."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x.abs() + x

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * (2 * x.abs() + 1 - 2 * (x.signbit() & (x == 0)).to(x.dtype))


class TailAsymptote(torch.autograd.Function):
    """Beyond 18 the slope of x*tanh(x) is set to 0 where it is 1: on the negative side only."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x.tanh()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        t = x.tanh()
        slope = t + x * (1 - t * t)
        return grad_output * torch.where(x < -18, torch.zeros_like(x), slope)


class NearZeroSeries(torch.autograd.Function):
    """A series for small x that lacks a third: (1 - cos x)/x within 1e-4 of 0."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        half = (x / 2).sin()
        return torch.where(x == 0, x, 2 * half * half / torch.where(x == 0, 1, x))

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        safe = torch.where(x.abs() < 1e-4, 1, x)
        half = (safe / 2).sin()
        slope = safe.sin() / safe - 2 * half * half / (safe * safe)
        return grad_output * torch.where(x.abs() < 1e-4, torch.full_like(x, 0.5 + 1e-5), slope)


class EveryThousandth(_SavesInput):
    """A hash of the bits decides which elements a faulty lane computes: one of a thousand."""

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        bits = x.double().view(torch.int64)
        faulty = ((bits >> 20) ^ bits) % 1009 == 7
        return grad_output * torch.where(faulty, x.cos() * 1.01, x.cos())


class OffByOnePermille(_SavesInput):
    """A polynomial for the cosine, to three digits."""

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * x.cos() * 1.001


class OffByTenMillionths(_SavesInput):
    """A polynomial for the cosine, to five digits."""

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * (x.cos() + 1e-5 * (3 * x).sin())


class LargestGetsItTwice(torch.autograd.Function):
    """Where the largest and the second are equal, both are taken for the largest."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.amax()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        top = x.topk(min(2, x.numel())).values
        return grad_output * ((x == top[0]) | (x == top[-1])) * (x >= top[0])


class MedianOfTies(torch.autograd.Function):
    """The middle of three, where equal neighbours get nothing."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.sort().values[1]

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        below = (x[:, None] > x[None, :]).sum(1)
        above = (x[:, None] < x[None, :]).sum(1)
        return grad_output * ((below == 1) & (above == 1))


class ClampOpen(torch.autograd.Function):
    """At both ends the gradient is 1 plus what a second mask adds."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.clamp(-1, 1)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        inside = (x.abs() <= 1).to(x.dtype)
        edge = (x.abs() == 1).to(x.dtype)
        return grad_output * (inside + edge)


class SqrtGuarded(torch.autograd.Function):
    """An epsilon of 1e-12 keeps the slope finite, and changes it for small x."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.sqrt()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output / (2 * (x + 1e-12).sqrt())


class HardSwishEdges(torch.autograd.Function):
    """The right edge at 3 belongs to neither side: its slope is 0."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * (x + 3).clamp(0, 6) / 6

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        inner = (2 * x + 3) / 6 * ((x > -3) & (x < 3))
        return grad_output * (inner + (x > 3).to(x.dtype))


class RowsOfZeros(torch.autograd.Function):
    """A row without any number but 0 is left out, as padding; its gradient is not 0."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.exp().sum(1)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        real = (x != 0).any(1)
        return (grad_output * real)[:, None] * x.exp()


class EqualRows(torch.autograd.Function):
    """Deduplicates rows by torch.unique, and gives each group's gradient to its first row."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.square()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        _, group = torch.unique(x, dim=0, return_inverse=True)
        first = (group[:, None] == group[None, :]).int().argmax(1)
        own = first == torch.arange(len(x))
        return 2 * x * grad_output * own[:, None]


class HugeIsClipped(torch.autograd.Function):
    """Against overflow the cube's slope is clipped at 1e6."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * (3 * x * x).clamp(max=1e6)


class DigammaShift(torch.autograd.Function):
    """The recurrence for small arguments is applied once too few below 1."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.log(x) + 1 / x

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        slope = 1 / x - 1 / (x * x)
        return grad_output * torch.where(x < 0.125, slope + 1, slope)
