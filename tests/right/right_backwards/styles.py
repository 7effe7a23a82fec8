"""Every way to write a Function, and to be part of a graph."""

# ruff: noqa: D102, D103 - the names say what each does

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import checkpoint, checkpoint_sequential

Both = tuple[Tensor | None, Tensor | None]


class NumpySine(torch.autograd.Function):
    """Through NumPy in both directions."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        array = x.detach().numpy()
        ctx.cosine = np.cos(array)
        return torch.from_numpy(np.asarray(np.sin(array)))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return torch.from_numpy(np.asarray(grad_output.detach().numpy() * ctx.cosine))


class NumpyWithoutWords(torch.autograd.Function):
    """Saved as a tensor, converted when needed; it does not say that it is for one use only."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.as_tensor(np.arctan(x.numpy()))

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return torch.as_tensor(grad_output.numpy() / (1 + x.numpy() ** 2))


class SetupSquare(torch.autograd.Function):
    """forward without ctx, setup_context, jvp from the saved input, vmap generated."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x * x

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        (x,) = inputs
        ctx.save_for_backward(x)
        ctx.save_for_forward(x)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return 2 * x * grad_output

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return 2 * x * tangent


class ProductOfFour(torch.autograd.Function):
    """Two factors are tensors, two are options; both kinds of None are returned."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, scale: float = 2.0, name: str = "") -> Tensor:
        ctx.save_for_backward(
            x if ctx.needs_input_grad[1] else None, y if ctx.needs_input_grad[0] else None
        )
        ctx.scale = scale
        return scale * x * y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        x, y = ctx.saved_tensors
        fed = ctx.scale * grad_output
        return None if y is None else fed * y, None if x is None else fed * x, None, None


class WithoutMaterializing(torch.autograd.Function):
    """The second output is not used, so its gradient is None."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x)
        return x.sinh(), x.cosh()

    @staticmethod
    def backward(ctx: Any, to_first: Tensor | None, to_second: Tensor | None) -> Tensor | None:
        (x,) = ctx.saved_tensors
        found = None
        if to_first is not None:
            found = to_first * x.cosh()
        if to_second is not None:
            second = to_second * x.sinh()
            found = second if found is None else found + second
        return found


def sinh_of_pair(x: Tensor) -> Tensor:
    result: Tensor = WithoutMaterializing.apply(x)[0]
    return result


def tanh_of_pair(x: Tensor) -> Tensor:
    first, second = WithoutMaterializing.apply(x)
    result: Tensor = first / second
    return result


class ArgmaxBeside(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        values, places = x.max(dim=-1)
        ctx.mark_non_differentiable(places)
        ctx.save_for_backward(places)
        ctx.size = x.shape[-1]
        return values, places

    @staticmethod
    def backward(ctx: Any, to_values: Tensor, _: Tensor) -> Tensor:
        (places,) = ctx.saved_tensors
        made = to_values.new_zeros(*to_values.shape, ctx.size)
        return made.scatter(-1, places.unsqueeze(-1), to_values.unsqueeze(-1))


def row_maxima(x: Tensor) -> Tensor:
    result: Tensor = ArgmaxBeside.apply(x)[0]
    return result


class VjpInside(torch.autograd.Function):
    """The backward pulls back through the forward's formula by torch.func."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return _formula(x)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        found: Tensor = torch.func.vjp(_formula, x)[1](grad_output)[0]
        return found


def _formula(x: Tensor) -> Tensor:
    return x.sin() * torch.exp(-x.square())


def jacobian_trace(x: Tensor) -> Tensor:
    """The divergence of the field x**3, by a whole Jacobian."""
    found: Tensor = torch.func.jacrev(lambda t: t**3)(x).trace()
    return found


def gradient_inside(x: Tensor) -> Tensor:
    """A derivative in the forward, by autograd with a graph."""
    with torch.enable_grad():
        leaf = x if x.requires_grad else x.detach().requires_grad_()
        (slope,) = torch.autograd.grad(leaf.sin().sum(), leaf, create_graph=True)
    return slope


def checkpointed_layers(x: Tensor) -> Tensor:
    layers = nn.Sequential(nn.Tanh(), nn.Sigmoid())
    result: Tensor = checkpoint_sequential(layers, 2, x, use_reentrant=False)
    return result


