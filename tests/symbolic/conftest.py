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


@pytest.fixture(scope="session")
def rows() -> st.SearchStrategy[list[float]]:
    """Make points for random expressions: mostly ordinary, now and then with ties and zeros."""
    number = st.one_of(st.floats(-2, 2).map(lambda x: round(x, 3)), st.integers(-2, 2).map(float))
    return st.lists(number, min_size=12, max_size=12)
