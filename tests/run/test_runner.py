"""The whole chain on small specs: verdicts, culprits, counts, and that nothing passes silently."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import sympy

from gradcheck_sym.run.options import Options
from gradcheck_sym.run.runner import run
from gradcheck_sym.symbolic import by_sympy
from gradcheck_sym.symbolic.known import slope_of
from gradcheck_sym.verdict.records import Result, Verdict

X = "inputs: {x: {shape: [n], domain: '[-3, 3]'}}\n"


def _by_check(results: tuple[Result, ...]) -> dict[tuple[str, str | None], Result]:
    return {(result.check, result.input): result for result in results}


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
def test_a_right_implementation_agrees(dtype: str, results_of: Any, tanh: Any) -> None:
    """Value, gradient and differences agree, at all the points that were asked for."""
    results = results_of(tanh("right"), dtypes=(dtype,), checks=None)
    assert {result.outcome for result in results} <= {"passed", "warned"}
    found = _by_check(results)
    assert found["forward_mode", None].verdict is Verdict.SKIPPED  # it has no jvp
    assert ("finite_difference", "x") in found or dtype != "float64"
    for check in (("forward", None), ("reverse", "x")):
        result = found[check]
        assert result.verdict is Verdict.AGREES
        assert result.points >= 60
        assert not result.dropped
        assert result.dtype == dtype
        assert result.worst is not None
        assert result.smallest is None
        assert (result.line, result.column) == (1, 1)
        assert result.spec == "specs/example.yaml::example"


@pytest.mark.parametrize(
    "attribute, check, verdict, culprit",
    [
        ("zero", "reverse", Verdict.WRONG, "the backward"),
        ("negative", "reverse", Verdict.WRONG, "the backward"),
        ("a_little_off", "reverse", Verdict.WRONG, "the backward"),
        ("untracked", "reverse", Verdict.WRONG, "the backward"),
        ("nan_beyond", "reverse", Verdict.WRONG, "the backward"),
        ("zero", "finite_difference", Verdict.WRONG, "the backward"),
        ("a_little_off", "finite_difference", Verdict.WRONG, "the backward"),
        ("another_function", "forward", Verdict.WRONG, "the forward"),
        ("another_function", "reverse", Verdict.WRONG, "the forward"),
        ("in_float32", "forward", Verdict.INACCURATE, None),
        ("from_output", "reverse", Verdict.INACCURATE, None),
        ("raises", "forward", Verdict.ERROR, "the forward"),
        ("raises", "reverse", Verdict.ERROR, "the forward"),
        ("other_shape", "forward", Verdict.ERROR, "the forward"),
    ],
)
def test_wrong_implementations_are_found_out(
    attribute: str, check: str, verdict: Verdict, culprit: str | None, results_of: Any, tanh: Any
) -> None:
    """Each mistake is caught where it lies, and the culprit named."""
    found = _by_check(results_of(tanh(attribute)))
    result = found[check, None if check == "forward" else "x"]
    assert result.verdict is verdict
    assert culprit is None or result.culprit == culprit
    assert result.message
    if verdict is Verdict.WRONG:
        assert result.smallest is not None
        assert result.worst is not None
        assert result.formula == "tanh(x)"
        assert result.smallest.error_abs > result.smallest.allowed or result.smallest.reason
    if culprit == "the backward":
        assert found["forward", None].verdict is Verdict.AGREES


def test_failures_are_shrunk(results_of: Any, tanh: Any) -> None:
    """The smallest point is one number of few digits; the worst stands beside it."""
    result = _by_check(results_of(tanh("negative")))["reverse", "x"]
    point = result.smallest.point["x"]
    assert len(point) == 1
    assert abs(point[0]) in (0.0, 1.0)
    assert result.smallest.cotangent == (1.0,)
    assert result.worst.error_ulp >= result.smallest.error_ulp
    assert result.derivative == "1/cosh(x[0])**2"


def test_one_point_that_raises_is_an_error_with_that_point(results_of: Any, tanh: Any) -> None:
    """An implementation that raises at a single point of the domain is found out there."""
    extra = "examples: [{point: {x: [7.0]}}]\n"
    found = _by_check(results_of(tanh("raises_at_seven", "[-10, 10]", extra)))
    result = found["forward", None]
    assert result.verdict is Verdict.ERROR
    assert "seven" in result.message
    assert result.smallest.point == {"x": (7.0,)}


def test_a_vanishing_gradient_is_wrong_where_the_truth_decays(results_of: Any) -> None:
    """exp(-x*x) on [5, 10] with a backward of 0: small as the truth is, 0 is wrong."""
    text = """\
        inputs: {x: {shape: [], domain: "[5, 10]"}}
        expr: exp(-x*x)
        torch: f(x)
        use: {f: "run_implementations:gaussian_without_slope"}
    """
    result = _by_check(results_of(text))["reverse", "x"]
    assert result.verdict is Verdict.WRONG
    right = _by_check(results_of(text.replace("gaussian_without_slope", "gaussian")))
    assert right["reverse", "x"].verdict is Verdict.AGREES


def test_a_spec_of_kinks_alone(results_of: Any) -> None:
    """The gradient is a member of the generalized gradient; there is no second derivative."""
    found = _by_check(results_of("inputs: {x: {value: 0.0}}\nexpr: abs(x)\n", checks=None))
    assert found["forward", None].verdict is Verdict.AGREES
    result = found["reverse", "x"]
    assert (result.verdict, result.outcome) == (Verdict.SUBGRADIENT, "passed")
    assert "the mean of both slopes" in result.message
    assert found["forward_mode", None].verdict is Verdict.SKIPPED
    assert "nothing was decided" in found["second_order", "x"].message


def test_a_spec_without_any_decided_point_is_an_error(results_of: Any) -> None:
    """Nothing was decided: that is said, counted and no pass."""
    found = _by_check(results_of("inputs: {x: {value: [-1.0, -2.0]}}\nexpr: log(x)\n"))
    result = found["reverse", "x"]
    assert (result.verdict, result.outcome, result.points) == (Verdict.ERROR, "errors", 0)
    assert "nothing was decided" in result.message
    assert result.dropped


def test_a_spec_that_is_undecided_nearly_everywhere_says_so(results_of: Any) -> None:
    """A handful of decided points among kinks is no evidence."""
    text = """\
        inputs: {x: {shape: [], domain: "[-20, 20]"}, y: {shape: [], domain: "integers [-3, 3]"}}
        expr: log(x*y - 59.9)
    """
    result = _by_check(results_of(text))["reverse", "x"]
    assert result.verdict in (Verdict.ERROR, Verdict.UNDECIDED)
    assert sum(result.dropped.values()) > 10 * result.points


@pytest.mark.parametrize("expr", ["tanh(x)", "sum(abs(x - 1/3))"])
def test_the_same_seed_gives_the_same_results(expr: str, results_of: Any) -> None:
    """Two runs with one seed are equal to the last digit; another seed visits other points."""
    text = f"{X}expr: {expr}\n"
    first, second, other = (results_of(text, seed=seed) for seed in (3, 3, 4))
    assert repr(first) == repr(second)
    assert repr(first) != repr(other)


def test_a_broken_derivative_is_caught_by_the_guard(
    monkeypatch: pytest.MonkeyPatch, results_of: Any
) -> None:
    """If SymPy (or our use of it) got a derivative wrong, that is an error, not a verdict."""

    class Broken(sympy.Function):
        def fdiff(self, argindex: int = 1) -> sympy.Expr:
            return sympy.cosh(self.args[0]) ** -2 * sympy.Rational(1000001, 1000000)

    Broken.__name__ = "tanh"
    monkeypatch.setitem(by_sympy._NATIVE, "tanh", Broken)
    slope_of.cache_clear()
    by_sympy.expression.cache_clear()
    try:
        results = results_of(f"{X}expr: x*tanh(x)\n")
    finally:
        slope_of.cache_clear()
        by_sympy.expression.cache_clear()
    assert {result.verdict for result in results} == {Verdict.ERROR}
    assert all("SymPy" in result.message and "Taylor" in result.message for result in results)


@pytest.mark.parametrize(
    "text, message",
    [
        ("inputs: {x: {shape: [n]}, y: {shape: [m]}}\nexpr: x + y\n", "shape"),
        ("inputs: {x: {shape: [2, 3]}}\nexpr: det(x)\n", "square"),
        ("inputs: {x: {shape: [n], domain: '[0, 1]'}}\nwhere: ['x > 2']\nexpr: x\n", "x > 2"),
        ("inputs: {x: {shape: []}}\nexpr: log(x) + log(-x)\n", ""),
        (
            "inputs: {x: {shape: []}}\nexpr: x\ntorch: f(x)\nuse: {f: 'os:system'}\n",
            "not permitted",
        ),
        (
            (
                "inputs: {x: {shape: []}}\nexpr: x\ntorch: f(x)\n"
                "use: {f: 'run_implementations:nobody'}\n"
            ),
            "nobody",
        ),
    ],
)
def test_what_a_spec_does_wrong_is_a_result(text: str, message: str, results_of: Any) -> None:
    """Shapes that don't fit, empty domains, imports that fail: an error of that spec, no crash."""
    results = results_of(text)
    assert results
    assert {result.verdict for result in results} == {Verdict.ERROR}
    assert all(message in result.message for result in results)


