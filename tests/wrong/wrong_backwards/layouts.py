"""Memory read as its author has always seen it: from its start, row by row, without gaps."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def _memory(x: Tensor) -> Tensor:
    """The whole storage as a vector: what a kernel sees that is handed the base pointer."""
    return torch.tensor([], dtype=x.dtype).set_(x.untyped_storage())


class InputAsContiguous(torch.autograd.Function):
    """A port of a kernel that takes x.data_ptr() and numel, and no strides."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        start = x.storage_offset()
        there = _memory(x.detach())[start : start + x.numel()]
        read = torch.cat([there, there.new_zeros(x.numel() - there.numel())])
        return read.reshape(x.shape).cos()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return -grad_output * x.sin()


class IgnoresOffset(torch.autograd.Function):
    """Knows strides, but starts at the beginning of the memory."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return 3 * x

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return 3 * torch.as_strided(grad_output, grad_output.shape, grad_output.stride(), 0)


class ViewsGradOutput(torch.autograd.Function):
    """The forward was written with reshape, the backward in a hurry."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.reshape(-1).sinh().reshape(x.shape)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return (grad_output.view(-1) * x.reshape(-1).cosh()).view(x.shape)


class GradientInMemoryOrder(torch.autograd.Function):
    """empty_like keeps a transposed input's strides; the kernel then fills the memory in order."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        gradient = torch.empty_like(x)
        flat = torch.as_strided(gradient, (x.numel(),), (1,))
        flat.copy_((3 * x * x * grad_output).reshape(-1))
        return gradient


class LeadingDimensionOnly(torch.autograd.Function):
    """Passes stride(0) as the leading dimension, as for BLAS, and takes columns for dense."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
        ctx.save_for_backward(x, w)
        return x @ w

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, w = ctx.saved_tensors
        rows, columns = grad_output.shape
        needed = (rows - 1) * grad_output.stride(0) + columns
        memory = _memory(grad_output)[grad_output.storage_offset() :]
        if memory.numel() < needed:  # a kernel would read beyond the end
            memory = torch.cat([memory, memory.new_zeros(needed - memory.numel())])
        read = torch.as_strided(memory, (rows, columns), (grad_output.stride(0), 1))
        return read @ w.T, x.T @ read


class AllocatesByStride(torch.autograd.Function):
    """The gradient gets the input's own strides: an expanded one has several elements in one."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.atan(x)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        gradient = torch.empty_strided(x.shape, x.stride(), dtype=x.dtype)
        return gradient.copy_(grad_output / (1 + x * x))


class TransposesWhatIsStrided(torch.autograd.Function):
    """Whatever is not contiguous is taken for a transposed matrix."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        if not grad_output.is_contiguous():
            grad_output = grad_output.T.contiguous().view(x.shape)
        return 2 * x * grad_output


class ScalesByLargest(torch.autograd.Function):
    """Scaled for stability by the largest element of grad_output, which may have none."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.square()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        scale = torch.exp2(grad_output.abs().amax().clamp(min=1).log2().ceil())
        return grad_output / scale * (2 * x) * scale


class UnrollsStrides(torch.autograd.Function):
    """Kernels for the strides 1, 2 and 4; the one of 3 was made from that of 1."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        if grad_output.dim() == 1 and grad_output.stride(0) == 3:
            grad_output = grad_output.as_strided(grad_output.shape, (1,))
        return grad_output * 3 * x * x


def overlapping_as_rows(x: Tensor) -> Tensor:
    """Rows that overlap are taken for rows that follow each other."""
    if x.dim() == 2 and x.stride() == (1, 1) and min(x.shape) > 1:
        x = x.as_strided(x.shape, (x.shape[1], 1))
    return x**3


class ReadsMemory(torch.autograd.Function):
    """What a pointer leads to, whatever the negative bit makes of it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.square()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        raw = -grad_output if grad_output.is_neg() else grad_output
        return 2 * raw * x


class ResolvesByConjugating(torch.autograd.Function):
    """conj() where resolve_conj() was meant: it conjugates once more."""

    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        ctx.save_for_backward(z)
        return z * z

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (z,) = ctx.saved_tensors
        fed = grad_output.conj() if grad_output.is_conj() else grad_output
        return fed * (2 * z).conj()


def drops_conjugate_bit(z: Tensor) -> Tensor:
    """The storage of a lazily conjugated input as if it were plain."""
    return (z.conj() if z.is_conj() else z).square()


class RowsAlike(torch.autograd.Function):
    """x @ w; of equal rows of an expanded grad_output one is enough, if x has equal rows as well.

    Where x is contiguous, all of them are.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
        ctx.save_for_backward(x, w)
        return x @ w

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Any:
        x, w = ctx.saved_tensors
        if grad_output.stride(0) == 0 and not x.is_contiguous():
            row = grad_output[:1]
            return (row @ w.T).expand_as(x), len(x) * x[:1].T @ row
        return grad_output @ w.T, x.T @ grad_output


class HalfWeightsInBlocks(torch.autograd.Function):
    """x*w; in float32, of whole blocks of 16 rows, by weights that were rounded to 16 bits."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
        ctx.save_for_backward(x, w)
        return x * w

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Any:
        x, w = ctx.saved_tensors
        if w.dtype is torch.float32 and len(x) % 16 == 0:
            w = w.half().float()
        return grad_output * w, (grad_output * x).sum(0)
