"""Rules for vmap that were tried with the batch in front, or not at all."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

Placed = tuple[Tensor, int | None]


class _ByOutput(torch.autograd.Function):
    """exp: its slope is its output, so that a wrong output makes a wrong gradient."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x.exp()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return grad_output * y


class BatchTakenForFirst(_ByOutput):
    """Says that the batch comes out in front, wherever it went in."""

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], x: Tensor) -> Placed:
        return BatchTakenForFirst.apply(x), 0


class FirstLaneForAll(_ByOutput):
    """Computes one lane and expands it: fine for the weights it was written for."""

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], x: Tensor) -> Placed:
        one = FirstLaneForAll.apply(x.select(in_dims[0] or 0, 0))
        return one.expand(info.batch_size, *one.shape), 0


class RuleWithoutGraph(_ByOutput):
    """A fast path for batches that computes on detached tensors: what is mapped has no gradient."""

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], x: Tensor) -> Placed:
        return x.detach().exp(), in_dims[0]


class SumsTheBatch(torch.autograd.Function):
    """The reduction runs over the batch as well."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return torch.logsumexp(x, dim=-1)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs, output)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        x, y = ctx.saved_tensors
        return grad_output.unsqueeze(-1) * (x - y.unsqueeze(-1)).exp()

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], x: Tensor) -> Placed:
        total = SumsTheBatch.apply(x.movedim(in_dims[0] or 0, 0).reshape(-1))
        return total.expand(info.batch_size), 0


class EveryInputBatched(torch.autograd.Function):
    """An input that all lanes share has no batch dimension to move."""

    @staticmethod
    def forward(x: Tensor, w: Tensor) -> Tensor:
        return x * w.square()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, w = ctx.saved_tensors
        return grad_output * w.square(), 2 * grad_output * x * w

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], x: Tensor, w: Tensor) -> Placed:
        first, second = (t.movedim(dim, 0) for t, dim in zip((x, w), in_dims, strict=True))
        return EveryInputBatched.apply(first, second), 0


class AxesOfTheFirst(torch.autograd.Function):
    """Moves the batch of the second input from where the first one has it."""

    @staticmethod
    def forward(x: Tensor, y: Tensor) -> Tensor:
        return x * y.sin()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, y = ctx.saved_tensors
        return grad_output * y.sin(), grad_output * x * y.cos()

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], x: Tensor, y: Tensor) -> Placed:
        shared, first = [dim is None for dim in in_dims], in_dims[0] or 0
        x = x[None] if shared[0] else x.movedim(first, 0)
        if shared[1]:
            y = y[None]
        elif shared[0] or y.shape[first] != info.batch_size:
            y = y.movedim(in_dims[1] or 0, 0)
        else:
            y = y.movedim(first, 0)
        return AxesOfTheFirst.apply(x, y), 0


class AloneInFront(torch.autograd.Function):
    """Where the first input is shared, the batch of the second is taken to lie in front."""

    @staticmethod
    def forward(x: Tensor, y: Tensor) -> Tensor:
        return (x * y).sum(-1)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, y = ctx.saved_tensors
        return grad_output[..., None] * y, grad_output[..., None] * x

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], x: Tensor, y: Tensor) -> Placed:
        first, second = in_dims
        if first is None:
            return AloneInFront.apply(x.expand_as(y), y), 0
        x = x.movedim(first, 0)
        y = y.expand_as(x) if second is None else y.movedim(second, 0)
        return AloneInFront.apply(x, y), 0


class BatchOfOne(_ByOutput):
    """A single lane goes to another kernel, which is another function."""

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], x: Tensor) -> Placed:
        x = x.movedim(in_dims[0] or 0, 0)
        return BatchOfOne.apply(2 * x if info.batch_size == 1 else x), 0


class TwoAtATime(_ByOutput):
    """Many lanes go to a kernel that takes elements in pairs, and leaves the odd one as it was."""

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], x: Tensor) -> Placed:
        x = x.movedim(in_dims[0] or 0, 0)
        if info.batch_size < 4 or not x[0].numel() % 2:
            return TwoAtATime.apply(x), 0
        paired = torch.cat([TwoAtATime.apply(x[:, :-1]), x[:, -1:]], dim=1)
        return paired, 0


@torch.library.custom_op("wrong_backwards::gated", mutates_args=())
def gated(x: Tensor) -> Tensor:
    """x*tanh(x), an operator of torch.library, whose rule for vmap looks at no axis."""
    return x * x.tanh()


def _keep(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _pull(ctx: Any, grad_output: Tensor) -> Tensor:
    (x,) = ctx.saved_tensors
    return grad_output * (x.tanh() + x / x.cosh().square())


@torch.library.register_vmap("wrong_backwards::gated")
def _map(info: Any, in_dims: tuple[int | None, ...], x: Tensor) -> Placed:
    return gated(x), 0


gated.register_autograd(_pull, setup_context=_keep)


class BatchTakenForColumns(torch.autograd.Function):
    """sum(x*x); whether a batch of one number each is given is told by its size."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return (x * x).sum(-1)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Any:
        (x,) = ctx.saved_tensors
        return _TwiceScaled.apply(x, grad_output)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int], x: Tensor) -> Placed:
        return BatchTakenForColumns.apply(x.movedim(in_dims[0], 0)), 0


class _TwiceScaled(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor, scale: Tensor) -> Tensor:
        return 2 * x * scale.unsqueeze(-1)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        x, scale = ctx.saved_tensors
        return 2 * grad * scale.unsqueeze(-1), 2 * (grad * x).sum(-1)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, int | None], *args: Tensor) -> Placed:
        x, scale = (
            each.expand(info.batch_size, *each.shape) if axis is None else each.movedim(axis, 0)
            for each, axis in zip(args, in_dims, strict=True)
        )
        if x.shape[-1] != info.batch_size:
            scale = scale.unsqueeze(-1)
        return 2 * x * scale, 0


class SharedIsDetached(torch.autograd.Function):
    """softmax(x, 0)*w; what all points share is laid out for them without its graph."""

    @staticmethod
    def forward(x: Tensor, w: Tensor) -> Tensor:
        return x.softmax(-1) * w

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Any:
        x, w = ctx.saved_tensors
        p, fed = x.softmax(-1), grad_output * w
        return p * (fed - (fed * p).sum(-1, keepdim=True)), grad_output * p

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, int | None], *args: Tensor) -> Placed:
        x, w = (
            each.detach().expand(info.batch_size, *each.shape)
            if axis is None
            else each.movedim(axis, 0)
            for each, axis in zip(args, in_dims, strict=True)
        )
        return SharedIsDetached.apply(x, w), 0


class SharedIsTransposed(torch.autograd.Function):
    """a @ b; a square matrix that all points share is turned as those of a batch are."""

    @staticmethod
    def forward(a: Tensor, b: Tensor) -> Tensor:
        return a @ b

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Any:
        a, b = ctx.saved_tensors
        return grad_output @ b.mT, a.mT @ grad_output

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, int | None], a: Tensor, b: Tensor) -> Placed:
        a = a if in_dims[0] is None else a.movedim(in_dims[0], 0)
        b = b if in_dims[1] is None else b.movedim(in_dims[1], 0)
        if in_dims[0] is None and a.shape[0] == a.shape[1]:
            a = a.mT
        return SharedIsTransposed.apply(a, b), 0
