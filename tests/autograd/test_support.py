"""What torch raises for what is not supported is recognized, and what is merely wrong is not."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from torch import Tensor
from torch.autograd.function import once_differentiable

from gradcheck_sym.autograd.implementation import RAISED, Implementation
from gradcheck_sym.autograd.mapped import vmapped
from gradcheck_sym.autograd.reverse import reverse
from gradcheck_sym.autograd.support import Feature, Unsupported, UnsupportedError, unsupported
from gradcheck_sym.autograd.transforms import gradient_of, tangent_name, tangent_of

X = np.array([[1.0, 2.0, 3.0], [0.5, 1.5, 2.5]])


class Square(torch.autograd.Function):
    """An ordinary function of the old style: no forward mode, no vmap."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return 2 * x * grad


class OnceOnly(Square):
    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return 2 * x * grad


class WithoutGrad(Square):
    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        with torch.no_grad():
            return 2 * x * grad


class ByNumPy(Square):
    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return 2 * x * torch.from_numpy(np.sign(grad.numpy()))


class ForwardOnly(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x * x


class NoVmap(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x * x

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return 2 * x * grad


class RowSums(torch.autograd.Function):
    """The tangents are those of the sums, and not of their rows."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x.sum(-1, keepdim=True).expand_as(x).clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        pass

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor) -> Tensor | None:
        return tangent.sum(-1, keepdim=True)


class WithoutTangents(RowSums):
    @staticmethod
    def jvp(ctx: Any, tangent: Tensor) -> Tensor | None:
        return None


def own(function: Callable[[Tensor], Tensor]) -> Implementation:
    """An implementation of one input."""
    return Implementation(lambda tensors: function(tensors["x"]), "user", "own")


def first(claims: Any) -> Unsupported | None:
    """What the first lane says; all that is unsupported has raised."""
    assert set(claims.unsupported) <= claims.raised
    found: Unsupported | None = claims.unsupported.get(0)
    return found


@pytest.mark.parametrize(
    "function",
    [
        torch.linalg.svdvals,
        torch.linalg.inv,
        torch.fft.fft,
        torch.logdet,
        lambda x: x @ torch.ones(3, 3, dtype=torch.float64),
        lambda x: F.linear(x, torch.ones(3, 3)),
        lambda x: torch.lerp(x, x, torch.ones(3, 3, dtype=torch.float64)),
        lambda x: F.binary_cross_entropy(x, torch.ones(3, 3)),
        lambda x: x.index_add(0, torch.tensor([0]), torch.ones(1, 3, dtype=torch.float64)),
        lambda x: x.index_put((torch.tensor([1]),), torch.ones(1, 3, dtype=torch.float64)),
        lambda x: torch.quantile(x, 0.5),
        lambda x: F.layer_norm(x, (3,), torch.ones(3, dtype=torch.float64)),
        lambda x: torch.dot(x[0], torch.ones(3, dtype=torch.float64)),
        lambda x: F.embedding(x, x),
        lambda x: F.multi_margin_loss(x, torch.tensor([0, 1, 2])),
        lambda x: F.grid_sample(x[None, None], torch.zeros(1, 2, 2, 2)),
    ],
)
def test_dtypes(function: Callable[[Tensor], Tensor]) -> None:
    """Kernels that float16 has none of, and tensors of dtypes that do not go together."""
    found = first(reverse(own(function), {"x": X[:, None] * np.eye(3)}, ("x",), None, "float16"))
    assert found is not None
    assert found.feature is Feature.DTYPE


@pytest.mark.parametrize("function", [torch.sort, torch.round, torch.relu, torch.erfinv])
def test_complex_dtypes(function: Callable[[Tensor], Tensor]) -> None:
    """Functions that complex numbers have none of."""
    with pytest.raises(RuntimeError) as raised:
        function(torch.zeros(3, dtype=torch.complex64))
    found = unsupported(raised.value)
    assert found is not None
    assert found.feature is Feature.DTYPE


@pytest.mark.parametrize(
    "function",
    [
        Square.apply,
        lambda x: torch.cdist(x[:, None], 2 * x[:, None]),
        lambda x: torch.segment_reduce(x, "sum", lengths=torch.tensor([1, 2])),
    ],
)
def test_forward_mode(function: Callable[[Tensor], Tensor]) -> None:
    """A Function without jvp, and operators of torch without a formula."""
    values = {"x": X, tangent_name("x"): X}
    found = first(reverse(tangent_of(own(function), ("x",)), values, (), None, "float64"))
    assert found is not None
    assert found.feature is Feature.FORWARD_MODE


@pytest.mark.parametrize(
    "function",
    [
        OnceOnly.apply,
        WithoutGrad.apply,
        ByNumPy.apply,
        ForwardOnly.apply,
        lambda x: torch.cdist(x[:, None], 2 * x[:, None]).sum(0),
        lambda x: torch.special.zeta(x + 1, x),
        lambda x: F.hardsigmoid(x - 1.5),
    ],
)
def test_second_derivatives(function: Callable[[Tensor], Tensor]) -> None:
    """All the ways in which a backward has no backward, and says so."""
    derived = gradient_of(own(function), ("x",))
    found = first(reverse(derived, {"x": X, "grad_output": X}, ("x", "grad_output"), X, "float64"))
    assert found is not None
    assert found.feature is Feature.DERIVATIVE


def _reads(x: Tensor) -> Tensor:
    return x * x.sum().item()


def _writes(x: Tensor) -> Tensor:
    total = torch.zeros(3, dtype=x.dtype)
    total[0] = x[0]
    return total


SHARED = torch.ones(3, dtype=torch.float64)


def _writes_to_captured(x: Tensor) -> Tensor:
    return SHARED.mul_(x)


@pytest.mark.parametrize(
    "function",
    [
        Square.apply,
        NoVmap.apply,
        _reads,
        _writes,
        _writes_to_captured,
        lambda x: x if x.sum() > 0 else 2 * x,
        lambda x: x[x > 0],
        lambda x: torch.from_numpy(x.detach().numpy()),
        lambda x: torch.tensor(x.tolist()),
        F.dropout,
        lambda x: x.detach().requires_grad_() * 2,
        lambda x: torch.utils.checkpoint.checkpoint(torch.sin, x, use_reentrant=False),
    ],
)
def test_vmap(function: Callable[[Tensor], Tensor]) -> None:
    """Functions without a rule, and what no rule can be for."""
    found = first(vmapped(own(function), {"x": X}, ("x",), None, "float64"))
    assert found is not None
    assert found.feature is Feature.VMAP


class WorksInPlace(Square):
    """Writes to what it has computed, when its derivative needs what was there before."""

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        slope = x.exp()
        slope *= 0
        return (slope + 2 * x) * grad


def test_work_in_place() -> None:
    """Loud where the backward is differentiated; a fault where it is not."""
    once = own(WorksInPlace.apply)
    assert not reverse(once, {"x": X}, ("x",), None, "float64").problems
    twice = gradient_of(once, ("x",))
    found = first(reverse(twice, {"x": X, "grad_output": X}, ("x",), None, "float64"))
    assert found is not None
    assert found.feature is Feature.REWRITTEN


def test_second_backward() -> None:
    """A graph that was freed."""
    x = torch.ones(3, requires_grad=True)
    y = torch.exp(x)
    torch.autograd.grad(y, x, y)
    with pytest.raises(RuntimeError) as raised:
        torch.autograd.grad(y, x, y)
    found = unsupported(raised.value)
    assert found is not None
    assert found.feature is Feature.SECOND_BACKWARD


def test_reentrant_checkpoints() -> None:
    """They take no torch.autograd.grad."""
    x = torch.ones(3, requires_grad=True)
    y = torch.utils.checkpoint.checkpoint(torch.sin, x, use_reentrant=True)
    with pytest.raises(RuntimeError) as raised:
        torch.autograd.grad(y, x, torch.ones(3))
    found = unsupported(raised.value)
    assert found is not None
    assert found.feature is Feature.GRAD


def test_sparse_gradients_through_views() -> None:
    """torch's own views have no backward for them."""
    x = torch.ones(3, 1, requires_grad=True)
    y = F.embedding(torch.tensor([0, 2]), x.view_as(x), sparse=True)
    with pytest.raises(RuntimeError) as raised:
        y.sum().backward()
    found = unsupported(raised.value)
    assert found is not None
    assert found.feature is Feature.LAYOUT


def test_lazy_views_that_are_not_taken() -> None:
    """NumPy sees no negative and no conjugate bit, and torch says so for it."""
    z = torch.ones(2, dtype=torch.complex64).conj()
    for lazy in (z, z.imag):
        with pytest.raises(RuntimeError) as raised:
            lazy.numpy()
        found = unsupported(raised.value)
        assert found is not None
        assert found.feature is Feature.LAYOUT


class UnspeakableError(RuntimeError):
    def __str__(self) -> str:
        raise ValueError


@pytest.mark.parametrize(
    "error, feature",
    [
        (NotImplementedError("only for two dimensions"), Feature.OTHER),
        (NotImplementedError(), Feature.OTHER),
        (ValueError("empty tensors are not supported"), Feature.OTHER),
        (TypeError("this kernel doesn't support strides"), Feature.OTHER),
        (TypeError("expected a tensor of dtype float32, got float64"), Feature.DTYPE),
        (TypeError("expected a tensor of float64, got torch.float32"), Feature.DTYPE),
        (ValueError("complex64 is not supported"), Feature.DTYPE),
        (TypeError("16-bit kernels only"), Feature.DTYPE),
        (RuntimeError("expand is unsupported for Sparse tensors"), Feature.OTHER),
        (RuntimeError("NYI: querying is_contiguous inside of vmap for it"), Feature.VMAP),
        (UnsupportedError(Feature.COMPILE, "no compiler"), Feature.COMPILE),
    ],
)
def test_users_own_words(error: Exception, feature: Feature) -> None:
    """What a user's own code may say."""
    found = unsupported(error)
    assert found is not None
    assert found.feature is feature


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("The size of tensor a (3) must match the size of tensor b (4)"),
        RuntimeError("a leaf Variable that requires grad is being used in an in-place operation."),
        RuntimeError("one of the variables needed for gradient computation has been modified"),
        ZeroDivisionError("float division by zero"),
        KeyError("dtype not supported"),
        AttributeError("'NoneType' object has no attribute 'dtype'"),
        IndexError("index 3 is out of bounds"),
        AssertionError(),
        UnspeakableError(),
        SystemExit(3),
    ],
)
def test_mistakes_are_not_excused(error: BaseException) -> None:
    """What went wrong is not what is not supported."""
    assert unsupported(error) is None


