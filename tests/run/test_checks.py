"""The further checks: each finds the fault that only it can see, and excuses rightly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gradcheck_sym.run import judge as judge_module
from gradcheck_sym.run.options import Options
from gradcheck_sym.run.runner import run
from gradcheck_sym.verdict.diagnosis import Pattern
from gradcheck_sym.verdict.records import Result, Verdict

MODULE = "check_implementations"
Judged = Callable[..., list[Result]]


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch, spec_of: Any) -> Judged:
    """Run one check on an implementation of x**3 (or of x*y)."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))

    def made(attribute: str, check: str, domain: str = "[-3, 3]", **options: Any) -> list[Result]:
        two = attribute.lower().startswith("product")
        inputs = f"x: {{shape: [n], domain: '{domain}'}}" + (
            f", y: {{shape: [n], domain: '{domain}'}}" if two else ""
        )
        spec = spec_of(
            f"inputs: {{{inputs}}}\nexpr: {'x*y' if two else 'x**3'}\n"
            f"use: {{f: '{MODULE}:{attribute}'}}\ntorch: f({'x, y' if two else 'x'})\n"
        )
        chosen = {"points": 60, "checks": (check,), "allow_import": (MODULE,)} | options
        return list(run([spec], Options(**chosen), lambda result: None))

    return made


def verdicts(results: list[Result]) -> set[Verdict]:
    """The verdicts that came out."""
    return {result.verdict for result in results}


def test_code_that_takes_no_double_is_judged_in_single_precision(judged: Judged) -> None:
    """In all checks; float64 is one of the dtypes that it does not support."""
    for check in ("reverse", "layouts"):
        for name, verdict in (
            ("SingleOnly", Verdict.AGREES),
            ("SingleOnlyAndWrong", Verdict.WRONG),
        ):
            found = judged(name, check)
            assert {result.dtype for result in found} == {"float32"}
            assert verdict in verdicts(found)
    pure = judged("SingleOnly", "purity", checks=("forward", "purity"))
    assert {(r.dtype, r.verdict) for r in pure} == {("float32", Verdict.AGREES)}
    every = judged("SingleOnly", "dtypes", checks=("forward", "dtypes"))
    others = {r.dtype: r.verdict for r in every if r.check == "dtypes"}
    assert others == dict.fromkeys(("float64", "bfloat16", "float16"), Verdict.SKIPPED)
    (asked,) = judged("SingleOnly", "reverse", dtypes=("float64",))
    assert (asked.dtype, asked.verdict) == ("float64", Verdict.ERROR)
    assert verdicts(judged("RaisesForDouble", "reverse")) == {Verdict.ERROR}


@pytest.mark.parametrize(
    "attribute, check, culprit",
    [
        ("HalfDetached", "second_order", "the backward"),
        ("Contiguous", "layouts", "the backward"),
        ("RescalesSaved", "purity", "the backward"),
        ("HalfPrecisionScale", "dtypes", "the backward"),
        ("WrongTangent", "forward_mode", "the jvp"),
        ("Product", "requires_grad_subsets", "the backward"),
    ],
)
def test_each_finds_its_fault(attribute: str, check: str, culprit: str, judged: Judged) -> None:
    """Reverse passes; the check that looks there fails and names the culprit."""
    assert verdicts(judged(attribute, "reverse")) == {Verdict.AGREES}
    found = judged(attribute, check)
    assert {r.culprit for r in found if r.verdict is Verdict.WRONG} == {culprit}


def test_a_tangent_that_is_left_out_is_named(judged: Judged) -> None:
    """Of a jvp that adds what it must for one input and not for another."""
    told = {r.diagnosis for r in judged("ProductOfOneTangent", "forward_mode") if r.diagnosis}
    assert told
    assert all("what the tangent of y adds is missing at all" in words for words in told)


@pytest.mark.parametrize(
    "check",
    ["second_order", "layouts", "purity", "dtypes", "forward_mode", "vmap"],
)
def test_what_is_right_passes(check: str, judged: Judged) -> None:
    """No further check has anything to object to."""
    assert verdicts(judged("Right", check)) <= {Verdict.AGREES, Verdict.SKIPPED}


def test_what_is_not_supported_is_reported_as_such(judged: Judged) -> None:
    """No jvp, no vmap rule, no second derivative: reasons, not failures."""
    for check, word in (("forward_mode", "jvp"), ("vmap", "setup_context")):
        (result,) = judged("Right", check)
        assert result.verdict is Verdict.SKIPPED
        assert word in result.message
    (first, *_) = judged("OnceOnly", "second_order")
    assert first.verdict is Verdict.SKIPPED
    assert "once_differentiable" in first.message


