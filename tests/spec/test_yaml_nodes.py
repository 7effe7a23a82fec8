"""YAML to nodes: positions in every style, and limits."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck_sym.spec.yaml_nodes import Scalar, Source, Table, compose, locate

EXAMPLES = settings(max_examples=200, deadline=None, derandomize=True)


def scalar(text: str) -> Scalar:
    """The value of the key k."""
    root, problems = compose(Source("f", text))
    assert not problems, problems
    assert isinstance(root, Table)
    node = root.get("k")
    assert isinstance(node, Scalar)
    return node


def mark(text: str) -> tuple[int, int]:
    """The line and column at which the character ! of the value of k is said to stand."""
    node = scalar(text)
    where = node.source.position(locate(node, node.text.index("!")))
    return where.line, where.column


@pytest.mark.parametrize(
    "text",
    [
        "k: a + !b",
        "k:   a + !b  # comment",
        "k: a\n  b\n\n   c !d",
        "k: 'a ''b'' !c'",
        "k: 'a\n\n   b !c'",
        'k: "a\\u0062\\x63\\U00000064\\t \\" !c"',
        'k: "a \\\n   b\\n\\\n  !c"',
        'k: "a\n\n   b !c"',
        "k: |\n  a\n   b !c\n",
        "k: |2+  # comment!\n    a\n\n   b !c\n\n",
        "k: >-\n  a\n  b\n\n    c !d\n",
        "{j: é𝔸, k: 𝔸 !b}",
        "j: 1\r\nk: |\r\n  a\r\n  !b\r\n",
        "? k\n: a\n  !b",
        "k:\n  !b".replace("!b", "b !"),
    ],
)
def test_a_character_is_found_where_it_stands(text):
    """In plain, quoted, literal and folded scalars, over line breaks and escapes."""
    offset = text.index("!", text.index("comment!") + 8 if "comment!" in text else 0)
    before = text[:offset].replace("\r\n", "\n").split("\n")
    assert mark(text) == (len(before), len(before[-1]) + 1)


def test_white_space_and_ends_are_found_after_what_precedes_them():
    """A missing operand is marked where it is missing."""
    node = scalar("k: 'a +  '\n")
    assert [locate(node, offset) for offset in (0, 1, 2, 3, 5, 99)] == [4, 5, 6, 7, 7, 7]
    empty = scalar("k: |\n")
    assert locate(empty, 0) <= len(empty.source.text)


@EXAMPLES
@given(
    st.text("ab'\"\\\t é𝔸\n#:", min_size=1, max_size=30),
    st.sampled_from(["'", '"', "|", ">", None]),
    st.integers(20, 40),
)
def test_every_visible_character_is_found(value, style, width):
    """PyYAML writes the text in some style and width; each character leads to itself."""
    written = yaml.safe_dump(
        {"k": value}, default_style=style, width=width, allow_unicode=style != '"'
    )
    root, problems = compose(Source("f", written))
    if problems:  # a tag that the writer adds
        return
    node = root.get("k")
    found = [locate(node, offset) for offset in range(len(node.text))]
    assert found == sorted(found)
    for character, place in zip(node.text, found, strict=True):
        if not character.isspace():
            shown = written[place]
            assert shown == character or shown == "\\"


def test_lines_end_as_editors_have_it():
    """Line feed, both, or carriage return alone."""
    source = Source("f", "a\nb\r\nc\rd")
    assert source.lines == ("a", "b", "c", "d")
    places = [source.position(source.text.index(letter)) for letter in "abcd"]
    assert [(place.line, place.column) for place in places] == [(1, 1), (2, 1), (3, 1), (4, 1)]


@EXAMPLES
@given(st.text(max_size=80) | st.text("abk:-?[]{}&*!|>'\"%@`#, \n\t", max_size=40))
def test_any_text_is_a_node_or_problems(text):
    """Never both, and nothing is raised."""
    root, problems = compose(Source("f", text))
    assert (root is None) == bool(problems)
    for problem in problems:
        assert problem.position.line <= len(Source("f", text).lines)
