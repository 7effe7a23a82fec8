"""Formulas in LaTeX: what the layout in MathML says, in another notation."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element

import pytest

from gradcheck_sym.report.html.elements import element, joined, leaf
from gradcheck_sym.report.html.mathml import laid
from gradcheck_sym.report.lessons.latex_math import escaped, latex
from gradcheck_sym.spec.parser import parse
from gradcheck_sym.spec.reader import read
from gradcheck_sym.spec.stages import stages

SPECS = Path(__file__).parents[2] / "specs"

CASES = (
    r"\begin{cases} a & \text{if~} x < 0 \\ b & \text{if~} x < 1 \\ c & \text{otherwise}"
    r" \end{cases}"
)


def printed(text: str) -> str:
    """An expression in LaTeX, without the spaces and sizes of fences that mean nothing."""
    found = latex(joined(laid(parse(text))))
    return " ".join(found.replace(r"\left", "").replace(r"\right", "").split())


@pytest.mark.parametrize(
    "text, expected",
    [
        ("x + y - 2", "x + y - 2"),
        ("a - (b - c)", "a - ( b - c )"),
        ("(a + b)*(c - d)", r"( a + b ) \, ( c - d )"),
        ("2*x", r"2 \, x"),
        ("2*3", r"2 \cdot 3"),
        ("weight*x", r"\mathit{weight} \cdot x"),
        ("2*-8", r"2 \, ( - 8 )"),
        ("-x*y", r"- x \, y"),
        ("-x/y", r"- \frac{x}{y}"),
        ("a/(b/c)", r"\frac{a}{\frac{b}{c}}"),
        ("(x + 1)**2", "{( x + 1 )}^{2}"),
        ("x**y", "x^{y}"),
        ("exp(-x)", "e^{- x}"),
        ("sqrt(2*pi)", r"\sqrt{2 \, \pi}"),
        ("abs(x)", r"\vert x \vert"),
        ("floor(x) + ceil(x)", r"\lfloor x \rfloor + \lceil x \rceil"),
        ("norm(x)", r"{\Vert x \Vert}_{2}"),
        ("log(x)*erf(y)", r"\log ( x ) \cdot \operatorname{erf} ( y )"),
        ("maximum(x, 0)", r"\max ( x , 0 )"),
        ("sum(x*y)", r"\sum x \, y"),
        ("prod(x, dim=0)", r"\prod_{\text{dim~} 0} x"),
        ("lgamma(x)", r"\log \Gamma ( x )"),
        ("erfinv(x)", r"\mathit{erf}^{- 1} ( x )"),
        ("x[0, 1]", "x_{0 , 1}"),
        ("A.T @ B", r"A^{\top} \, B"),
        ("[[1, 2], [3, x]]", r"[ \begin{matrix} 1 & 2 \\ 3 & x \end{matrix} ]"),
        ("beta*gamma1", r"\beta \, \gamma_{1}"),
        ("1.5e-30*x", r"1.5 \times 10^{- 30} \, x"),
        ("x <= 1 and not y == inf", r"x \le 1 \text{~and~} \neg ( y = \infty )"),
        ("where(x < 0, a, where(x < 1, b, c))", CASES),
        ("einsum('ij->ji', A)", r"\operatorname{einsum} ( \text{'ij->ji'} , A )"),
    ],
)
def test_expressions_in_print(text: str, expected: str) -> None:
    """Each kind of element in its own notation."""
    assert printed(text) == expected


def formulas() -> list[tuple[str, Element]]:
    """Every formula of the shipped specs, and its stages."""
    found = []
    for spec in read([str(SPECS)]):
        if spec.expr is not None:
            trees = [each.tree for each in (*stages(spec, "f"), *spec.where)]
            found += [(spec.address, joined(laid(node))) for node in trees]
    return found


def test_every_shipped_formula_can_be_printed() -> None:
    """All that opens is closed, and nothing is left that LaTeX does not know."""
    every = formulas()
    assert len(every) > 200
    for address, part in every:
        text = latex(part)
        assert text.isascii(), (address, text)
        assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}"), address
        assert text.count(r"\begin") == text.count(r"\end")
        assert text.count(r"\left") == text.count(r"\right")


def test_nothing_in_a_text_is_markup() -> None:
    """What people write stays what it is."""
    assert escaped("50% of {a_b} & #1 ~ ^ \\ $") == (
        r"50\% of \{a\_b\} \& \#1 \textasciitilde{} \textasciicircum{} \textbackslash{} \$"
    )
    assert escaped("a ≤ b") == r"a \ensuremath{\le} b"
    part = element("mrow", leaf("mtext", "&"), leaf("mi", "a_%"))
    assert latex(part) == r"\text{\&} \mathit{a\_\%}"
