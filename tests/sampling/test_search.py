"""Hypothesis finds faults that hide, and reduces them to points that people can read."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from gradcheck_sym.sampling.ordinals import round_to
from gradcheck_sym.sampling.points import Batch
from gradcheck_sym.sampling.search import Found, Judge, Score, search
from gradcheck_sym.sampling.shapes import assignments
from gradcheck_sym.sampling.shrink import shrink
from gradcheck_sym.sampling.simple import digits
from gradcheck_sym.sampling.space import Constraint, Space
from gradcheck_sym.spec.dtypes import DTYPES
from gradcheck_sym.spec.records import Domain

Values = Mapping[str, np.ndarray]
Fault = Callable[[Values, np.ndarray], bool]


def judge_of(fault: Fault, error: Callable[[Values], float] = lambda _: 0.0) -> Judge:
    """A judge that fails where the fault is, and else states an error."""

    def judge(dims: Mapping[str, int], values: Values, cotangent: np.ndarray) -> Score:
        return Score(error(values), bool(fault(values, cotangent)))

    return judge


def like_x(dims: Mapping[str, int]) -> tuple[int, ...]:
    """The shape of an output that is as long as x."""
    return (dims["n"],) if "n" in dims else ()


def found_by(space: Space, judge: Judge, *, examples: int = 200, seed: int = 1) -> Found | None:
    """What a search over all sizes finds."""
    sizes = assignments(space.dims)
    return search(space, sizes, like_x, judge, seed=seed, examples=examples)


def smallest(space: Space, fault: Fault, values: Values, cotangent: object = None) -> Found:
    """The shrunken form of a given failing point."""
    dims = {"n": len(values["x"])} if space.dims else {}
    lanes = {name: np.asarray(value, dtype=float)[None] for name, value in values.items()}
    fed = np.ones((1, *like_x(dims))) if cotangent is None else np.asarray(cotangent)[None]
    batch = Batch(dims, space.dtype, lanes, ("bulk by value",))
    return shrink(space, batch, fed, like_x, judge_of(fault), seed=1)


def beyond_18(values: Values, _: np.ndarray) -> bool:
    """Wrong where some |x| > 18."""
    return bool((np.abs(values["x"]) > 18).any())


def near_zero(values: Values, _: np.ndarray) -> bool:
    """Wrong within 1e-4 of 0, but not there."""
    size = np.abs(values["x"])
    return bool(((size < 1e-4) & (size > 0)).any())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("fault", [beyond_18, near_zero])
@pytest.mark.parametrize("shape", [[], ["n"]])
def test_hidden_faults_are_found(
    dtype: str, fault: Fault, shape: list[str], space_of: Callable[..., Space]
) -> None:
    """A fault beyond 18 and one near 0 are found in every dtype, in scalars and vectors."""
    found = found_by(space_of(dtype, x=shape), judge_of(fault))
    assert found is not None
    assert found.score.fails
    assert fault(found.batch.values, found.cotangent)
    assert found.batch.origins == ("search",)
    assert 0 < found.judged <= 200


def test_search_climbs_to_the_error(space_of: Callable[..., Space]) -> None:
    """A narrow place is approached where the error grows towards it, with each example closer."""
    target = 3.7
    space = space_of(x=())

    def error(values: Values) -> float:
        return float(1 / (1e-12 + abs(values["x"][0] - target)))

    few = found_by(space, judge_of(lambda *_: False, error), examples=20)
    many = found_by(space, judge_of(lambda *_: False, error), examples=400)
    hidden = judge_of(lambda values, _: abs(values["x"][0] - target) < 1e-5, error)
    assert few is not None
    assert many is not None
    assert not many.score.fails
    failed = found_by(space, hidden, examples=400)
    assert failed is not None
    assert failed.score.fails
    assert many.score.error_ulp >= few.score.error_ulp
    assert abs(many.batch.values["x"][0] - target) < 1e-9


def test_thresholds_are_tried(space_of: Callable[..., Space]) -> None:
    """A fault at the very float beside a threshold is found when the threshold is known."""
    beside = math.nextafter(18.0, 20)
    space = space_of(x=(), thresholds={"x": (18.0,)})
    found = found_by(space, judge_of(lambda values, _: (values["x"] == beside).any()))
    assert found is not None
    assert found.score.fails


def test_sizes_and_cotangents_are_searched(space_of: Callable[..., Space]) -> None:
    """A fault of one size alone, and one of the cotangent alone, are found."""
    space = space_of(x=["n"])
    sized = found_by(space, judge_of(lambda values, _: values["x"].shape == (1, 5)))
    fed = found_by(space, judge_of(lambda _, cotangent: (cotangent < -2).any()))
    assert sized is not None
    assert sized.batch.dims == {"n": 5}
    assert fed is not None
    assert fed.score.fails


def test_points_lie_in_the_space(
    space_of: Callable[..., Space], domain_of: Callable[..., Domain]
) -> None:
    """No judged point leaves its domain, breaks a constraint or changes a fixed input."""
    seen: list[Values] = []

    def judge(dims: Mapping[str, int], values: Values, cotangent: np.ndarray) -> Score:
        seen.append(values)
        return Score(float(np.abs(values["x"]).max()), fails=False)

    domain = domain_of("(0, 1)", "[2, 50)")
    below = Constraint("where x < y", lambda v: v["x"] < v["y"])
    space = space_of("float32", x=(["n"], domain), y=["n"], beta=0.1, constraints=(below,))
    found = found_by(space, judge)
    assert found is not None
    assert found.dropped["where x < y"] > 0
    assert len(seen) == found.judged > 20
    for values in seen:
        assert all(value in domain for value in values["x"].ravel().tolist())
        assert (values["x"] < values["y"]).all()
        assert values["beta"] == np.float32(0.1)


@pytest.mark.parametrize("error", [math.nan, math.inf])
def test_errors_without_a_size(error: float, space_of: Callable[..., Space]) -> None:
    """NaN and infinite errors that do not fail are no worst point."""
    assert (
        found_by(space_of(x=()), judge_of(lambda *_: False, lambda _: error), examples=10) is None
    )


def test_nothing_to_judge(space_of: Callable[..., Space]) -> None:
    """Where no point keeps the constraints there is nothing to find, and no endless search."""
    never = Constraint("where never", lambda v: np.zeros(len(v["x"]), dtype=bool))
    assert found_by(space_of(x=(), constraints=(never,)), judge_of(beyond_18), examples=20) is None


def test_exceptions_of_the_judge_pass_through(space_of: Callable[..., Space]) -> None:
    """A judge that breaks is a defect that nobody may swallow."""

    def judge(dims: Mapping[str, int], values: Values, cotangent: np.ndarray) -> Score:
        raise ZeroDivisionError("inside the judge")

    with pytest.raises(ZeroDivisionError, match="inside the judge"):
        found_by(space_of(x=()), judge)


def test_a_judge_that_changes_its_mind(space_of: Callable[..., Space]) -> None:
    """A failure that does not come again is still the failure that was found."""
    calls: list[int] = []

    def judge(dims: Mapping[str, int], values: Values, cotangent: np.ndarray) -> Score:
        calls.append(1)
        return Score(0.0, fails=len(calls) == 7)

    found = found_by(space_of(x=["n"]), judge)
    assert found is not None
    assert (found.score.fails, found.judged) == (True, 7)


def test_a_judge_cannot_write_to_the_point(space_of: Callable[..., Space]) -> None:
    """Arrays reach the judge read-only, the cotangent included."""

    def judge(dims: Mapping[str, int], values: Values, cotangent: np.ndarray) -> Score:
        return Score(0.0, fails=values["x"].flags.writeable or cotangent.flags.writeable)

    found = found_by(space_of(x=()), judge, examples=20)
    assert found is not None
    assert not found.score.fails


SCRIPT = """
import numpy as np
from gradcheck_sym.errors import Position
from gradcheck_sym.sampling.search import Score, search
from gradcheck_sym.sampling.shrink import shrink
from gradcheck_sym.sampling.space import Space
from gradcheck_sym.spec.records import Dim, Input