def test_skips_and_expected_failures(results_of: Any, tanh: Any) -> None:
    """A skip is told with its reason; an xfail that fails is expected, one that passes is told."""
    extra = """\
        checks: {finite_difference: {skip: too slow here}}
        xfail: {reverse: known to be wrong, forward: thought to be wrong}
    """
    found = _by_check(results_of(tanh("zero", extra=extra)))
    skipped = found["finite_difference", None]
    assert skipped.verdict is Verdict.SKIPPED
    assert "too slow here" in skipped.message
    assert found["reverse", "x"].outcome == "xfailed"
    assert found["reverse", "x"].verdict is Verdict.WRONG
    assert found["forward", None].outcome == "xpassed"


def test_one_failing_input_is_enough_for_an_xfail(results_of: Any) -> None:
    """Of two inputs one fails as expected; the other passes, and is no warning."""
    text = """\
        inputs: {x: {shape: [], domain: "[1, 2]"}, y: {shape: [], domain: "[1, 2]"}}
        expr: x*y
        torch: f(x, y)
        use: {f: "run_implementations:first_only"}
        xfail: {reverse: y gets nothing, finite_difference: nor here}
    """
    found = _by_check(results_of(text))
    assert found["reverse", "y"].outcome == "xfailed"
    assert found["reverse", "x"].outcome == "passed"


