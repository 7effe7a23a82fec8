"""One spec judged check by check, as a run of the command line would judge it as a whole."""

from __future__ import annotations

from typing import final

from gradcheck_sym.commands import cases
from gradcheck_sym.commands.judging import retraceable
from gradcheck_sym.run.options import Options
from gradcheck_sym.run.runner import run_one, subjects
from gradcheck_sym.spec.records import Spec
from gradcheck_sym.verdict.diagnosis import across
from gradcheck_sym.verdict.records import Result


@final
class Judge:
    """A spec in all its dtypes, with the results so far."""

    def __init__(self, spec: Spec, options: Options) -> None:
        self._spec = spec
        self._options = options
        self._subjects = subjects(spec, options)
        self._found: list[Result] = []  # by all checks so far

    def results(self, check: str) -> list[Result]:
        """The results of one check, each with the ways back to it."""
        made = run_one(self._subjects, check)
        self._found += made
        told = across(self._found)[-len(made) :] if made else ()
        found = [retraceable(result, self._spec, self._options) for result in told]
        return list(cases.keep(found, self._options))
