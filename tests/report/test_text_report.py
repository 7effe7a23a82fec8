"""The report for people."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from gradcheck_sym.report import details, text, words
from gradcheck_sym.verdict.records import Case, Measured, Result, Verdict

CASE = Case(
    point={"x": 3.0, "w": (0.1, -2.0)},
    cotangent=(1.5,),
    index=(1,),
    symbolic=Measured(1 / 3, 1e-30),
    autograd=2 / 3,
    numerical=Measured(0.333333, 1e-7),
    error_ulp=6e15,
    error_abs=1 / 3,
    allowed=2e-16,
    reason="",
)


def result(**changes: object) -> Result:
    """A failing result with every field filled, and changes to it."""
    fields: dict[str, object] = {
        "spec": "specs/a.yaml::gelu",
        "check": "reverse",
        "input": "x",
        "dtype": "float32",
        "verdict": Verdict.WRONG,
        "points": 2000,
        "worst": CASE,
        "smallest": CASE,
        "culprit": "the backward",
        "diagnosis": "twice the derivative",
        "message": "autograd claims twice the slope",
        "reproduce": "python -m gradcheck_sym specs/a.yaml::gelu --seed 0",
        "formula": "x*Phi(x)",
        "derivative": "Phi(x) + x*phi(x)",
        "line": 3,
        "column": 5,
    }
    return Result(**(fields | changes))  # type: ignore[arg-type]


def shown(results: Sequence[Result], **style: object) -> str:
    """The report as plain text."""
    lines = text.render(results, words.Style(**({"seed": 0} | style)))  # type: ignore[arg-type]
    return "\n".join("".join(span.text for span in spans) for spans in lines)


def test_a_failure_tells_everything_in_order() -> None:
    """Place, mathematics, point, three witnesses, error, bound, culprit, command: in this order."""
    report = shown([result(smallest=CASE, worst=Case(**_fields(CASE) | {"error_ulp": 7e15}))])
    wanted = [
        "specs/a.yaml:3:5: gelu: reverse of x in float32: wrong",
        "formula     x*Phi(x)",
        "derivative  Phi(x) + x*phi(x)",
        "smallest point",
        "x            3 (0x1.8p+1)",
        "[0.10000000000000001, -2] (0x1.999999999999ap-4, -0x1p+1)",
        "cotangent    [1.5] (0x1.8p+0)",
        "gradient[1]  0.33333333333333331 ± 1e-30",
        "error        6e+15 ulp, 0.333 absolute; allowed 2e-16 absolute",
        "worst point",
        "7e+15 ulp",
        "culprit     the backward",
        "diagnosis   twice the derivative",
        "python -m gradcheck_sym specs/a.yaml::gelu --seed 0\n",
    ]
    places = [report.index(part) for part in wanted]
    assert places == sorted(places)


def _fields(case: Case) -> dict[str, object]:
    return {name: getattr(case, name) for name in case.__slots__}


def test_a_failure_ends_with_the_ways_back() -> None:
    """A line for the spec, the name of the case, and the command last of all."""
    report = shown([result(id="3f9a1c7e02", pin="- point: {x: 3.0}")])
    lines = report.split("\n\n")[-2].splitlines()[-4:]
    assert lines == [
        "  to check this point always, add to the spec's examples:",
        "    - point: {x: 3.0}",
        "  to see exactly this again (ID 3f9a1c7e02):",
        "  python -m gradcheck_sym specs/a.yaml::gelu --seed 0",
    ]


def test_a_long_point_is_not_pinned_in_words() -> None:
    """The command has it all; a line of YAML that is cut off would be wrong."""
    report = shown([result(pin=f"- point: {{x: [{', '.join(['1.0'] * 200)}]}}")])
    assert "add to the spec" not in report


def test_the_witnesses_stand_under_their_names() -> None:
    """Symbolic, autograd and numerical are aligned columns in this order."""
    lines = shown([result()]).splitlines()
    head = next(row for row in lines if "symbolic" in row)
    values = lines[lines.index(head) + 1]
    for source, value in zip(
        ("symbolic", "autograd", "numerical"),
        ("0.33", "0.66", "0.33333299999999999 ± 1e-07"),
        strict=True,
    ):
        assert values[head.index(source) :].startswith(value)
    assert head.index("symbolic") < head.index("autograd") < head.index("numerical")


def test_one_point_is_shown_once() -> None:
    """A smallest point that is also the worst is not repeated."""
    report = shown([result()])
    assert "smallest and worst point" in report
    assert report.count("cotangent") == 1


def test_missing_witnesses_are_named() -> None:
    """No gradient and no measurement are said, not shown as numbers."""
    case = Case({}, None, (), Measured(1.0), None, None, math.inf, math.nan, 0.0, "a NaN")
    report = shown([result(smallest=case, worst=None, check="forward", input=None)])
    assert "none" in report
    assert "not measured" in report
    assert "inf ulp, nan absolute" in report
    assert "(a NaN)" in report
    assert "    value" in report


@pytest.mark.parametrize(
    "check, name, quantity",
    [
        ("reverse", "x", "gradient[1]"),
        ("dtypes", "x", "gradient[1]"),
        ("dtypes", None, "value[1]"),
        ("vmap", None, "value[1]"),
        ("forward_mode", None, "jvp[1]"),
    ],
)
def test_what_is_compared_is_named(check: str, name: str | None, quantity: str) -> None:
    """A gradient is by some input; without one it is a value, or a product with the Jacobian."""
    assert f"    {quantity} " in shown([result(check=check, input=name)])


def test_what_only_follows_goes_last() -> None:
    """A failure whose cause is another one does not hide that one behind `+1 more`."""
    follows = [result(check=f"check{k}", culprit="", diagnosis="") for k in range(3)]
    report = shown([*follows, result(check="dtypes")])
    assert report.index("gelu: dtypes") < report.index("gelu: check0")
    assert "check2" not in report.partition("gelu: dtypes")[2]


def test_large_points_are_cut() -> None:
    """A point of many numbers shows the first few and refers to the command."""
    case = Case(
        {"x": tuple(float(number) for number in range(100))},
        **{name: value for name, value in _fields(CASE).items() if name != "point"},
    )  # type: ignore[arg-type]
    report = shown([result(smallest=case, worst=None)])
    assert "15, …] (all in the command below)" in report
    assert "16," not in report


def test_long_formulas_are_cut() -> None:
    """A derivative of thousands of characters does not bury the rest."""
    report = shown([result(derivative="x + " * 1000)])
    assert max(map(len, report.splitlines())) < details.MAX_FORMULA + 20


def test_three_failures_of_a_spec_and_a_count() -> None:
    """A spec that fails everywhere does not hide the others."""
    failures = [result(input=f"x{number}") for number in range(5)]
    report = shown([*failures, result(spec="specs/b.yaml::other")])
    assert report.count("to see exactly this again") == 4
    assert "+2 more of specs/a.yaml::gelu" in report


def test_the_same_story_is_told_once() -> None:
    """An implementation that cannot be imported is one failure, not one for each check."""
    errors = [
        result(check=check, input=None, verdict=Verdict.ERROR, worst=None, smallest=None)
        for check in ("forward", "reverse", "steps", "expect")
    ]
    report = shown(errors)
    assert report.count("autograd claims twice the slope") == 1
    assert "forward in float32; reverse in float32; steps in float32; expect in float32" in report
    assert report.splitlines()[-1] == "4 with errors in 1 spec, seed 0"


def test_listing_is_grouped_by_file() -> None:
    """Each file once, a line per spec, with its checks, dtypes and points."""
    report = shown(
        [
            result(verdict=Verdict.AGREES, check="forward", input=None, dtype="float64"),
            result(verdict=Verdict.AGREES),
            result(spec="specs/a.yaml::a_longer_name", verdict=Verdict.PROVED),
            result(spec="specs/b.yaml::other", verdict=Verdict.AGREES, points=1),
        ]
    )
    assert report.splitlines() == [
        "specs/a.yaml",
        "  ✓ gelu           forward, reverse  float64, float32  4,000 points",
        "  ✓ a_longer_name  reverse  float32  2,000 points",
        "",
        "specs/b.yaml",
        "  ✓ other  reverse  float32  1 point",
        "",
        "4 passed in 3 specs, seed 0",
    ]


@pytest.mark.parametrize(
    "verdict, expected, sign, words",
    [
        (Verdict.ERROR, "", "✗", "1 with errors"),
        (Verdict.WRONG, "", "✗", "1 failed"),
        (Verdict.WRONG, "a known bug", "✓", "1 failed as expected"),
        (Verdict.AGREES, "a known bug", "!", "1 passed that should fail"),
        (Verdict.INACCURATE, "", "!", "1 warned"),
        (Verdict.UNDECIDED, "", "!", "1 warned"),
        (Verdict.SUBGRADIENT, "", "✓", "1 passed"),
    ],
)
def test_each_outcome_has_its_sign_and_count(
    verdict: Verdict, expected: str, sign: str, words: str
) -> None:
    """How a result counts is seen in its line and in the summary."""
    lines = shown([result(verdict=verdict, expected=expected)]).splitlines()
    assert lines[1].startswith(f"  {sign} gelu")
    assert lines[-1] == f"{words} in 1 spec, seed 0"
    assert not expected or expected in lines[1]


def test_the_worst_outcome_marks_the_spec() -> None:
    """One failure among passes makes the line a failure."""
    report = shown([result(verdict=Verdict.AGREES), result(), result(verdict=Verdict.UNDECIDED)])
    assert "  ✗ gelu  reverse  float32  6,000 points  wrong" in report


def test_warnings_are_short_and_in_full_when_strict() -> None:
    """An inaccuracy takes one line; under --strict it is a failure like another."""
    warning = [result(verdict=Verdict.INACCURATE, diagnosis="cancellation")]
    assert "to see exactly" not in shown(warning)
    assert "6e+15 ulp" in shown(warning)
    assert "at x = 3 (0x1.8p+1)" in shown(warning)
    assert "to see exactly" in shown(warning, strict=True)


def test_warnings_show_the_first_numbers_of_an_array() -> None:
    """A warning about a matrix stays readable."""
    point = {"x": tuple(float(number) for number in range(100)), "w": (1.0, 2.0)}
    case = Case(**_fields(CASE) | {"point": point})
    report = shown([result(verdict=Verdict.UNDECIDED, smallest=case)])
    assert "at x = [0, 1, 2, 3, …], w = [1, 2] (0x1p+0, 0x1p+1)" in report


def test_skipped_says_why() -> None:
    """A check left out by its author shows the reason."""
    skipped = result(
        verdict=Verdict.SKIPPED, message="skipped: needs a GPU", worst=None, smallest=None
    )
    assert "  - gelu  skipped: needs a GPU" in shown([skipped])
    assert "skipped: needs a GPU" in shown([skipped], verbosity=1)


def test_quiet_is_failures_and_summary() -> None:
    """-q leaves the listing out."""
    report = shown(
        [result(), result(spec="specs/b.yaml::fine", verdict=Verdict.AGREES)], verbosity=-1
    )
    assert "fine" not in report
    assert "specs/a.yaml:3:5" in report
    assert report.endswith("1 failed, 1 passed in 2 specs, seed 0")


def test_verbose_shows_each_check_and_the_time() -> None:
    """-v tells what was dropped and how long it took."""
    passed = result(verdict=Verdict.AGREES, dropped={"kink": 1200, "domain": 3})
    report = shown([passed], verbosity=1, seconds=1.25)
    assert (
        "✓ reverse of x in float32: agrees, 2,000 points, 3 dropped: domain, "
        "1,200 dropped: kink, worst 6e+15 ulp" in report
    )
    assert report.endswith(", 1.2 s")


def test_nothing_is_said_to_be_nothing() -> None:
    """No results at all is no pass."""
    assert shown([]) == "nothing was checked in 0 specs, seed 0"


@pytest.mark.parametrize(
    "verdict, strict, failing",
    [
        (Verdict.WRONG, False, True),
        (Verdict.ERROR, False, True),
        (Verdict.UNDECIDED, False, False),
        (Verdict.UNDECIDED, True, True),
        (Verdict.INACCURATE, True, True),
        (Verdict.SKIPPED, True, False),
        (Verdict.SUBGRADIENT, True, False),
    ],
)
def test_what_fails_a_run(verdict: Verdict, strict: bool, failing: bool) -> None:
    """The table of DESIGN's verdicts."""
    assert words.fails(result(verdict=verdict), strict) is failing
