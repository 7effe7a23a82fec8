"""The harness of the benchmarks: what counts as met, and that every module can be found."""

from __future__ import annotations

import json
import math
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def harness(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The globals of benchmarks/run.py, whose folder is on the path as for a script."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    return runpy.run_path(str(FOLDER / "run.py"), run_name="harness")


@pytest.fixture
def row(harness: dict[str, Any]) -> Callable[..., Any]:
    """Makes a row with a ratio, a target, and how they relate."""
    return lambda *terms: harness["Row"]("name", 1.0, None, terms[0], terms[1], "s", *terms[2:])


@pytest.mark.parametrize(
    "terms, met",
    [
        ((1.5, 1.5), True),
        ((1.6, 1.5), False),
        ((29.9, 30.0, "at least"), False),
        ((30.0, 30.0, "at least"), True),
        ((99.0, None), True),
        ((math.nan, 1.5), False),
        ((math.nan, 30.0, "at least"), False),
    ],
)
def test_when_a_target_is_met(
    row: Callable[..., Any], terms: tuple[object, ...], met: bool
) -> None:
    """Below or above as wanted; what is not a number is never met."""
    assert row(*terms).met is met


def test_every_benchmark_measures(harness: dict[str, Any]) -> None:
    """The modules beside the harness follow its convention."""
    names = harness["names"]()
    assert "startup" in names
    measured = [name for name in names if "def measure() -> " in _text(name)]
    assert "startup" in measured


def _text(name: str) -> str:
    return (FOLDER / f"{name}.py").read_text(encoding="utf-8")


def test_the_document_is_json(harness: dict[str, Any], row: Callable[..., Any]) -> None:
    """What is written reads back."""
    document = json.loads(json.dumps(harness["document"]([row(1.0, 2.0)])))
    assert document["rows"][0]["met"] is True
    assert document["machine"]["cores"] >= 1
