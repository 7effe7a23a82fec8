"""How a suite wants its specs judged: as [tool.gradcheck_sym] and the suite's own setting say."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from gradcheck_sym.errors import SpecError
from gradcheck_sym.pytest_plugin import OPTIONS
from gradcheck_sym.report.problems import render
from gradcheck_sym.run.options import Options

_options = pytest.StashKey[Options]()


def options_of(config: pytest.Config) -> Options:
    """The options of a run; raises UsageError for what is wrong with them."""
    if _options not in config.stash:
        try:
            config.stash[_options] = _read(config)
        except SpecError as error:
            raise pytest.UsageError(told(error)) from None
    return config.stash[_options]


def told(error: SpecError) -> str:
    """All problems, as on the terminal."""
    return "\n".join(render(problem) for problem in error.problems)


def _read(config: pytest.Config) -> Options:
    from gradcheck_sym.commands import run
    from gradcheck_sym.commands.command import Parser
    from gradcheck_sym.commands.configuration import configuration, with_configuration

    parser = Parser(prog=OPTIONS, add_help=False, allow_abbrev=False)
    run.judging_options(parser)
    settled = configuration(config.rootpath)
    arguments = with_configuration(parser, config.getini(OPTIONS), settled)
    return run.options_of(vars(arguments))


def verifier(config: pytest.Config) -> Callable[..., Any]:
    """`verify` with the suite's options where a call has none of its own."""
    from gradcheck_sym.api import verify

    options = options_of(config)
    return partial(
        verify,
        seed=options.seed,
        points=options.points,
        checks=options.checks,
        dtypes=options.dtypes,
        strict=options.strict,
    )
