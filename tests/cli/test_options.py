"""The options and their one place of defaults."""

from __future__ import annotations

import pytest

from gradcheck_sym import cli
from gradcheck_sym.run.checks import CHECKS as CARRIED_OUT
from gradcheck_sym.run.options import CHECKS, Options
from gradcheck_sym.spec import checks


def test_the_checks_on_offer_are_those_carried_out() -> None:
    """The command line, which loads no runner, offers what the runner has; specs know the names."""
    assert set(CHECKS) == set(CARRIED_OUT)
    assert set(CHECKS) <= set(checks.CHECKS)


def test_help_shows_the_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    """A default is written once, and read from there."""
    cli.main(["run", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert f"bulk points for each spec and dtype ({Options().points})" in text
    assert f"the same seed gives the same results ({Options().seed})" in text
