"""Right first derivatives; what is differentiated again is something else."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor


class SavesItsSlope(torch.autograd.Function):
    """What the forward computed is saved as a constant: no second derivative by x."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x.cos())
        return x.sin()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (slope,) = ctx.saved_tensors
        return grad_output * slope


class SavesItsScale(torch.autograd.Function):
    """One factor is an input, which is tracked, the other an intermediate, which is not."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        scale = (x.square().mean() + 0.01).rsqrt()
        ctx.save_for_backward(x, scale)
        return x * scale

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        x, scale = ctx.saved_tensors
        return scale * grad_output - x * scale**3 * (grad_output * x).mean()


class BackwardWithoutGrad(torch.autograd.Function):
    """no_grad in the backward, for speed: the gradient has no graph, and nobody is told."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x**4

    @staticmethod
    @torch.no_grad()
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return 4 * x**3 * grad_output


class _SineBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, grad_output: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(grad_output, x)
        return grad_output * x.cos()

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> tuple[Tensor, Tensor]:
        grad_output, x = ctx.saved_tensors
        return fed * x.cos(), fed * grad_output * x.sin()


class SineTwiceByHand(torch.autograd.Function):
    """A double backward written out, with a sign lost."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        gradient: Tensor = _SineBackward.apply(grad_output, x)
        return gradient


class _ProductBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, grad_output: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(x, y)
        return grad_output * y, grad_output * x

    @staticmethod
    def backward(ctx: Any, to_x: Tensor, to_y: Tensor) -> tuple[Tensor, None, None]:
        x, y = ctx.saved_tensors
        return to_x * y + to_y * x, None, None


class ProductWithoutMixed(torch.autograd.Function):
    """The product is linear in each factor, so second derivatives are 0; the mixed one is not."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x, y)
        return x * y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, y = ctx.saved_tensors
        to_x, to_y = _ProductBackward.apply(grad_output, x, y)
        return to_x, to_y


class NumberInBackward(torch.autograd.Function):
    """A Python number in the backward: right once, and a constant from then on."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.log1p(x.square().sum())

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        total = 1 + float(x.detach().square().sum())
        return grad_output * 2 * x / total


class SoftplusSecondNan(torch.autograd.Function):
    """The quotient of infinities is not selected, but differentiated."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.logaddexp(x, torch.zeros_like(x))

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        slope = torch.where(x > 40, torch.ones_like(x), x.exp() / (1 + x.exp()))
        return grad_output * slope


class _CubeBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, grad_output: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(grad_output, x)
        return 3 * grad_output * x**2

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> tuple[Tensor | None, Tensor]:
        grad_output, x = ctx.saved_tensors
        if not ctx.needs_input_grad[0]:
            return None, 6 * fed * grad_output * x.abs()
        return 3 * fed * x**2, 6 * fed * grad_output * x


class CubePenalty(torch.autograd.Function):
    """Right with a grad_output that is differentiated as well; a penalty feeds plain ones."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        gradient: Tensor = _CubeBackward.apply(grad_output, x)
        return gradient


class SquareTimesAlone(torch.autograd.Function):
    """To save a product, a factor is detached where the other input requires no gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x, y)
        return x**2 * y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor | None]:
        x, y = ctx.saved_tensors
        if not ctx.needs_input_grad[1]:
            return 2 * grad_output * x.detach() * y, None
        return 2 * grad_output * x * y, grad_output * x**2


class TanhWithGraph(torch.autograd.Function):
    """Where the gradient is to have a graph, a slope with a stabilizer that is far too large."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.tanh()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        stabilizer = 1e-7 if torch.is_grad_enabled() else 0.0
        return grad_output * (1 - x.tanh() ** 2 + stabilizer)


class _CrossBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, grad_output: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(grad_output, x, y)
        return grad_output * y**2, 2 * grad_output * x * y

    @staticmethod
    def backward(ctx: Any, to_x: Tensor, to_y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        grad_output, x, y = ctx.saved_tensors
        mixed = 2 * grad_output * y
        by_x = torch.where(x == y, to_y * mixed / 2, to_y * mixed)
        by_y = to_x * mixed + 2 * to_y * grad_output * x
        return to_x * y**2 + 2 * to_y * x * y, by_x, by_y


class CrossWhereEqual(torch.autograd.Function):
    """A mixed derivative that takes equal arguments for the same one."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x, y)
        return x * y**2

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, y = ctx.saved_tensors
        by_x, by_y = _CrossBackward.apply(grad_output, x, y)
        return by_x, by_y


