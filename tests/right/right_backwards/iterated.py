"""Solvers and sweeps, tables and waves, gradients in buffers that are shared."""

# ruff: noqa: D102, D103 - the names say what each does

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor
from torch.autograd.function import once_differentiable

Both = tuple[Tensor, Tensor]
Three = tuple[Tensor, Tensor, Tensor]

KNOTS = (-2.0, -1.0, 0.0, 0.5, 1.0, 3.0)
VALUES = (1.0, 0.5, 2.0, 2.0, -1.0, 0.0)


class CubicByNewton(torch.autograd.Function):
    """The root of y**3 + y = x; the slope by the implicit function theorem."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = torch.where(x.abs() < 1, x, x.sign() * x.abs().pow(1 / 3))
        for _ in range(8):
            y = y - (y**3 + y - x) / (3 * y * y + 1)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return grad_output / (3 * y * y + 1)


class SolveByJacobi(torch.autograd.Function):
    """Iterations to convergence; the adjoint by the same ones on the transpose."""

    @staticmethod
    def solve(matrix: Tensor, right: Tensor) -> Tensor:
        diagonal = matrix.diagonal()
        rest = matrix - torch.diag(diagonal)
        y = right / diagonal
        for _ in range(40):
            y = (right - rest @ y) / diagonal
        return y

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.matrix = x.new_tensor([[4.0, 1.0], [0.5, 2.0]])
        return SolveByJacobi.solve(ctx.matrix, x)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return SolveByJacobi.solve(ctx.matrix.T, grad_output)


class TanByFraction(torch.autograd.Function):
    """Lambert's continued fraction; the slope from the saved result."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        square, fraction = x * x, torch.full_like(x, 33.0)
        for odd in range(31, 0, -2):
            fraction = odd - square / fraction
        y = x / fraction
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return grad_output + grad_output * y * y


class TableToTheLeft(torch.autograd.Function):
    """A table of values, straight between them; at a knot the slope of the piece before."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        knots, values = x.new_tensor(KNOTS), x.new_tensor(VALUES)
        after = torch.searchsorted(knots, x.contiguous()).clamp(1, len(KNOTS) - 1)
        slope = (values[after] - values[after - 1]) / (knots[after] - knots[after - 1])
        ctx.save_for_backward(slope)
        return values[after - 1] + slope * (x - knots[after - 1])

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (slope,) = ctx.saved_tensors
        return grad_output * slope


class TableInNumpy(torch.autograd.Function):
    """The same by numpy.interp; at a knot the slope of the piece behind."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.as_tensor(np.interp(x.double().numpy(), KNOTS, VALUES)).to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        after = np.searchsorted(KNOTS, x.double().numpy(), side="right")
        slopes = np.diff(VALUES) / np.diff(KNOTS)
        slope = torch.as_tensor(slopes[after.clip(1, len(KNOTS) - 1) - 1])
        return grad_output * slope.to(grad_output.dtype)


def triangle_wave(x: Tensor) -> Tensor:
    return 2 * (x - torch.floor(x + 0.5)).abs()


class ProductByTree(torch.autograd.Function):
    """Pairs of pairs; a downward sweep gives each element the product of all others."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        levels = [x]
        while len(levels[-1]) > 1:
            levels[-1] = F.pad(levels[-1], (0, len(levels[-1]) % 2), value=1.0)
            levels.append(levels[-1][::2] * levels[-1][1::2])
        ctx.size = len(x)
        ctx.save_for_backward(*levels)
        return levels[-1].prod()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        down = grad_output.reshape(1)
        for level in reversed(ctx.saved_tensors[:-1]):
            others = level.view(-1, 2).flip(1)
            down = (down[: len(others), None] * others).reshape(-1)
        return down[: ctx.size]


class MessagesOnRing(torch.autograd.Function):
    """The sum of both neighbours, scattered along the edges."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        here = torch.arange(len(x))
        there = (here + 1) % len(x)
        ctx.save_for_backward(here, there)
        return torch.zeros_like(x).index_add(0, there, x[here]).index_add(0, here, x[there])

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        here, there = ctx.saved_tensors
        fed = torch.zeros_like(grad_output).index_add(0, here, grad_output[there])
        return fed.index_add(0, there, grad_output[here])