@pytest.mark.parametrize(
    "function",
    [
        RowSums.apply,
        WithoutTangents.apply,
        # torch's own: the matrix is given back once for each right-hand side, its tangent is not
        lambda x: torch.triangular_solve(x[None, :, None].expand(2, 3, 1), x.diag())[0][0, :, 0],
    ],
)
def test_what_is_no_tangent(function: Callable[[Tensor], Tensor]) -> None:
    """A rule of forward mode whose result has another shape than the output's, or that has none."""
    values = {"x": X, tangent_name("x"): X}
    claims = reverse(tangent_of(own(function), ("x",)), values, (), None, "float64")
    assert claims.raised
    assert not claims.unsupported


def test_an_unsupported_error_is_told_by_its_reason() -> None:
    """The reason travels in one line, as every ImplementationError's."""
    claims = reverse(own(_refuses), {"x": X}, ("x",), None, "float64")
    assert claims.problems[0] == "vmap is not supported: as a test"
    assert claims.unsupported == dict.fromkeys((0, 1), Unsupported(Feature.VMAP, "as a test"))
    assert isinstance(UnsupportedError(Feature.VMAP, ""), RAISED)


def _refuses(x: Tensor) -> Tensor:
    raise UnsupportedError(Feature.VMAP, "as a test")