def test_a_constant_backward_is_told_and_not_called_wrong(judged: Judged) -> None:
    """What the forward made is constant to a second backward, and nothing says so: a warning."""
    found = {result.input: result for result in judged("SavesSlope", "second_order")}
    assert found["x"].verdict is Verdict.UNDECIDED
    assert "not differentiable twice" in found["x"].message
    assert not found["x"].diagnosis
    assert found["grad_output"].verdict is Verdict.AGREES


def test_a_backward_that_cuts_its_inputs_off_is_wrong(judged: Judged) -> None:
    """It has them at hand; that the second derivative lacks them is silent, and named."""
    found = {result.input: result for result in judged("Detached", "second_order")}
    assert found["x"].verdict is Verdict.WRONG
    assert found["x"].pattern == Pattern.CUT_AGAIN
    assert found["x"].culprit == "the backward"
    assert found["grad_output"].verdict is Verdict.AGREES


def test_a_saved_intermediate_is_told_and_not_called_wrong(judged: Judged) -> None:
    """Just what goes through it is missing from the second derivative; else it would be wrong."""
    found = {result.input: result for result in judged("SavesSquare", "second_order")}
    assert found["x"].verdict is Verdict.UNDECIDED
    assert "what goes through intermediates" in found["x"].message
    assert verdicts(judged("SavesSquareAndSlips", "second_order")) >= {Verdict.WRONG}


def test_what_no_difference_tells_of_accuses_nobody(results_of: Any) -> None:
    """Where a difference has no digit, what goes through the saved is explained by the others."""
    text = """
    inputs: {a: {shape: [n], domain: "[-50, 50]"}, b: {shape: [n], domain: "[-50, 50]"}}
    expr: logsumexp(a + b, dim=0) - logsumexp(a, dim=0)
    use: {own: "check_implementations:ScaledRecursion"}
    torch: own(a, b)
    """
    asked = {"checks": ("second_order",), "allow_import": (MODULE,)}
    found = {result.input: result for result in results_of(text, **asked)}
    for name in ("a", "b"):
        assert found[name].verdict is Verdict.UNDECIDED
        assert "what goes through intermediates" in found[name].message


def test_a_kink_inside_a_smooth_function_is_told_and_not_called_wrong(judged: Judged) -> None:
    """A second derivative that is off at 0 alone; beside it, it is right."""
    found = {result.input: result for result in judged("kinked_at_zero", "second_order")}
    assert found["x"].verdict is Verdict.UNDECIDED
    assert "at single points only" in found["x"].message
    assert verdicts(judged("kinked_at_zero", "reverse")) == {Verdict.AGREES}


def test_a_dtype_that_the_forward_refuses_is_not_supported(judged: Judged) -> None:
    """Whatever it raises; a backward that raises on what the forward took is an error."""
    refused = [r for r in judged("asserts_double", "dtypes") if r.dtype == "float16"]
    assert [result.verdict for result in refused] == [Verdict.SKIPPED]
    assert Verdict.ERROR in verdicts(judged("DoubleBackward", "dtypes"))


def test_shapes_that_we_broadcast_may_be_refused(judged: Judged) -> None:
    """By an exception, or by a result that has not the shape of the mathematics."""
    assert verdicts(judged("Product", "layouts")) == {Verdict.AGREES}
    found = judged("product_like_first", "layouts")
    assert verdicts(found) == {Verdict.AGREES}
    assert "not taken" in found[0].message


def test_the_only_way_in_which_it_shows_is_told(judged: Judged) -> None:
    """A fault of one dtype, of one layout, of one size says so."""
    half = [r for r in judged("HalfPrecisionScale", "dtypes") if r.verdict is Verdict.WRONG]
    assert {result.dtype for result in half} == {"bfloat16", "float16"}
    assert all("2 times the truth" in result.diagnosis for result in half)
    (laid,) = [r for r in judged("Contiguous", "layouts") if r.verdict is Verdict.WRONG]
    assert "grad_output" in laid.smallest.setting
    assert laid.smallest.setting
    (few,) = [r for r in judged("TooFew", "layouts") if r.verdict is Verdict.WRONG]
    assert "n = " in few.diagnosis
    assert verdicts(judged("TooFew", "reverse")) == {Verdict.WRONG}  # in one long vector


