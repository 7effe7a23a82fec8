"""The door for programs: what it takes, what it returns, and what it raises."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import gradcheck_sym
from gradcheck_sym import GradientMismatch, Report, SpecError, verify
from gradcheck_sym.verdict.records import Verdict

QUICK: dict[str, Any] = {"checks": "forward,reverse", "points": 20}


class Square(torch.autograd.Function):
    """Right."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """x times x."""
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        """2x times the cotangent."""
        (x,) = ctx.saved_tensors
        return 2 * x * grad_output


class Scale(nn.Module):
    """A module with a parameter, which is converted to the dtype of the input."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(3.0))

    def forward(self, x: Tensor) -> Tensor:
        """Three times x."""
        return self.factor * x


def half(x: Tensor) -> Tensor:
    """x squared, with half its gradient."""
    return x * x.detach()


def test_a_report_shows_itself_as_html() -> None:
    """Formula, derivative and verdicts; pictures where they were asked for."""
    report = verify("exp(x)", torch.exp, x="[-1, 1]", **QUICK)
    shown = report._repr_html_()
    assert 'alttext="f = exp(x)"' in shown
    assert 'alttext="d f / d x = exp(x)"' in shown
    assert 'class="plot"' not in shown
    pictured = verify("exp(x)", torch.exp, x="[-1, 1]", pictures=True, **QUICK)
    assert pictured._repr_html_().count('class="plot"') == 2
    assert "<div" in Report(report.results, 0, strict=False)._repr_html_()


@pytest.fixture(scope="module")
def mismatch() -> GradientMismatch:
    """What a wrong function raises."""
    with pytest.raises(GradientMismatch) as caught:
        verify("x**2", half, x="[1, 2]", **QUICK)
    return caught.value


def test_a_right_function_gives_a_report() -> None:
    """A result for each check and input, all of which agree."""
    report = verify("log(1 + exp(x))", torch.nn.functional.softplus, x="[-20, 20]", **QUICK)
    assert report.passed
    assert {result.verdict for result in report.results} == {Verdict.AGREES}
    assert [result.spec for result in report.results] == ["verify::softplus"] * 2
    assert str(report).endswith("2 passed in 1 spec, seed 0")


def test_a_wrong_one_raises_with_its_report(mismatch: GradientMismatch) -> None:
    """An AssertionError, as tests raise them; its text is the report's."""
    assert isinstance(mismatch, AssertionError)
    assert isinstance(mismatch.report, Report)
    assert not mismatch.report.passed
    assert str(mismatch) == str(mismatch.report)
    assert "half: reverse of x in float64: wrong" in str(mismatch)


def test_the_report_is_json_too(mismatch: GradientMismatch) -> None:
    """The same document as --format json."""
    document = json.loads(mismatch.report.to_json())
    assert document["summary"] == {"passed": 1, "warned": 0, "failed": 1, "errors": 0}
    assert document["seed"] == 0


def test_a_failure_shows_the_call_that_repeats_it(mismatch: GradientMismatch) -> None:
    """The call fails at exactly that point, and judges no other."""
    (wrong,) = (each for each in mismatch.report.results if each.verdict is Verdict.WRONG)
    names = {"gradcheck_sym": gradcheck_sym, "half": half}
    with pytest.raises(GradientMismatch) as again:
        eval(wrong.reproduce, names)
    (result,) = again.value.report.results
    assert result.points == 1
    assert result.smallest == wrong.smallest


@pytest.mark.parametrize(
    "expr, implementation",
    [
        ("x**2", Square),
        ("x**2", Square.apply),
        ("x**2", lambda x: x * x),
        ("3*x", Scale()),
        ("3*x", Scale),
        ("x**2", "torch.square(x)"),
        ("x**2", None),
    ],
    ids=["Function", "apply", "lambda", "module", "module class", "text", "nothing"],
)
def test_whatever_can_be_called(expr: str, implementation: Any) -> None:
    """Functions, lambdas, autograd.Functions, modules, torch's functions, the formula itself."""
    assert verify(expr, implementation, x="[1, 2]", **QUICK).passed


def test_arguments_come_in_the_order_of_the_keywords() -> None:
    """The first tensor is the first input."""
    given = {"y": "[1, 2]", "x": "[3, 4]"}
    assert verify("y - x", torch.sub, **given, **QUICK).passed
    with pytest.raises(GradientMismatch):
        verify("y - x", torch.sub, **dict(reversed(given.items())), **QUICK)


INPUTS: dict[str, tuple[Any, bool]] = {
    "a number": (1.5, False),
    "a list": ([1.0, 2.0], False),
    "a tensor": (torch.tensor([1.0, 2.0]), False),
    "a value": ({"value": 1.5}, True),
    "a domain": ({"domain": "[1, 2]"}, True),
    "a shape": ({"shape": [], "domain": "[1, 2]"}, True),
    "nothing": (None, True),
}


