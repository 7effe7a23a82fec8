"""Results that happen to have no rounding error: 1 - 1 is 0, whoever computes it.

A perturbed run leaves them as they are. Else a comparison such as grad.sum() == 0, on numbers
that are exactly so, came out otherwise in it, and what hangs on that looked like rounding.

Whether a sum, product or quotient is exact follows from its error, which is a number of the same
dtype (Dekker 1971; Knuth, TAOCP 2, 4.2.2), and so it does for what is made of them: a norm, a
product of matrices. exp and its like are exact at 0 alone (Lindemann 1882). All is computed in
float64, in which narrower dtypes have room; where an intermediate leaves its range, nothing is
claimed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gradcheck_sym.autograd.kernels import base_name
from gradcheck_sym.autograd.ledger import frozen
from gradcheck_sym.autograd.noise import rounds

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_SPLITTER = 2.0**27 + 1
_MOST_TERMS = 2**12  # of a product of matrices that are looked at one by one
_LEAST_PRODUCT = 2.0**-960  # above it the error of a product is a normal number, or 0


def has_plain_error(function: Any) -> bool:
    """Whether it can be told of an operation's results which are exact."""
    return base_name(function) in _TESTS and not function._schema.is_mutable


def without_error(
    function: Any, arguments: Sequence[Any], options: Mapping[str, Any], result: Tensor
) -> Mask | None:
    """Where the result of an operation that `has_plain_error` is exact, in the result's shape.

    None for arguments of which nothing is known.
    """
    if options or not _is_real(result):
        return None
    operands = [_number(argument) for argument in arguments]
    if any(operand is None for operand in operands):
        return None
    with np.errstate(all="ignore"):
        found = _TESTS[base_name(function)](frozen(result.resolve_neg()), *operands)
    return None if found is None else np.broadcast_to(found, result.shape)


def _is_total(result: Floats, terms: Floats, axes: Any = None, kept: bool = False) -> Mask | None:
    """Of a sum over all axes, or over some: from left to right nothing is lost."""
    found = _totals(terms, axes)
    if found is None:
        return None
    totals, exact = found
    return np.asarray(exact & (totals == result.reshape(totals.shape))).reshape(result.shape)


def _is_mean(result: Floats, terms: Floats, axes: Any = None, kept: bool = False) -> Mask | None:
    found = _totals(terms, axes)
    if found is None:
        return None
    totals, exact = found
    count = np.asarray(float(terms.size // max(totals.size, 1)))
    return (exact & _is_quotient(result.reshape(totals.shape), totals, count)).reshape(result.shape)


def _is_norm(
    result: Floats, x: Floats, order: Floats | float = 2.0, axes: Any = None, kept: bool = False
) -> Mask | None:
    """Of the Euclidean norm: (3, 4) has 5, a unit vector 1."""
    if float(order) != 2:
        return None
    squares = x * x
    found = _totals(np.where(_is_product(squares, x, x), squares, np.nan), axes)
    if found is None:
        return None
    totals, exact = found
    norms = result.reshape(totals.shape)
    return (exact & _is_product(totals, norms, norms)).reshape(result.shape)


def _is_matrix_product(result: Floats, a: Floats, b: Floats) -> Mask | None:
    """Of matrices, of batches of them, of vectors with either: each element a sum of products."""
    rows = a[..., None, :] if a.ndim == 1 else a
    columns = b[..., None] if b.ndim == 1 else b
    rows, columns = rows[..., :, None], columns[..., None, :, :]
    products = rows * columns
    if products.size > _MOST_TERMS:
        return None
    terms = np.where(_is_product(products, rows, columns), products, np.nan)
    return _is_total(result, terms, [-2])


def _totals(terms: Floats, axes: Any) -> tuple[Floats, Mask] | None:
    """Sums over all axes, or over some, and where from left to right nothing is lost of them."""
    if not terms.size:
        return None
    chosen = tuple(range(terms.ndim)) if not axes else tuple(axis % terms.ndim for axis in axes)
    left = [size for axis, size in enumerate(terms.shape) if axis not in chosen]
    rows = np.moveaxis(terms, chosen, range(-len(chosen), 0)).reshape(*left, -1)
    totals = np.add.accumulate(rows, axis=-1)
    errors = _error_of_sum(totals[..., 1:], totals[..., :-1], rows[..., 1:])
    return totals[..., -1], np.asarray((errors == 0).all(-1))


def _is_sum(result: Floats, a: Floats, b: Floats) -> Mask:
    total = a + b
    return np.asarray((total == result) & (_error_of_sum(total, a, b) == 0))


def _is_difference(result: Floats, a: Floats, b: Floats) -> Mask:
    return _is_sum(result, a, -b)


def _is_product(result: Floats, a: Floats, b: Floats) -> Mask:
    product = a * b
    (a_high, a_low), (b_high, b_low) = _halves(a), _halves(b)
    error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
    known = (np.abs(product) >= _LEAST_PRODUCT) | (a == 0) | (b == 0)
    return np.asarray((product == result) & (error == 0) & known)


def _is_quotient(result: Floats, a: Floats, b: Floats) -> Mask:
    return np.asarray(_is_product(a, result, b) & (b != 0))


def _is_power(result: Floats, base: Floats, exponent: Floats) -> Mask | None:
    return _is_product(result, base, base) if np.all(exponent == 2) else None


def _is_value_at_zero(value: float) -> Callable[[Floats, Floats], Mask]:
    return lambda result, x: np.asarray((x == 0) & (result == value))


def _error_of_sum(total: Floats, a: Floats, b: Floats) -> Floats:
    """What is missing from a rounded sum; NaN where a number is infinite."""
    rest = total - a
    return np.asarray((a - (total - rest)) + (b - rest))


def _halves(numbers: Floats) -> tuple[Floats, Floats]:
    """Two numbers of half the digits with that sum."""
    scaled = numbers * _SPLITTER
    high = scaled - (scaled - numbers)
    return high, numbers - high


_TESTS: Mapping[str, Callable[..., Mask | None]] = {
    "add": _is_sum,
    "sub": _is_difference,
    "rsub": lambda result, a, b: _is_difference(result, b, a),
    "mul": _is_product,
    "div": _is_quotient,
    "reciprocal": lambda result, a: _is_product(np.ones(()), result, a),
    "sqrt": lambda result, a: _is_product(a, result, result),
    "pow": _is_power,
    "sum": _is_total,
    "mean": _is_mean,
    "linalg_vector_norm": _is_norm,
    **dict.fromkeys(("mm", "bmm", "mv", "dot"), _is_matrix_product),
    **dict.fromkeys(("exp", "exp2", "cos", "cosh", "erfc"), _is_value_at_zero(1.0)),
    "sigmoid": _is_value_at_zero(0.5),
}


def _is_real(tensor: Tensor) -> bool:
    return rounds(tensor) and not tensor.is_complex()


def _number(argument: Any) -> Any:
    """An operand in float64; None where it may not fit. What is no number stays what it is."""
    if isinstance(argument, (list, bool)):
        return argument
    if isinstance(argument, Tensor):
        exact = _is_real(argument) or argument.dtype is torch.bool
        return frozen(argument.resolve_neg()) if exact else None
    fits = isinstance(argument, float) or (isinstance(argument, int) and abs(argument) <= 2**53)
    return np.asarray(float(argument)) if fits else None
