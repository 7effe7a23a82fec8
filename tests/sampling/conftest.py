"""What the tests of sampling share: inputs and spaces from a few words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gradcheck_sym.errors import Position
from gradcheck_sym.sampling.space import Space
from gradcheck_sym.spec.records import Dim, Domain, Input, Interval

HERE = Position("specs/example.yaml", 1, 1)


@pytest.fixture
def domain_of() -> Callable[..., Domain]:
    """Make a domain of texts such as "[0, 1)"."""

    def made(*texts: str, integers: bool = False) -> Domain:
        return Domain(tuple(_interval(text) for text in texts), integers)

    return made


@pytest.fixture
def space_of() -> Callable[..., Space]:
    """Make a space: inputs by name as a shape, (shape, domain) or a fixed value."""

    def made(dtype: str = "float64", /, *, n: int = 8, low: int = 1, **inputs: Any) -> Space:
        constraints = inputs.pop("constraints", ())
        thresholds = inputs.pop("thresholds", {})
        made = tuple(_input(name, given) for name, given in inputs.items())
        used = {size for entry in made for size in entry.shape if isinstance(size, str)}
        dims = tuple(Dim(name, low, n, declared=True) for name in sorted(used))
        return Space(made, dtype, dims, constraints, thresholds)

    return made


def _input(name: str, given: Any) -> Input:
    if isinstance(given, float):
        return Input(name, given, (), None, None, requires_grad=False, position=HERE)
    shape, domain = given if len(given) == 2 and isinstance(given[1], Domain) else (given, None)
    return Input(name, None, tuple(shape), domain, None, requires_grad=True, position=HERE)


def _interval(text: str) -> Interval:
    low, high = text[1:-1].split(",")
    return Interval(float(low), float(high), text[0] == "[", text[-1] == "]")
