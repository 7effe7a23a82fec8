"""Linear algebra by factorizations, quadratic forms, steps of filters and of equations."""

# ruff: noqa: D102, D103 - the names say what each does

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def _positive(m: Tensor) -> Tensor:
    """Symmetric and positive definite, whatever m is."""
    return m @ m.T + torch.eye(len(m), dtype=m.dtype)


def logdet_by_cholesky(m: Tensor) -> Tensor:
    factor = torch.linalg.cholesky(_positive(m))
    return 2 * factor.diagonal().log().sum()


def logdet_of_torch(m: Tensor) -> Tensor:
    return torch.logdet(_positive(m))


def mahalanobis(x: Tensor, m: Tensor) -> Tensor:
    return x @ torch.linalg.solve(_positive(m), x)


class Solve(torch.autograd.Function):
    """The backward solves with the transpose."""

    @staticmethod
    def forward(ctx: Any, m: Tensor, b: Tensor) -> Tensor:
        x = torch.linalg.solve(m, b)
        ctx.save_for_backward(m, x)
        return x

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        m, x = ctx.saved_tensors
        to_b = torch.linalg.solve(m.T, grad_output)
        return -torch.outer(to_b, x), to_b


class LogarithmOfDeterminant(torch.autograd.Function):
    """By the formula; where the last digit of an element makes it singular, it is infinite."""

    @staticmethod
    def forward(ctx: Any, m: Tensor) -> Tensor:
        determinant = m[0, 0] * m[1, 1] - m[0, 1] * m[1, 0]
        ctx.save_for_backward(m, determinant)
        return determinant.abs().log()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        m, determinant = ctx.saved_tensors
        adjugate = torch.stack([m[1, 1], -m[0, 1], -m[1, 0], m[0, 0]]).reshape(2, 2)
        return grad_output * adjugate.T / determinant


class Inverse(torch.autograd.Function):
    """From the saved result."""

    @staticmethod
    def forward(ctx: Any, m: Tensor) -> Tensor:
        inverse = torch.linalg.inv(m)
        ctx.save_for_backward(inverse)
        return inverse

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (inverse,) = ctx.saved_tensors
        return -inverse.mT @ grad_output @ inverse.mT


def largest_eigenvalue(m: Tensor) -> Tensor:
    return torch.linalg.eigvalsh(m + m.T)[-1]


def spectral_spread(m: Tensor) -> Tensor:
    """The difference of the eigenvalues of a symmetric matrix."""
    low, high = torch.linalg.eigvalsh((m + m.T) / 2)
    return high - low


def nuclear_norm(m: Tensor) -> Tensor:
    return torch.linalg.matrix_norm(m, "nuc")


def cayley(t: Tensor) -> Tensor:
    """A rotation of a skew matrix, by a solution of equations."""
    one = torch.ones_like(t)
    plus = torch.stack([one, t, -t, one]).view(2, 2)
    return torch.linalg.solve(plus, plus.mT)


def determinant(m: Tensor) -> Tensor:
    return torch.linalg.det(m)


def least_squares(a: Tensor, b: Tensor) -> Tensor:
    """A line through points, by the normal equations."""
    return torch.linalg.solve(a.T @ a, a.T @ b)


def kalman_gain(p: Tensor, r: Tensor) -> Tensor:
    return p / (p + r)


def kalman_step(x: Tensor, p: Tensor, z: Tensor) -> Tensor:
    """Predict and update of a scalar state; process noise 0.1, measurement noise 0.5."""
    predicted, spread = 0.9 * x, 0.81 * p + 0.1
    gain = spread / (spread + 0.5)
    return torch.stack([torch.lerp(predicted, z, gain), (1 - gain) * spread])


def runge_kutta(x: Tensor) -> Tensor:
    """One step of size 0.1 of the logistic equation."""
    h = 0.1

    def slope(y: Tensor) -> Tensor:
        return y * (1 - y)

    k1 = slope(x)
    k2 = slope(x + h / 2 * k1)
    return x + h * k2


def leapfrog(q: Tensor, p: Tensor) -> Tensor:
    """A step of a pendulum."""
    p = p - 0.05 * torch.sin(q)
    q = q + 0.1 * p
    return torch.stack([q, p - 0.05 * torch.sin(q)])


class RootByNewton(torch.autograd.Function):
    """y*y = a from a guess in single precision; the slope by the implicit function theorem."""

    @staticmethod
    def forward(ctx: Any, a: Tensor) -> Tensor:
        y = a.float().sqrt().to(a.dtype)
        for _ in range(2):
            y = 0.5 * (y + a / y)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return grad_output / (2 * y)


def spectrum(x: Tensor) -> Tensor:
    """The energy of each frequency, by a real Fourier transform."""
    return torch.view_as_real(torch.fft.rfft(x)).square().sum(dim=-1)


def low_pass(x: Tensor) -> Tensor:
    """The mean of neighbours, as a product of spectra."""
    kernel = x.new_tensor([0.5, 0.25, 0.0, 0.25])
    return torch.fft.ifft(torch.fft.fft(x) * torch.fft.fft(kernel)).real


def sparse_product(x: Tensor) -> Tensor:
    """A constant sparse matrix times a vector."""
    places = torch.tensor([[0, 1, 1], [1, 0, 2]])
    matrix = torch.sparse_coo_tensor(places, x.new_tensor([2.0, -1.0, 0.5]), (2, 3))
    return torch.sparse.mm(matrix, x[:, None])[:, 0]


def kronecker(a: Tensor, b: Tensor) -> Tensor:
    return torch.kron(a, b)


def quadratic_form(x: Tensor, m: Tensor) -> Tensor:
    return (x * torch.mv(m, x)).sum()


class TraceOfProduct(torch.autograd.Function):
    """tr(a.T @ b) without the product of the matrices."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(a, b)
        return torch.tensordot(a, b, dims=2)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        a, b = ctx.saved_tensors
        return grad_output * b, grad_output * a
