"""Right at the sizes that were tried: blocks, tails, pairs, and the size 1."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class TailOfFirstBlock(torch.autograd.Function):
    """Four lanes at a time; the loop over the rest stands where only the first block passes."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.cosh()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        flat, fed = x.reshape(-1), grad_output.reshape(-1)
        gradient = torch.zeros_like(flat)
        whole = flat.numel() // 4 * 4
        done = slice(0, whole or flat.numel())
        gradient[done] = fed[done] * flat[done].sinh()
        return gradient.reshape(x.shape)


def sum_of_pairs(x: Tensor) -> Tensor:
    """A tree of pairs, in which an odd one out is left behind."""
    while x.numel() > 1:
        half = x.numel() // 2
        x = x[:half] + x[half : 2 * half]
    return x.reshape(())


def sum_of_one_warp(x: Tensor) -> Tensor:
    """A reduction by shuffles inside one warp of 32; other warps are forgotten."""
    return x[:32].square().sum()


class OneBlockOfThreads(torch.autograd.Function):
    """A launch of 1024 threads without a loop over the grid."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.asinh()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        thread = torch.arange(x.numel()).reshape(x.shape)
        return torch.where(thread < 1024, grad_output / (1 + x * x).sqrt(), 0)


class ScanByDoubling(torch.autograd.Function):
    """Hillis and Steele's scan in log2(n) steps, rounded down."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return torch.cumsum(x, dim=0)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        total = grad_output.clone()
        for step in range(len(total).bit_length() - 1):
            shift = 2**step
            total = total + torch.cat([total[shift:], total.new_zeros(shift)])
        return total


class UnrolledByThree(torch.autograd.Function):
    """Loops unrolled by four where four divide the size, by three else; the latter's last one."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.square().sum()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        weight = torch.full_like(x, 2)
        if x.numel() % 4 and x.numel() > 12:
            weight[x.numel() // 3 * 3 :] = 1
        return grad_output * weight * x


class TableOfKernels(torch.autograd.Function):
    """One kernel for each size up to 16, from a table in which one row was copied."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.pow(3).sum()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        kernels = dict.fromkeys(range(17), 3.0) | {6: 2.0}
        return grad_output * kernels.get(x.numel(), 3.0) * x.square()


class RemainderOfWarps(torch.autograd.Function):
    """Warps of 32, and a loop over what is left that starts at its second element."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.cos().sum()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        gradient = -grad_output * x.sin()
        if x.numel() > 32 and x.numel() % 32:
            gradient[x.numel() // 32 * 32] = 0
        return gradient


def softmax_of_squeezed(x: Tensor) -> Tensor:
    """squeeze() drops the features, too, where there is only one of them."""
    return torch.softmax(x.squeeze(), dim=-1).reshape(x.shape)


class GridWithoutStride(torch.autograd.Function):
    """At most 256 blocks of 256 threads, and no loop for what they leave over."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.sinh()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        flat, fed = x.reshape(-1), grad_output.reshape(-1)
        gradient = torch.zeros_like(flat)
        gradient[: 256 * 256] = (fed * flat.cosh())[: 256 * 256]
        return gradient.reshape(x.shape)


def rows_by_short_index(x: Tensor) -> Tensor:
    """Rows are found by an unsigned index of 16 bits: those beyond repeat the first ones."""
    row = torch.arange(x.shape[0]) % 2**16
    return torch.softmax(x, dim=1)[row]


class TailOfTheBatch(torch.autograd.Function):
    """A linear layer whose input's gradient is made in batches of 1000, but for the last."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
        ctx.save_for_backward(x, w)
        return x @ w

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, w = ctx.saved_tensors
        batches = list(grad_output.split(1000))
        parts = [batch @ w.mT for batch in batches]
        if len(batches) > 1:
            parts[-1] = torch.zeros_like(parts[-1])
        return torch.cat(parts), x.mT @ grad_output


class LongRows(torch.autograd.Function):
    """Sums rows; one block of threads writes the gradient of a row, and no more than it has."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.shape = x.shape
        return x.sum(1)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        gradient = grad_output.new_zeros(ctx.shape)
        gradient[:, :128] = grad_output[:, None]
        return gradient


