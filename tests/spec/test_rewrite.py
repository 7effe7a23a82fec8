"""One part of a tree exchanged, whatever kind of node holds it."""

from __future__ import annotations

import pytest

from gradcheck_sym.spec.parser import parse
from gradcheck_sym.spec.rewrite import exchanged, occurrences, rebuilt, unsigned
from gradcheck_sym.spec.tree import Name
from gradcheck_sym.spec.unparse import unparse

NAMES = frozenset({"x", "y", "z"})


@pytest.mark.parametrize(
    "text, wanted",
    [
        ("x", {"z"}),
        ("x*y + x", {"z*y + x", "x*y + z"}),
        ("-x", {"-z"}),
        (
            "where(x < y and y > 0, x, 0)",
            {"where(z < y and y > 0, x, 0)", "where(x < y and y > 0, z, 0)"},
        ),
        ("sum(x, dim=0)", {"sum(z, dim=0)"}),
        ("x[0, 1:]", {"z[0, 1:]"}),
        ("stack([x, y])", {"stack([z, y])"}),
    ],
)
def test_each_occurrence_alone(text: str, wanted: set[str]) -> None:
    """Exchanging x by z at each of its places gives one tree a place."""
    root = parse(text, names=NAMES)
    places = [at for at, node in occurrences(root) if node == Name("x")]
    assert {unparse(exchanged(root, at, Name("z"))) for at in places} == wanted


def test_a_leaf_has_no_parts() -> None:
    """Whoever asks for it has made a mistake."""
    with pytest.raises(ValueError, match="a Name has no parts"):
        rebuilt(Name("x"), [Name("y")])


@pytest.mark.parametrize(
    "text, negative, rest",
    [
        ("-x", True, "x"),
        ("-x*y/z", True, "x*y/z"),
        ("x*(-y)", False, "x*(-y)"),
        ("-x + y", False, "-x + y"),
        ("+x", False, "+x"),
        ("(-x)**2", False, "(-x)**2"),
    ],
)
def test_the_sign_of_a_product(text: str, negative: bool, rest: str) -> None:
    """Only what begins with a minus sign, and is no sum, has one to take off."""
    assert unsigned(parse(text, names=NAMES)) == (negative, parse(rest, names=NAMES))
