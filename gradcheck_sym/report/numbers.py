"""How numbers and points are written: exactly, for machines and for people."""

from __future__ import annotations

import re
from collections.abc import Iterator

_TRAILING_ZEROS = re.compile(r"\.?0+(?=p)")


def hexadecimal(value: float) -> str:
    """The float as its shortest hexadecimal text: exact, "0x1.8p+1"; "nan", "inf", "-inf"."""
    text = float(value).hex()
    return _TRAILING_ZEROS.sub("", text) if "." in text else text


def decimal(value: float) -> str:
    """The float to 17 significant digits, which tell any two float64 apart."""
    return f"{value:.17g}"


def rough(value: float) -> str:
    """The size of an error, to three digits."""
    return f"{value:.3g}"


def counted(number: int, noun: str) -> str:
    """So many of something: "1 point", "2,000 points"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def hex_nest(value: object) -> object:
    """A number, or a nest of numbers, with hexadecimal texts in place of the numbers."""
    if isinstance(value, tuple | list):
        return [hex_nest(part) for part in value]
    return None if value is None else hexadecimal(_number(value))


def leaves(value: object) -> Iterator[float]:
    """The numbers of a nest, in order."""
    if isinstance(value, tuple | list):
        for part in value:
            yield from leaves(part)
    elif value is not None:
        yield _number(value)


def decimal_nest(value: object) -> str:
    """A nest of numbers in decimals, as one writes it in a spec."""
    if isinstance(value, tuple | list):
        return f"[{', '.join(decimal_nest(part) for part in value)}]"
    return "none" if value is None else decimal(_number(value))


def _number(value: object) -> float:
    if isinstance(value, bool | int | float):
        return float(value)
    raise TypeError(f"a point holds numbers, not {type(value).__name__}")
