"""Functions that say more than forward and backward: jvp, vmap, double backward, two outputs."""

# ruff: noqa: D102, D103 - the names say what each does

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.autograd.graph import saved_tensors_hooks

Both = tuple[Tensor | None, Tensor | None]


class ExponentialOfOutput(torch.autograd.Function):
    """Saves its output, which is tracked, and brings rules for every transform."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x.exp()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(output)
        ctx.save_for_forward(output)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return grad_output * y

    @staticmethod
    def jvp(ctx: Any, to_x: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return to_x * y

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], x: Tensor) -> tuple[Tensor, int | None]:
        return ExponentialOfOutput.apply(x), in_dims[0]


class GeneratedRule(torch.autograd.Function):
    """torch derives the rule for vmap; tangents that are not given come as None."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, y: Tensor) -> Tensor:
        return x.sin() * y

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor | None) -> Both:
        if grad_output is None:
            return None, None
        x, y = ctx.saved_tensors
        return grad_output * x.cos() * y, grad_output * x.sin()

    @staticmethod
    def jvp(ctx: Any, to_x: Tensor | None, to_y: Tensor | None) -> Tensor:
        x, y = ctx.saved_tensors
        pushed = torch.zeros_like(x)
        if to_x is not None:
            pushed = pushed + to_x * x.cos() * y
        return pushed if to_y is None else pushed + to_y * x.sin()


class _WithIntermediate(torch.autograd.Function):
    """The intermediate that is saved is an output as well: so second derivatives see it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        e = x.exp()
        ctx.save_for_backward(x, e)
        return x * e, e

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor, to_e: Tensor) -> Tensor:
        x, e = ctx.saved_tensors
        return grad_output * (1 + x) * e + to_e * e


def x_times_exp(x: Tensor) -> Tensor:
    result: Tensor = _WithIntermediate.apply(x)[0]
    return result


class SavedSlopeOnce(torch.autograd.Function):
    """The slope is made in the forward; that it is a constant afterwards is said aloud."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x.cos())
        return x.sin()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (slope,) = ctx.saved_tensors
        return grad_output * slope


class _SineBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, grad_output: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(grad_output, x)
        return grad_output * x.cos()

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> tuple[Tensor, Tensor]:
        grad_output, x = ctx.saved_tensors
        return fed * x.cos(), -fed * grad_output * x.sin()


class SineTwiceByHand(torch.autograd.Function):
    """The double backward is a Function of its own."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        gradient: Tensor = _SineBackward.apply(grad_output, x)
        return gradient


class _LargestWithPlace(torch.autograd.Function):
    """The place is an integer, which has no gradient; at a tie the first one gets it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        place = (x == x.max()).to(torch.uint8).argmax()
        ctx.mark_non_differentiable(place)
        ctx.save_for_backward(place)
        ctx.shape = x.shape
        return x[place].clone(), place

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor, _: Tensor) -> Tensor:
        (place,) = ctx.saved_tensors
        chosen = torch.arange(ctx.shape[0]) == place
        return torch.where(chosen, grad_output, torch.zeros_like(grad_output))


def largest(x: Tensor) -> Tensor:
    result: Tensor = _LargestWithPlace.apply(x)[0]
    return result


def slope_by_func(x: Tensor) -> Tensor:
    """x**2 as the gradient of x**3/3, by torch.func."""
    slope: Tensor = torch.func.grad(lambda t: (t**3 / 3).sum())(x)
    return slope


def packed(x: Tensor) -> Tensor:
    """What is saved is moved elsewhere until the backward wants it."""
    with saved_tensors_hooks(lambda t: t.detach().clone(), lambda t: t.clone()):
        return torch.tanh(x) * x


@torch.library.custom_op("right_backwards::softsign", mutates_args=())
def softsign(x: Tensor) -> Tensor:
    """An operator of its own, as extensions register them."""
    return x / (1 + x.abs())


def _save(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _softsign_backward(ctx: Any, grad_output: Tensor) -> Tensor:
    (x,) = ctx.saved_tensors
    return grad_output / (1 + x.abs()).square()


torch.library.register_autograd(
    "right_backwards::softsign", _softsign_backward, setup_context=_save
)


@torch.library.custom_op("right_backwards::wave", mutates_args=())
def wave(x: Tensor, y: Tensor) -> Tensor:
    """x*sin(y), with a rule for vmap that says where its batch is."""
    return x * y.sin()


def _wave_backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
    x, y = ctx.saved_tensors
    return grad_output * y.sin(), grad_output * x * y.cos()


def _mapped_wave(
    info: Any, in_dims: tuple[int | None, ...], *given: Tensor
) -> tuple[Tensor, int | None]:
    rank = max(t.dim() - (dim is not None) for t, dim in zip(given, in_dims, strict=True))
    lanes = [_in_front(t, dim, rank) for t, dim in zip(given, in_dims, strict=True)]
    return wave(*torch.broadcast_tensors(*lanes)), 0


def _in_front(tensor: Tensor, dim: int | None, rank: int) -> Tensor:
    """The batch first, then as many axes as the other input has."""
    tensor = tensor[None] if dim is None else tensor.movedim(dim, 0)
    return tensor.reshape(len(tensor), *(1,) * (rank + 1 - tensor.dim()), *tensor.shape[1:])


torch.library.register_autograd("right_backwards::wave", _wave_backward, setup_context=_save)
torch.library.register_vmap("right_backwards::wave", _mapped_wave)


class ProductWithRule(torch.autograd.Function):
    """A rule for vmap that leaves the batch where it is if both have it there."""

    @staticmethod
    def forward(x: Tensor, y: Tensor) -> Tensor:
        return x * y.exp()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Both:
        x, y = ctx.saved_tensors
        return grad_output * y.exp(), grad_output * x * y.exp()

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], x: Tensor, y: Tensor
    ) -> tuple[Tensor, int | None]:
        if in_dims[0] == in_dims[1]:
            return ProductWithRule.apply(x, y), in_dims[0]
        lanes = (_in_front(t, dim, 1) for t, dim in zip((x, y), in_dims, strict=True))
        return ProductWithRule.apply(*torch.broadcast_tensors(*lanes)), 0
