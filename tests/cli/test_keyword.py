"""The expressions of -k."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck_sym.commands.keyword import matcher
from gradcheck_sym.errors import SpecError

TEXT = "specs/activations.yaml::Softplus smooth"


@pytest.mark.parametrize(
    "expression, matches",
    [
        ("soft", True),
        ("SOFT", True),
        ("gelu", False),
        ("not gelu", True),
        ("not not soft", True),
        ("soft and gelu", False),
        ("gelu or soft", True),
        ("gelu and gelu or soft", True),
        ("gelu and (gelu or soft)", False),
        ("not (gelu or soft)", False),
        ("activations.yaml::soft", True),
        ("notable", False),
        ("(soft)and(smooth)", True),
    ],
)
def test_words_and_their_joints(expression: str, matches: bool) -> None:
    """Not binds most, then and, then or; words are parts of the text in any case."""
    assert matcher(expression)(TEXT) is matches


@pytest.mark.parametrize(
    "expression, words",
    [
        ("", "ends where a word"),
        ("and", "'and' stands where a word"),
        ("a b", "'b' stands where and, or"),
        ("(a", "not closed"),
        ("a)", "')' stands where"),
        ("not", "ends where a word"),
        ("a or", "ends where a word"),
        ("(" * 5000, "nested deeper"),
        ("not " * 5000 + "a", "nested deeper"),
    ],
)
def test_expressions_that_do_not_parse(expression: str, words: str) -> None:
    """The problem says what was in the way, and shows the expression."""
    with pytest.raises(SpecError) as caught:
        matcher(expression)
    problem = caught.value.problems[0]
    assert words in problem.message
    assert problem.code == "U104"


@settings(deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(["and", "or", "not", "(", ")", "a", "é"]), max_size=300))
def test_random_expressions_match_or_are_refused(tokens: list[str]) -> None:
    """Nothing but a problem is ever raised."""
    with suppress(SpecError):
        assert matcher(" ".join(tokens))(TEXT) in (True, False)