def test_many_tangents_at_each_of_many_points(results_of: Any) -> None:
    """As jacfwd in a map: torch's rule for systems of equations takes the factors of others."""
    text = """
    inputs: {A: {shape: [2, 2], domain: "[2, 3]"}}
    expr: log(det(A + eye(2)))
    torch: torch.linalg.slogdet(A + torch.eye(2))[1]
    """
    (found,) = (r for r in results_of(text, checks=("vmap",)) if r.verdict is Verdict.WRONG)
    assert found.input is None
    assert found.worst is not None
    assert found.worst.setting == "many tangents at each of many points"


def test_a_wrong_rule_for_vmap_is_no_wrong_backward(results_of: Any) -> None:
    """Many points are run at once by vmap, whose rule for select_scatter doubles a slope.

    Of x in overlapping windows select_scatter is wrong by itself: its copy overlaps as well.
    """
    text = """
        inputs: {x: {shape: [2, n], domain: "[-9, 9]"}, y: {shape: [n], domain: "[-9, 9]"}}
        expr: "[x[0], y]"
        torch: torch.select_scatter(x, y, 0, 1)
    """
    results = results_of(text, checks=("reverse", "finite_difference", "layouts", "vmap"))
    wrong = [r for r in results if r.verdict is Verdict.WRONG]
    assert {r.check for r in wrong} == {"layouts", "vmap"}
    laid = [r.smallest.setting for r in wrong if r.check == "layouts"]
    assert all("overlapping windows" in setting for setting in laid)


def test_a_slope_that_one_operator_loses_to_overflow_is_wrong(results_of: Any) -> None:
    """float16 has room for asinh(1000), and for its slope; nobody wrote x*x in between."""
    text = """
        inputs: {x: {shape: [n], domain: "[-1000, 1000]"}}
        expr: asinh(x)
        torch: torch.asinh(x)
    """
    wrong = [r for r in results_of(text, checks=("dtypes",)) if r.verdict is Verdict.WRONG]
    assert {(result.dtype, result.input) for result in wrong} == {("float16", "x")}


@pytest.mark.parametrize("shape", ["[]", "[1]", "[n]"])
@pytest.mark.parametrize("own", ["WrongAtOneNumber.apply", "Right.apply"])
def test_every_number_of_a_short_dtype_is_judged(own: str, shape: str, results_of: Any) -> None:
    """Whether the spec states one number or many; one of 33 thousand that is wrong is found."""
    text = f"""
        inputs: {{x: {{shape: {shape}, domain: "[-1.5, 1.5]"}}}}
        expr: x**3
        torch: f(x)
        use: {{f: "{MODULE}:{own}"}}
    """
    results = results_of(text, checks=("dtypes",), allow_import=(MODULE,))
    short = [r for r in results if r.dtype == "bfloat16" and r.input == "x"]
    assert short
    if own == "Right.apply":
        assert {r.verdict for r in results} == {Verdict.AGREES}
        assert sum(r.points for r in short) > 2**15
    else:
        assert {r.verdict for r in short} == {Verdict.WRONG}


@pytest.mark.parametrize("expr", ["var(x)", "sort(x)[-1] + sort(x)[-2]"])
def test_no_number_stands_alone_where_the_author_states_two_at_least(
    expr: str, results_of: Any
) -> None:
    """The mathematics of one number may be none; not of every size that the author states."""
    text = f"""
        inputs: {{x: {{shape: [n], domain: "[-3, 3]"}}}}
        dims: {{n: 2..3}}
        expr: {expr}
    """
    results = results_of(text, checks=("dtypes",))
    assert {r.dtype for r in results} >= {"float32", "bfloat16", "float16"}
    assert {r.outcome for r in results} <= {"passed", "warned"}


def test_what_is_no_vector_is_judged_number_by_number(results_of: Any) -> None:
    """A branch in Python takes no vector, and a sum over it is another function: no false alarm."""
    for own in ("cube_by_branch", "cube_of_sum"):
        text = f"""
            inputs: {{x: {{shape: [], domain: "[-1.5, 1.5]"}}}}
            expr: x**3
            torch: f(x)
            use: {{f: "{MODULE}:{own}"}}
        """
        results = results_of(text, checks=("dtypes",), allow_import=(MODULE,))
        assert {r.verdict for r in results} == {Verdict.AGREES}
        assert max(r.points for r in results) < 1000


