"""The report for machines."""

from __future__ import annotations

import json
import math

from gradcheck_sym.report import json_report
from gradcheck_sym.report.words import Style
from gradcheck_sym.verdict.records import Case, Measured, Result, Verdict

CASE = Case(
    point={"x": 0.1, "w": ((1.0, math.nan), (math.inf, -0.0))},
    cotangent=(0.5,),
    index=(0,),
    symbolic=Measured(1 / 3, 2.0**-1074),
    autograd=-math.inf,
    numerical=None,
    error_ulp=math.inf,
    error_abs=math.nan,
    allowed=1e-300,
)
WRONG = Result(
    spec="specs/a.yaml::f",
    check="reverse",
    input="x",
    dtype="float64",
    verdict=Verdict.WRONG,
    points=10,
    dropped={"kink": 2, "domain": 1},
    worst=CASE,
    reproduce="python -m gradcheck_sym",
)


def verdicts(*rulings: tuple[Verdict, str]) -> list[Result]:
    """A result for each verdict, with the reason of its xfail."""
    return [
        Result("a.yaml::f", "forward", None, "float64", verdict, expected=expected)
        for verdict, expected in rulings
    ]


def test_the_shape_of_the_document() -> None:
    """The keys that readers rely on."""
    document = json.loads(json_report.render([WRONG], Style(7)))
    assert list(document) == ["schema", "versions", "seed", "summary", "results"]
    assert (document["schema"], document["seed"]) == (1, 7)
    assert document["summary"] == {"passed": 0, "warned": 0, "failed": 1, "errors": 0}
    (entry,) = document["results"]
    wanted = {
        "spec": "specs/a.yaml::f",
        "check": "reverse",
        "input": "x",
        "dtype": "float64",
        "verdict": "wrong",
        "points": 10,
        "dropped": {"domain": 1, "kink": 2},
        "smallest": None,
        "culprit": "",
        "diagnosis": "",
        "message": "",
        "reproduce": "python -m gradcheck_sym",
    }
    assert {key: entry[key] for key in wanted} == wanted


def test_floats_survive() -> None:
    """Every float of a case comes back bit for bit, infinities and NaN included."""
    case = json.loads(json_report.render([WRONG], Style(0)))["results"][0]["worst"]
    assert float.fromhex(case["point"]["x"]) == 0.1
    assert case["point"]["w"] == [["0x1p+0", "nan"], ["inf", "-0x0p+0"]]
    assert case["cotangent"] == ["0x1p-1"]
    assert float.fromhex(case["symbolic"]["value"]) == 1 / 3
    assert float.fromhex(case["symbolic"]["error"]) == 2.0**-1074
    assert case["autograd"] == "-inf"
    assert case["numerical"] is None
    assert case["error_ulp"] == "inf"
    assert case["error_abs"] == "nan"
    assert float.fromhex(case["allowed"]) == 1e-300


def test_it_is_strict_json_and_the_same_each_time() -> None:
    """No NaN literals, ASCII only, the order of dropped reasons irrelevant."""
    turned = Result(
        **{name: getattr(WRONG, name) for name in WRONG.__slots__}
        | {"dropped": {"domain": 1, "kink": 2}}
    )
    report = json_report.render([WRONG], Style(0))
    assert report == json_report.render([turned], Style(0))
    assert "NaN" not in report
    assert report.isascii()
    assert report.endswith("}\n")


def test_hostile_text_stays_inside_its_string() -> None:
    """Control characters, quotes and lone surrogates are escaped."""
    hostile = '\x1b[31m"\\\n\ud800é'
    (result,) = verdicts((Verdict.WRONG, ""))
    result = Result(result.spec, hostile, None, "float64", Verdict.WRONG, message=hostile)
    report = json_report.render([result], Style(0))
    assert "\x1b" not in report
    assert json.loads(report)["results"][0]["message"] == hostile


def test_every_result_is_counted_once() -> None:
    """The summary adds up to the number of results."""
    results = verdicts(
        (Verdict.AGREES, ""),
        (Verdict.SKIPPED, ""),
        (Verdict.UNDECIDED, ""),
        (Verdict.ERROR, ""),
        (Verdict.WRONG, ""),
        (Verdict.WRONG, "known"),
        (Verdict.AGREES, "known"),
    )
    summary = json.loads(json_report.render(results, Style(0)))["summary"]
    assert summary == {"passed": 3, "warned": 2, "failed": 1, "errors": 1}


def test_versions_are_those_that_run() -> None:
    """The versions come from the installed packages."""
    import sympy
    import torch

    versions = json_report.versions()
    assert versions["torch"] == torch.__version__
    assert versions["sympy"] == sympy.__version__
    assert set(versions) == {
        "gradcheck_sym",
        "python",
        "torch",
        "sympy",
        "numpy",
        "python-flint",
        "hypothesis",
    }


def test_a_library_that_is_not_installed_is_unknown() -> None:
    """A missing library is said, not raised."""
    assert json_report._version("no-such-library-anywhere") == "unknown"
