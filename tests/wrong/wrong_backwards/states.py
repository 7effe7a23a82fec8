"""Answers that depend on more than the arguments: caches, globals, modes, random numbers."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar

import torch
from torch import Tensor, nn


class CachedById(torch.autograd.Function):
    """The slope is cached under id(x): the next tensor at that address gets it."""

    cache: dict[int, Tensor] = {}  # noqa: RUF012 - that it is shared is the fault

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.key = x.data_ptr()
        ctx.slope = CachedById.cache.setdefault(ctx.key, x.detach().cos())
        return x.sin()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return grad_output * ctx.slope.expand_as(grad_output)


class CachedBySum(torch.autograd.Function):
    """Cached under a checksum that does not see the order: permuted inputs get each other's."""

    cache: dict[tuple[Any, ...], Tensor] = {}  # noqa: RUF012 - that it is shared is the fault

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        key = tuple(sorted(x.flatten().tolist())), x.shape, x.dtype
        ctx.slope = CachedBySum.cache.setdefault(key, x.detach().cos())
        return x.sin()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return grad_output * ctx.slope


class WorkspaceByShape(torch.autograd.Function):
    """Keeps e**x in a workspace per shape, until the backward reads it."""

    workspaces: dict[Any, Tensor] = {}  # noqa: RUF012 - that it is shared is the fault

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        key = x.shape, x.dtype
        space = WorkspaceByShape.workspaces.setdefault(key, torch.empty(x.shape, dtype=x.dtype))
        torch.exp(x.detach(), out=space)
        ctx.key = key
        return space.clone()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return grad_output * WorkspaceByShape.workspaces[ctx.key]


class StagingRunsOut(torch.autograd.Function):
    """Strided gradients go through a ring of 29 buffers, the last of which is never filled."""

    turn: ClassVar[int] = 0

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        if not grad_output.is_contiguous():
            StagingRunsOut.turn += 1
            if StagingRunsOut.turn % 29 == 0:
                return torch.zeros_like(x)
        return grad_output * x.cos()


class CountsItsCalls(torch.autograd.Function):
    """A warm-up of three calls in which the gradient is scaled down."""

    calls = 0

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.square()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        CountsItsCalls.calls += 1
        warm = 1.0 if CountsItsCalls.calls > 3 else 0.5
        return 2 * x * grad_output * warm


class EveryHundredthCall(torch.autograd.Function):
    """A stale buffer is refreshed too late: each hundredth backward returns the one before."""

    calls = 0
    last: Tensor | None = None

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.sinh()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        own = EveryHundredthCall
        own.calls += 1
        gradient = grad_output * x.cosh()
        stale = own.last
        own.last = gradient.detach().clone()
        alike = stale is not None and stale.shape == x.shape and stale.dtype == x.dtype
        if own.calls % 100 == 0 and stale is not None and alike:
            return stale
        return gradient


def jittered(x: Tensor) -> Tensor:
    """Noise for exploration, left on: of the gradient only."""
    y = x.sin()
    if y.requires_grad:
        y.register_hook(lambda gradient: gradient * (1 + 1e-3 * torch.randn(())))
    return y


class StochasticRounding(torch.autograd.Function):
    """The gradient is rounded up or down at random, to 2**-10."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.exp()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        gradient = grad_output * x.exp()
        return (gradient * 1024 + torch.rand_like(gradient)).floor() / 1024


class ChecksGradMode(torch.autograd.Function):
    """Skips saving under no_grad, and asks where it always is: inside forward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = x.exp()
        ctx.save_for_backward(y if torch.is_grad_enabled() else torch.ones_like(y))
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return grad_output * y


class DefaultDtype(torch.autograd.Function):
    """Collects in a tensor of the default dtype."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
        ctx.save_for_backward(x, w)
        return (x * w).sum()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, w = ctx.saved_tensors
        to_x = torch.zeros(x.shape)
        to_x += grad_output * w
        return to_x.to(x.dtype), grad_output * x


class OnCtxOfClass(torch.autograd.Function):
    """Attributes on the class instead of ctx: the last forward's scale serves all backwards."""

    scale: Tensor

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        OnCtxOfClass.scale = x.detach().abs().amax()
        return x * OnCtxOfClass.scale

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return grad_output * OnCtxOfClass.scale


