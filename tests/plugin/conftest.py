"""A suite that has nothing to do with us, and ways to run it: in this process, and beside it."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

import pytest

LOADED = ("-p", "gradcheck_sym.pytest_plugin")
# What a run inside another one must not share with it.
_OURS = ("xdist", "cov", "hypothesispytest", "faulthandler", "cacheprovider")
ALONE = tuple(word for name in _OURS for word in ("-p", f"no:{name}"))

INI = """\
[pytest]
addopts = --strict-markers --strict-config --import-mode=importlib
testpaths = tests specs
xfail_strict = true
gradcheck_sym_paths = specs
gradcheck_sym_options =
    --points 5 --searches 0 --checks forward,reverse,vmap --allow-import kernels_of_the_suite
"""
SPECS = """\
defaults: {inputs: {x: {shape: [n], domain: "[1, 4]"}}}
specs:
  - name: right
    tags: [slow, 2d-view, xfail, _private]
    expr: x*x
    checks: {vmap: {skip: "no, <not> \\e[1mhere"}}
  - name: wrong
    expr: 2*x
    torch: x*x
  - name: known
    expr: 2*x
    torch: x*x
    xfail: {forward: a known bug, reverse: the same, vmap: the same}
  - name: surprise
    expr: x*x
    xfail: {forward: it used to fail}
  - name: lossy
    inputs: {x: {shape: [n], domain: "[1e-9, 1e-6]"}}
    expr: 1 - cos(x)
  - name: broken
    use: {f: "kernels_of_the_suite:absent"}
    expr: x*x
    torch: f(x)
  - name: unsupported
    use: {f: "kernels_of_the_suite:Square.apply"}
    expr: x*x
    torch: f(x)
"""
KERNELS = """\
import torch

class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return 2 * x * grad_output
"""
TESTS = """\
def test_ordinary():
    pass
"""


def write_suite(folder: Path) -> None:
    """A test, and specs of each kind of outcome."""
    files = {
        "pytest.ini": INI,
        "tests/test_ordinary.py": TESTS,
        "specs/all.yaml": SPECS,
        "kernels_of_the_suite.py": KERNELS,
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


@final
@dataclass
class Seen:
    """What a run inside this process reports: a plugin of that run."""

    reports: dict[str, pytest.TestReport] = field(default_factory=dict)
    items: list[str] = field(default_factory=list)  # collected, and not deselected
    errors: list[str] = field(default_factory=list)  # of the collection
    warned: list[str] = field(default_factory=list)
    kept: int = -1  # specs whose derivatives are still there when all is done
    code: int = -1

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what decides: the test itself, unless its preparation did."""
        if report.when == "call" or (report.when == "setup" and not report.passed):
            self.reports[report.nodeid] = report

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep what could not be collected."""
        if report.failed:
            self.errors.append(report.longreprtext)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Keep what is left to run."""
        self.items = [item.nodeid for item in session.items]

    def pytest_warning_recorded(self, warning_message: object) -> None:
        """Keep the warnings."""
        self.warned.append(str(getattr(warning_message, "message", "")))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Count what was not let go of."""
        specs = {item.parent for item in session.items}
        self.kept = sum(getattr(spec, "_judge", None) is not None for spec in specs)

    def outcome(self, nodeid: str) -> str:
        """As pytest's summary names it."""
        report = self.reports[nodeid]
        if hasattr(report, "wasxfail"):
            return "xfailed" if report.skipped else "xpassed"
        return report.outcome


def run_inside(folder: Path, *words: str) -> Seen:
    """Run pytest in this process, so that coverage sees it."""
    seen = Seen()
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.resetwarnings()  # the filters of the run around it are none of its business
        patch.chdir(folder)
        patch.delenv("PYTEST_ADDOPTS", raising=False)
        patch.syspath_prepend(str(folder))
        seen.code = pytest.main([*ALONE, *LOADED, "--capture=no", *words], plugins=[seen])
    sys.modules.pop("kernels_of_the_suite", None)
    return seen


Inside = Callable[..., Seen]
Beside = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """The folder of a foreign suite, to be changed at will."""
    write_suite(tmp_path)
    return tmp_path


@pytest.fixture(scope="package")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """What a run of the whole suite, as it stands, reports."""
    folder = tmp_path_factory.mktemp("suite")
    write_suite(folder)
    return run_inside(folder)


@pytest.fixture
def inside(suite: Path) -> Inside:
    """Run the suite in this process."""
    return lambda *words: run_inside(suite, *words)


@pytest.fixture
def beside(suite: Path) -> Beside:
    """Run the suite by a pytest of its own, as its owner does."""
    theirs = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTEST_", "COV_CORE_", "COVERAGE_", "TOX_"))
    }

    def run(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pytest", *words]
        return subprocess.run(
            command,
            cwd=suite,
            env=theirs | variables,
            capture_output=True,
            text=True,
            timeout=300,
        )

    return run