def checkpointed_twice(x: Tensor) -> Tensor:
    def inner(t: Tensor) -> Tensor:
        return t * t.sigmoid()

    half = checkpoint(inner, x, use_reentrant=False)
    result: Tensor = checkpoint(inner, half, use_reentrant=False)
    return result


class ScaledLayer(nn.Module):
    """With a parameter, a buffer and a submodule."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 2)
        with torch.no_grad():
            self.linear.weight.copy_(torch.tensor([[1.0, -0.5], [0.25, 2.0]]))
            self.linear.bias.copy_(torch.tensor([0.5, -1.0]))
        self.register_buffer("gain", torch.tensor([2.0, 0.5]))

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.linear(x)) * self.gain


class EvaluatedDropout(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.drop = nn.Dropout(0.5)
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        return self.drop(x.sin())


class Identity(torch.autograd.Function):
    """Hands out its input, and the gradient as it came."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return grad_output


class ViewOfInput(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return grad_output


def same_object(x: Tensor) -> Tensor:
    return x


def reversed_view(x: Tensor) -> Tensor:
    """A view of a view of the input."""
    return x.flip(0).unsqueeze(0).expand(2, -1)[1]


def every_other(x: Tensor) -> Tensor:
    return x[::2]


class ReverseGradient(torch.autograd.Function):
    """Of an adversarial layer: the value as it is, the slope times -0.5."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return -0.5 * grad_output


def round_straight_through(x: Tensor) -> Tensor:
    return x + (torch.floor(x) - x).detach()


def quantized(x: Tensor) -> Tensor:
    """To steps of 1/8 between -1 and 1; outside there is no gradient."""
    inside = x.clamp(-1, 1)
    return inside + ((inside * 8).floor() / 8 - inside).detach()


class BroadcastProduct(torch.autograd.Function):
    """Sums back to size by itself, with views of grad_output where nothing is to be summed."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, s: Tensor) -> Tensor:
        ctx.save_for_backward(x, s)
        return x * s

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Both:
        x, s = ctx.saved_tensors
        to_x = (grad_output * s).sum_to_size(x.shape) if ctx.needs_input_grad[0] else None
        to_s = (grad_output * x).sum_to_size(s.shape) if ctx.needs_input_grad[1] else None
        return to_x, to_s


class InPlaceOnCopies(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        work = x.clone()
        work.mul_(x).add_(1).sqrt_()
        return work

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        work = x.square()
        work += 1
        work.rsqrt_()
        work *= x
        work *= grad_output
        return work


class SharedByTwo(torch.autograd.Function):
    """x + y: one tensor is the gradient of both."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        return x + y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        return grad_output, grad_output


def diamond(x: Tensor) -> Tensor:
    """One tensor used three times, through two Functions of its own."""
    y = SetupSquare.apply(x)
    z = Identity.apply(y) * SetupSquare.apply(y)
    result: Tensor = z + y
    return result


class HookedParts(nn.Module):
    """Hooks on a module that do nothing to what passes."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Softplus()
        self.inner.register_forward_hook(lambda module, given, result: None)
        self.inner.register_full_backward_pre_hook(lambda module, fed: None)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x)


class _Softplus(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return nn.functional.softplus(x, threshold=1000)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * torch.sigmoid(x)


class EvaluatesByKernel(nn.Module):
    """Another way in evaluation mode, to the same value and slope."""

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            return nn.functional.softplus(x, threshold=1000)
        return _Softplus.apply(x)  # type: ignore[no-any-return, no-untyped-call]


class InfersWithoutGraph(nn.Module):
    """In evaluation mode for inference alone."""

    def forward(self, x: Tensor) -> Tensor:
        y = nn.functional.softplus(x, threshold=1000)
        return y if self.training else y.detach() + 0 * x


evaluates_by_kernel = EvaluatesByKernel()
infers_without_graph = InfersWithoutGraph()


def weighted_by_place(x: Tensor) -> Tensor:
    """The first element once, the second twice, and so on."""
    return x * torch.arange(1, x.shape[0] + 1)


def divided_by_count(x: Tensor) -> Tensor:
    """What each element adds to the mean."""
    return x / x.shape[0]


class SinglePrecisionKernel(torch.autograd.Function):
    """Written for float32 and for nothing else, as kernels are."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        if x.dtype is not torch.float32:
            raise TypeError(f"expected float32, got {x.dtype}")
        ctx.save_for_backward(x)
        return torch.sin(x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:  # type: ignore[override]
        (x,) = ctx.saved_tensors
        return grad_output * torch.cos(x)
