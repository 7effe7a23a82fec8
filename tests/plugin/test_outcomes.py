"""What becomes of specs as tests: a test for each spec and check, with pytest's own outcomes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gradcheck_sym import cli

FILE = "specs/all.yaml"


def test_every_check_of_every_spec_is_a_test(ran: Any) -> None:
    """In order of the file and of the checks, beside the suite's own tests."""
    names = "right wrong known surprise lossy broken unsupported".split()
    checks = "forward reverse vmap".split()
    expected = [f"{FILE}::{name}::{check}" for name in names for check in checks]
    assert ran.items == ["tests/test_ordinary.py::test_ordinary", *expected]
    assert ran.code == pytest.ExitCode.TESTS_FAILED


def test_a_spec_is_let_go_of_when_it_is_done(ran: Any) -> None:
    """A suite of hundreds of specs does not keep the derivatives of all of them."""
    assert ran.kept == 0


@pytest.mark.parametrize(
    "name, outcomes",
    [
        ("right", "passed passed skipped"),
        ("wrong", "failed failed failed"),
        ("known", "xfailed xfailed xfailed"),
        ("surprise", "xpassed passed passed"),
        ("lossy", "passed passed passed"),
        ("broken", "failed failed failed"),
        ("unsupported", "passed passed skipped"),
    ],
)
def test_outcomes_are_those_of_pytest(ran: Any, name: str, outcomes: str) -> None:
    """xfail and skip of a spec are pytest's; a surprise fails no suite, xfail_strict or not."""
    found = [ran.outcome(f"{FILE}::{name}::{check}") for check in ("forward", "reverse", "vmap")]
    assert found == outcomes.split()


def test_reasons_are_told_at_the_spec(ran: Any) -> None:
    """Of a skip in the spec, of what the implementation cannot, and of an expected failure."""
    skipped = ran.reports[f"{FILE}::right::vmap"]
    assert "no, <not> \\x1b[1mhere" in skipped.longrepr[2]
    path, line, reason = ran.reports[f"{FILE}::unsupported::vmap"].longrepr
    assert (Path(path).name, line) == ("all.yaml", 24)
    assert reason.startswith("Skipped: not supported: ")
    assert ran.reports[f"{FILE}::known::reverse"].wasxfail == "the same"


def test_a_failure_is_the_report_of_the_terminal(
    ran: Any, suite: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Word for word what the command line prints, without a traceback."""
    told = ran.reports[f"{FILE}::wrong::reverse"].longreprtext
    assert told.startswith("✗ specs/all.yaml:7:5: wrong: reverse of x in float64: wrong\n")
    assert "Traceback" not in told
    assert "nodes.py" not in told
    monkeypatch.chdir(suite)
    words = ["--points", "5", "--searches", "0", "--checks", "forward,reverse,vmap"]
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8")
    cli.main([f"{FILE}::wrong", *words, "--allow-import", "kernels_of_the_suite"])
    assert told in capsys.readouterr().out


def test_a_broken_implementation_is_told_briefly(ran: Any) -> None:
    """What it raised, and no frames of ours."""
    told = ran.reports[f"{FILE}::broken::forward"].longreprtext
    assert "kernels_of_the_suite:absent: AttributeError" in told
    assert len(told.splitlines()) == 4


def test_a_warning_is_a_warning(ran: Any) -> None:
    """Lost digits pass, and are seen in pytest's summary."""
    (warning,) = [text for text in ran.warned if "lossy" in text]
    assert warning.startswith("specs/all.yaml:17:5: lossy: forward in float64: inaccurate: ")


def test_reports_say_where_the_spec_stands(ran: Any) -> None:
    """For JUnit: the location, counted from 0 as pytest does, and properties as people count."""
    report = ran.reports[f"{FILE}::wrong::forward"]
    assert report.location == (FILE, 6, "wrong: forward")
    assert report.user_properties == [("file", FILE), ("line", 7)]


def test_strict_fails_what_warns(suite: Path, inside: Callable[..., Any]) -> None:
    """Lost digits and surprises alike."""
    ini = suite / "pytest.ini"
    strict = ini.read_text(encoding="utf-8").replace("--points", "--strict --points")
    ini.write_text(strict, encoding="utf-8")
    seen = inside("-k", "(surprise or lossy) and forward")
    assert seen.outcome(f"{FILE}::surprise::forward") == "failed"
    assert "inaccurate" in seen.reports[f"{FILE}::lossy::forward"].longreprtext


def test_a_warning_as_an_error_has_no_traceback(inside: Callable[..., Any]) -> None:
    """A suite that turns warnings into errors fails, and still reads well."""
    category = "gradcheck_sym.pytest_plugin.GradcheckWarning"
    seen = inside("-W", f"error::{category}", f"{FILE}::lossy::forward")
    report = seen.reports[f"{FILE}::lossy::forward"]
    assert report.failed
    assert len(report.longreprtext.splitlines()) == 1


def test_expected_failures_can_be_looked_at(inside: Callable[..., Any]) -> None:
    """--runxfail shows them in full."""
    seen = inside("--runxfail", f"{FILE}::known::forward")
    assert "known: forward in float64: wrong, as expected" in (
        seen.reports[f"{FILE}::known::forward"].longreprtext
    )


def test_a_mistake_of_ours_keeps_its_traceback(
    inside: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is no result of a check is no report, and no expected failure either."""
    from gradcheck_sym.plugin import judging

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(judging, "run_one", broken)
    seen = inside(f"{FILE}::known::forward")
    assert seen.outcome(f"{FILE}::known::forward") == "failed"
    assert "ZeroDivisionError" in seen.reports[f"{FILE}::known::forward"].longreprtext
