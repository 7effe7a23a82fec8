"""One part of a tree exchanged, whatever kind of node holds it."""

from __future__ import annotations

import pytest

from gradcheck_sym.spec.parser import parse
from gradcheck_sym.spec.rewrite import exchanged, occurrences
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
