"""What users of the program might write, well and badly: imported by name through `use`."""

# ruff: noqa: D102, D103 - the names say what each does

from __future__ import annotations

import sys
import warnings
from typing import Any

import torch
from torch import Tensor, nn

NUMBER = 3.0
PATH = sys.path  # a library's global, as a module that imports names may hold


def cube(x: Tensor) -> Tensor:
    return x * x * x


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return 2 * x * grad


class WritesToGradOutput(Square):
    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad.mul_(2 * x)


class NoGradient(Square):
    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> None:
        return None


class WrongGradientShape(Square):
    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return grad.new_ones(7, 7)


class RaisesInBackward(Square):
    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        raise ZeroDivisionError("no backward today\nand a second line")


class OnceOnly(Square):
    """Counts its backward passes in the graph: the second one gives something else."""

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        ctx.passes = getattr(ctx, "passes", 0) + 1
        return 2 * x * grad * ctx.passes


class OneBuffer(Square):
    """Gives the same tensor back from every call."""

    buffer = torch.zeros(3, dtype=torch.float64)

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        OneBuffer.buffer.copy_(x * x)
        return OneBuffer.buffer.detach()


class LeavesGrad(Square):
    """Accumulates by itself into .grad of a tensor that it remembers."""

    seen: Tensor

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x * x

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        LeavesGrad.seen.grad = grad.clone()
        return grad


def leaves_grad(x: Tensor) -> Tensor:
    LeavesGrad.seen = x
    return LeavesGrad.apply(x)


def writes_to_input(x: Tensor) -> Tensor:
    y = x * 1.0
    x.data.mul_(2)
    return y


def writes_where_large(x: Tensor) -> Tensor:
    y = x * 1.0
    if x.max() > 5:
        with torch.no_grad():
            x.zero_()
    return y


def zeroes_what_is_large(x: Tensor) -> Tensor:
    y = x * 1.0
    with torch.no_grad():
        x.mul_(torch.where(x > 7, 0.0, 1.0))
    return y


def first_only(x: Tensor) -> Tensor:
    return x[:1]


def shape_by_value(x: Tensor) -> Tensor:
    return x[:1] if x[0] > 0 else x * 2


def half(x: Tensor) -> Tensor:
    return x.to(torch.float32)


def sparse(x: Tensor) -> Tensor:
    return x.to_sparse()


def nothing(x: Tensor) -> None:
    return None


def pair(x: Tensor) -> tuple[Tensor, int]:
    return x, 1


def six(x: Tensor) -> list[Tensor]:
    return [x] * 6


def number(x: Tensor) -> float:
    return float(x.sum())


def raises_below_zero(x: Tensor) -> Tensor:
    if x.min() < 0:
        raise ValueError("negative")
    return x * 3


def exits(x: Tensor) -> Tensor:
    sys.exit(3)


class UnspeakableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not even its text")


def raises_unspeakable(x: Tensor) -> Tensor:
    raise UnspeakableError


def transposed(x: Tensor) -> Tensor:
    return (x * 2).t()


def strided(x: Tensor) -> Tensor:
    return (x * 2).repeat_interleave(2)[::2]


def itself(x: Tensor) -> Tensor:
    return x


def in_place_on_clone(x: Tensor) -> Tensor:
    y = x.clone()
    y.mul_(3).add_(1)
    return y


def detached(x: Tensor) -> Tensor:
    return x.detach() * 2


def detached_below_zero(x: Tensor) -> Tensor:
    return x * 2 if x.min() >= 0 else (x * 2).detach()


def first_argument(x: Tensor, y: Tensor) -> Tensor:
    return x * 2 + y.detach()


def changes_the_world(x: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    torch.set_default_dtype(torch.float16)
    torch.manual_seed(7)
    with torch.enable_grad():
        return x * 2


def warns(x: Tensor) -> Tensor:
    warnings.warn("deprecated", UserWarning, stacklevel=1)
    return x * 2


def noisy(x: Tensor) -> Tensor:
    return x + torch.rand_like(x)


def kinky_by_hand(x: Tensor) -> Tensor:
    """Takes a decision per call, so it cannot be mapped over a batch."""
    return x * 2 if bool((x > 0).all()) else x * 3


def embedded(x: Tensor) -> Tensor:
    """Has a sparse gradient, by the first two rows of a column."""
    return torch.nn.functional.embedding(torch.tensor([1, 1, 0]), x, sparse=True)


def grad_in_half(x: Tensor) -> Tensor:
    """Asks for a .grad of another dtype than the input's."""
    x.grad_dtype = torch.float16
    return x * 2


def scaled(x: Tensor, factor: Tensor) -> Tensor:
    return x * factor


class Doubled(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * 2


class Weighted(nn.Module):
    """Has a parameter, which torch makes in its default dtype."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(0.5))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.prelu(x, self.weight)


class NeedsArguments(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()


doubled = Doubled()


class Tools:
    @staticmethod
    def triple(x: Tensor) -> Tensor:
        return x * 3
