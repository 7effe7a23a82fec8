"""The rules of the functions on whole arrays, by the name that the function table gives them."""

from __future__ import annotations

from collections.abc import Mapping

from gradcheck_sym.symbolic.rules import linear_algebra, lines, pieces, reductions, shape
from gradcheck_sym.symbolic.rules.common import Rule

_NAMED: dict[str, Rule] = {
    "sum": reductions.sum_,
    "complex": pieces.complex_,
    "max": reductions.extreme("max"),
    "min": reductions.extreme("min"),
    "amax": reductions.extreme("max"),
    "amin": reductions.extreme("min"),
    "T": shape.matrix_transpose,
    "mT": shape.batch_transpose,
    "tril": shape.triangle(lambda row, column, diagonal: column <= row + diagonal),
    "triu": shape.triangle(lambda row, column, diagonal: column >= row + diagonal),
}
_BY_THEIR_NAME: tuple[Rule, ...] = (
    reductions.mean,
    reductions.prod,
    reductions.var,
    reductions.std,
    reductions.norm,
    reductions.logsumexp,
    lines.softmax,
    lines.log_softmax,
    lines.cumsum,
    lines.cumprod,
    lines.sort,
    pieces.clamp,
    pieces.where,
    pieces.detach,
    pieces.polar,
    linear_algebra.matmul,
    linear_algebra.dot,
    linear_algebra.outer,
    linear_algebra.einsum,
    linear_algebra.trace,
    linear_algebra.det,
    linear_algebra.inv,
    shape.transpose,
    shape.reshape,
    shape.flatten,
    shape.permute,
    shape.unsqueeze,
    shape.squeeze,
    shape.expand,
    shape.cat,
    shape.stack,
    shape.roll,
    shape.flip,
    shape.diag,
    shape.eye,
    shape.zeros,
    shape.ones,
)

RULES: Mapping[str, Rule] = _NAMED | {rule.__name__: rule for rule in _BY_THEIR_NAME}
