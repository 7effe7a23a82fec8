"""Edge values of a scalar and edge points of a space."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import pytest

from gradcheck_sym.sampling.edges import edge_values, edges, patterns
from gradcheck_sym.sampling.ordinals import next_after, round_to
from gradcheck_sym.sampling.seeds import generator
from gradcheck_sym.sampling.space import Constraint, Space
from gradcheck_sym.spec.dtypes import DTYPES, format_of
from gradcheck_sym.spec.records import Domain


@pytest.mark.parametrize("dtype", DTYPES)
def test_edges_of_the_real_line(dtype: str) -> None:
    """Zeros, ones, extremes, subnormals, saturation; each once, all of the dtype and finite."""
    form = format_of(dtype)
    values = edge_values(None, dtype, ())
    assert np.isfinite(values).all()
    assert (round_to(dtype, values) == values).all()
    assert len({value.hex() for value in values.tolist()}) == len(values)
    assert {-1.0, 0.5, 1000.0, form.max, -form.max / 2, form.smallest_normal} <= set(values)
    assert {form.smallest_subnormal, -form.smallest_subnormal} <= set(values)
    assert np.signbit(values[values == 0]).tolist() == [False, True]


@pytest.mark.parametrize("dtype, largest", [("float64", 709), ("float32", 88), ("float16", 11)])
def test_exponential_overflow(dtype: str, largest: int) -> None:
    """The last integer whose exp is finite and the first whose is not are edges."""
    values = edge_values(None, dtype, ())
    assert {largest, largest + 1, -largest} <= set(values)
    assert math.exp(largest) <= format_of(dtype).max


@pytest.mark.parametrize("dtype", DTYPES)
def test_thresholds_with_neighbours(dtype: str) -> None:
    """A threshold comes first, with the number on either side; outside the domain it does not."""
    values = edge_values(None, dtype, (18.0, math.inf, 1e300))
    below, above = next_after(dtype, 18.0, -math.inf), next_after(dtype, 18.0, math.inf)
    assert values[:3].tolist() == [18.0, below, above]


def test_threshold_at_an_end(domain_of: Callable[..., Domain]) -> None:
    """A threshold at an open end leaves only its inner neighbour."""
    values = edge_values(domain_of("(0, 1)"), "float64", (1.0,))
    assert 1.0 not in values
    assert math.nextafter(1.0, 0) in values
    assert values.max() < 1


@pytest.mark.parametrize(
    "text, low, high",
    [
        ("[-3, 5]", [-3.0, math.nextafter(-3, 0)], [5.0, math.nextafter(5, 0)]),
        ("(-3, 5)", [math.nextafter(-3, 0)], [math.nextafter(5, 0)]),
        ("(0, 5)", [5e-324, 1e-323], [math.nextafter(5, 0)]),
    ],
)
def test_domain_ends(
    text: str, low: list[float], high: list[float], domain_of: Callable[..., Domain]
) -> None:
    """Closed ends belong, open ones do not, and one ulp further inside is met in both cases."""
    domain = domain_of(text)
    values = sorted(set(edge_values(domain, "float64", ()).tolist()))
    assert all(value in domain for value in values)
    assert values[: len(low)] == sorted(low)
    assert values[-1:] == [max(high)]


def test_integer_domain(domain_of: Callable[..., Domain]) -> None:
    """Of integers the ends and their whole neighbours are edges."""
    values = edge_values(domain_of("[37, 43)", integers=True), "float32", (40.5,))
    assert sorted(values.tolist()) == [37, 38, 41, 42]


def test_every_edge_is_met_in_one_and_in_all_elements(space_of: Callable[..., Space]) -> None:
    """A vector holds each edge in one element among ordinary ones and in all of them."""
    batch = edges(space_of(x=["n"]), {"n": 3}, generator(0, "e")).batch
    rows = batch.values["x"]
    for value in edge_values(None, "float64", ()).tolist():
        here = (rows == value) & (np.signbit(rows) == np.signbit(value))
        assert here.all(axis=1).any()
        assert (here.sum(axis=1) == 1).any()
    assert set(batch.origins) == {"edge", "pattern"}


@pytest.mark.parametrize("dtype", DTYPES)
def test_edge_points_lie_in_the_space(
    dtype: str, space_of: Callable[..., Space], domain_of: Callable[..., Domain]
) -> None:
    """Every value is of its input's domain and of the dtype; no point comes twice."""
    domain = domain_of("(0, 30]")
    space = space_of(dtype, x=(["n", "n"], domain), y=([], domain), beta=0.3)
    batch = edges(space, {"n": 2}, generator(0, "e")).batch
    for name in ("x", "y"):
        values = batch.values[name]
        assert all(value in domain for value in values.ravel().tolist())
        assert (round_to(dtype, values) == values).all()
    assert set(batch.values["beta"].tolist()) == set(round_to(dtype, [0.3]).tolist())
    assert batch.lanes > 50


