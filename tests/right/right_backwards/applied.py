"""From physics, statistics, finance and vision, as code bases there have it."""

# ruff: noqa: D102, D103 - the names say what each does

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


def lennard_jones(r: Tensor) -> Tensor:
    """By the sixth power, of the inverse distance."""
    s6 = r.reciprocal().pow(2).pow(3)
    return 4 * s6 * (s6 - 1)


class Morse(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, r: Tensor) -> Tensor:
        well = -torch.expm1(-1.5 * (r - 1))
        ctx.save_for_backward(well)
        return 2 * well * well

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (well,) = ctx.saved_tensors
        return grad_output * 6 * well * (1 - well)


def ewald(r: Tensor) -> Tensor:
    """The part of a Coulomb sum near by."""
    return torch.erfc(0.7 * r) / r


def planck(x: Tensor) -> Tensor:
    """x**3/(exp(x) - 1), without an exponential of a large number, and with what it is at 0."""
    safe = torch.where(x == 0, torch.ones_like(x), x)
    return torch.where(x == 0, x * x, -x.pow(3) * torch.exp(-x) / torch.expm1(-safe))


def logistic_map(x: Tensor) -> Tensor:
    """Five times: steep, and folded over and over."""
    for _ in range(5):
        x = 3.9 * x * (1 - x)
    return x


def black_scholes(s: Tensor, v: Tensor) -> Tensor:
    """A call with strike 1 over one year without interest."""
    d = torch.log(s) / v + 0.5 * v
    normal = torch.distributions.Normal(torch.zeros_like(s), torch.ones_like(s), False)
    return s * normal.cdf(d) - normal.cdf(d - v)


class StudentT(nn.Module):
    """The negative log-likelihood with four degrees of freedom."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("freedom", torch.tensor(4.0))

    def forward(self, x: Tensor) -> Tensor:
        return 0.5 * (self.freedom + 1) * torch.log1p(x * x / self.freedom)


def negative_binomial(m: Tensor, r: Tensor) -> Tensor:
    """For a count of 3, by its mean and its dispersion."""
    count = torch.full_like(m, 3.0)
    total = torch.lgamma(count + r) - torch.lgamma(r)
    return total + r * torch.log(r / (r + m)) + count * torch.log(m / (r + m))


def beta_log_density(a: Tensor, b: Tensor) -> Tensor:
    density = torch.distributions.Beta(a, b, validate_args=False)
    return density.log_prob(torch.full_like(a, 0.25))


def box_cox(x: Tensor, power: Tensor) -> Tensor:
    """(x**power - 1)/power, by expm1."""
    return torch.expm1(power * torch.log(x)) / power


def wasserstein(x: Tensor, y: Tensor) -> Tensor:
    """Between two samples on a line."""
    return (x.sort().values - y.sort().values).abs().mean()


def overlap_of_boxes(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of two intervals (begin, length)."""
    left, right = torch.maximum(a[0], b[0]), torch.minimum(a[0] + a[1], b[0] + b[1])
    shared = (right - left).clamp(min=0)
    return shared / (a[1] + b[1] - shared)


def chamfer(x: Tensor, y: Tensor) -> Tensor:
    """Between two sets of numbers."""
    gaps = (x[:, None] - y[None, :]).square()
    return gaps.min(dim=1).values.mean() + gaps.min(dim=0).values.mean()


class SparsemaxOfTwo(torch.autograd.Function):
    """The projection of scores onto the simplex, by sorting; the backward by its support."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ranked = x.sort(descending=True).values
        sums = ranked.cumsum(0)
        sizes = torch.arange(1, len(x) + 1, dtype=x.dtype)
        count = int((1 + sizes * ranked > sums).sum())
        y = (x - (sums[count - 1] - 1) / count).clamp(min=0)
        ctx.save_for_backward(y > 0)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (support,) = ctx.saved_tensors
        inside = grad_output * support
        return inside - support * inside.sum() / support.sum()


def sinkhorn(c: Tensor) -> Tensor:
    """Rows and columns scaled in turn, once."""
    p = c - torch.logsumexp(c, dim=1, keepdim=True)
    p = p - torch.logsumexp(p, dim=0, keepdim=True)
    return p.exp()


class GruGate(nn.Module):
    """One update of a recurrent cell; inputs and state share weights of one half."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(0.5))

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        gate = torch.sigmoid(self.weight * (x + h))
        return torch.lerp(torch.tanh(self.weight * x + h), h, gate)


