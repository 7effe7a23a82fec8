"""The report for machines: the same results give the same bytes."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence

import gradcheck_sym
from gradcheck_sym.report.numbers import hex_nest, hexadecimal
from gradcheck_sym.report.words import Style
from gradcheck_sym.verdict.records import Case, Measured, Result

SCHEMA = 1
_LIBRARIES = ("torch", "sympy", "numpy", "python-flint", "hypothesis")

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


def render(results: Sequence[Result], style: Style) -> str:
    """The results as one JSON document, ending in a newline.

    Floats that must survive are hexadecimal strings; a float that JSON has no number for is
    "nan", "inf" or "-inf".
    """
    document = {
        "schema": SCHEMA,
        "versions": versions(),
        "seed": style.seed,
        "summary": count(results),
        "results": [_result(result) for result in results],
    }
    return json.dumps(document, indent=1, ensure_ascii=True, allow_nan=False) + "\n"


def schema() -> Json:
    """The JSON Schema (draft-07) of the document, which comes with the package."""
    from importlib.resources import files

    text = files("gradcheck_sym.report").joinpath("report.schema.json").read_text("utf-8")
    loaded: Json = json.loads(text)
    return loaded


def versions() -> dict[str, str]:
    """The version of each thing that takes part, read without importing it."""
    import platform

    found = {"gradcheck_sym": gradcheck_sym.__version__, "python": platform.python_version()}
    return found | {library: _version(library) for library in _LIBRARIES}


def count(results: Iterable[Result]) -> dict[str, int]:
    """How many results passed, warned, failed and errors there are.

    A failure that was expected passes; one that was expected and did not come is a warning.
    """
    counted = {"passed": 0, "warned": 0, "failed": 0, "errors": 0}
    for result in results:
        counted[_COUNTS_AS.get(result.outcome, result.outcome)] += 1
    return counted


_COUNTS_AS = {"xfailed": "passed", "xpassed": "warned"}


def _version(library: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(library)
    except PackageNotFoundError:
        return "unknown"


def _result(result: Result) -> Json:
    return {
        "spec": result.spec,
        "check": result.check,
        "input": result.input,
        "dtype": result.dtype,
        "verdict": result.verdict.value,
        "outcome": result.outcome,
        "line": result.line,
        "column": result.column,
        "points": result.points,
        "dropped": {reason: result.dropped[reason] for reason in sorted(result.dropped)},
        "formula": result.formula,
        "derivative": result.derivative,
        "worst": _case(result.worst),
        "smallest": _case(result.smallest),
        "culprit": result.culprit,
        "diagnosis": result.diagnosis,
        "pattern": result.pattern,
        "message": result.message,
        "expected": result.expected,
        "reproduce": result.reproduce,
        "id": result.id,
        "pin": result.pin,
    }


def _case(case: Case | None) -> Json:
    if case is None:
        return None
    return {
        "point": {name: _hex(value) for name, value in case.point.items()},
        "cotangent": _hex(case.cotangent),
        "index": list(case.index),
        "symbolic": _measured(case.symbolic),
        "autograd": _hex(case.autograd),
        "numerical": _measured(case.numerical),
        "error_ulp": _number(case.error_ulp),
        "error_abs": hexadecimal(case.error_abs),
        "allowed": hexadecimal(case.allowed),
        "reason": case.reason,
        "setting": case.setting,
    }


def _measured(measured: Measured | None) -> Json:
    if measured is None:
        return None
    return {"value": hexadecimal(measured.value), "error": hexadecimal(measured.error)}


def _hex(value: object) -> Json:
    return hex_nest(value)  # type: ignore[return-value]  # a nest of strings is JSON


def _number(value: float) -> Json:
    return value if math.isfinite(value) else hexadecimal(value)