def test_checks_and_dtypes_are_chosen(results_of: Any) -> None:
    """Only what is asked for is run; an input's own dtype wins."""
    results = results_of(f"{X}expr: x*x\n", checks=("forward",), dtypes=("float32", "bfloat16"))
    assert [(r.check, r.dtype) for r in results] == [
        ("forward", "float32"),
        ("forward", "bfloat16"),
    ]
    own = "inputs: {x: {shape: [], domain: '[1, 2]', dtype: float32}}\nexpr: x*x\n"
    assert {result.dtype for result in results_of(own, checks=None)} == {"float32"}
    assert results_of(own, dtypes=("float64",)) == ()


def test_one_point_alone(results_of: Any) -> None:
    """With a point given nothing else is visited, and the cotangent is the one given."""
    text = f"{X}expr: x**3\n"
    results = results_of(text, point={"x": (2.0,)}, cotangent=(3.0,))
    found = _by_check(results)
    assert found["reverse", "x"].points == 1
    assert found["reverse", "x"].worst.point == {"x": (2.0,)}
    assert found["reverse", "x"].worst.symbolic.value == 36.0


def test_a_run_stops_at_the_first_failure_if_asked(spec_of: Any) -> None:
    """The spec that fails is the last; each result is handed on at once."""
    bad = spec_of("inputs: {x: {shape: [2, 3]}}\nexpr: det(x)\n")
    good = replace(spec_of("inputs: {x: {value: 2.0}}\nexpr: x*x\n"), name="good")
    seen: list[Result] = []
    options = Options(points=10, stop_at_first=True)
    results = run([good, bad, good], options, seen.append)
    assert seen == list(results)
    assert {result.spec.rpartition("::")[2] for result in results} == {"good", "example"}
    assert results[-1].verdict is Verdict.ERROR
    assert len(run([good, bad, good], replace(options, stop_at_first=False), seen.append)) > len(
        results
    )


def test_results_can_be_written_down(results_of: Any, tanh: Any) -> None:
    """Every field is plain data: what a report needs."""
    for result in results_of(tanh("zero")):
        shown = json.dumps(
            [result.check, result.input, dict(result.dropped), result.message, result.formula]
        )
        assert result.check in shown