@pytest.mark.parametrize(
    "expr, call",
    [
        ("atan(x)", "torch.atan(x)"),
        # by operations of their own: whether F.gelu halves first, the processor decides
        ("x*erfc(-x/sqrt(2))/2", "x*torch.erfc(-x/1.4142135623730951)/2"),
    ],
)
def test_many_points_that_overflow_are_counted_as_each_alone(
    expr: str, call: str, results_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """x*x in the slope of atan, the product before it is halved: nobody stated a bounded domain."""
    text = f"inputs: {{x: {{shape: [n]}}}}\nexpr: {expr}\ntorch: {call}\n"
    together = results_of(text, checks=("dtypes",))
    monkeypatch.setattr(judge_module, "_MANY", 10**9)
    alone = results_of(text, checks=("dtypes",))
    assert sum(result.dropped.get("overflow", 0) for result in together) > 50
    for mine, theirs in zip(together, alone, strict=True):
        assert mine.verdict is theirs.verdict
        if not any(reason.startswith("in doubt") for reason in theirs.dropped):
            assert mine.dropped == theirs.dropped


def test_a_value_that_one_operator_loses_to_overflow_is_wrong(results_of: Any) -> None:
    """float32 has room for a length of 1e20; nobody asked for the squares."""
    text = """
        inputs: {x: {shape: [3], domain: "[1, 1e30]"}}
        expr: sqrt(sum(x*x))
        torch: torch.linalg.vector_norm(x)
        examples: [{point: {x: [1e20, 1, 1]}}]
    """
    wrong = [r for r in results_of(text, checks=("dtypes",)) if r.verdict is Verdict.WRONG]
    assert {"float32", "bfloat16"} == {result.dtype for result in wrong}


def test_a_wrong_second_derivative_is_told_at_examples_of_another_size(results_of: Any) -> None:
    """The threshold is looked for where it was seen: a gradient is a function at one size."""
    text = """
        inputs: {x: {shape: [n], domain: "[3, 1000]"}}
        expr: log(pi)/2 + lgamma(x) + lgamma(x - 1/2)
        torch: torch.mvlgamma(x, 2)
        examples: [{point: {x: [3]}}]
    """
    found = results_of(text, checks=("second_order",))
    assert Verdict.WRONG in {result.verdict for result in found}


@pytest.mark.parametrize(
    "expr, torch, entries",
    [
        ("log(x[0]*x[1])", "torch.linalg.slogdet(torch.diag(x))[1]", {"x", None}),
        ("prod(x)", "torch.linalg.det(torch.diag(x))", {"x", None}),
        ("prod(x)", "torch.prod(x)", set()),
    ],
)
def test_a_tangent_that_is_wrong_once_it_is_differentiated(
    expr: str, torch: str, entries: set[str | None], results_of: Any
) -> None:
    """In reverse, by the input, and along a second tangent; the gradient's derivatives hold."""
    text = f"inputs: {{x: {{shape: [2], domain: '[1, 3]'}}}}\nexpr: {expr}\ntorch: {torch}"
    wrong = [r for r in results_of(text, checks=("second_order",)) if r.outcome == "failed"]
    assert {result.input for result in wrong} == entries
    assert {result.culprit for result in wrong} <= {"the jvp"}


def test_what_an_implementation_compares_with_becomes_a_point(judged: Judged) -> None:
    """A threshold on a norm that no random point crosses is found by tracing."""
    found = judged("BeyondEighteen", "reverse", domain="[-1e6, 1e6]", points=1)
    assert verdicts(found) == {Verdict.WRONG}


@pytest.mark.parametrize("check", ["second_order", "forward_mode", "dtypes", "layouts", "purity"])
def test_one_point_alone(check: str, judged: Judged) -> None:
    """With a point given a check looks at nothing else; what it needs besides is drawn."""
    found = judged("Right", check, point={"x": (2.0,)}, cotangent=(3.0,))
    assert verdicts(found) <= {Verdict.AGREES, Verdict.SKIPPED}
    assert all(result.points <= 40 for result in found)


@pytest.mark.parametrize("check", ["forward_mode", "second_order", "dtypes", "vmap"])
def test_examples_are_points_of_every_check(
    check: str, monkeypatch: pytest.MonkeyPatch, spec_of: Any
) -> None:
    """What is wrong at one number only is found where an example pins it, at its own sizes."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    spec = spec_of(
        f"""\
        inputs: {{x: {{shape: [n], domain: "[-3, 3]"}}}}
        expr: x**3
        use: {{f: "{MODULE}:at_one_number"}}
        torch: f(x)
        examples: [{{point: {{x: [1, 2, 2.6875]}}}}]
        """
    )
    options = Options(points=60, checks=(check,), allow_import=(MODULE,))
    wrong = [r for r in run([spec], options, lambda result: None) if r.verdict is Verdict.WRONG]
    assert wrong
    assert check != "dtypes" or "float32" in {result.dtype for result in wrong}
    unpinned = replace(spec, examples=())
    found = run([unpinned], options, lambda result: None)
    assert check != "vmap" or verdicts(list(found)) <= {Verdict.AGREES}  # others aim at branches


def test_a_fixed_value_is_the_same_in_every_layout(spec_of: Any) -> None:
    """What the implementation may rely on, here that each row holds one 1, is not made untrue."""
    spec = spec_of(
        """\
        inputs:
          x: {shape: [2, 3], domain: "[-3, 3]"}
          one_hot: {value: [[0, 0, 1], [1, 0, 0]], requires_grad: false}
        expr: sum(one_hot*x)
        torch: -2*F.nll_loss(x, torch.argmax(one_hot, dim=1))
        """
    )
    found = run([spec], Options(points=60, checks=("layouts",)), lambda result: None)
    assert verdicts(list(found)) == {Verdict.AGREES}


def test_empty_shapes_are_among_the_evidence_of_a_diagnosis(
    monkeypatch: pytest.MonkeyPatch, spec_of: Any
) -> None:
    """A fault of one input's gradient is diagnosed although another has none at n = 0."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    spec = spec_of(
        f"""\
        inputs:
          x: {{shape: [n, 2], domain: "[-3, 3]"}}
          w: {{shape: [2], domain: "[-3, 3]"}}
        expr: x*w
        use: {{f: "{MODULE}:RowsLeftOut.apply"}}
        torch: f(x, w)
        """
    )
    options = Options(points=60, checks=("layouts",), allow_import=(MODULE,))
    (wrong,) = [r for r in run([spec], options, lambda result: None) if r.outcome == "failed"]
    assert wrong.input == "w"
    assert wrong.diagnosis