x = Input("x", None, ("n",), None, None, True, Position("a", 1, 1))
space = Space((x,), "float32", (Dim("n", 1, 4, True),))
seen = []

def judge(dims, values, cotangent):
    seen.append((dict(dims), values["x"].tobytes().hex(), cotangent.tobytes().hex()))
    return Score(float(np.abs(values["x"]).max()) ** 0.1, bool((values["x"] > 1e30).any()))

shape = lambda dims: (dims["n"],)
sizes = [{"n": n} for n in range(1, 5)]
found = search(space, sizes, shape, judge, seed=3, examples=150)
small = shrink(space, found.batch, found.cotangent, shape, judge, seed=5)
print(seen, small.batch.hex(0), small.judged)
"""


def test_the_same_seed_judges_the_same_points(tmp_path: Path) -> None:
    """Every judged point is the same in other processes, whatever their hash seed and folder.

    No folder of Hypothesis is left behind, and one with something in it has no say.
    """
    root = Path(__file__).parents[2]
    told = []
    for place in ("0", "1"):
        folder = tmp_path / place
        folder.mkdir()
        (folder / "mine.py").write_text(f"VALUE = {place}1234567.5\nNUMBER = 7654321{place}\n")
        environment = {
            **os.environ,
            "PYTHONHASHSEED": place,
            "PYTHONPATH": f"{root}{os.pathsep}{folder}",
        }
        command = [sys.executable, "-c", ("import mine\n" if place == "1" else "") + SCRIPT]
        told.append(
            subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, text=True, check=True
            )
        )
        assert not (folder / ".hypothesis").exists()
    assert told[0].stdout == told[1].stdout
    assert len(told[0].stdout) > 1000
    assert not told[0].stderr


def test_seeds_differ(space_of: Callable[..., Space]) -> None:
    """Another seed searches other points."""
    error = judge_of(lambda *_: False, lambda values: float(np.abs(values["x"]).max()) ** 0.01)
    first, second = (found_by(space_of(x=["n"]), error, examples=10, seed=s) for s in (1, 2))
    assert first is not None
    assert second is not None
    assert first.batch.hex(0) != second.batch.hex(0)


@pytest.mark.parametrize(
    "fault, start, wanted",
    [
        (beyond_18, [0.3, -1.7, 37.25, 4.1], [19.0]),
        (beyond_18, [-123456.789], [19.0]),
        (near_zero, [0.3, 3.2e-7], [9e-5]),
        (lambda v, _: (np.abs(v["x"]) > 1e10).any(), [7.3e151, 2.0], [2e10]),
        (lambda v, _: (v["x"] < -2.5).any(), [-812.3], [-3.0]),
        (lambda v, _: (v["x"] == 0).sum() > 1, [0.0, 5.5, 0.0, -1.0], [0.0, 0.0]),
        (lambda v, _: v["x"].sum() > 9, [2.5, 3.25, 4.75, 8.1], [10.0]),
        (lambda v, _: v["x"].shape[1] > 2, [0.1, 0.2, 0.3, 0.4, 0.5], [0.0, 0.0, 0.0]),
        (lambda v, _: np.signbit(v["x"]).any(), [1.0, -0.0], [-0.0]),
    ],
)
def test_known_smallest_points(
    fault: Fault, start: list[float], wanted: list[float], space_of: Callable[..., Space]
) -> None:
    """Failures shrink to the smallest shape and to the simple number next to the boundary."""
    found = smallest(space_of(x=["n"]), fault, {"x": np.array(start)})
    assert found.score.fails
    assert found.batch.values["x"][0].tolist() == wanted
    assert found.judged < 600


def test_ties_shrink_together(space_of: Callable[..., Space]) -> None:
    """Equal numbers are changed at once, for one alone would break the tie."""

    def tie(values: Values, _: np.ndarray) -> bool:
        return bool(values["x"][0] == values["y"][0] != 0)

    found = smallest(space_of(x=(), y=()), tie, {"x": 7.3125, "y": 7.3125})
    assert found.batch.lane(0) == {"x": 1.0, "y": 1.0}


def test_cotangent_shrinks_with_the_shape(space_of: Callable[..., Space]) -> None:
    """What stays of the cotangent belongs to what stays of the input, and becomes simple."""

    def fault(values: Values, cotangent: np.ndarray) -> bool:
        return bool(((values["x"] > 5) & (cotangent < -1)).any())

    start = {"x": np.array([1.25, 77.0, -3.0])}
    found = smallest(space_of(x=["n"]), fault, start, [0.5, -6.75, 1.0])
    assert found.batch.lane(0) == {"x": (6.0,)}
    assert found.cotangent.tolist() == [[-2.0]]


@pytest.mark.parametrize("dtype", DTYPES)
def test_simple_in_the_dtype(dtype: str, space_of: Callable[..., Space]) -> None:
    """The reduced number is of the dtype: the nearest to a short decimal."""
    space = space_of(dtype, x=())

    def fault(values: Values, _: np.ndarray) -> bool:
        return bool(0.05 < values["x"][0] < 0.3)

    found = smallest(space, fault, {"x": 0.171875})
    value = found.batch.values["x"][0]
    assert digits(dtype, np.array([value])).tolist() == [1]
    assert round_to(dtype, value) == value


def test_shrinking_keeps_domain_constraints_and_fixed_inputs(
    space_of: Callable[..., Space], domain_of: Callable[..., Domain]
) -> None:
    """The smallest point is the smallest of the space, not of all numbers."""
    below = Constraint("where x < y", lambda v: v["x"] < v["y"])
    space = space_of(x=([], domain_of("(3.5, 90]")), y=(), beta=0.25, constraints=(below,))
    found = smallest(space, lambda *_: True, {"x": 41.5, "y": 77.0, "beta": 0.25})
    assert found.batch.lane(0) == {"x": 4.0, "y": 5.0, "beta": 0.25}


def test_matrices_lose_rows_and_columns(space_of: Callable[..., Space]) -> None:
    """A dim that names two axes shrinks along both, keeping the element that fails."""
    space = space_of(x=["n", "n"], n=4)
    values = {"x": np.arange(16.0).reshape(4, 4) + 0.5}
    found = smallest(space, lambda v, _: (v["x"] > 9).any(), values)
    assert found.batch.values["x"].tolist() == [[[10.0]]]


def test_dims_do_not_shrink_below_their_range(space_of: Callable[..., Space]) -> None:
    """The author's lower bound of a size is kept."""
    found = smallest(space_of(x=["n"], low=3), lambda *_: True, {"x": np.arange(7.0)})
    assert found.batch.lane(0) == {"x": (0.0, 0.0, 0.0)}


