"""Specs of strangers that can be read: what they say is shown, what they ask for is refused."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import final
from xml.etree import ElementTree as ET

import pytest

HERE = Path(__file__).parent
LENDER = "import os\nfrom os import system\n\ndef f(x):\n    return x\n"
CANARY = f"open('ran', 'w').close()\n{LENDER}"
REPORTS = ("text", "concise", "json", "junit", "sarif", "github")

# What is said of them; of the others, that a formula is wrong or right.
REFUSALS = {
    "raises_what_it_says": "NotImplementedError: Unrecognised padding mode",
    "imports_without_permission": "importing 'canary' is not permitted; --allow-import canary",
    "imports_a_neighbour": "importing 'lenders' is not permitted; --allow-import lenders",
    "imports_the_standard_library": "importing 'os' is not permitted; --allow-import os",
    "borrows_from_a_module": "system is from 'posix'; --allow-import posix permits it",
    "walks_through_a_module": "may only lead through classes",
    "joins_itself": "an array of 1000000 elements; at most 100000 are written out",
    "spreads_itself": "an array of 8100000000 elements; at most 100000 are written out",
    "counts_operations": "the mathematics needs over 219200 operations",
    "asks_for_much": "can't allocate memory",
    "asks_for_more": "can't allocate memory",
}


@final
@dataclass(frozen=True, slots=True)
class Judged:
    """What a run left: its reports by form, what it printed, and how long it took."""

    folder: Path
    reports: dict[str, str]
    printed: str
    seconds: float


def _cpu_seconds() -> float:
    """What processes have computed that have come to their end, however busy the machine is."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """One run of all of them, with every report."""
    folder = tmp_path_factory.mktemp("judged")
    (folder / "judged.yaml").write_bytes((HERE / "judged.yaml").read_bytes())
    for name, text in (("canary", CANARY), ("lenders", CANARY), ("lender", LENDER)):
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    words = ["run", "judged.yaml", "--checks", "forward,reverse", "--dtype", "float64", "-v"]
    words += ["--points", "2", "--searches", "0", "--timeout", "20", "--memory", "400"]
    for allowed in ("lender", "canary.sub", "can"):
        words += ["--allow-import", allowed]
    for form in REPORTS:
        words += ["--format", form, "--output", f"report.{form}"]
    begun = _cpu_seconds()
    done = subprocess.run(
        [sys.executable, "-m", "gradcheck_sym", *words, "--html", "report.html"],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "80"},
        timeout=600,
        check=False,
    )
    seconds = _cpu_seconds() - begun
    reports = {path.suffix[1:]: path.read_text("utf-8") for path in folder.glob("report.*")}
    assert done.returncode == 1, done.stderr
    return Judged(folder, reports, done.stdout + done.stderr, seconds)


def test_each_gets_a_clear_result(judged: Judged) -> None:
    """Within the limits of time and memory; one that is right passes, whatever it costs."""
    results = json.loads(judged.reports["json"])["results"]
    said: dict[str, set[str]] = {}
    for result in results:
        name = result["spec"].partition("::")[2]
        said.setdefault(name, set()).add(f"{result['verdict']}: {result['message']}")
    for name, refusal in REFUSALS.items():
        assert all(text.startswith("error: ") and refusal in text for text in said[name]), (
            name,
            said[name],
        )
    assert {name for name in said if name not in REFUSALS} == {
        "fails",
        "is_expected_to_fail",
        "passes_all_the_same",
        "skips",
        "squares_itself",
    }
    assert all(text.startswith("wrong: ") for text in said["fails"])
    assert said["squares_itself"] == {"agrees: "}
    assert judged.seconds < 60


def test_nothing_of_theirs_ran(judged: Judged) -> None:
    """Neither a module that is not permitted nor a command."""
    assert not (judged.folder / "ran").exists()
    assert judged.printed.count("\n") < 5, judged.printed


def test_no_report_has_what_is_obeyed(judged: Judged) -> None:
    """No control or format character; no line that a workflow takes for a command of its own."""
    ours = {"html": "\n\u2061\u2062"}  # signs of application and multiplication that nobody sees
    for form, report in {**judged.reports, "printed": judged.printed}.items():
        strange = {c for c in report if not c.isprintable() and c not in ours.get(form, "\n")}
        assert strange == set(), form
        if form not in ("github", "html"):  # the page goes to a file alone
            lines = map(str.lstrip, report.splitlines())
            assert [line for line in lines if line.startswith(("::", "##["))] == [], form


def test_a_workflow_gets_our_commands_only(judged: Judged) -> None:
    """An annotation for each spec that fails or warns; each about the file, and on one line."""
    lines = judged.reports["github"].splitlines()
    assert len(lines) == len(REFUSALS) + 2
    for line in lines:
        assert line.startswith(("::error file=judged.yaml,line=", "::warning file=judged.yaml,"))
        assert "%0A::" not in line.replace("%250A::", "")


def test_xml_stays_what_it_is(judged: Judged) -> None:
    """Texts with markup end no element and begin none."""
    tags = {element.tag for element in ET.fromstring(judged.reports["junit"]).iter()}
    ways = {"failure", "error", "skipped", "system-out"}
    assert tags == {"testsuites", "testsuite", "testcase", *ways}
    assert "alert(2)" in judged.reports["junit"]  # it is shown, as text


def test_the_page_runs_nothing(judged: Judged) -> None:
    """No script, image or handler of theirs; what they wrote is there as text."""
    page = judged.reports["html"]
    assert "&lt;script&gt;alert(1)" in page
    for mark in ("<script", "<img", "<b>", "<iframe", "javascript:"):
        assert mark not in page, mark
    assert "{{7*7}}{% raw %}" in page  # nor does the template take it for its own


def test_code_scanning_gets_no_links_of_theirs(judged: Judged) -> None:
    """Messages have no links and placeholders, and places lie within the folder."""
    (run,) = json.loads(judged.reports["sarif"])["runs"]
    for result in run["results"]:
        assert "](" not in result["message"]["text"]
        (location,) = result["locations"]
        assert location["physicalLocation"]["artifactLocation"]["uri"] == "judged.yaml"
