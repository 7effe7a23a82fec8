"""The forms and places of reports: one run, many readers."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft7Validator
from sarif_kit.validate import validation_errors

from gradcheck_sym import cli
from gradcheck_sym.commands.command import report_options
from gradcheck_sym.commands.output import destinations
from gradcheck_sym.commands.usage import Exit
from gradcheck_sym.report import json_report
from gradcheck_sym.report.formats import FORMATS

SPECS = """\
specs:
  - name: square
    inputs: {x: {shape: [n], domain: "[1, 4]"}}
    expr: x*x
    checks: {vmap: {skip: "no, <not> here"}}
  - name: other
    inputs: {x: {shape: [n], domain: "[1, 4]"}}
    expr: 2*x
    torch: x*x
    xfail: {forward: "known: 100%"}
"""
QUICK = ["a.yaml", "--points", "5", "--dtype", "float64"]
QUICK += ["--checks", "forward,reverse,vmap"]

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command line beside a file of specs: exit code, stdout and stderr."""
    (tmp_path / "a.yaml").write_text(SPECS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8")

    def call(*words: str) -> tuple[int, str, str]:
        code = cli.main([*QUICK, *words])
        out, err = capsys.readouterr()
        return code, out, err

    return call


def test_one_run_writes_all_reports(run: Run, tmp_path: Path) -> None:
    """Each is what its reader wants, and the terminal has text and annotations."""
    words = [
        word
        for form in ("json", "junit", "sarif", "concise")
        for word in ("--format", form, "--output", f"report.{form}")
    ]
    code, out, _ = run("--format", "text", "--format", "github", *words)
    assert code == Exit.FAILED
    written = {
        path.suffix[1:]: path.read_text(encoding="utf-8") for path in tmp_path.glob("report.*")
    }
    report = json.loads(written["json"])
    assert list(Draft7Validator(json_report.schema()).iter_errors(report)) == []
    assert validation_errors(json.loads(written["sarif"])) == []
    cases = ET.fromstring(written["junit"].encode("ascii")).findall("testsuite/testcase")
    assert len(cases) == len(report["results"]) == len(written["concise"].splitlines()) - 1
    assert {case.get("file") for case in cases} == {"a.yaml"}
    assert "✗ other" in out
    (annotation,) = [line for line in out.splitlines() if line.startswith("::")]
    assert annotation.startswith(
        "::error file=a.yaml,line=6,col=5,title=other%3A wrong::reverse of x in"
    )
    assert out.count(" in 2 specs, seed 0") == 1


def test_a_file_leaves_the_summary_on_the_terminal(run: Run) -> None:
    """Unless it is quiet; annotations do not stand for it."""
    code, out, _ = run("--checks", "forward", "--format", "junit", "--output", "a.xml")
    assert code == Exit.PASSED
    assert len(out.splitlines()) == 1
    assert out.endswith("in 2 specs, seed 0\n")
    assert run("--checks", "forward", "--format", "junit", "--output", "a.xml", "-q")[1] == ""
    assert len(run("--checks", "forward", "--format", "github")[1].splitlines()) == 1


@pytest.mark.parametrize(
    "words, wanted",
    [
        ([], {"": "text"}),
        (["--format", "json"], {"": "json"}),
        (["--output", "f"], {"f": "text"}),
        (["--format", "json", "--output", "f"], {"f": "json"}),
        (["--output", "f", "--format", "json"], {"f": "json"}),
        (["--format", "text", "--format", "json", "--output", "f"], {"": "text", "f": "json"}),
        (["--format", "json", "--output", "f", "--format", "text"], {"": "text", "f": "json"}),
        (["--output", "f", "--output", "g", "--format", "json"], {"f": "text", "g": "json"}),
        (["--output=f", "--format=json", "--output=g"], {"f": "json", "g": "text"}),
    ],
)
def test_a_file_takes_the_form_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], wanted: dict[str, str]
) -> None:
    """In whatever order the options come; what has no file goes to the terminal."""
    monkeypatch.chdir(tmp_path)
    parser = argparse.ArgumentParser()
    report_options(parser)
    found = destinations(parser.parse_args(words))
    assert {str(each.path or ""): each.form for each in found} == wanted


@pytest.mark.parametrize(
    "words, message",
    [
        (["--format", "json", "--format", "text"], "--format: json has the terminal to itself"),
        (["--format", "junit", "--format", "sarif"], "--format: junit has the terminal to itself"),
        (["--output", "f", "--output", "./f"], "--output: two reports cannot go to f"),
        (["--format", "xml"], "--format: got 'xml'; known are text, concise, json"),
        (["--format", "json", "--output", "."], "--output: cannot write .: it is a folder"),
    ],
)
def test_reports_that_get_in_each_others_way_are_refused(
    run: Run, words: list[str], message: str
) -> None:
    """Before anything is run."""
    code, out, err = run(*words)
    assert (code, out) == (Exit.USAGE, "")
    assert message in err


def test_help_tells_every_form(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """The table of forms is what the help reads."""
    for command in ("run", "replay"):
        cli.main([command, "--help"])
        shown = capsys.readouterr().out
        for name, form in FORMATS.items():
            assert f"  {name:<10} {form.purpose}\n" in shown


def test_the_schema_of_a_report_can_be_had(capsys: pytest.CaptureFixture[str]) -> None:
    """As whoever reads reports in JSON needs it."""
    assert cli.main(["schema", "--report"]) == Exit.PASSED
    assert json.loads(capsys.readouterr().out) == json_report.schema()