class SumInAnyOrder(torch.autograd.Function):
    """A mean of squares that is summed in another order at each call, as atomics do."""

    calls = 0

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        SumInAnyOrder.calls += 1
        squares = x.roll(SumInAnyOrder.calls % len(x)).square()
        return squares.cumsum(0)[-1] / len(x)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return 2 * grad_output * x / len(x)


class OneBuffer(torch.autograd.Function):
    """The gradients of both inputs are halves of one buffer."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x, y)
        return x * y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Both:
        x, y = ctx.saved_tensors
        buffer = grad_output.new_empty(2, *x.shape)
        torch.mul(grad_output, y, out=buffer[0])
        torch.mul(grad_output, x, out=buffer[1])
        return buffer[0], buffer[1]


class ReversibleCoupling(torch.autograd.Function):
    """Only the outputs are kept; the backward rebuilds the inputs from them."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        first = x + torch.tanh(y)
        both = torch.stack([first, y + torch.sin(first)])
        ctx.save_for_backward(both)
        return both

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Both:
        first, second = ctx.saved_tensors[0]
        y = second - torch.sin(first)
        to_x = grad_output[0] + grad_output[1] * torch.cos(first)
        return to_x, grad_output[1] + to_x * (1 - torch.tanh(y) ** 2)


class FlashRows(torch.autograd.Function):
    """Attention key by key with a running maximum; the backward works from the logsumexp."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        largest = q.new_full((len(q), 1), -torch.inf)
        total, result = torch.zeros_like(largest), q.new_zeros(len(q), v.shape[1])
        for key, value in zip(k.split(1), v.split(1), strict=True):
            score = q @ key.T
            larger = torch.maximum(largest, score)
            share, shrink = torch.exp(score - larger), torch.exp(largest - larger)
            total, result = total * shrink + share, result * shrink + share @ value
            largest = larger
        result = result / total
        ctx.save_for_backward(q, k, v, result, largest + torch.log(total))
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Three:
        q, k, v, result, scale = ctx.saved_tensors
        p = torch.exp(q @ k.T - scale)
        fed = (grad_output * result).sum(1, keepdim=True)
        to_scores = p * (grad_output @ v.T - fed)
        return to_scores @ k, to_scores.T @ q, p.T @ grad_output


class FusedHead(torch.autograd.Function):
    """A linear layer with cross-entropy: gradients are made in the forward, scaled later."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
        logits = (x @ w.T).detach().requires_grad_()
        with torch.enable_grad():
            loss = F.cross_entropy(logits, torch.tensor([1, 0]))
            (slope,) = torch.autograd.grad(loss, logits)
        ctx.save_for_backward(slope @ w, slope.T @ x)
        return loss.detach()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Both:
        to_x, to_w = ctx.saved_tensors
        return grad_output * to_x, grad_output * to_w


class LeakyOfBits(torch.autograd.Function):
    """The signs are kept as single bits."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.shape, ctx.bits = x.shape, np.packbits(x.numpy() > 0)
        return F.leaky_relu(x, 0.125)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        bits = np.unpackbits(ctx.bits, count=ctx.shape.numel()).astype(bool)
        rising = torch.from_numpy(bits.reshape(tuple(ctx.shape)))
        return torch.where(rising, grad_output, grad_output * 0.125)


class HalfOnly(torch.autograd.Function):
    """Takes float16 alone, and computes in float32."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        if x.dtype is not torch.float16:
            message = "only half precision is supported"
            raise TypeError(message)
        ctx.save_for_backward(x)
        return x.float().square().half()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return (2 * x.float() * grad_output.float()).half()


def _gap_series(x: Tensor, order: int) -> Tensor:
    """A derivative of sin(x)/x for x in [-1, 1], by its series."""
    total = torch.zeros_like(x)
    for k in range(20, -1, -2):
        if k >= order:
            factor = (-1) ** (k // 2) * math.factorial(k) / math.factorial(k - order)
            total = total + factor / math.factorial(k + 1) * x ** (k - order)
    return total


class _GapSlope(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return _gap_series(x, 1)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * _gap_series(x, 2)


class RoundGap(torch.autograd.Function):
    """sin(x)/x, with the second derivative that it has in the gap, too."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return _gap_series(x, 0)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        slope: Tensor = _GapSlope.apply(x)
        return grad_output * slope


class CubeOfSize(torch.autograd.Function):
    """abs(x)**3, whose second derivative is 0 at the kink of abs, and meets there."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.abs() ** 3

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return 3 * grad_output * x * x.abs()