@pytest.mark.parametrize("kind", INPUTS)
def test_what_an_input_may_be(kind: str) -> None:
    """A fixed value needs no gradient; everything else does."""
    given, graded = INPUTS[kind]
    report = verify("sum(x)*w", lambda x, w: x.sum() * w, x={"shape": [2]}, w=given, **QUICK)
    assert ("w" in {result.input for result in report.results}) == graded


def test_a_dtype_is_that_of_torch() -> None:
    """By its name or as torch has it, for an input or for the run."""
    assert verify("x**2", x={"dtype": torch.float32}, **QUICK).results[0].dtype == "float32"
    found = verify("x**2", x=None, dtypes=[torch.float16, "bfloat16"], **QUICK)
    assert {result.dtype for result in found.results} == {"float16", "bfloat16"}


def test_a_whole_spec() -> None:
    """Intermediate values, conditions, sizes and examples mean what they mean in a file."""
    report = verify(
        "z/y",
        lambda x, y: x * x / y,
        x={"shape": ["k"], "domain": "[1, 2]"},
        y={"shape": ["k"], "domain": "[1, 2]"},
        let={"z": "x**2"},
        where="x < y",
        dims={"k": (2, 3)},
        examples=[{"point": {"x": [1, 1], "y": [2, 2]}, "value": [0.5, 0.5]}],
        name="ratio",
        checks=["forward", "expect"],
        points=20,
    )
    assert [result.check for result in report.results] == ["forward", "expect"]
    assert report.results[0].dropped["where x < y"] > 0
    assert report.results[0].spec == "verify::ratio"


def test_inputs_may_be_called_as_options_are() -> None:
    """Names that are taken are given in a mapping."""
    assert verify("seed*2", lambda seed: 2 * seed, inputs={"seed": "[1, 2]"}, **QUICK).passed


def test_the_name_of_the_implementation_is_free() -> None:
    """An input may be called so."""
    assert verify("implementation*2", lambda x: 2 * x, implementation="[1, 2]", **QUICK).passed


def test_a_point_alone() -> None:
    """One point and one cotangent, and nothing else."""
    point, fed = {"x": [1.0, 2.0]}, torch.ones(2)
    with pytest.raises(GradientMismatch) as caught:
        verify("x**2", half, x=None, checks="reverse", point=point, cotangent=fed)
    assert caught.value.report.results[0].points == 1


@pytest.mark.parametrize(
    "call, code, marked",
    [
        (lambda: verify("log(y)", torch.log, x="[1, 2]"), "S310", 'expr: "log(y)"'),
        (lambda: verify("log(x)", torch.log, x="[1, 2"), "S", 'domain: "[1, 2"'),
        (lambda: verify("log(x)", torch.log, x={"domian": "[1, 2]"}), "S101", "domian"),
        (lambda: verify("log(x)", torch.log, x=None, checks="revers"), "U102", "reverse"),
        (lambda: verify("log(x)", torch.log, x=None, dtypes="float6"), "U102", "float64"),
        (lambda: verify("log(x)", torch.log, x=None, point={"y": 1}), "U105", "y"),
        (lambda: verify("1", torch.log), "S103", "inputs"),
    ],
)
def test_mistakes_are_shown_as_on_the_command_line(
    call: Callable[[], object], code: str, marked: str
) -> None:
    """With code, line and caret, in the notes that a traceback shows."""
    with pytest.raises(SpecError) as caught:
        call()
    shown = "\n".join(caught.value.__notes__)
    assert code in shown
    assert marked in shown


@pytest.mark.parametrize("given", [True, object(), [object()]])
def test_what_no_input_is(given: object) -> None:
    """A TypeError names the input."""
    with pytest.raises(TypeError, match="x: a domain such as"):
        verify("x", torch.abs, x=given)


def test_what_no_implementation_is() -> None:
    """A tensor, say."""
    with pytest.raises(TypeError, match="the implementation is a function or a text"):
        verify("x", torch.ones(2), x=None)  # type: ignore[arg-type]


def test_a_function_that_raises_is_a_mismatch_too() -> None:
    """Told as an error of the function, not of the program."""

    def refuses(x: Tensor) -> Tensor:
        raise RuntimeError("not today")

    with pytest.raises(GradientMismatch, match="not today"):
        verify("x", refuses, x="[1, 2]", **QUICK)


def test_importing_the_package_loads_nothing() -> None:
    """The public names come when they are asked for."""
    code = (
        "import sys, gradcheck_sym\n"
        "assert not {'torch', 'sympy', 'yaml', 'gradcheck_sym.api'} & set(sys.modules)\n"
        "gradcheck_sym.verify\n"
        "assert 'gradcheck_sym.api' in sys.modules\n"
        "assert 'torch' not in sys.modules\n"
        "assert not hasattr(gradcheck_sym, 'verfiy')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
