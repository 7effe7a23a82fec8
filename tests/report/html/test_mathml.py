"""Trees as mathematics: what stands where, and that text stays text."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from gradcheck_sym.report.html.mathml import derivative_by, equations, formula
from gradcheck_sym.spec import tree
from gradcheck_sym.spec.functions import FUNCTIONS, parameters
from gradcheck_sym.spec.parser import parse
from gradcheck_sym.spec.tree import Call, Name, Number, Text

UNSEEN = str.maketrans({"\u2062": "", "\u2061": "", "\u00a0": " ", "\u2212": "-"})
BOXES = {
    "mfrac": "{}/{}",
    "msup": "{}^{}",
    "msub": "{}_{}",
    "munder": "{}_{}",
    "mover": "{}{}",
    "msqrt": "√({})",
}


def flat(element: ET.Element) -> str:
    """MathML as text, a box around every part that has a place of its own."""
    parts = [flat(child) for child in element]
    if element.tag in BOXES:
        boxed = [f"[{part}]" if len(part) > 1 else part for part in parts]
        boxed = ["".join(boxed)] if element.tag == "msqrt" else boxed
        return BOXES[element.tag].format(*boxed)
    if element.tag == "mtr":
        return "  ".join(parts) + "; "
    return (element.text or "").translate(UNSEEN) + "".join(parts)


def shown(text: str) -> str:
    """The right-hand side of an equation, stacked."""
    page = ET.fromstring(equations([(Name("f"), parse(text))]))
    return flat(page[0][0][2])


@pytest.mark.parametrize(
    "text, expected",
    [
        ("x + y - 2", "x+y-2"),
        ("x - (y - 2)", "x-(y-2)"),
        ("-x*y", "-xy"),
        ("-(x + y)", "-(x+y)"),
        ("-x/y + 1", "-x/y+1"),
        ("x - y/2*3", "x-y/2⋅3"),
        ("2*x", "2x"),
        ("x*2", "x⋅2"),
        ("x*(y + 1)", "x⋅(y+1)"),
        ("(x + 1)*(y + 1)", "(x+1)(y+1)"),
        ("log(x)*y", "log(x)y"),
        ("rate*x", "rate⋅x"),
        ("x/y*(z/w)", "x/y⋅z/w"),
        ("x/(y + 1)", "x/[y+1]"),
        ("x**2", "x^2"),
        ("(x + 1)**2", "[(x+1)]^2"),
        ("(-x)**2", "[(-x)]^2"),
        ("x**-y", "x^[-y]"),
        ("x**(y/2)", "x^[y/2]"),
        ("2**(x/(y + 1))", "2^[x/(y+1)]"),
        ("exp(-x**2/2)", "e^[-x^2/2]"),
        ("exp(x)**2", "[(e^x)]^2"),
        ("sqrt(x + 1)", "√(x+1)"),
        ("abs(x)", "|x|"),
        ("floor(x/2)", "⌊x/2⌋"),
        ("x @ y.T", "xy^⊤"),
        ("inv(A) @ b", "A^[-1]b"),
        ("conj(z)", "z‾"),
        ("0.1", "0.1"),
        ("1e-30*x", "[10]^[-30]x"),
        ("beta*sigma_1", "βσ_1"),
        ("pi*inf", "π⋅∞"),
        ("w_in*log_p", "w_[in]⋅log_p"),
        ("x[0, 1]", "x_[0,1]"),
        ("x[:, 1:]", "x_[:,1:]"),
        ("[x, y]", "[x,y]"),
        ("[[x, 1], [0, y]]", "[x  1; 0  y; ]"),
        ("where(x > 0, x, 0)", "{x  if x>0; 0  otherwise; "),
        ("where(x > 0, x, where(x < y, y, 1))", "{x  if x>0; y  if x<y; 1  otherwise; "),
        ("2*where(x > 0, x, 0)", "2({x  if x>0; 0  otherwise; )"),
        ("where(x >= 0 and not (x == y) or x != 1, 1, 0)",
         "{1  if x≥0 and ¬(x=y) or x≠1; 0  otherwise; "),
        ("sum(x*y, dim=1)", "∑_[dim 1]xy"),
        ("sum(x + y)", "∑(x+y)"),
        ("sum(x)*2", "(∑x)⋅2"),
        ("1 + sum(x)", "1+∑x"),
        ("prod(x)", "∏x"),
        ("mean(x, dim=(0, 1))", "[mean]_[dim (0,1)](x)"),
        ("var(x, correction=0)", "var(x,correction=0)"),
        ("norm(x)", "[‖x‖]_2"),
        ("norm(x, 1)", "[‖x‖]_1"),
        ("lgamma(x)", "logΓ(x)"),
        ("erfinv(x)", "[erf]^[-1](x)"),
        ("reciprocal(x)", "1/x"),
        ("pow(x, y)", "x^y"),
        ("rsqrt(x + 1)", "1/[√(x+1)]"),
        ("maximum(x, 0)", "max(x,0)"),
        ("clamp(x, min=-1)", "clamp(x,min=-1)"),
    ],
)  # fmt: skip
def test_layout(text: str, expected: str) -> None:
    """Fractions are stacked, powers raised, factors side by side, parentheses where need be."""
    assert shown(text) == expected


def test_exponents_do_not_stack() -> None:
    """A fraction inside an exponent or a line of text is written with a stroke."""
    page = ET.fromstring(formula(parse("x/(y*z) < 2**(x/y)")))
    assert flat(page) == "x/(yz)<2^[x/y]"
    assert not list(page.iter("mfrac"))


def test_a_large_exponent_stands_beside() -> None:
    """What would be a tower above e is an argument of exp."""
    long = " + ".join(f"x**{k}/{k}" for k in range(1, 9))
    assert shown(f"exp({long})").startswith("exp([x^1]/1")


def test_equations_are_aligned_and_told() -> None:
    """A row for each, with the text for those who listen."""
    page = ET.fromstring(
        equations(
            [(Name("z"), parse("2*x")), (derivative_by(Name("f"), parse("x[0]")), parse("z"))]
        )
    )
    assert [len(row) for row in page.iter("mtr")] == [3, 3]
    assert flat(page[0][1][0]) == "[∂f]/[∂x_0]"
    assert page.get("alttext") == "z = 2*x; d f / d x[0] = z"


def test_functions_of_derivatives_only() -> None:
    """What the language cannot call but a derivative may."""
    one = Number(parse("1").value)  # type: ignore[union-attr]
    page = ET.fromstring(formula(Call("polygamma", (one, Name("x")))))
    assert flat(page) == "ψ^[(1)](x)"


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_every_function_can_be_shown(function: str) -> None:
    """Whatever the table has, with all of its parameters or only those that it must have."""
    declared = parameters(FUNCTIONS[function].signature)
    for chosen in (declared, [each for each in declared if each.default is None]):
        options = tuple((p.name, Name(p.name)) for p in chosen if p.default is not None)
        arguments = tuple(Name(p.name) for p in chosen if p.default is None)
        page = ET.fromstring(formula(Call(function, arguments, options)))
        names = {
            part.name
            for part in tree.walk(Call(function, arguments, options))
            if isinstance(part, Name)
        } - {"keepdim"}
        assert all(name[0] in flat(page) for name in names if len(name) == 1)


def test_text_stays_text() -> None:
    """Whatever a name or a text holds becomes neither an element nor a hidden character."""
    hostile = "<mi>&\"'\u202e\x1b]]>"
    for node in (
        Name(hostile),
        Text(hostile),
        Call(hostile, (Name(hostile),)),
        Call("sum", (Name("x"),), ((hostile, Name(hostile)),)),
    ):
        text = formula(node)
        page = ET.fromstring(text)
        assert "\u202e" not in text
        assert "\x1b" not in text
        assert r"\u202e" in "".join(page.itertext())
        assert "<mi>&" in "".join(page.itertext())


def test_long_expressions_are_shown() -> None:
    """As long as the language allows: no depth that it has is too much."""
    page = ET.fromstring(equations([(Name("f"), parse(" + ".join(["x"] * 99)))]))
    assert flat(page).count("x") == 99
