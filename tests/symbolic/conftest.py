"""What the tests of the symbolic side share: programs from texts, and exact conversions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import cache
from typing import Any

import mpmath
import pytest
from flint import arb, ctx
from hypothesis import strategies as st

from gradcheck_sym.errors import Position
from gradcheck_sym.spec.parser import parse
from gradcheck_sym.spec.records import Expression, Input, Spec
from gradcheck_sym.symbolic.derivation import Derivation, derive
from gradcheck_sym.symbolic.lower import input_array, lower
from gradcheck_sym.symbolic.program import Builder, Program, finish, flat_names

HERE = Position("specs/example.yaml", 1, 1)
Shapes = Mapping[str, tuple[int, ...]]


def _spec(expr: str, shapes: Shapes, constant: Sequence[str] = ()) -> Spec:
    inputs = tuple(
        Input(name, None, tuple(shape), None, None, name not in constant, HERE)
        for name, shape in shapes.items()
    )
    return Spec("example", HERE.path, HERE, inputs=inputs, expr=Expression(expr, parse(expr), HERE))


@cache
def _derived(
    expr: str, shapes: tuple[tuple[str, tuple[int, ...]], ...], constant: tuple[str, ...]
) -> Derivation:
    return derive(_spec(expr, dict(shapes), constant), {})


@pytest.fixture(scope="session")
def spec_of() -> Callable[..., Spec]:
    """Make a spec of an expression and the shapes of its inputs."""
    return _spec


@pytest.fixture(scope="session")
def derived() -> Callable[..., Derivation]:
    """Derive an expression at the shapes of its inputs; x is a number where none are given."""

    def made(expr: str, shapes: Shapes | None = None, constant: Sequence[str] = ()) -> Derivation:
        shapes = {"x": ()} if shapes is None else shapes
        return _derived(expr, tuple(shapes.items()), tuple(constant))

    return made


@pytest.fixture(scope="session")
def program_of() -> Callable[..., Program]:
    """Make the program of an expression's value."""

    @cache
    def lowered(expr: str, shapes: tuple[tuple[str, tuple[int, ...]], ...]) -> Program:
        builder = Builder()
        arrays = {name: input_array(builder, name, shape) for name, shape in shapes}
        value = lower(parse(expr), arrays, builder)
        names = [flat for name, shape in shapes for flat in flat_names(name, shape)]
        return finish(names, list(value.reshape(-1)))

    def made(expr: str, shapes: Shapes | None = None) -> Program:
        return lowered(expr, tuple(({"x": ()} if shapes is None else shapes).items()))

    return made


@pytest.fixture(scope="session")
def ball_of() -> Callable[..., Any]:
    """Make a ball around an mpmath number, wide by the error of that number."""

    def made(number: Any, error: float = 0.0) -> Any:
        sign, man, exp, _ = mpmath.mp.convert(number)._mpf_  # mpf() would round to 53 bits
        with ctx.workprec(4096):
            middle = arb(int(man) * (-1 if sign else 1)) * arb(2) ** int(exp)
            return middle + arb(0, 1) * error

    return made


@pytest.fixture(scope="session")
def fraction_of() -> Callable[[str], Fraction]:
    """Make an exact number of a text."""
    return Fraction


# Random expressions: every draw is a text whose value has the shape that was asked for.

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


@pytest.fixture(scope="session")
def rows() -> st.SearchStrategy[list[float]]:
    """Make points for random expressions: mostly ordinary, now and then with ties and zeros."""
    number = st.one_of(st.floats(-2, 2).map(lambda x: round(x, 3)), st.integers(-2, 2).map(float))
    return st.lists(number, min_size=12, max_size=12)
