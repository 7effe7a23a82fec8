"""The door `pytest`: specs are tests where a project asks for it, and nowhere else.

Nothing is collected unless gradcheck_sym_paths or --gradcheck-sym says so, and nothing of what
judges is loaded before a spec file is: pytest starts as fast as without this.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import pytest

if TYPE_CHECKING:
    from gradcheck_sym.plugin.nodes import SpecFile

PATHS = "gradcheck_sym_paths"
OPTIONS = "gradcheck_sym_options"
FLAG = "--gradcheck-sym"
MARK = "gradcheck_sym"
_SUFFIXES = (".yaml", ".yml")

_paths = pytest.StashKey[tuple[Path, ...]]()


@final
class GradcheckWarning(pytest.PytestWarning):
    """A check that warns: digits are lost, or nothing could be ruled."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer the switch and the two settings; all of them are off."""
    group = parser.getgroup("gradcheck_sym", "specs of gradcheck_sym as tests")
    group.addoption(
        FLAG,
        action="store_true",
        dest=MARK,
        help=f"collect every YAML file among the paths as specs, not only {PATHS}",
    )
    parser.addini(PATHS, "spec files, or folders of them, that are collected as tests", "paths", [])
    parser.addini(
        OPTIONS, 'how to judge them, such as "--points 200 --allow-import my_kernels"', "args", []
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark of all checks; where the suite asks for any, its settings must be right."""
    config.addinivalue_line("markers", f"{MARK}: a check of a spec file")
    config.stash[_paths] = tuple(Path(os.path.abspath(path)) for path in config.getini(PATHS))
    for path in config.stash[_paths]:
        if not path.exists():
            raise pytest.UsageError(f"{PATHS}: no such file or directory: {path}")
    if config.stash[_paths] or config.getoption(MARK):
        from gradcheck_sym.plugin.settings import options_of

        options_of(config)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> SpecFile | None:
    """A spec file that is asked for; None for all others."""
    if file_path.suffix not in _SUFFIXES or not _is_wanted(file_path, parent.config):
        return None
    from gradcheck_sym.plugin.nodes import SpecFile

    return SpecFile.from_parent(parent, path=file_path)


def _is_wanted(path: Path, config: pytest.Config) -> bool:
    if path.name.startswith("."):
        return False
    wanted = config.stash[_paths]
    return bool(config.getoption(MARK)) or any(path.is_relative_to(each) for each in wanted)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a check that is skipped while it runs be reported at its spec, not at our own code."""
    report = yield
    if report.skipped and item.get_closest_marker(MARK) and isinstance(report.longrepr, tuple):
        path, line, _ = item.reportinfo()
        report.longrepr = (str(path), (line or 0) + 1, report.longrepr[2])
    return report


@pytest.fixture(scope="session")
def gradcheck_sym_verify(pytestconfig: pytest.Config) -> Callable[..., Any]:
    """`gradcheck_sym.verify`, with the suite's seed, points, checks, dtypes and strictness."""
    from gradcheck_sym.plugin.settings import verifier

    return verifier(pytestconfig)
