"""Whole batches at once: the truths and sensitivities of the kernel, or NaN."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from flint import arb, ctx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gradcheck_sym.run.domains import space_of
from gradcheck_sym.sampling.bulk import bulk, cotangents
from gradcheck_sym.sampling.edges import edges
from gradcheck_sym.sampling.ordinals import from_ordinals, last_ordinal, round_to
from gradcheck_sym.sampling.points import Batch
from gradcheck_sym.sampling.shapes import assignments
from gradcheck_sym.sampling.space import Drawn, SamplingError, Space
from gradcheck_sym.spec.dtypes import format_of
from gradcheck_sym.spec.reader import read_file
from gradcheck_sym.spec.records import Spec
from gradcheck_sym.symbolic import arithmetic, interpret, vectors
from gradcheck_sym.symbolic.derivation import Derivation, derive
from gradcheck_sym.symbolic.program import Builder, Program, finish
from gradcheck_sym.symbolic.slopes import SMOOTH
from gradcheck_sym.symbolic.vectors import GUARD, Vectors

Floats = npt.NDArray[np.float64]
Draw = Callable[[Space, Mapping[str, int], np.random.Generator], Drawn]

DTYPES = ("bfloat16", "float16", "float32")
FAMILIES = sorted((Path(__file__).parents[2] / "specs").glob("*.yaml"))
INPUTS: dict[str, tuple[int, ...]] = {"v": (3,), "m": (2, 3), "z": (), "unused": (2,)}
RANDOM = settings(
    deadline=None,
    derandomize=True,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.fixture(autouse=True)
def _magnitudes_of_few_points(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every point that floats leave open is tried by magnitudes."""
    monkeypatch.setattr(vectors, "FEWEST", 1)


def _contradictions(
    program: Program, rows: Floats, middle: Floats, radius: Floats
) -> list[tuple[int, int]]:
    """The lanes and outputs whose truth is for certain not where it is said to be."""
    found = []
    for lane in np.flatnonzero(~np.isnan(middle).all(axis=1)).tolist():
        with ctx.workprec(500):
            truths = interpret.exact(program, rows[lane].tolist())
            for column, truth in enumerate(truths):
                value, moved = float(middle[lane, column]), float(radius[lane, column])
                if math.isinf(value):
                    wrong = truth * math.copysign(1, value) < arb(2) ** 1023
                elif not math.isnan(value):
                    reach = arb(moved) * 2.0**-GUARD + abs(arb(value)) * 2.0**-53
                    wrong = abs(truth - arb(value)) > reach
                else:
                    wrong = False
                if wrong:
                    found.append((lane, column))
    return found


def _apart(ours: Floats, theirs: Floats, middle: Floats, precision: int) -> npt.NDArray[np.bool_]:
    """Where two sensitivities differ by more than a factor, and by more than part of an ulp."""
    part = np.abs(middle) * 2.0 ** -(precision + 2) + 2.0**-150
    return np.asarray((ours > 4 * theirs + part) | (theirs > 4 * ours + part))


@cache
def _derivations(family: Path) -> tuple[tuple[Spec, Mapping[str, int], Derivation], ...]:
    specs, problems = read_file(str(family))
    assert not problems
    choices = [(spec, assignments(spec.dims)[0]) for spec in specs if spec.expr is not None]
    return tuple((spec, dims, derive(spec, dims)) for spec, dims in choices)


def _batches(
    families: Sequence[Path], dtype: str, draw: Draw
) -> Iterator[tuple[str, Derivation, Batch]]:
    """Points of each spec that has any in the dtype, and its derivation at their sizes."""
    for spec, dims, derivation in chain.from_iterable(map(_derivations, families)):
        try:
            batch = draw(space_of(spec, dtype, derivation), dims, np.random.default_rng(0)).batch
        except SamplingError:
            continue  # its domain is out of the dtype's range
        yield spec.name, derivation, batch


def _rows(derivation: Derivation, batch: Batch, dtype: str) -> Floats:
    fed = cotangents(np.random.default_rng(1), derivation.out_shape, batch.lanes, dtype)
    return derivation.pack(batch.values, fed)


