"""Problems as people see them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck_sym.errors import Position, Problem
from gradcheck_sym.report.problems import MAX_COLUMNS, render
from gradcheck_sym.spec.codes import Code
from gradcheck_sym.spec.reader import read_source
from gradcheck_sym.spec.yaml_nodes import Source


def rendered(text: str) -> str:
    """All problems of a file's text."""
    return "\n".join(map(render, read_source(Source("specs/it.yaml", text))[1]))


def test_a_problem_shows_place_line_caret_and_help():
    """In the form that compilers have."""
    assert rendered("inputs: {x: }\nexpr: 1 + softplsu(x)\n") == (
        "specs/it.yaml:2:11: S311 expr: unknown function 'softplsu'\n"
        "    2 | expr: 1 + softplsu(x)\n"
        "      |           ^^^^^^^^\n"
        "help: did you mean 'softplus'?"
    )
    assert rendered('inputs: {x: {domain: "(0, O)"}}\nexpr: x\n').splitlines()[0] == (
        "specs/it.yaml:1:27: S203 inputs.x.domain:"
        " got '(0, O)'; an endpoint is a number, inf or -inf"
    )


def test_a_problem_without_a_place_is_one_line():
    """Or has the text that it is about, or help."""
    missing = Problem(Code.NO_SUCH_PATH, "no such file or directory", path="specs/x.yaml")
    assert render(missing) == "specs/x.yaml: S001 no such file or directory"
    usage = Problem("U001", "what", source_line="--sed 1", suggestion="did you mean '--seed'?")
    assert render(usage) == "U001 what\n  --sed 1\nhelp: did you mean '--seed'?"


def problem(line: str, column: int, length: int = 1) -> list[str]:
    """The source line and the caret line of a problem there."""
    found = Problem("S000", "it", Position("f", 1, column), line, length)
    return render(found).splitlines()[1:]


def test_carets_stand_under_wide_and_escaped_characters():
    """Tabs, combining marks, ideographs, control characters."""
    for before in ("\t", "e\u0301", "数", "\x1b[31m", "\u202e", "é"):
        shown, carets = problem(f"{before}!", len(before) + 1)
        width = {"\t": 4, "e\u0301": 1, "数": 2, "\x1b[31m": 8, "\u202e": 6, "é": 1}[before]
        assert carets == "      | " + " " * width + "^"
        assert shown.endswith("!")


def test_a_long_line_is_cut_around_the_place():
    """What is marked stays in sight."""
    line = "a" * 500 + "!!" + "b" * 500
    shown, carets = problem(line, 501, 2)
    assert carets.index("^") == shown.index("!")
    assert carets.count("^") == 2
    assert len(shown) <= MAX_COLUMNS + 10
    shown, carets = problem("!" * 1000, 1, 1000)
    assert carets.count("^") == MAX_COLUMNS
    assert shown.endswith("…")


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(max_size=40), st.text(max_size=40), st.integers(1, 60), st.integers(0, 60))
def test_nothing_that_a_terminal_obeys_is_printed(text, line, column, length):
    """From no part of a problem."""
    position = Position(text, 1, column)
    found = Problem(text, text, position, line, length, text, text)
    assert all(character.isprintable() or character == "\n" for character in render(found))
