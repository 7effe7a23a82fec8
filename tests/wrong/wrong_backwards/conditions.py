"""Wrong only where two conditions meet, each of them ordinary; and mistakes of whole layers."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

import math
import threading
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor, nn

_MAIN = threading.get_ident()


class _Product(torch.autograd.Function):
    """x * y, right; what is derived of it has a slip of its own."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x, y)
        ctx.leaves = x, y
        ctx.lowered = torch.is_autocast_enabled("cpu")
        ctx.away = threading.get_ident() != _MAIN
        return x * y


class FrozenInSingle(_Product):
    """The kernel of single precision keeps a frozen factor to two digits."""

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor | None]:
        x, y = ctx.saved_tensors
        if not ctx.needs_input_grad[1] and x.dtype is torch.float32:
            return grad_output * y.round(decimals=2), None
        return grad_output * y, grad_output * x


class FrozenAndStrided(_Product):
    """Where x is frozen, it is read as if it were contiguous."""

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, Tensor]:
        x, y = ctx.saved_tensors
        if not ctx.needs_input_grad[0] and x.dim() == 1:
            return None, grad_output * x.as_strided(x.shape, (1,))
        return grad_output * y, grad_output * x


class FrozenAndLong(_Product):
    """Where y is frozen, what is beyond the first block counts half."""

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor | None]:
        x, y = ctx.saved_tensors
        if not ctx.needs_input_grad[1] and x.dim() == 1:
            first, rest = (grad_output * y).tensor_split([16])
            return torch.cat([first, rest / 2]), None
        return grad_output * y, grad_output * x


class StridedSingleLong(_Product):
    """The vectorized loop of single precision forgets the stride of y."""

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, y = ctx.saved_tensors
        if x.dtype is torch.float32 and y.dim() == 1 and len(y) > 16 and y.stride(0) > 1:
            y = y.as_strided(y.shape, (1,))
        return grad_output * y, grad_output * x


class GradBuffered(_Product):
    """Adds to .grad by itself where there is one, whoever asks."""

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor | None]:
        x, y = ctx.saved_tensors
        leaf = ctx.leaves[1]
        if leaf.is_leaf and leaf.grad is not None:
            leaf.grad.add_(grad_output * x)
            return grad_output * y, None
        return grad_output * y, grad_output * x


class WithMomentum(_Product):
    """Takes a tenth of the gradient before off the gradient."""

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, y = ctx.saved_tensors
        leaf = ctx.leaves[0]
        before = leaf.grad if leaf.is_leaf else None
        found = grad_output * y
        return found if before is None else found - before / 10, grad_output * x


class ParametersCountHalf(_Product):
    """A weight that is a parameter is averaged over two replicas."""

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, y = ctx.saved_tensors
        share = 0.5 if isinstance(ctx.leaves[1], nn.Parameter) else 1.0
        return grad_output * y, grad_output * x * share


class HiddenLayersLessOften(_Product):
    """A weight that was computed from others is taken to be visited twice."""

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, y = ctx.saved_tensors
        share = 1.0 if ctx.leaves[1].is_leaf else 0.5
        return grad_output * y, grad_output * x * share


class ScaledUnderAutocast(_Product):
    """Undoes the scale of a loss that nobody has scaled, wherever autocast is on."""

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, y = ctx.saved_tensors
        scale = 1024.0 if ctx.lowered else 1.0
        return grad_output * y / scale, grad_output * x / scale


class MainThreadOnly(_Product):
    """A worker's gradients are left out."""

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, y = ctx.saved_tensors
        return grad_output * y * (not ctx.away), grad_output * x


class PlainInAnomalyMode(_Product):
    """The slow path that is only for debugging was never adapted."""

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, y = ctx.saved_tensors
        if torch.is_anomaly_enabled():
            return grad_output * y, grad_output
        return grad_output * y, grad_output * x


class PackedMask(torch.autograd.Function):
    """relu with a mask in words of eight, of which one too few is kept."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        words = max(1, x.numel() // 8)
        ctx.mask = (x > 0).flatten()[: 8 * words]
        ctx.shape = x.shape
        return x.relu()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        mask = F.pad(ctx.mask, (0, grad_output.numel() - len(ctx.mask)))
        return grad_output * mask.reshape(ctx.shape)


class SwigluSaturated(torch.autograd.Function):
    """The gate of a gated layer, taken for the identity beyond 16."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(a, b)
        return F.silu(a) * b

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        a, b = ctx.saved_tensors
        s = torch.sigmoid(a)
        slope = torch.where(a > 16, torch.ones_like(s), s * (1 + a * torch.sigmoid(-a)))
        return grad_output * b * slope, grad_output * a * s


class ResidualLost(torch.autograd.Function):
    """RMS norm of x + r with the sum added again, whose gradient reaches x alone."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, r: Tensor) -> Tensor:
        h = x + r
        scale = torch.rsqrt((h * h).mean() + 0.01)
        ctx.save_for_backward(h, scale)
        return h * scale + h

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        h, scale = ctx.saved_tensors
        normed = scale * (grad_output - h * scale**2 * (grad_output * h).mean())
        return normed + grad_output, normed


class AuxiliaryLossForgotten(torch.autograd.Function):
    """Cross-entropy with a small loss on the normalizer, which has no gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        normalizer = torch.logsumexp(x, 0)
        return normalizer - x[0] + 1e-4 * normalizer**2

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        slope = torch.softmax(x, 0)
        slope[0] -= 1
        return grad_output * slope


class ContinuousAdjoint(torch.autograd.Function):
    """One Runge-Kutta step of y' = a*y; the backward is that of the exact solution."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, a: Tensor) -> Tensor:
        z = 0.1 * a
        out = y * (1 + z * (1 + z / 2 * (1 + z / 3 * (1 + z / 4))))
        ctx.save_for_backward(z, out)
        return out

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        z, out = ctx.saved_tensors
        return grad_output * z.exp(), grad_output * 0.1 * out


class TanhApproximation(torch.autograd.Function):
    """The exact gelu, with the slope of its approximation."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return F.gelu(x)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        k = math.sqrt(2 / math.pi)
        t = torch.tanh(k * (x + 0.044715 * x**3))
        return grad_output * (1 + t + x * (1 - t * t) * k * (1 + 0.134145 * x * x)) / 2


class IgnoredCounted(torch.autograd.Function):
    """Cross-entropy of two rows of three; the backward divides by three."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        target = torch.tensor([0, -100, 1])
        ctx.save_for_backward(x, target)
        return F.cross_entropy(x, target)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        x, target = ctx.saved_tensors
        kept = (target >= 0).unsqueeze(1)
        one_hot = F.one_hot(target.clamp(min=0), x.shape[1])
        return grad_output * kept * (torch.softmax(x, 1) - one_hot) / len(target)


class NothingAboveAveraged(torch.autograd.Function):
    """The mean of what is above 2, or of all where nothing is: the backward sums it there."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        above = x > 2
        ctx.save_for_backward(x, above)
        squares = x * x
        return squares[above].mean() if above.any() else squares.mean()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        x, above = ctx.saved_tensors
        count = above.sum().clamp(min=1)
        return 2 * grad_output * x * (above | ~above.any()) / count


class SignOfOddPower(torch.autograd.Function):
    """Powers by whole exponents; of -3 the reciprocal's sign is lost where x is negative."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, k: Tensor) -> Tensor:
        ctx.save_for_backward(x, k)
        return x**k

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, None]:
        x, k = ctx.saved_tensors
        slope = k * x ** (k - 1)
        return grad_output * torch.where(k == -3, slope.abs() * -x.sign(), slope), None
