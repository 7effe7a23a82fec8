"""What calls of the language do in torch, where torch has no single operator for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce

import torch
from torch import Tensor

from gradcheck_sym.autograd.trees import Scope, Value, power, to_tensor


def _alike(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Tensors of one dtype: torch's products want none to be real where another is complex."""
    if len({tensor.dtype for tensor in tensors}) == 1:
        return tensors
    dtype = reduce(torch.promote_types, [tensor.dtype for tensor in tensors])
    return tuple(tensor.to(dtype) for tensor in tensors)


def matmul(x: Tensor, y: Tensor) -> Tensor:
    """The matrix product, also of a real matrix and a complex one."""
    return torch.matmul(*_alike(x, y))


def _clamp(scope: Scope, x: Tensor, min: Value, max: Value) -> Tensor:
    if isinstance(min, Tensor) or isinstance(max, Tensor):  # torch takes no mixture
        min, max = (end if end is None else to_tensor(end, scope) for end in (min, max))
    return torch.clamp(x, min, max)


def _where(scope: Scope, condition: Value, x: Tensor, y: Tensor) -> Tensor:
    holds = condition != 0 if isinstance(condition, Tensor) else bool(condition)
    return torch.where(torch.as_tensor(holds, device=scope.device), x, y)


def _softplus(scope: Scope, x: Tensor, beta: Value) -> Tensor:
    """The textbook's, which F.softplus leaves beyond its threshold."""
    scaled: Tensor = beta * x
    if scaled.is_complex():  # of which logaddexp does not give the principal logarithm
        soft: Tensor = torch.log1p(torch.exp(scaled))
    else:
        soft = torch.logaddexp(scaled, torch.zeros_like(scaled))
    smooth: Tensor = soft / beta
    return smooth


def _imag(scope: Scope, x: Tensor) -> Tensor:
    return x.imag if x.is_complex() else 0 * x


def _reduction(
    whole: Callable[[Tensor], Tensor], along: Callable[..., Tensor]
) -> Callable[..., Tensor]:
    """A reduction over no, one or several dims out of torch's two: of all, and along one."""

    def rule(scope: Scope, x: Tensor, dim: Value, keepdim: bool) -> Tensor:
        if dim is None:
            return whole(x).reshape((1,) * x.dim()) if keepdim else whole(x)
        if isinstance(dim, int):
            return along(x, dim, keepdim=keepdim)
        reduced = reduce(lambda part, axis: along(part, axis, keepdim=True), dim, x)
        return reduced if keepdim else reduced.squeeze(tuple(dim))

    return rule


def _norm(scope: Scope, x: Tensor, p: float, dim: Value, keepdim: bool) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(x, p, dim, keepdim)
    return length


def _squeeze(scope: Scope, x: Tensor, dim: Value) -> Tensor:
    return x.squeeze() if dim is None else x.squeeze(dim)


def _flip(scope: Scope, x: Tensor, dims: Value) -> Tensor:
    return torch.flip(x, (dims,) if isinstance(dims, int) else dims)


def _joined(join: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda scope, tensors, dim: join([to_tensor(part, scope) for part in tensors], dim=dim)


RULES: Mapping[str, Callable[..., Value]] = {
    "pow": lambda scope, x, exponent: power(x, exponent),
    "softplus": _softplus,
    "maximum": lambda scope, x, y: torch.maximum(x, y),
    "minimum": lambda scope, x, y: torch.minimum(x, y),
    "clamp": _clamp,
    "where": _where,
    "sum": lambda scope, x, dim, keepdim: torch.sum(x, dim=dim, keepdim=keepdim),
    "mean": lambda scope, x, dim, keepdim: torch.mean(x, dim=dim, keepdim=keepdim),
    "prod": _reduction(torch.prod, torch.prod),
    "max": _reduction(torch.max, lambda x, dim, keepdim: torch.max(x, dim, keepdim).values),
    "min": _reduction(torch.min, lambda x, dim, keepdim: torch.min(x, dim, keepdim).values),
    "norm": _norm,
    "sort": lambda scope, x, dim, descending: torch.sort(x, dim, descending).values,
    "dot": lambda scope, x, y: torch.dot(*_alike(x, y)),
    "matmul": lambda scope, x, y: matmul(x, y),
    "einsum": lambda scope, equation, *arrays: torch.einsum(equation, *_alike(*arrays)),
    "imag": _imag,
    "T": lambda scope, x: torch.t(x),
    "mT": lambda scope, x: x.mT,
    "reshape": lambda scope, x, shape: x.reshape(shape),
    "squeeze": _squeeze,
    "expand": lambda scope, x, sizes: x.expand(sizes),
    "flip": _flip,
    "cat": _joined(torch.cat),
    "stack": _joined(torch.stack),
    "eye": lambda scope, n: torch.eye(n, dtype=scope.dtype, device=scope.device),
    "zeros": lambda scope, size: torch.zeros(size, dtype=scope.dtype, device=scope.device),
    "ones": lambda scope, size: torch.ones(size, dtype=scope.dtype, device=scope.device),
    "detach": lambda scope, x: x.detach(),
}
