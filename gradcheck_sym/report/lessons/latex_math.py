"""Elements of MathML in LaTeX's mathematics, with amsmath: one layout, two notations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from xml.etree.ElementTree import Element

from gradcheck_sym.report.html.elements import APPLY, DOT, MINUS, TIMES

PREAMBLE = "\\usepackage{amsmath}"

_LETTERS = dict(
    zip(
        "αβγδεζηθικλμνξπρστφχψωΓΔΘΞΣΦΨΩ",
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau"
        " phi chi psi omega Gamma Delta Theta Xi Sigma Phi Psi Omega".split(),
        strict=True,
    )
)
_SIGNS: Mapping[str, str] = MappingProxyType(
    {
        MINUS: "-",
        DOT: r"\cdot",
        "·": r"\cdot",
        "×": r"\times",
        TIMES: r"\,",
        APPLY: "",
        "≤": r"\le",
        "≥": r"\ge",
        "≠": r"\ne",
        "≈": r"\approx",
        "∞": r"\infty",
        "∂": r"\partial",
        "∑": r"\sum",
        "∏": r"\prod",
        "⊤": r"\top",
        "¬": r"\neg",
        "‾": "",
        **{letter: f"\\{name}" for letter, name in _LETTERS.items()},
    }
)
_FENCES = {"(": "(", "[": "[", "|": r"\vert", "‖": r"\Vert", "⌊": r"\lfloor", "⌈": r"\lceil"}
_CLOSED = {")": ")", "]": "]", "|": r"\vert", "‖": r"\Vert", "⌋": r"\rfloor", "⌉": r"\rceil"}
_KNOWN = frozenset("sin cos tan sinh cosh tanh log max min det arcsin arccos arctan".split())
_MEANT = {
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "\u00a0": "~",
    **{character: f"\\{character}" for character in "{}_%&#$"},
}


def latex(part: Element) -> str:
    """An element and what stands in it."""
    children = list(part)
    match part.tag:
        case "mi" | "mn" | "mo" | "mtext":
            return _leaf(part)
        case "mfrac":
            above, below = children
            return rf"\frac{{{latex(above)}}}{{{latex(below)}}}"
        case "msqrt":
            return rf"\sqrt{{{_row(children)}}}"
        case "msup":
            base, above = children
            return f"{_base(base)}^{{{latex(above)}}}"
        case "msub" | "munder":
            base, below = children
            return f"{_base(base)}_{{{latex(below)}}}"
        case "mover":
            return rf"\overline{{{latex(children[0])}}}"
        case "mtable":
            return _table(part, "cases" if part.get("class") == "cases" else "matrix")
    return _row(children)


def escaped(text: str) -> str:
    """Text in which nothing means anything to LaTeX."""
    return "".join(_escaped(character) for character in text)


def _escaped(character: str) -> str:
    if character in _MEANT:
        return _MEANT[character]
    sign = _SIGNS.get(character)
    return rf"\ensuremath{{{sign}}}" if sign else character


def _row(parts: Sequence[Element]) -> str:
    """What stands beside each other; fences at both ends grow with what is between them."""
    if len(parts) > 1 and parts[0].tag == parts[-1].tag == "mo":
        left, right = _FENCES.get(parts[0].text or ""), _CLOSED.get(parts[-1].text or "")
        if left and right:
            return rf"\left{left} {_between(parts[1:-1])} \right{right}"
    return _between(parts)


def _between(parts: Sequence[Element]) -> str:
    after = [*parts[1:], None]
    written = [_beside(part, following) for part, following in zip(parts, after, strict=True)]
    return " ".join(text for text in written if text)


def _beside(part: Element, following: Element | None) -> str:
    """One of a row: a name before an application is a function, a brace before cases theirs."""
    if following is not None and following.tag == "mo" and following.text == APPLY:
        return _function(part)
    is_cases = following is not None and following.tag == "mtable"
    return "" if is_cases and part.tag == "mo" and part.text == "{" else latex(part)


def _function(part: Element) -> str:
    text = part.text or ""
    if part.tag != "mi" or len(text) == 1 or text in _KNOWN:
        return latex(part)
    return rf"\operatorname{{{escaped(text)}}}"


def _base(part: Element) -> str:
    text = latex(part)
    return text if part.tag in ("mi", "mn", "mo") else f"{{{text}}}"


def _table(table: Element, environment: str) -> str:
    rows = (" & ".join(_row(list(cell)) for cell in row) for row in table)
    lines = r" \\ ".join(rows)
    return rf"\begin{{{environment}}} {lines} \end{{{environment}}}"


def _leaf(part: Element) -> str:
    text = part.text or ""
    if part.tag == "mtext":
        return rf"\text{{{escaped(text)}}}"
    if text in _SIGNS:
        return _SIGNS[text]
    if part.tag == "mi" and text in _KNOWN:
        return f"\\{text}"
    if part.tag == "mn":
        return text.replace(MINUS, "-")
    return rf"\mathit{{{escaped(text)}}}" if part.tag == "mi" and len(text) > 1 else text