def test_inputs_are_at_edges_together(space_of: Callable[..., Space]) -> None:
    """Two scalars meet at zeros of both signs, at equal and at opposite values."""
    values = edges(space_of(x=(), y=()), {}, generator(0, "e")).batch.values
    met = {
        (x.hex(), y.hex()) for x, y in zip(values["x"].tolist(), values["y"].tolist(), strict=True)
    }
    for x in (0.0, -0.0, 1.0, -1.0):
        for y in (0.0, -0.0, 1.0, -1.0):
            assert (x.hex(), y.hex()) in met
    alike = values["x"] == values["y"]
    assert (alike & ~np.isin(values["x"], [0, 1, -1])).any()
    assert ((values["x"] == -values["y"]) & (np.abs(values["x"]) > 1)).any() or (
        (values["x"] == -values["y"]) & ~np.isin(values["x"], [0, 1, -1])
    ).any()


def test_points_grow_linearly_with_inputs(space_of: Callable[..., Space]) -> None:
    """Six inputs have about three times the points of two, not their product."""
    two = edges(space_of(**{name: ["n"] for name in "ab"}), {"n": 3}, generator(0, "e"))
    six = edges(space_of(**{name: ["n"] for name in "abcdef"}), {"n": 3}, generator(0, "e"))
    assert six.batch.lanes < 4 * two.batch.lanes


def ordered(values: Mapping[str, np.ndarray]) -> np.ndarray:
    """Element by element, x < y."""
    return values["x"] < values["y"]


def test_constraints_are_met_where_they_can_be(space_of: Callable[..., Space]) -> None:
    """Other inputs are tried until an edge fits; edges that never fit are counted."""
    space = space_of(x=(), y=(), constraints=(Constraint("where x < y", ordered),))
    drawn = edges(space, {}, generator(0, "e"))
    assert ordered(drawn.batch.values).all()
    assert {0.0, 1.0, -1.0, 100.0} <= set(drawn.batch.values["x"].tolist())
    assert drawn.dropped["where x < y"] > 0


def test_nothing_free_and_nothing_there(space_of: Callable[..., Space]) -> None:
    """Fixed inputs make one point; an input without elements makes one, too."""
    assert edges(space_of(a=2.0), {}, generator(0, "e")).batch.lane(0) == {"a": 2.0}
    assert edges(space_of(x=["n"]), {"n": 0}, generator(0, "e")).batch.lanes == 1


def test_the_same_stream_gives_the_same_bytes(space_of: Callable[..., Space]) -> None:
    """Edge points depend on the stream alone."""
    space = space_of(x=["n"], y=["n"])
    first, again = (edges(space, {"n": 3}, generator(4, "e")).batch for _ in range(2))
    assert first.values["x"].tobytes() == again.values["x"].tobytes()


def test_patterns_of_a_vector() -> None:
    """Ties, both orders, all signs, zeros, and one huge number among small ones occur."""
    sample = np.array([0.7, -2.0, 1.5, 0.25])
    rows = [tuple(row) for row in patterns(sample)]
    assert tuple(sorted(sample)) in rows
    assert tuple(sorted(sample, reverse=True)) in rows
    assert (0.7, 0.7, -2.0, -2.0) in rows
    assert (1.0, 2.0, 3.0, 4.0) in rows
    assert any(min(row) > 0 for row in rows)
    assert any(max(row) < 0 for row in rows)
    assert any(row.count(0) == 1 for row in rows)
    assert any(row.count(0) == 2 for row in rows)
    assert any(max(row) > 1e18 * min(map(abs, row)) > 0 for row in rows)


def test_patterns_of_a_matrix() -> None:
    """Zero and repeated rows and columns, identity and singular matrices occur."""
    sample = np.array([[2.0, -1.0], [0.5, 3.0]])
    found = patterns(sample)
    assert any(np.array_equal(a, np.eye(2)) for a in found)
    assert any((a[0] == 0).all() and a[1].all() for a in found)
    assert any((a[:, 0] == 0).all() and a[:, 1].all() for a in found)
    assert any(np.array_equal(a[0], a[1]) and a[0, 0] != a[0, 1] for a in found)
    assert any(np.linalg.matrix_rank(a) == 1 and a.all() for a in found)
    assert any(np.array_equal(a, a.T) and a[0, 1] not in (0, 1) for a in found)


def test_patterns_of_stacked_and_of_tiny_arrays() -> None:
    """Stacks of matrices get their patterns in each matrix; one element has no pattern."""
    assert {a.shape for a in patterns(np.ones((3, 2, 2)))} == {(3, 2, 2)}
    assert patterns(np.array(1.0)) == patterns(np.array([1.0])) == ()


def test_patterns_of_huge_numbers_overflow_quietly(
    space_of: Callable[..., Space], domain_of: Callable[..., Domain]
) -> None:
    """Where sums overflow, the point is left out, without a warning."""
    domain = domain_of("[1e308, inf)")
    batch = edges(space_of(x=(["n", "n"], domain)), {"n": 2}, generator(0, "e")).batch
    assert np.isfinite(batch.values["x"]).all()
