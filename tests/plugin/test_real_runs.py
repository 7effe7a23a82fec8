"""The plugin as a suite's owner meets it: a pytest of its own, beside this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from xml.etree import ElementTree as ET

import pytest

Beside = Callable[..., CompletedProcess[str]]

LOADED = ("-p", "gradcheck_sym.pytest_plugin")
PASSING = "right or surprise or lossy"
WATCH = """\
import sys

def pytest_unconfigure():
    found = sorted({name.partition(".")[0] for name in sys.modules} & set("HEAVY".split()))
    print("loaded:", *found)
"""


def test_workers_share_the_checks_and_junit_has_file_and_line(suite: Path, beside: Beside) -> None:
    """Under xdist all workers collect the same; what failed is told once, without a traceback."""
    words = ("-n", "2", "--junit-xml", "junit.xml", "-o", "junit_family=xunit1", "-ra")
    done = beside(*LOADED, *words, "-k", "right or wrong or ordinary")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "3 failed, 3 passed, 1 skipped" in done.stdout
    assert done.stdout.count("✗ specs/all.yaml:7:5: wrong: forward in float64: wrong\n") == 1
    assert "Traceback" not in done.stdout
    assert "gradcheck_sym/" not in done.stdout
    cases = ET.parse(suite / "junit.xml").getroot().findall("testsuite/testcase")
    places = {(case.get("name"), case.get("classname")): case for case in cases}
    failed = places["reverse", "specs.all.yaml.wrong"]
    assert (failed.get("file"), failed.get("line")) == ("specs/all.yaml", "6")
    assert {each.get("name"): each.get("value") for each in failed.iter("property")} == {
        "file": "specs/all.yaml",
        "line": "7",
    }
    (failure,) = failed.findall("failure")
    assert "to see exactly this again" in (failure.text or "")


def test_last_failed_takes_what_failed(beside: Beside) -> None:
    """--lf runs the checks that failed, and no other of their spec."""
    beside(*LOADED, "-k", "(wrong or right) and forward")
    again = beside(*LOADED, "--lf", "--collect-only", "-q")
    assert [line for line in again.stdout.splitlines() if "::" in line] == [
        "specs/all.yaml::wrong::forward"
    ]


@pytest.fixture
def installed(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The entry point, as an installed distribution has it."""
    import os
    import tomllib

    root = Path(__file__).parents[2]
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [f"{name} = {value}" for name, value in project["entry-points"]["pytest11"].items()]
    folder = tmp_path_factory.mktemp("site")
    metadata = folder / "stand_in_for_gradcheck_sym-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: stand-in\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text("\n".join(["[pytest11]", *lines, ""]))
    paths = [str(folder), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in paths if path))


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    "words, collected",
    [
        ((), True),
        (LOADED, True),
        (("-p", "gradcheck_sym"), True),
        (("-p", "no:gradcheck_sym", "-o", "addopts="), False),
    ],
)
def test_it_is_loaded_once_however_it_is_asked_for(
    beside: Beside, words: tuple[str, ...], collected: bool
) -> None:
    """By its entry point, by -p, or by both; and -p no: keeps it away."""
    done = beside(*words, "--collect-only", "-q", "specs")
    assert ("specs/all.yaml::right::forward" in done.stdout) is collected, done.stderr


def test_nothing_heavy_is_loaded_before_a_check_runs(suite: Path, beside: Beside) -> None:
    """Neither by the plugin itself, nor by collecting specs, nor by running other tests."""
    watch = WATCH.replace("HEAVY", "torch sympy flint numpy yaml rich argcomplete")
    (suite / "conftest.py").write_text(watch, encoding="utf-8")
    bare = ("-p", "no:hypothesispytest", "-s", "-q")
    ordinary = beside(*LOADED, *bare, "tests")
    assert ordinary.stdout.splitlines()[-1] == "loaded:"
    collected = beside(*LOADED, *bare, "-k", "ordinary")
    assert "1 passed, 21 deselected" in collected.stdout
    assert collected.stdout.splitlines()[-1] == "loaded: yaml"


def test_the_fixture_verifies_in_ordinary_tests(suite: Path, beside: Beside) -> None:
    """With the suite's options; a failure shows the caller's line and the report, not our code."""
    (suite / "tests" / "test_own.py").write_text(
        "import torch\n\n"
        "def test_right(gradcheck_sym_verify):\n"
        "    report = gradcheck_sym_verify('exp(x)', torch.exp, x='[-1, 1]')\n"
        "    assert {each.check for each in report.results} == {'forward', 'reverse', 'vmap'}\n\n"
        "def test_wrong(gradcheck_sym_verify):\n"
        "    gradcheck_sym_verify('exp(x)', torch.expm1, x='[-1, 1]', checks='forward')\n",
        encoding="utf-8",
    )
    done = beside(*LOADED, "tests/test_own.py")
    assert "1 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    assert ">       gradcheck_sym_verify('exp(x)', torch.expm1" in done.stdout
    assert "expm1: forward in float64: wrong" in done.stdout
    assert "raise GradientMismatch" not in done.stdout
