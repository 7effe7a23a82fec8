"""From nodes to numbers and nested lists of them, real and complex."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Literal

from gradcheck_sym.spec.codes import Code
from gradcheck_sym.spec.constants import nearest
from gradcheck_sym.spec.parser import parse
from gradcheck_sym.spec.reading import Report, plain, wrong_type
from gradcheck_sym.spec.records import Nested
from gradcheck_sym.spec.tokens import ParseError, quoted
from gradcheck_sym.spec.yaml_nodes import Scalar, Table, YamlNode

MAX_RANK = 8  # dimensions of a value or shape

_HEXADECIMAL = re.compile(r"[-+]?0x[0-9a-fA-F]+(?:\.[0-9a-fA-F]*)?[pP][-+]?[0-9]{1,5}")


_Numbers = complex | tuple["_Numbers", ...]  # a float is of the type complex, too
Form = Literal["real", "complex", "either"]  # which numbers a place takes


def values(
    report: Report, node: YamlNode, form: Form = "real"
) -> tuple[Nested, tuple[int, ...]] | None:
    """A number or a nested list of them, with its shape.

    Complex numbers become pairs (re, im), which the shape does not count. Of the form "complex"
    all numbers become pairs, of "either" all or none.
    """
    found = _nested(report, node, 0, form)
    if found is None:
        return None
    shape = shape_of(found)
    if shape is None:
        report.add(Code.RAGGED, node, "the rows of this list differ in length or depth")
        return None
    return _parted(found, form == "complex" or _holds_complex(found)), shape


def _holds_complex(found: _Numbers) -> bool:
    if isinstance(found, tuple):
        return any(map(_holds_complex, found))
    return isinstance(found, complex)


def _parted(found: _Numbers, paired: bool) -> Nested:
    """The numbers as they are, or as pairs."""
    if isinstance(found, tuple):
        return tuple(_parted(item, paired) for item in found)
    return (found.real, found.imag) if paired else found.real


def _nested(report: Report, node: YamlNode, depth: int, form: Form) -> _Numbers | None:
    if isinstance(node, Scalar):
        number = None if form == "real" else _complex(node)
        return _number(report, node, form) if number is None else number
    if isinstance(node, Table) or depth >= MAX_RANK:
        wrong_type(report, node, f"a number is wanted, or lists of numbers {MAX_RANK} deep at most")
        return None
    parts = [_nested(report, item, depth + 1, form) for item in node.items]
    kept = tuple(part for part in parts if part is not None)
    return kept if len(kept) == len(parts) else None


_DECIMAL = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,4})?"
_COMPLEX = re.compile(
    rf"(?P<re>[-+]?{_DECIMAL}(?=\s*[-+]))?\s*(?P<im>(?:[-+]\s*)?(?:{_DECIMAL})?)i"
)


def _complex(node: Scalar) -> complex | None:
    """A number such as 1+2i, -1.5e3-i or 2i; None for any other text."""
    match = _COMPLEX.fullmatch(node.text.strip())
    if match is None:
        return None
    imaginary = "".join(match["im"].split())
    imaginary += "1" if imaginary in ("", "-", "+") else ""
    found = complex(float(match["re"] or 0), float(imaginary))
    return found if math.isfinite(abs(found.real) + abs(found.imag)) else None


def _number(report: Report, node: Scalar, form: Form) -> float | None:
    """A number: of YAML, in C's hexadecimals, or a constant such as 1/3, pi/2 or -inf."""
    before = len(report.problems)
    value = plain(report, node)
    if len(report.problems) > before:
        return None
    number: float | None = None
    try:
        if isinstance(value, str):
            number = _spelled(report, node, value)
        elif isinstance(value, int | Fraction | float) and not isinstance(value, bool):
            number = float(value)
    except OverflowError:
        report.add(Code.BAD_NUMBER, node, f"got {quoted(node.text, 30)}; float64 ends at 1.8e308")
        return None
    if number is None:
        _no_number(report, node, form)
    return number


def _no_number(report: Report, node: Scalar, form: Form) -> None:
    wanted, hint = "a number is wanted, such as 2, 0.5, 1e-3, 1/3, pi/2 or inf", ""
    if form != "real":
        wanted = "a complex number is written 1+2i, and a real one 2, 0.5, 1/3 or pi/2"
        hint = "write i for j" if "j" in node.text else ""
    elif _complex(node) is not None:
        wanted, hint = "a real number is wanted", "declare the input as dtype: complex"
    wrong_type(report, node, wanted, hint)


def _spelled(report: Report, node: Scalar, value: str) -> float | None:
    if _HEXADECIMAL.fullmatch(value):
        return float.fromhex(value)
    if value in ("nan", "NaN"):
        return math.nan
    report.spend(node, value)
    try:
        return nearest(parse(value, names=()))
    except ParseError:
        return None


def shape_of(value: _Numbers) -> tuple[int, ...] | None:
    """The sizes of a nest of numbers; None where its rows differ."""
    if not isinstance(value, tuple):
        return ()
    shapes = {shape_of(item) for item in value}
    if not shapes:
        return (0,)
    inner = shapes.pop()
    return None if shapes or inner is None else (len(value), *inner)


def leaves(value: Nested) -> Iterator[float]:
    """The numbers of a nest, in order."""
    if isinstance(value, tuple):
        for item in value:
            yield from leaves(item)
    else:
        yield value