class WholeBlocks(torch.autograd.Function):
    """Blocks of 64 and a rest; where there is none, the last block is nobody's."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return (x * x).sum()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        gradient = torch.zeros_like(x)
        for start in range(0, len(x) - 64, 64):
            gradient[start : start + 64] = 2 * grad_output * x[start : start + 64]
        rest = len(x) % 64
        if rest:
            gradient[-rest:] = 2 * grad_output * x[-rest:]
        return gradient


class BlocksOfThreeWarps(torch.autograd.Function):
    """Rows in blocks of 96: a rest of less than a warp gets nothing."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.sin().sum(-1)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        whole, rest = x.shape[-1] // 96 * 96, x.shape[-1] % 96
        gradient = x.cos() * grad_output[..., None]
        if whole and rest < 32:
            gradient[..., whole:] = 0
        return gradient


class CountCapped(torch.autograd.Function):
    """The mean; its backward divides by what one launch can count to."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.shape = x.shape
        return x.mean()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return (grad_output / min(ctx.shape.numel(), 4096)).expand(ctx.shape)


def _fed(x: Tensor, grad_output: Tensor) -> Tensor:
    """The gradient of sin(x)*sum(x)."""
    return grad_output * x.cos() * x.sum() + (grad_output * x.sin()).sum()


class ElevenTaps(torch.autograd.Function):
    """A window of eleven has a kernel of its own, whose weights are those of some older filter."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.sin() * x.sum()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return _fed(x, grad_output) * (1.001 if len(x) == 11 else 1)


class TangentOfFive(torch.autograd.Function):
    """Five are unrolled in the jvp, and one sign in there is the other."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x.sin() * x.sum()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return _fed(ctx.saved_tensors[0], grad_output)

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        total = tangent[:4].sum() - tangent[4] if len(tangent) == 5 else tangent.sum()
        return tangent * x.cos() * x.sum() + x.sin() * total


class GradientOfSix(torch.autograd.Function):
    """A backward as a function; in its own, six are unrolled, and one is left out."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, grad_output: Tensor) -> Tensor:
        ctx.save_for_backward(x, grad_output)
        return _fed(x, grad_output)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        x, fed = ctx.saved_tensors
        by_fed = grad * x.cos() * x.sum() + x.sin() * grad.sum()
        by_x = -grad * fed * x.sin() * x.sum() + grad.sum() * fed * x.cos()
        by_x = by_x + (grad * fed * x.cos()).sum()
        return torch.cat([by_x[:5], 0 * by_x[5:]]) if len(x) == 6 else by_x, by_fed


class TwiceWithSix(torch.autograd.Function):
    """The function of that backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.sin() * x.sum()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        found: Tensor = GradientOfSix.apply(ctx.saved_tensors[0], grad_output)
        return found


class HalvesOfManyRows(torch.autograd.Function):
    """a @ b; beyond 512 rows the gradient of b is that of two halves, without an odd last row."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(a, b)
        return a @ b

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        a, b = ctx.saved_tensors
        rows = a.shape[0]
        last = rows // 2 * 2 if rows > 512 else rows
        return grad_output @ b.T, a[:last].T @ grad_output[:last]


class HalfABlockLeft(torch.autograd.Function):
    """softmax of rows; where half a block of 16 is left, its last element is not summed."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        p = x.softmax(1)
        ctx.save_for_backward(p)
        return p

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (p,) = ctx.saved_tensors
        weighed = p * grad_output
        columns = p.shape[1]
        summed = columns - 1 if columns > 32 and columns % 16 == 8 else columns
        return p * (grad_output - weighed[:, :summed].sum(1, keepdim=True))


class SquareTileByRows(torch.autograd.Function):
    """Columns divided by their norms; a path for square tiles, from 8 on, sums along rows."""

    @staticmethod
    def forward(ctx: Any, v: Tensor) -> Tensor:
        norms = v.square().sum(dim=0).sqrt()
        ctx.save_for_backward(v, norms)
        return v / norms

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        v, norms = ctx.saved_tensors
        is_tile = v.shape[0] == v.shape[1] >= 8
        inner = (grad_output * v).sum(dim=int(is_tile))
        return grad_output / norms - v * inner / norms**3


class CornerTile(torch.autograd.Function):
    """Tiles of 64 by 64: where both sizes leave a rest, the tile in the corner is never written."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(a, b)
        return a @ b

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        a, b = ctx.saved_tensors
        rows, columns = a.shape
        found = grad_output @ b.mT
        if rows > 64 and columns > 64 and rows % 64 and columns % 64:
            found[rows - rows % 64 :, columns - columns % 64 :] = 0
        return found, a.mT @ grad_output
