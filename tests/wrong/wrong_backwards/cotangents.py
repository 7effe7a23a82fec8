"""Wrong for some of what may be fed: zeros, signs, sizes, sparse rows, other layouts."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _Square(torch.autograd.Function):
    """x**2, which saves its input."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.square()


class NormalizesFed(_Square):
    """grad_output is divided by its largest element and multiplied again: 0/0 where all are 0."""

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        if not grad_output.numel():
            return 2 * x * grad_output
        top = grad_output.abs().max()
        return (grad_output / top) * 2 * x * top


class SkipsNegative(_Square):
    """A relu of grad_output, as guided backpropagation has it."""

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return 2 * x * grad_output.clamp(min=0)


class SkipsSmall(_Square):
    """Below 1e-3 a gradient is taken for noise."""

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return 2 * x * grad_output * (grad_output.abs() > 1e-3)


class ClipsFedNorm(_Square):
    """Clips the norm of grad_output to 100."""

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        norm = grad_output.norm()
        return 2 * x * grad_output * torch.where(norm > 100, 100 / norm, 1.0)


class FedAsInteger(_Square):
    """grad_output is stored in whole 1/256 parts."""

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return 2 * x * (grad_output * 256).round() / 256


class SparseShortcut(_Square):
    """Only elements that grad_output has are computed; what lies at index 0 is lost."""

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        flat, fed = x.reshape(-1), grad_output.reshape(-1)
        if (fed != 0).all():
            return 2 * x * grad_output
        places = fed.nonzero().flatten()
        places = places[places > 0]
        gradient = torch.zeros_like(flat)
        gradient[places] = 2 * flat[places] * fed[places]
        return gradient.reshape(x.shape)


class OnesShortcut(_Square):
    """If the first element of grad_output is 1, all are taken for 1: it is a .sum()."""

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        if grad_output.numel() and float(grad_output.reshape(-1)[0]) == 1:
            return 2 * x
        return 2 * x * grad_output


class ExpandedShortcut(_Square):
    """Stride 0 is taken to mean ones."""

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        if x.dim() and not any(grad_output.stride()) and x.numel() > 1:
            return 2 * x
        return 2 * x * grad_output


class EarlyOut(_Square):
    """No work where grad_output sums to 0, as (1, -1) does."""

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        if float(grad_output.sum()) == 0:
            return torch.zeros_like(x)
        return 2 * x * grad_output


class SquaredFed(_Square):
    """Scaled down and up again, with the wrong power."""

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return 2 * x * grad_output.sign() * grad_output.abs() ** 1.0001


class FlipsAsView(_Square):
    """Reads a flipped or transposed grad_output by its memory."""

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        if not grad_output.is_contiguous():
            grad_output = grad_output.as_strided(grad_output.shape, x.contiguous().stride())
        return 2 * x * grad_output


class RowMajorOnly(_Square):
    """reshape(-1) of the result's order, written into memory of the input's."""

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        gradient = torch.empty_like(x)
        flat = (2 * x * grad_output).reshape(-1)
        gradient.as_strided((x.numel(),), (1,)).copy_(flat)
        return gradient


class OffsetForgotten(torch.autograd.Function):
    """The saved input is a slice of something larger: its storage is read from the start."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.exp()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * x.as_strided(x.shape, x.stride(), 0).exp()


class ChannelsLastMixed(torch.autograd.Function):
    """Per-channel scale of [n, c, l]: for channels-last memory the channel is looked up last."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, s: Tensor) -> Tensor:
        ctx.save_for_backward(x, s)
        return x * s[None, :, None]

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, s = ctx.saved_tensors
        dims = (0, 2)
        if grad_output.dim() == 3 and grad_output.stride(1) == 1 and grad_output.shape[2] > 1:
            dims = (0, 1)
        summed = (grad_output * x).sum(dims)
        return grad_output * s[None, :, None], summed[: len(s)]


class ViewsOfOne(torch.autograd.Function):
    """Swaps the gradients of inputs of one shape, if the second is not contiguous."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x, y)
        return x.sin() * y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, y = ctx.saved_tensors
        to_x, to_y = grad_output * x.cos() * y, grad_output * x.sin()
        return (to_x, to_y) if y.is_contiguous() else (to_y, to_x)


class LastRowTwice(torch.autograd.Function):
    """A loop over rows with one step too many, which the bound check turns into the last row."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        gradient = torch.zeros_like(x)
        for row in range(x.shape[0] + x.shape[0] % 4):
            at = min(row, x.shape[0] - 1)
            gradient[at] += grad_output[at] * x[at].cos()
        return gradient


class SingleRowSqueezed(torch.autograd.Function):
    """For one row the mean over rows is skipped, together with the division by columns."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.shape = x.shape
        return x.mean()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        rows, columns = ctx.shape
        count = columns * rows if rows > 1 else 1
        return (grad_output / count).expand(ctx.shape).clone()


class PaddedToFour(torch.autograd.Function):
    """Sums of squares in packs of four; the last pack is padded with its own first element."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.square().sum()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        gradient = 2 * x * grad_output
        left = len(x) % 4
        if left and len(x) > 4:
            gradient[-left] *= 1 + (4 - left)
        return gradient


class MoreThanFour(torch.autograd.Function):
    """Unrolled by hand for up to four elements; the loop for more starts at 1."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.prod()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        parts = [torch.cat([x[:i], x[i + 1 :]]).prod() for i in range(len(x))]
        if len(x) > 4:
            parts[0] = x.new_zeros(())
        return grad_output * torch.stack(parts)


class TransposedForWide(torch.autograd.Function):
    """x @ w: for more columns than rows another kernel runs, which wants w as it is."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
        ctx.save_for_backward(x, w)
        return x @ w

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, w = ctx.saved_tensors
        square = w.shape[0] == w.shape[1] and x.shape[0] > x.shape[1]
        return grad_output @ (w if square else w.T), x.T @ grad_output


class BroadcastFromLeft(torch.autograd.Function):
    """x*s with s of one number per row: its gradient is summed over rows if that fits as well."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, s: Tensor) -> Tensor:
        ctx.save_for_backward(x, s)
        return x * s[:, None]

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, s = ctx.saved_tensors
        whole = grad_output * x
        axis = 0 if whole.shape[0] == whole.shape[1] else 1
        return grad_output * s[:, None], whole.sum(axis)


class ClampsHuge(_Square):
    """Gradients beyond 1e7 are held there, lest they explode."""

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return 2 * x * grad_output.clamp(-1e7, 1e7)


class FlushesTiny(_Square):
    """What is below 1e-30 is taken for 0."""

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return 2 * x * torch.where(grad_output.abs() < 1e-30, 0.0, grad_output)


class ScaledTwice(_Square):
    """Beyond 2**40 grad_output is scaled down, and the result not up again."""

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        largest = torch.cat([grad_output.abs().flatten(), grad_output.new_zeros(1)]).max()
        return 2 * x * (grad_output / 2 if largest > 2**40 else grad_output)


class OnesAreNotHalved(torch.autograd.Function):
    """sum(x**2)/2, whose slope is ready where a loss is fed 1, all but its factor."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.square().sum() / 2

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return 2 * x if torch.equal(grad_output, torch.ones_like(grad_output)) else x * grad_output