def _in_bulk(space: Space, dims: Mapping[str, int], rng: np.random.Generator) -> Drawn:
    return bulk(space, dims, 30, rng)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_spec_agrees_with_the_kernel(dtype: str) -> None:
    """At random points: the same truths, sensitivities that hardly ever differ by a factor.

    And of ordinary points that the kernel settles over 95 % need no kernel.
    """
    precision = format_of(dtype).precision
    differing, settled = [], []
    for name, derivation, batch in _batches(FAMILIES, dtype, _in_bulk):
        rows = _rows(derivation, batch, dtype)
        middle, radius = derivation.vectors.enclose(rows, precision)
        middles, radii = derivation.kernel.enclose(rows, precision)
        both = np.isfinite(middle) & np.isfinite(middles) & np.isfinite(radii)
        with np.errstate(invalid="ignore", over="ignore"):
            gap = np.abs(middle - middles)
            reach = radius * 2.0**-GUARD + radii * 2.0**-24 + np.abs(middles) * 2.0**-52
            apart = _apart(radius, radii, middles, precision)
        assert (gap[both] <= reach[both]).all(), name
        usual = np.array([origin == "bulk by value" for origin in batch.origins])
        differing += apart[both & usual[:, None]].tolist()
        known = usual & np.isfinite(middles).all(axis=1)
        settled += (~np.isnan(middle).any(axis=1))[known].tolist()
    assert sum(differing) <= 0.01 * len(differing)
    assert sum(settled) > 0.95 * len(settled)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda path: path.stem)
def test_every_spec_holds_the_truth_at_edges(family: Path) -> None:
    """At zeros, ends, kinks, huge and tiny numbers there is the truth, or NaN."""
    dtype = DTYPES[len(family.stem) % len(DTYPES)]
    for name, derivation, drawn in _batches([family], dtype, edges):
        chosen = drawn.take(np.linspace(0, drawn.lanes - 1, 40).astype(np.int64))
        rows = _rows(derivation, chosen, dtype)
        middle, radius = derivation.vectors.enclose(rows, format_of(dtype).precision)
        assert _contradictions(derivation.joint, rows, middle, radius) == [], name


@RANDOM
@given(data=st.data())
def test_random_expressions_hold_the_truth(
    data: st.DataObject, expressions: Any, derived: Any
) -> None:
    """Whatever the expression, value and gradient are the truth at points of every kind."""
    derivation = derived(data.draw(expressions(data.draw(st.sampled_from([(), (3,)])))), INPUTS)
    dtype = data.draw(st.sampled_from(DTYPES))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**20)))
    size = (8, len(derivation.joint.inputs))
    kinds = rng.uniform(-2, 2, size), rng.integers(-2, 3, size), 2.0 ** rng.uniform(-90, 90, size)
    rows = round_to(dtype, np.concatenate([*kinds, -kinds[2]]))
    middle, radius = derivation.vectors.enclose(rows, format_of(dtype).precision)
    assert _contradictions(derivation.joint, rows, middle, radius) == []


