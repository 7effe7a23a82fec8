"""The options and their one place of defaults."""

from __future__ import annotations

import pytest

from gradcheck_sym import cli
from gradcheck_sym.run.checks import CHECKS as CARRIED_OUT
from gradcheck_sym.run.options import CHECKS, ON_DEMAND, PROFILES, Options
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
    assert f"looking for the largest error ({Options().searches})" in text
    assert f"the same seed gives the same results ({Options().seed})" in text


def test_help_tells_the_profiles(capsys: pytest.CaptureFixture[str]) -> None:
    """With their numbers, from the table that the runner uses."""
    cli.main(["run", "--help"])
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.strip()}
    for name, profile in PROFILES.items():
        assert f"{profile.points} points, {profile.searches} searches" in lines[name]


def test_thorough_leaves_nothing_out_and_quick_is_part_of_the_default() -> None:
    """The profiles rise."""
    quick, default, thorough = PROFILES.values()
    assert quick.points < default.points < thorough.points
    assert quick.searches < default.searches < thorough.searches
    assert quick.checks is not None
    assert set(quick.checks) <= set(CHECKS) - ON_DEMAND
    assert default.checks is None
    assert thorough.checks == CHECKS
