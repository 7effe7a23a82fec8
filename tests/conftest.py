"""Random expressions of the language, for all who throw them at something."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from hypothesis import strategies as st

# Every draw is a text whose value has the shape that was asked for.

_UNARY = [
    "exp",
    "sin",
    "cos",
    "tanh",
    "sigmoid",
    "softplus",
    "atan",
    "erf",
    "asinh",
    "square",
    "abs",
    "expm1",
    "sinh",
    "relu",
    "erfc",
    "neg",
    "sqrt",
    "log",
    "log1p",
    "rsqrt",
    "sinc",
    "frac",
]
_POSITIVE = frozenset({"sqrt", "log", "log1p", "rsqrt"})
_BINARY = ("+", "-", "*", "/", "maximum", "minimum", "where", "**", "atan2")
LEAVES: Mapping[tuple[int, ...], tuple[str, ...]] = {
    (): ("z", "v[0]", "m[1, 2]", "0.5", "v[-1]", "pi/3"),
    (3,): ("v", "m[0]", "[z, 1, v[0]]", "v + z"),
    (2, 3): ("m", "v + m", "[v, m[1]]", "z*m"),
}
INPUTS: Mapping[str, tuple[int, ...]] = {"v": (3,), "m": (2, 3), "z": (), "unused": (2,)}


@st.composite
def _expressions(
    draw: st.DrawFn, shape: tuple[int, ...] = (), depth: int = 3, *, detach: bool = True
) -> str:
    if depth == 0:
        return draw(st.sampled_from(LEAVES[shape]))

    def inner(wanted: tuple[int, ...] = shape) -> str:
        return draw(_expressions(wanted, depth - 1, detach=detach))

    kinds = ["unary", "unary", "binary", "binary", "leaf", *(["detach"] if detach else [])]
    kinds += {(): ["reduce"] * 3, (3,): ["line", "matmul", "reduce"], (2, 3): ["line", "matmul"]}[
        shape
    ]
    match draw(st.sampled_from(kinds)):
        case "unary":
            return _unary(draw(st.sampled_from(_UNARY)), inner())
        case "binary":
            return _binary(draw(st.sampled_from(_BINARY)), inner(), inner())
        case "detach":
            return f"({inner()} + detach({inner()}))"
        case "reduce":
            return _reduction(draw, inner, shape)
        case "line":
            return f"{draw(st.sampled_from(_LINES))}".replace("A", inner())
        case "matmul":
            square = "outer(v, [z, v[1], 2])"
            return f"(({inner()}) @ {square})"
        case _:
            return draw(st.sampled_from(LEAVES[shape]))


_LINES = (
    "softmax(A, -1)",
    "log_softmax(A, dim=-1)",
    "cumsum(A, -1)",
    "cumprod(tanh(A), -1)",
    "sort(A)",
    "roll(A, 1, -1)",
    "flip(A, -1)",
    "clamp(A, -1/2, 1.5)",
)
_REDUCTIONS = (
    "sum(A{d})",
    "mean(A{d})",
    "prod(tanh(A){d})",
    "max(A{d})",
    "amin(A{d})",
    "logsumexp(A, {k})",
    "norm(A, 2{d})",
    "norm(A, 3{d})",
    "norm(A, inf{d})",
    "var(A{d})",
    "std(A{d})",
)


def _unary(name: str, inner: str) -> str:
    if name == "neg":
        return f"(-({inner}))"
    return f"{name}(1/8 + square({inner}))" if name in _POSITIVE else f"{name}({inner})"


def _binary(op: str, left: str, right: str) -> str:
    match op:
        case "/":
            return f"(({left})/(1 + square({right})))"
        case "**":
            return f"((1/4 + square({left}))**({right}))"
        case "where":
            return f"where({left} > {right}, {right}, sin({left}))"
        case "+" | "-" | "*":
            return f"(({left}) {op} ({right}))"
    return f"{op}({left}, {right})"


def _reduction(
    draw: st.DrawFn, inner: Callable[[tuple[int, ...]], str], shape: tuple[int, ...]
) -> str:
    form = draw(st.sampled_from(_REDUCTIONS))
    wide = (2, 3) if shape else draw(st.sampled_from([(3,), (2, 3)]))
    axis = 0 if shape or wide == (3,) else draw(st.sampled_from([(0, 1), None]))
    dim = "" if axis is None else f", dim={axis}"
    return form.replace("A", inner(wide)).format(d=dim, k=(0, 1) if axis is None else axis)


@pytest.fixture(scope="session")
def expressions() -> Callable[..., st.SearchStrategy[str]]:
    """Make a strategy of random expressions over INPUTS, of a shape and a depth."""
    return _expressions
