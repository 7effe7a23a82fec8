"""A computation stage by stage: its links, its values, and conditions between numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gradcheck_sym.spec.parser import parse
from gradcheck_sym.spec.records import Spec
from gradcheck_sym.spec.stages import stages
from gradcheck_sym.spec.unparse import unparse
from gradcheck_sym.symbolic.chain import Link, links, settled, value_of, values

SpecOf = Callable[..., Spec]


def _links(spec: Spec, dims: dict[str, int], *, scalar: bool) -> list[tuple[str, str, str, int]]:
    def told(link: Link) -> tuple[str, str, str, int]:
        slope = link.slope
        return (unparse(slope.of), unparse(slope.by), unparse(slope.formula), link.ways)

    found = links(spec, stages(spec, "value"), dims, scalar=scalar)
    assert all(link.by in unparse(link.slope.by) for link in found)
    assert all(link.stage in unparse(link.slope.of) for link in found)
    return [told(link) for link in found]


def test_links_of_a_number(spec_of: SpecOf) -> None:
    """Each stage by what it is made of, from the inputs to the value."""
    spec = spec_of("log(1 + exp(x))*y", {"x": (), "y": ()})
    assert _links(spec, {}, scalar=True) == [
        ("u", "x", "exp(x)", 1),
        ("value", "u", "y/u", 1),
        ("value", "y", "log(u)", 1),
    ]


def test_what_has_no_gradient_has_no_link(spec_of: SpecOf) -> None:
    """Nor has a stage that is made of nothing else."""
    spec = spec_of("exp(y)*x", {"x": (), "y": ()}, ("y",))
    assert [row[:2] for row in _links(spec, {}, scalar=True)] == [("value", "x")]


def test_an_element_acts_in_some_ways(spec_of: SpecOf) -> None:
    """Of a vector that is spread over rows each element acts on one of each row."""
    spec = spec_of("log(x*w)", {"x": (2, 3), "w": (3,)})
    found = _links(spec, {}, scalar=False)
    assert [(row[1].partition("[")[0], row[3]) for row in found] == [("x", 1), ("w", 2), ("u", 1)]


def test_no_links_where_numbers_are_complex_or_nothing_is_meant(spec_of: SpecOf) -> None:
    """A derivative of another kind is not shown as one of this."""
    turned = spec_of("abs(complex(x, x))", {"x": ()})
    assert links(turned, stages(turned, "value"), {}, scalar=True) == ()
    unfit = spec_of("x @ y", {"x": (2,), "y": (3,)})
    assert links(unfit, stages(unfit, "value"), {}, scalar=False) == ()


def test_values_of_stages(spec_of: SpecOf) -> None:
    """In their shapes; those of sums are numbers."""
    spec = spec_of("log(sum(exp(x)) + y)", {"x": (2, 2), "y": ()})
    x, y = np.array([[0.0, 1.0], [-1.0, 2.0]]), np.array(0.5)
    found = values(spec, stages(spec, "value"), {}, {"x": x, "y": y})
    assert found["u"] == pytest.approx(np.exp(x))
    assert found["u"].shape == (2, 2)
    assert found["value"].shape == ()
    assert found["value"] == pytest.approx(np.log(np.exp(x).sum() + 0.5))


def test_there_are_no_values_where_numbers_are_complex(spec_of: SpecOf) -> None:
    """They would not be what a reader takes them for."""
    spec = spec_of("abs(complex(x, x))", {"x": ()})
    assert values(spec, stages(spec, "value"), {}, {"x": np.array(1.0)}) == {}


@pytest.mark.parametrize(
    "formula, value",
    [
        ("x[1]*y - 1", 9.0),
        ("1/(y - 3)", np.inf),
        ("x*y", None),  # an array
        ("x @ y", None),  # nothing
    ],
)
def test_value_of_a_formula(formula: str, value: float | None) -> None:
    """Of one number alone."""
    found = value_of(parse(formula), {"x": np.array([1.0, 10 / 3]), "y": np.array(3.0)})
    assert found == (value if value is None else pytest.approx(value))


@pytest.mark.parametrize(
    "condition, holds",
    [("2 > 1", True), ("1 >= 2", False), ("pi > e and not (1 == 2)", True), ("x > 1", None)],
)
def test_conditions_are_settled_without_names(condition: str, holds: Any) -> None:
    """Constants of the language are numbers."""
    assert settled(parse(condition)) is holds
