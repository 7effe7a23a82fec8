"""Spec files as pytest sees them: a file, its specs, and a test for each check of a spec."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, final

import pytest

from gradcheck_sym.errors import SpecError
from gradcheck_sym.plugin.settings import options_of, told
from gradcheck_sym.pytest_plugin import MARK, GradcheckWarning
from gradcheck_sym.report.details import failures
from gradcheck_sym.report.problems import visible
from gradcheck_sym.report.terminal import plain
from gradcheck_sym.report.words import fails, headline, reason, warns
from gradcheck_sym.run.choice import checks_of, dtypes_of
from gradcheck_sym.spec import reader
from gradcheck_sym.spec.records import Skip, Spec
from gradcheck_sym.verdict.records import Result, Verdict

# Marks that change what pytest does with a test; a tag of that name is for -k alone.
_PYTEST_OWN = frozenset({"filterwarnings", "parametrize", "skip", "skipif", "usefixtures", "xfail"})


@final
class CheckFailed(Exception):
    """A check of a spec failed."""

    def __init__(self, failing: list[Result]) -> None:
        self.failing = failing
        super().__init__("; ".join(headline([result]) for result in failing))


@final
class SpecFile(pytest.File):
    """A file of specs."""

    def collect(self) -> Iterator[SpecNode]:
        """Its specs; CollectError with all that is wrong with the file."""
        specs, problems = reader.read_file(os.path.relpath(self.path))
        if problems:
            raise self.CollectError(told(SpecError(problems)))
        for spec in specs:
            yield SpecNode.from_parent(self, name=spec.name, spec=spec)


@final
class SpecNode(pytest.Collector):
    """A spec: its checks have what was derived and judged in common."""

    def __init__(self, *, spec: Spec, **more: Any) -> None:
        super().__init__(**more)
        self.spec = spec
        self.options = options_of(self.config)
        self._judge: Any = None  # of plugin.judging: it loads torch, so not before a test runs
        self.add_marker(MARK)
        self.extra_keyword_matches.update(spec.tags)
        for tag in spec.tags:
            if tag not in _PYTEST_OWN and not tag.startswith("_"):
                _register(tag, self.config)
                self.add_marker(tag)

    def collect(self) -> Iterator[CheckItem]:
        """A test for each check that applies."""
        if dtypes_of(self.spec, self.options):
            for check in checks_of(self.spec, self.options):
                yield CheckItem.from_parent(self, name=check, spec=self.spec)

    def judge(self, check: str) -> list[Result]:
        """The results of one check."""
        if self._judge is None:
            from gradcheck_sym.plugin.judging import Judge

            self._judge = Judge(self.spec, self.options)
        found: list[Result] = self._judge.results(check)
        return found

    def teardown(self) -> None:
        """Let go of what the checks had in common."""
        self._judge = None


def _register(tag: str, config: pytest.Config) -> None:
    """Make a tag a known mark, for --strict-markers."""
    known = {line.partition(":")[0].partition("(")[0].strip() for line in config.getini("markers")}
    if tag not in known:
        config.addinivalue_line("markers", f"{tag}: a tag of specs")


@final
class CheckItem(pytest.Item):
    """One check of one spec."""

    parent: SpecNode

    def __init__(self, *, spec: Spec, **more: Any) -> None:
        super().__init__(**more)
        self.spec = spec
        said = spec.checks.get(self.name)
        if isinstance(said, Skip):
            self.add_marker(pytest.mark.skip(reason=visible(said.reason)))
        expected = spec.xfail.get(self.name)
        if expected:
            strict = options_of(self.config).strict
            mark = pytest.mark.xfail(reason=visible(expected), raises=CheckFailed, strict=strict)
            self.add_marker(mark)
        where = {"file": spec.path, "line": spec.position.line}
        self.user_properties += where.items()

    def runtest(self) -> None:
        """Judge, and raise CheckFailed for what does not pass, expected or not."""
        results = self.parent.judge(self.name)
        strict = self.parent.options.strict
        failing = [
            result
            for result in results
            if result.outcome == "xfailed"
            or (fails(result, strict) and result.outcome != "xpassed")
        ]
        if failing:
            raise CheckFailed(failing)
        if all(result.verdict is Verdict.SKIPPED for result in results):
            said = dict.fromkeys(visible(result.message) for result in results)
            pytest.skip("; ".join(said) or "nothing to check")
        for result in results:
            if warns(result) and result.outcome != "xpassed":
                self.warn(GradcheckWarning(visible(f"{headline([result])}: {reason(result)}")))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The report of the terminal; what is no result has its traceback."""
        match excinfo.value:
            case CheckFailed() as failed:
                return plain(failures(failed.failing)).rstrip()
            case GradcheckWarning() as warning:
                return str(warning)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[os.PathLike[str], int, str]:
        """Where the spec begins, counted from 0, and what is checked."""
        return self.path, self.spec.position.line - 1, f"{self.spec.name}: {self.name}"
