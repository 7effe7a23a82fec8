"""A right gradient: what is wrong is how it transforms, or what autograd makes of it."""

# ruff: noqa: D102, D103 - the names say what each does

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor, nn


class _SoftplusBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, grad_output: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(grad_output, x)
        return grad_output * torch.sigmoid(x)

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> tuple[Tensor, Tensor]:
        grad_output, x = ctx.saved_tensors
        s = torch.sigmoid(x)
        return fed * s, fed * grad_output * s * s


class SoftplusTwice(torch.autograd.Function):
    """s*s for s*(1 - s) in the double backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return F.softplus(x)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        gradient: Tensor = _SoftplusBackward.apply(grad_output, x)
        return gradient


class _CubeBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, grad_output: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(grad_output, x)
        return 3 * x * x * grad_output

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> tuple[None, Tensor]:
        grad_output, x = ctx.saved_tensors
        return None, 6 * x * grad_output * fed


class CubeForgetsFed(torch.autograd.Function):
    """The double backward has no gradient for grad_output."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        gradient: Tensor = _CubeBackward.apply(grad_output, x)
        return gradient


class DetachedFactor(torch.autograd.Function):
    """x*tanh(x): the tanh in the backward is detached, for it was expensive."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x.tanh()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        t = x.tanh().detach()
        return grad_output * (t + x * (1 - t * t))


class DataInBackward(torch.autograd.Function):
    """.data of what was saved: no graph leads to x."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.exp()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return grad_output * ctx.saved_tensors[0].data.exp()


class ItemInBackward(torch.autograd.Function):
    """x*|x|: the norm in the backward is a Python number."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x.norm()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        norm = x.norm().item()
        return grad_output * norm + x * (grad_output * x).sum() / norm


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor, w: Tensor) -> Tensor:
        return x @ w

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, w = ctx.saved_tensors
        return grad_output @ w.mT, x.mT @ grad_output


class LinearTangents(_Linear):
    """The product rule with a minus."""

    @staticmethod
    def jvp(ctx: Any, to_x: Tensor, to_w: Tensor) -> Tensor:
        x, w = ctx.saved_tensors
        return to_x @ w - x @ to_w


class LinearOneTangent(_Linear):
    """Weights never have tangents, its author thought."""

    @staticmethod
    def jvp(ctx: Any, to_x: Tensor, to_w: Tensor) -> Tensor:
        _, w = ctx.saved_tensors
        return to_x @ w


class LinearMapped(_Linear):
    """The rule for vmap folds the batch into rows, which is right for a shared weight only."""

    @staticmethod
    def vmap(info: Any, in_dims: Any, x: Tensor, w: Tensor) -> tuple[Tensor, int]:
        x = (
            x.movedim(in_dims[0], 0)
            if in_dims[0] is not None
            else x.expand(info.batch_size, -1, -1)
        )
        weight = w.select(in_dims[1], 0) if in_dims[1] is not None else w
        rows = x.shape[1]
        folded = LinearMapped.apply(x.reshape(-1, x.shape[-1]), weight)
        return folded.reshape(info.batch_size, rows, -1), 0


class _Normalize(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x - x.mean(-1, keepdim=True)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return grad_output - grad_output.mean(-1, keepdim=True)


class NormalizeMapped(_Normalize):
    """Under vmap the last axis may be that of the batch."""

    @staticmethod
    def vmap(info: Any, in_dims: Any, x: Tensor) -> tuple[Tensor, int | None]:
        return NormalizeMapped.apply(x), in_dims[0]


class NormalizeTangent(_Normalize):
    """The tangent passes as it is: the mean was taken for a constant."""

    @staticmethod
    def jvp(ctx: Any, to_x: Tensor) -> Tensor:
        return to_x.clone()


class TangentOfZero(torch.autograd.Function):
    """Divides the tangent by its own norm, to rescale afterwards."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x.square()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return 2 * x * grad_output

    @staticmethod
    def jvp(ctx: Any, to_x: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return 2 * x * to_x / to_x.norm() * to_x.norm().clamp(max=10)


class ResidualBlock(nn.Module):
    """The shortcut is detached: the network learns, more slowly."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x) + x.detach()


class GatedResidual(nn.Module):
    """Computes the gate under no_grad in training, too."""

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            gate = torch.sigmoid(x)
        return gate * x


def in_place_on_result(x: Tensor) -> Tensor:
    """Adds in place to what relu hands out, through a detached alias."""
    y = torch.relu(x)
    y.detach().add_(x.detach())
    return y


def gathered_by_numpy(x: Tensor) -> Tensor:
    """A detour by NumPy for a function that torch lacks."""
    import numpy as np

    cube = np.cbrt(x.detach().numpy())
    return x * torch.from_numpy(np.asarray(cube))


class ReversalLayer(torch.autograd.Function):
    """Gradient reversal from another project, imported by mistake."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return -grad_output


def features_reversed(x: Tensor) -> Tensor:
    return torch.tanh(ReversalLayer.apply(x)) + x


class SpectralDetached(nn.Module):
    """Divides by a norm that counts as a constant, where it should not."""

    def forward(self, w: Tensor) -> Tensor:
        return w / w.detach().norm()


class ComplexProduct(torch.autograd.Function):
    """The conjugate is taken of one factor's gradient only."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, w: Tensor) -> Tensor:
        ctx.save_for_backward(z, w)
        return z * w

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        z, w = ctx.saved_tensors
        return grad_output * w.conj(), grad_output * z


class PowerSpectrum(torch.autograd.Function):
    """|z|^2 with the gradient of z^2."""

    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        ctx.save_for_backward(z)
        return z.real.square() + z.imag.square()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (z,) = ctx.saved_tensors
        return 2 * grad_output * z.conj()


class PhaseOnly(torch.autograd.Function):
    """z/|z|: the projection is on the wrong side of the circle."""

    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        y = z / z.abs()
        ctx.save_for_backward(z, y)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        z, y = ctx.saved_tensors
        along = (grad_output * y.conj()).real * y
        return along / z.abs()
