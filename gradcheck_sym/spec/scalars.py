"""YAML 1.2's core schema: what a plain scalar means, exactly.

PyYAML follows YAML 1.1, in which on and no are booleans, 010 is 8, 1:30 is 90 and 1e-3 a text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType

# A finite number is an int or a Fraction; a float is an infinity or NaN.
Plain = bool | int | Fraction | float | str | None

MAX_CHARACTERS = 800  # of a number; a float64 written out in full has up to 767 digits
MAX_EXPONENT = 2_000  # of ten; float64 ends at 308

_WORDS: Mapping[str, bool | None] = MappingProxyType(
    dict.fromkeys(("", "~", "null", "Null", "NULL"))
    | dict.fromkeys(("true", "True", "TRUE"), True)
    | dict.fromkeys(("false", "False", "FALSE"), False)
)
_INTEGER = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_DECIMAL = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE](?P<exponent>[-+]?[0-9]+))?")
_INFINITE = re.compile(r"(?P<sign>[-+]?)\.(?:inf|Inf|INF)")
_NAN = re.compile(r"\.(?:nan|NaN|NAN)")


def resolve(text: str) -> Plain:
    """The value of a plain scalar (YAML 1.2.2, 10.3.2).

    Raises OverflowError for a number too long or too large to be computed exactly.
    """
    if text in _WORDS:
        return _WORDS[text]
    if _BASED.fullmatch(text):
        return int(_short(text), 0)
    if _INTEGER.fullmatch(text):
        return int(_short(text))
    if decimal := _DECIMAL.fullmatch(text):
        return _exact(_short(text), decimal["exponent"] or "0")
    if infinite := _INFINITE.fullmatch(text):
        return -math.inf if infinite["sign"] == "-" else math.inf
    return math.nan if _NAN.fullmatch(text) else text


def _short(text: str) -> str:
    if len(text) > MAX_CHARACTERS:
        raise OverflowError(f"a number of more than {MAX_CHARACTERS} characters")
    return text


def _exact(text: str, exponent: str) -> Fraction:
    if abs(int(exponent)) > MAX_EXPONENT:
        raise OverflowError(f"an exponent beyond {MAX_EXPONENT}")
    return Fraction(text)