@pytest.mark.slow
def test_compiled_gradients(judged: Judged) -> None:
    """On demand the compiled code is held against the same truth, or it is told why not."""
    assert verdicts(judged("Right", "compile")) <= {Verdict.AGREES, Verdict.SKIPPED}


def test_the_value_may_be_refused_where_nobody_wants_a_gradient(judged: Judged) -> None:
    """By an exception that says so; a slip of Python's is an error there as anywhere."""
    (result,) = judged("refuses_without_graph", "requires_grad_subsets")
    assert result.verdict is Verdict.AGREES
    assert "not taken: under torch.no_grad()" in result.message
    (result,) = judged("slips_without_graph", "requires_grad_subsets")
    assert result.verdict is Verdict.ERROR
    assert "AttributeError" in result.message
    assert result.culprit == "the forward"


def test_a_matrix_that_torch_refuses_is_advised_on(judged: Judged) -> None:
    """Whoever states a domain of all matrices hears how to leave some out."""
    (result,) = judged("refuses_a_matrix", "forward")
    assert result.verdict is Verdict.ERROR
    assert "`where` leaves them out" in result.message


def test_no_gradient_is_due_at_a_kink_whose_value_is_out_of_range(
    spec_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An infinity on the way to a deviation of 0 is lost range, and the NaN after it no slope."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    spec = spec_of(
        f"inputs: {{x: {{shape: [2], domain: real}}}}\nexpr: std(x)\n"
        f"use: {{f: '{MODULE}:Deviation'}}\ntorch: f(x)\n"
        f"examples: [{{point: {{x: [1.5e+308, 1.5e+308]}}}}]\n"
    )
    options = Options(points=60, checks=("reverse",), allow_import=(MODULE,))
    (result,) = run([spec], options, lambda result: None)
    assert result.outcome != "failed"
    assert any("beyond the dtype's range" in reason for reason in result.dropped)


def test_digits_that_are_lost_in_one_way_of_running_alone_are_told(judged: Judged) -> None:
    """No other check tells of them: as usual nothing is lost, in the dtypes neither."""
    assert verdicts(judged("ProductCoarseAlone", "dtypes")) == {Verdict.AGREES}
    found = judged("ProductCoarseAlone", "requires_grad_subsets")
    assert verdicts(found) == {Verdict.AGREES, Verdict.INACCURATE}
    (lost,) = (result for result in found if result.verdict is Verdict.INACCURATE)
    assert (lost.input, lost.dtype) == ("x", "float16")
    assert "only x requires a gradient" in lost.message
