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
from gradcheck_sym.symbolic.balls import Enclosure
from gradcheck_sym.symbolic.carriers import EXTENDED, PLAIN, carrier_for
from gradcheck_sym.symbolic.derivation import Derivation, derive
from gradcheck_sym.symbolic.program import Builder, Program, finish
from gradcheck_sym.symbolic.slopes import SMOOTH
from gradcheck_sym.symbolic.vectors import Vectors

Floats = npt.NDArray[np.float64]
Draw = Callable[[Space, Mapping[str, int], np.random.Generator], Drawn]

WIDE = [] if EXTENDED is None else ["float64"]  # where C's long double has bits to spare
DTYPES = ("bfloat16", "float16", "float32", *WIDE)
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


def _enclose(program: Program | Vectors, rows: Floats, dtype: str) -> Enclosure:
    """What vectors know of the outputs, in the format for a dtype."""
    vectors_ = program if isinstance(program, Vectors) else Vectors(program)
    precision = format_of(dtype).precision
    carrier = carrier_for(precision)
    assert carrier is not None
    return vectors_.enclose(rows, precision, carrier)


def _contradictions(
    program: Program, rows: Floats, found: Enclosure | Sequence[Floats]
) -> list[tuple[int, int]]:
    """The lanes and outputs whose truth is for certain not where it is said to be."""
    middle, _, error = found
    wrong_at = []
    for lane in np.flatnonzero(~np.isnan(middle).all(axis=1)).tolist():
        with ctx.workprec(500):
            truths = interpret.exact(program, rows[lane].tolist())
            for column, truth in enumerate(truths):
                value, reach = float(middle[lane, column]), arb(float(error[lane, column]))
                if math.isinf(value):
                    wrong = truth * math.copysign(1, value) < arb(2) ** 1023
                elif not math.isnan(value):
                    wrong = abs(truth - arb(value)) > reach
                else:
                    wrong = False
                if wrong:
                    wrong_at.append((lane, column))
    return wrong_at


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
            batch = draw(
                space_of(spec, dtype, derivation.forward), dims, np.random.default_rng(0)
            ).batch
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

    And of ordinary points that the kernel settles over 95 % need no kernel; 90 % in float64, where
    a carrier has fewer bits to spare.
    """
    precision = format_of(dtype).precision
    differing, settled = [], []
    for name, derivation, batch in _batches(FAMILIES, dtype, _in_bulk):
        rows = _rows(derivation, batch, dtype)
        middle, radius, error = _enclose(derivation.vectors, rows, dtype)
        middles, radii, errors = derivation.kernel.enclose(rows, precision)
        both = np.isfinite(middle) & np.isfinite(middles) & np.isfinite(radii)
        with np.errstate(invalid="ignore", over="ignore"):
            gap = np.abs(middle - middles)
            reach = error + errors
            apart = _apart(radius, radii, middles, precision)
        assert (gap[both] <= reach[both]).all(), name
        usual = np.array([origin == "bulk by value" for origin in batch.origins])
        differing += apart[both & usual[:, None]].tolist()
        known = usual & np.isfinite(middles).all(axis=1)
        settled += (~np.isnan(middle).any(axis=1))[known].tolist()
    assert sum(differing) <= 0.01 * len(differing)
    assert sum(settled) > (0.9 if dtype == "float64" else 0.95) * len(settled)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda path: path.stem)
def test_every_spec_holds_the_truth_at_edges(family: Path) -> None:
    """At zeros, ends, kinks, huge and tiny numbers there is the truth, or NaN."""
    dtype = DTYPES[len(family.stem) % len(DTYPES)]
    for name, derivation, drawn in _batches([family], dtype, edges):
        chosen = drawn.take(np.linspace(0, drawn.lanes - 1, 40).astype(np.int64))
        rows = _rows(derivation, chosen, dtype)
        found = _enclose(derivation.vectors, rows, dtype)
        assert _contradictions(derivation.joint, rows, found) == [], name


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
    found = _enclose(derivation.vectors, rows, dtype)
    assert _contradictions(derivation.joint, rows, found) == []


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
    found = _enclose(derivation.vectors, rows, "float32")
    assert len(_contradictions(derivation.joint, rows, found)) >= 3


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("formula", ["1/(1 + exp(-x))", "tanh(x)", "x*erfc(-x/sqrt(2))/2"])
def test_every_value_of_a_dtype_is_settled(formula: str, dtype: str, derived: Any) -> None:
    """Saturated or not, no finite value is left open, and a sample of them is right."""
    derivation, last = derived(formula), last_ordinal(dtype)
    values = from_ordinals(dtype, np.arange(-last, last + 1))
    rows = np.stack([values, np.full_like(values, -0.75)], axis=1)
    found = _enclose(derivation.vectors, rows, dtype)
    assert np.isfinite(found.middle).all()
    part = slice(0, None, 997)
    moderate = np.abs(values[part]) < 1e6  # Arb's exponents end
    chosen = Enclosure(*(each[part][moderate] for each in found))
    assert _contradictions(derivation.joint, rows[part][moderate], chosen) == []


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
        found = _enclose(program, np.array([point]), dtype)
        assert all(np.isnan(part).all() for part in found)


def test_lanes_do_not_mix_and_long_batches_are_cut(
    program_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A point's answer is the same alone and among thousands, beside doubt or not."""
    monkeypatch.setattr(vectors, "_LANES", 4096)
    program = program_of("where(x > y, exp(x)/y, 2*y) + 0.1", {"x": (), "y": ()})
    rows = round_to("float32", np.random.default_rng(0).integers(-3, 4, (10_000, 2)) / 2)
    middle, radius, _ = _enclose(program, rows, "float32")
    assert 0.05 < np.isnan(middle).mean() < 0.5
    for lane in (0, 1, 4095, 4096, 8192, 9999):
        alone = _enclose(program, rows[[lane]], "float32")
        assert np.array_equal(alone[0][0], middle[lane], equal_nan=True)
        assert np.array_equal(alone[1][0], radius[lane], equal_nan=True)