class _SineTable(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, grad_output: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(grad_output, x)
        return grad_output * x.cos()

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> tuple[Tensor, Tensor]:
        grad_output, x = ctx.saved_tensors
        entry = (x > 0.7) & (x < 0.7001)
        bend = torch.where(entry, -torch.full_like(x, 0.64), -x.sin())
        return fed * x.cos(), fed * grad_output * bend


class SineTable(torch.autograd.Function):
    """One entry of a table of second derivatives is rounded."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        gradient: Tensor = _SineTable.apply(grad_output, x)
        return gradient


class _QuarticBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, grad_output: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(grad_output, x)
        return 4 * grad_output * x.square().sum() * x

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> tuple[Tensor, Tensor]:
        grad_output, x = ctx.saved_tensors
        total, along = x.square().sum(), (fed * x).sum()
        slope = 4 * grad_output * (total * fed + 2 * along * x)
        clipped = torch.where(total > 50, slope * 50 / total, slope)
        return 4 * total * along, clipped


class QuarticClipped(torch.autograd.Function):
    """The product with the Hessian is clipped where the norm is large: in corners of the domain."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.square().sum() ** 2

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        gradient: Tensor = _QuarticBackward.apply(grad_output, x)
        return gradient


class _SineSlope(torch.autograd.Function):
    """cos, whose slope is written out as well: with the sign of the slope of that one lost."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.cos()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        slope: Tensor = _SineCurvature.apply(x)
        return grad_output * slope


class _SineCurvature(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return -x.sin()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * x.cos()


class SineThriceByHand(torch.autograd.Function):
    """Three derivatives written out; the second is right, the third has the other sign."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        slope: Tensor = _SineSlope.apply(x)
        return grad_output * slope


def _gap_series(x: Tensor, order: int) -> Tensor:
    """A derivative of sin(x)/x for x in [-1, 1], by its series."""
    total = torch.zeros_like(x)
    for k in range(20, -1, -2):
        if k >= order:
            factor = (-1) ** (k // 2) * math.factorial(k) / math.factorial(k - order)
            total = total + factor / math.factorial(k + 1) * x ** (k - order)
    return total


class _GapSlope(torch.autograd.Function):
    """The slope of sin(x)/x, whose own slope is held to be 0 in the gap; there it is -1/3."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return _gap_series(x, 1)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * _gap_series(x, 2).masked_fill(x == 0, 0.0)


class FlatGap(torch.autograd.Function):
    """sin(x)/x, with a second derivative of 0 where the gap is filled."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return _gap_series(x, 0)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        slope: Tensor = _GapSlope.apply(x)
        return grad_output * slope


class TangentOfDetached(torch.autograd.Function):
    """tanh, whose tangent is right and does not change with x: a Hessian by jacrev(jacfwd) is 0."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        ctx.save_for_forward(x)
        return x.tanh()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output / x.cosh() ** 2

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return tangent / x.detach().cosh() ** 2


class _TanhSlope(torch.autograd.Function):
    """The backward of tanh; of an expanded grad_output its own backward takes y for one number."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, grad_output: Tensor) -> Tensor:
        ctx.save_for_backward(y, grad_output)
        return grad_output * (1 - y * y)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        y, grad_output = ctx.saved_tensors
        is_sum = grad_output.dim() > 0 and grad_output.stride(-1) == 0
        one = y.mean(-1, keepdim=True) if is_sum else y
        return -2 * grad * grad_output * one, grad * (1 - y * y)


class TanhOfSum(torch.autograd.Function):
    """tanh, right twice but under sum(), whose grad_output is expanded."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = x.tanh()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Any:
        return _TanhSlope.apply(*ctx.saved_tensors, grad_output)


class _SineKernel(torch.autograd.Function):
    """grad_output times cos(x); its own backward reads what it gets as if it had no gaps."""

    @staticmethod
    def forward(ctx: Any, grad_output: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(grad_output, x)
        return grad_output * x.cos()

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        grad_output, x = ctx.saved_tensors
        read = fed.as_strided(fed.shape, torch.empty(fed.shape).stride())
        return read * x.cos(), -read * grad_output * x.sin()


class GapsBeforeTheKernel(torch.autograd.Function):
    """sin(x), whose second backward asks for memory in one piece and does not say so."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return _SineKernel.apply(grad_output, x)


class _CubeSlope(torch.autograd.Function):
    """3*grad_output*x*x; of what sum() feeds to its own backward it makes one number too early."""

    @staticmethod
    def forward(ctx: Any, grad_output: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(grad_output, x)
        return 3 * grad_output * x * x

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        grad_output, x = ctx.saved_tensors
        if fed.numel() > 1 and not any(fed.stride()):
            grad_output = grad_output.mean()
        return 3 * fed * x * x, 6 * fed * grad_output * x


class HessianOfSum(torch.autograd.Function):
    """x**3, whose second derivative is wrong for what sum() feeds to the backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Any:
        return _CubeSlope.apply(grad_output, *ctx.saved_tensors)
