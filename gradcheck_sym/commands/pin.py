"""A failing point as an entry of its spec's `examples`, so that it is always checked."""

from __future__ import annotations

import math

from gradcheck_sym.spec.records import Input, Spec
from gradcheck_sym.verdict.records import Result


def pinned(result: Result, spec: Spec) -> str:
    """The line of YAML to add to the spec; "" where there is no point or YAML cannot hold it.

    Decimals of 17 digits, which name each float64 exactly: a spec reads them as the nearest one.
    """
    case = result.smallest or result.worst
    if case is None:
        return ""
    free = [entry for entry in spec.inputs if entry.value is None]
    if not free or any(entry.name not in case.point for entry in free):
        return ""
    values = [f"{entry.name}: {_value(entry, case.point[entry.name])}" for entry in free]
    return f"- point: {{{', '.join(values)}}}"


def _value(entry: Input, value: object) -> str:
    return _nested(value, len(entry.shape) if entry.complex else None)


def _nested(value: object, depth: int | None) -> str:
    """Nested lists of numbers; of complex ones, those at that depth are pairs (re, im)."""
    if depth == 0:
        assert isinstance(value, tuple | list)
        return _complex(*value)
    if isinstance(value, tuple | list):
        inner = None if depth is None else depth - 1
        return f"[{', '.join(_nested(part, inner) for part in value)}]"
    assert isinstance(value, int | float)
    return _number(float(value))


def _number(value: float) -> str:
    return repr(value) if math.isfinite(value) else str(value)


def _complex(real: float, imaginary: float) -> str:
    return f"{real!r}{'' if str(imaginary).startswith('-') else '+'}{imaginary!r}i"