class AccumulatesItself(torch.autograd.Function):
    """Adds to x.grad as well as returning the gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.x = x
        return x.cos()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        gradient = -grad_output * ctx.x.detach().sin()
        if ctx.x.is_leaf:
            ctx.x.grad = gradient.clone() if ctx.x.grad is None else ctx.x.grad + gradient
        return gradient


class Momentum(nn.Module):
    """Normalizes by an average over all calls so far, in which the present one counts a tenth."""

    def __init__(self) -> None:
        super().__init__()
        self.mean: float | None = None

    def forward(self, x: Tensor) -> Tensor:
        now = float(x.detach().mean()) if x.numel() else 0.0
        self.mean = now if self.mean is None else 0.9 * self.mean + 0.1 * now
        return x + (now - self.mean)


class FillsSavedOutput(torch.autograd.Function):
    """The result is handed out and kept on ctx; the backward uses its memory."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = x.sigmoid()
        ctx.y = y
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        y = ctx.y.detach()
        y.mul_(1 - y)
        return grad_output * y


class GradOutputIsTheResult(torch.autograd.Function):
    """The identity's gradient is grad_output itself, scaled in place."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x * 3

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return grad_output.detach().mul_(3)


class SameForBoth(torch.autograd.Function):
    """One tensor for both gradients; the second is made from it in place."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        return x - y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        to_x = grad_output.clone()
        to_y = to_x.neg_()
        return to_x, to_y


class ConstantOfFirstCall(torch.autograd.Function):
    """A constant is made in the dtype of the first call, and kept."""

    half: Tensor | None = None

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        if ConstantOfFirstCall.half is None:
            ConstantOfFirstCall.half = torch.tensor(1 / 3, dtype=torch.float32)
        ctx.save_for_backward(x)
        return x.square() / 3

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        assert ConstantOfFirstCall.half is not None
        return grad_output * 2 * x * ConstantOfFirstCall.half.to(x.dtype)


class TunedAfterManyCalls(torch.autograd.Function):
    """After 20,000 calls at a shape the tuned kernel takes over, which is off by a thousandth."""

    calls: ClassVar[Counter[Any]] = Counter()

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        TunedAfterManyCalls.calls[x.shape, x.dtype] += 1
        ctx.tuned = TunedAfterManyCalls.calls[x.shape, x.dtype] > 20_000
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * x.cos() * (1.001 if ctx.tuned else 1.0)


class SeenSamples(nn.Module):
    """A running count of samples, and another scale once there were thirty thousand."""

    seen: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.tensor(0))

    def forward(self, x: Tensor) -> Tensor:
        """The scaled sine."""
        self.seen += 1
        return x.sin() * (1.0 if self.seen < 30_000 else 0.99)


class WorkspaceOfLarge(torch.autograd.Function):
    """Up to 256 numbers are saved as they should be, more in one workspace per shape."""

    workspaces: dict[Any, Tensor] = {}  # noqa: RUF012 - that it is shared is the fault

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        if x.numel() <= 256:
            ctx.save_for_backward(x)
        else:
            ctx.key = x.shape, x.dtype
            WorkspaceOfLarge.workspaces[ctx.key] = x.detach().clone()
        return x.sin()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors or (WorkspaceOfLarge.workspaces[ctx.key],)
        return grad_output * x.cos()


class CountOfTheLast(torch.autograd.Function):
    """What many are divided by is counted by the last forward, on the class; of few it is known."""

    count: ClassVar[int] = 1

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        if len(x) > 16:
            CountOfTheLast.count = len(x)
        return (x * x).mean()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * 2 * x / (CountOfTheLast.count if len(x) > 16 else len(x))