class TrainedBatchNorm(nn.Module):
    """In training mode: running statistics are written to, the result does not depend on them."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(2, eps=0.1, affine=False)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.norm(x)
        return result


class ChannelsLast(nn.Module):
    """A convolution in another memory format."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 2, bias=False)
        with torch.no_grad():
            self.conv.weight.copy_(torch.tensor([[[[1.0, -2.0], [0.5, 3.0]]]]))

    def forward(self, x: Tensor) -> Tensor:
        laid = x[None, None].contiguous(memory_format=torch.channels_last)
        result: Tensor = self.conv(laid)[0, 0]
        return result


def weighted_entropy(x: Tensor) -> Tensor:
    """With weights by class, and a row that is ignored."""
    target, weight = torch.tensor([1, -100]), x.new_tensor([0.25, 2.0])
    return F.cross_entropy(x, target, weight=weight)


class NumpyTanh(torch.autograd.Function):
    """In NumPy, from the saved result: without digits where that is nearly 1."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = np.tanh(x.detach().numpy())
        ctx.y = y
        return torch.tensor(y)  # a copy: whoever writes to the result leaves y alone

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return torch.as_tensor(grad_output.detach().numpy() * (1 - ctx.y * ctx.y))


class NumpySlope(torch.autograd.Function):
    """The slope in NumPy, the rest in torch."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.from_numpy(np.asarray(np.arcsinh(x.detach().numpy())))

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * torch.from_numpy(np.asarray(1 / np.hypot(1, x.detach().numpy())))


class ByMath(torch.autograd.Function):
    """Element by element in Python's own numbers."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.new_tensor([math.sin(v) * math.exp(v) for v in x.tolist()])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        slopes = [math.exp(v) * (math.sin(v) + math.cos(v)) for v in x.tolist()]
        return grad_output * x.new_tensor(slopes)


def unrolled_descent(x: Tensor) -> Tensor:
    """Three steps of gradient descent from 0 on (y - x)**2 + y**4/4."""
    y = torch.zeros_like(x)
    for _ in range(3):
        y = y - 0.1 * (2 * (y - x) + y**3)
    return y


def by_cholesky_solve(m: Tensor, b: Tensor) -> Tensor:
    positive = m @ m.mT + torch.eye(2, dtype=m.dtype)
    return torch.cholesky_solve(b[:, None], torch.linalg.cholesky(positive))[:, 0]


def volume_by_qr(m: Tensor) -> Tensor:
    """|det m|."""
    return torch.linalg.qr(m).R.diagonal().prod().abs()


def distance_matrix(x: Tensor, y: Tensor) -> Tensor:
    return torch.cdist(x, y)


def cubed(m: Tensor) -> Tensor:
    return torch.linalg.matrix_power(m, 3)


def correlation(x: Tensor, y: Tensor) -> Tensor:
    """Pearson's, of three pairs."""
    u, v = x - x.mean(), y - y.mean()
    return (u * v).sum() / torch.sqrt((u * u).sum() * (v * v).sum())


def mapped(x: Tensor) -> Tensor:
    """A function of rows, mapped."""
    found: Tensor = torch.func.vmap(lambda row: row.softmax(0) @ row)(x)
    return found


def bilinear_sample(x: Tensor) -> Tensor:
    """The value in the middle of four pixels, off centre."""
    place = torch.tensor([[[[0.5, -0.25]]]], dtype=x.dtype)
    return F.grid_sample(x[None, None], place, align_corners=True)[0, 0, 0, 0]


class NumpyTanhAgain(torch.autograd.Function):
    """In NumPy, from the saved input, whose tanh is taken again."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.as_tensor(np.tanh(x.detach().numpy()))

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        y = np.tanh(x.detach().numpy())
        return torch.as_tensor(grad_output.detach().numpy() * (1 - y * y))


class MathTanh(torch.autograd.Function):
    """Element by element in Python, with the results as a list."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.found = [math.tanh(v) for v in x.tolist()]
        return x.new_tensor(ctx.found)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return grad_output * grad_output.new_tensor([1 - y * y for y in ctx.found])


@torch.library.custom_op("right_backwards::tanh_slope", mutates_args=())
def tanh_slope(grad_output: Tensor, x: Tensor) -> Tensor:
    """A kernel of its own, into which nobody sees."""
    return grad_output * (1 - x.tanh().square())


class KernelTanh(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.tanh()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return tanh_slope(grad_output, x)


def wave_of_exponential(x: Tensor) -> Tensor:
    return x.exp().sin()