def test_outputs_of_another_rank(space_of: Callable[..., Space]) -> None:
    """Where the output's rank or sizes follow no dim, its cotangent still fits."""
    space = space_of(x=["n"])
    for shape in (lambda d: (d["n"],) * d["n"], lambda d: (2 * d["n"], 3), lambda _: ()):
        batch = Batch({"n": 2}, "float64", {"x": np.array([[4.0, 40.0]])}, ("edge",))
        cotangent = np.full((1, *shape({"n": 2})), 1.5)
        found = shrink(space, batch, cotangent, shape, judge_of(beyond_18), seed=0)
        assert found.batch.lane(0) == {"x": (19.0,)}
        assert found.cotangent.shape == (1, *shape({"n": 1}))


def test_long_vectors(space_of: Callable[..., Space]) -> None:
    """Hundreds of elements shrink in few judgements."""
    values = {"x": np.linspace(-1, 1, 300)}
    values["x"][211] = 99.5
    found = smallest(space_of(x=["n"], n=300), beyond_18, values)
    assert found.batch.lane(0) == {"x": (19.0,)}
    assert found.judged < 600


def test_effort_is_bounded(space_of: Callable[..., Space]) -> None:
    """When the judgements are used up, the smallest point so far is the answer."""
    space = space_of(x=["n"])
    batch = Batch({"n": 8}, "float64", {"x": np.full((1, 8), 37.123)}, ("edge",))
    found = shrink(space, batch, np.ones((1, 8)), like_x, judge_of(beyond_18), seed=0, judgements=5)
    assert found.judged == 5
    assert found.score.fails


def test_only_failures_are_shrunk(space_of: Callable[..., Space]) -> None:
    """A point that does not fail, and one outside the space, have no smallest failure."""
    for start in (3.0, math.nan):
        assert smallest(space_of(x=()), beyond_18, {"x": start}) is None