def test_no_points_no_outputs_unused_and_repeated_ones(program_of: Any) -> None:
    """Empty batches give empty arrays; an unused input and a repeated output are no matter."""
    builder = Builder()
    alone = finish(["x"], [builder.input("x")])
    assert _enclose(alone, np.empty((0, 1)), "float32").middle.size == 0
    assert _enclose(finish(["x"], []), np.ones((3, 1)), "float32").middle.shape == (3, 0)
    program = program_of("[x*x, x*x, 3]", {"unused": (2,), "x": ()})
    middle, *_ = _enclose(program, np.array([[9.0, 9.0, 3.0]]), "float32")
    assert middle.tolist() == [[9.0, 9.0, 3.0]]


@pytest.mark.parametrize("dtype", ["float32", *WIDE])
def test_a_derivation_takes_the_quickest_way_that_settles(dtype: str, derived: Any) -> None:
    """Large batches come from arrays; what these leave open, and a few besides, from the kernel."""
    derivation, precision = derived("log(1 + exp(x))"), format_of(dtype).precision
    rows = round_to(dtype, np.stack([np.linspace(-40, 40, 500), np.ones(500)], axis=1))
    ours = _enclose(derivation.vectors, rows, dtype)
    theirs = derivation.kernel.enclose(rows, precision)
    both = derivation.enclose(rows, precision)
    left = np.isnan(ours.middle).any(axis=1)
    assert left.sum() < 400
    witnesses = np.zeros(500, dtype=np.bool_)
    witnesses[::62] = True
    for mixed, quick, sure in zip(both, ours, theirs, strict=True):
        assert np.array_equal(mixed[left | witnesses], sure[left | witnesses])
        assert np.array_equal(mixed[~left & ~witnesses], quick[~left & ~witnesses])
    few = derivation.enclose(rows[:20], precision)
    assert all(map(np.array_equal, derivation.kernel.enclose(rows[:20], precision), few))


@pytest.mark.parametrize("dtype", ["float32", *WIDE])
def test_a_library_that_is_off_is_not_believed(
    dtype: str, derived: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a few points contradict the balls, balls do all of the work."""
    right = SMOOTH["exp"].value
    wrong = replace(SMOOTH["exp"], value=lambda x: right(x) * (1 + 1e-9))
    monkeypatch.setattr(arithmetic, "SMOOTH", MappingProxyType(dict(SMOOTH) | {"exp": wrong}))
    derivation, precision = derived("exp(x)"), format_of(dtype).precision
    rows = np.stack([np.linspace(-3, 3, 200), np.ones(200)], axis=1)
    sure = derivation.kernel.enclose(rows, precision)
    assert all(map(np.array_equal, sure, derivation.enclose(rows, precision)))


def test_what_is_beyond_float64_is_infinite(derived: Any) -> None:
    """exp(1000) is beyond, and so is its slope: for certain, as the kernel says, too."""
    derivation = derived("exp(x)")
    rows = np.array([[1000.0, -2.0], [3.0, -2.0], [-1e30, -2.0]])
    middle, radius, _ = _enclose(derivation.vectors, rows, "float32")
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
    whole = _enclose(program, rows, "float16")
    monkeypatch.setattr(vectors, "_CELLS", 30)
    cut = Vectors(program)
    assert 1 <= cut._lanes <= 6
    assert all(map(np.array_equal, whole, cut.enclose(rows, 11, PLAIN)))


@pytest.mark.skipif(not WIDE, reason="C's long double is no wider here")
@pytest.mark.parametrize("formula", ["tanh(x*y)", "x*y + y/3", "expm1(x)*y", "erf(x*y)*x"])
def test_what_is_below_the_normal_range_is_settled_with_all_its_digits(
    formula: str, derived: Any
) -> None:
    """Products of numbers of every size, down to what float64 has no number for."""
    derivation = derived(formula, {"x": (), "y": ()})
    rng = np.random.default_rng(0)
    sizes = 2.0 ** rng.uniform(-700, -300, (200, 3))
    rows = sizes * rng.choice([-1.0, 1.0], (200, 3))
    rows[:, 2] = 1.5
    found = _enclose(derivation.vectors, rows, "float64")
    assert np.isfinite(found.middle).all(axis=1).mean() > 0.95
    assert _contradictions(derivation.joint, rows, found) == []
    assert (found.error <= np.abs(found.middle) * 2.0**-52 + 2.0**-1074).mean() > 0.9


@pytest.mark.parametrize("op", ["lt", "le", "gt", "ge", "eq", "ne"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_ties_are_decided_where_nothing_moves(op: str, dtype: str) -> None:
    """Of labels, which are exact; where they may move, the same ties are left open."""
    builder = Builder()
    label, one = builder.input("label"), builder.constant(1)
    chosen = builder.emit("select", [builder.emit(op, [label, one]), builder.constant(2), one])
    program = finish(["label"], [chosen])
    rows = np.array([[0.0], [1.0], [2.0]])
    found = _enclose(Vectors(program, range(len(program.code))), rows, dtype).middle[:, 0]
    assert found.tolist() == [interpret.exact(program, row)[0] for row in rows.tolist()]
    assert np.isnan(_enclose(program, rows, dtype).middle[:, 0]).tolist() == [False, True, False]