@pytest.mark.parametrize("name, broken", [("exp", 2.0**-20), ("tanh", 2.0**-30), ("log", -1e-6)])
def test_a_broken_function_is_caught(
    name: str, broken: float, derived: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function that is off by less than a rounding of the dtype shows as a contradiction."""
    right = SMOOTH[name].value
    wrong = replace(SMOOTH[name], value=lambda x: right(x) * (1 + broken))
    monkeypatch.setattr(arithmetic, "SMOOTH", MappingProxyType(dict(SMOOTH) | {name: wrong}))
    derivation = derived(f"{name}(2*x)/x")
    rows = round_to("float32", [[x, 1.5] for x in (0.3, 1.0, 2.5)])
    middle, radius = derivation.vectors.enclose(rows, 24)
    assert len(_contradictions(derivation.joint, rows, middle, radius)) >= 3


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("formula", ["1/(1 + exp(-x))", "tanh(x)", "x*erfc(-x/sqrt(2))/2"])
def test_every_value_of_a_dtype_is_settled(formula: str, dtype: str, derived: Any) -> None:
    """Saturated or not, no finite value is left open, and a sample of them is right."""
    derivation, last = derived(formula), last_ordinal(dtype)
    values = from_ordinals(dtype, np.arange(-last, last + 1))
    rows = np.stack([values, np.full_like(values, -0.75)], axis=1)
    middle, radius = derivation.vectors.enclose(rows, format_of(dtype).precision)
    assert np.isfinite(middle).all()
    part = slice(0, None, 997)
    moderate = np.abs(values[part]) < 1e6  # Arb's exponents end
    chosen = (each[part][moderate] for each in (rows, middle, radius))
    assert _contradictions(derivation.joint, *chosen) == []


@pytest.mark.parametrize(
    "formula, point",
    [
        ("where(x > y, x, y)", (1.5, 1.5)),
        ("maximum(x, y)", (1.5, 1.5)),
        ("abs(x)", (0.0, 1.0)),
        ("sign(x)", (0.0, 1.0)),
        ("floor(x)", (3.0, 1.0)),
        ("ceil(x)", (3.0, 1.0)),
        ("sqrt(x)", (0.0, 1.0)),
        ("sqrt(x)", (-1.0, 1.0)),
        ("log(x)", (-1.0, 1.0)),
        ("log(x)**0", (-1.0, 1.0)),
        ("1/x", (0.0, 1.0)),
        ("x**y", (-2.0, 0.5)),
        ("atan2(y, x)", (-1.0, 0.0)),
        ("atan2(y, x)", (0.0, 0.0)),
        ("asin(x)", (1.5, 0.0)),
        ("acosh(x)", (1.0, 0.0)),
        ("lgamma(x)", (-2.0, 0.0)),
        ("x", (math.inf, 0.0)),
        ("y", (math.nan, 0.0)),
    ],
)
def test_doubt_is_nan(formula: str, point: tuple[float, float], program_of: Any) -> None:
    """At ties, kinks, poles and outside the domain nothing is decided, as in the kernel."""
    program = program_of(formula, {"x": (), "y": ()})
    for dtype in DTYPES:
        middle, radius = Vectors(program).enclose(np.array([point]), format_of(dtype).precision)
        assert np.isnan(middle).all()
        assert np.isnan(radius).all()


def test_lanes_do_not_mix_and_long_batches_are_cut(
    program_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A point's answer is the same alone and among thousands, beside doubt or not."""
    monkeypatch.setattr(vectors, "_LANES", 4096)
    program = program_of("where(x > y, exp(x)/y, 2*y) + 0.1", {"x": (), "y": ()})
    rows = round_to("float32", np.random.default_rng(0).integers(-3, 4, (10_000, 2)) / 2)
    middle, radius = Vectors(program).enclose(rows, 24)
    assert 0.05 < np.isnan(middle).mean() < 0.5
    for lane in (0, 1, 4095, 4096, 8192, 9999):
        alone = Vectors(program).enclose(rows[[lane]], 24)
        assert np.array_equal(alone[0][0], middle[lane], equal_nan=True)
        assert np.array_equal(alone[1][0], radius[lane], equal_nan=True)


def test_no_points_no_outputs_unused_and_repeated_ones(program_of: Any) -> None:
    """Empty batches give empty arrays; an unused input and a repeated output are no matter."""
    builder = Builder()
    assert Vectors(finish(["x"], [builder.input("x")])).enclose(np.empty((0, 1)), 24)[0].size == 0
    assert Vectors(finish(["x"], [])).enclose(np.ones((3, 1)), 24)[0].shape == (3, 0)
    program = program_of("[x*x, x*x, 3]", {"unused": (2,), "x": ()})
    middle, _ = Vectors(program).enclose(np.array([[9.0, 9.0, 3.0]]), 24)
    assert middle.tolist() == [[9.0, 9.0, 3.0]]


def test_a_derivation_takes_the_quickest_way_that_settles(derived: Any) -> None:
    """Large batches of small dtypes come from arrays; what these leave open from the kernel."""
    derivation = derived("log(1 + exp(x))")
    rows = round_to("float32", np.stack([np.linspace(-40, 40, 500), np.ones(500)], axis=1))
    ours, theirs = derivation.vectors.enclose(rows, 24), derivation.kernel.enclose(rows, 24)
    both = derivation.enclose(rows, 24)
    left = np.isnan(ours[0]).any(axis=1)
    assert 0 < left.sum() < 400
    for mixed, quick, sure in zip(both, ours, theirs, strict=True):
        assert np.array_equal(mixed[left], sure[left])
        assert np.array_equal(mixed[~left], quick[~left])
    for few, precision in ((rows[:20], 24), (rows, 53)):
        expected, found = (way.enclose(few, precision) for way in (derivation.kernel, derivation))
        assert all(map(np.array_equal, expected, found))


def test_what_is_beyond_float64_is_infinite(derived: Any) -> None:
    """exp(1000) is beyond, and so is its slope: for certain, as the kernel says, too."""
    derivation = derived("exp(x)")
    rows = np.array([[1000.0, -2.0], [3.0, -2.0], [-1e30, -2.0]])
    middle, radius = derivation.vectors.enclose(rows, 24)
    assert middle[0].tolist() == [math.inf, -math.inf]
    assert np.isinf(radius[0]).all()
    assert np.isfinite(radius[1:]).all()
    assert np.abs(middle[2]).tolist() == [0.0, 0.0]


def test_programs_that_hold_many_numbers_take_fewer_lanes_at_once(
    program_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is held at once is bounded; cut as finely as it may be, the answers are the same."""
    program = program_of("softmax(x, 0)", {"x": (5,)})
    rows = round_to("float16", np.random.default_rng(0).uniform(-3, 3, (50, 5)))
    whole = Vectors(program).enclose(rows, 11)
    monkeypatch.setattr(vectors, "_CELLS", 30)
    cut = Vectors(program)
    assert 1 <= cut._lanes <= 6
    assert all(map(np.array_equal, whole, cut.enclose(rows, 11)))
