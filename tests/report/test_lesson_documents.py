"""Lessons as documents: LaTeX to compile, a page to look at."""

from __future__ import annotations

from fractions import Fraction
from html.parser import HTMLParser

import pytest

from gradcheck_sym.report.lessons import latex, page
from gradcheck_sym.spec import tree
from gradcheck_sym.verdict.lesson import (
    Code,
    Equations,
    Items,
    Lesson,
    Math,
    Part,
    Partial,
    Sign,
    Table,
    Words,
)

X = tree.Name("x")
F = tree.Name("f")
TWO = tree.Number(Fraction(2))
LESSON = Lesson(
    "A <title> & more",
    "a_b.yaml::f",
    "Costs 5%.",
    (
        Part(
            "Part & parcel",
            (
                (Words("At "), Math((X, Sign("="), Sign("-1.5"))), Code("x.grad_fn")),
                Equations(
                    (
                        (Math((Partial(F, X, total=True),)), Math((tree.Binary("*", TWO, X),))),
                        (None, Math((Sign("[1, -2]"), Sign("≈"), Sign("inf")))),
                    )
                ),
                Table(("a", "b"), (((Words("1"),), (Math((Partial(F, X),)),)),)),
                Items((("1", ((Code("y = x"),), (Words("y < x"),))),)),
            ),
        ),
    ),
)


def test_latex_has_every_piece() -> None:
    """Escaped where it is text, in mathematics where it is a formula."""
    text = latex.render([LESSON])
    for part in (
        r"\section*{A <title> \& more}",
        r"\texttt{a\_b.yaml::f}",
        r"Costs 5\%.",
        r"At $x = −1.5$\texttt{x.grad\_fn}".replace("−", "-"),
        "\\frac{d f}{d x} &= 2 \\, x \\\\\n &= [1, -2] \\approx \\infty",
        r"1 & $\frac{\partial f}{\partial x}$ \\",
        "\\item[1] \\texttt{y = x} \\\\\ny < x",
    ):
        assert part in text
    assert text.startswith(r"\documentclass")
    assert text.rstrip().endswith(r"\end{document}")


class Reader(HTMLParser):
    """Notes which elements are open, and what there is."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """An element ends: the last one that began."""
        assert self.open.pop() == tag


@pytest.mark.parametrize("lessons", [[LESSON], [LESSON, LESSON]])
def test_the_page_is_whole_and_needs_nothing(lessons: list[Lesson]) -> None:
    """Balanced, in ASCII, without scripts or anything from elsewhere."""
    text = page.render(lessons)
    reader = Reader()
    reader.feed(text)
    assert reader.open == []
    assert text.isascii()
    assert text.startswith("<!DOCTYPE html>\n")
    tags = [tag for tag, _ in reader.seen]
    assert tags.count("h1") == len(lessons)
    assert not {"script", "link", "img", "iframe"} & set(tags)
    assert not any({"src", "href"} & attributes.keys() for _, attributes in reader.seen)
    assert "<h1>A &lt;title&gt; &amp; more</h1>" in text
    assert "<dt>1</dt><dd><code>y = x</code><br>y &lt; x</dd>" in text
