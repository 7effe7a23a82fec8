"""The harness of the benchmarks: what counts as met, and that every module can be found."""

from __future__ import annotations

import importlib
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


def test_what_takes_minutes_runs_on_request(harness: dict[str, Any]) -> None:
    """Each such benchmark is there, and measures."""
    for name in harness["ON_REQUEST"]:
        assert "def measure() -> " in _text(name)


@pytest.fixture
def bank(harness: dict[str, Any]) -> Any:
    """benchmarks/bank.py, found beside the harness."""
    return importlib.import_module("bank")


def _spec(bank: Any, name: str, side: str) -> Any:
    (spec,) = (spec for spec in bank.bank(side) if spec.name == name)
    return spec


def test_what_gradcheck_makes_of_the_bank(bank: Any) -> None:
    """It finds a factor of 2, misses one of 1 + 1e-9, and does not mind what is right."""
    assert bank.gradcheck_objects(_spec(bank, "square_without_two", "wrong"))
    assert not bank.gradcheck_objects(_spec(bank, "off_by_1e9_of_sine", "wrong"))
    assert not bank.gradcheck_objects(_spec(bank, "sine_of_pi", "right"))


@pytest.mark.slow
def test_what_we_make_of_the_bank(bank: Any) -> None:
    """A run with all defaults finds a fault."""
    assert bank.objects(_spec(bank, "square_without_two", "wrong"))


def test_the_bank_by_family(bank: Any) -> None:
    """All faults and no alarm are wanted; a fault that is missed misses the target."""
    found = [
        bank.Outcome("a", "kinks", "wrong", ours=True, theirs=False),
        bank.Outcome("b", "kinks", "wrong", ours=False, theirs=False),
        bank.Outcome("c", "kinks", "right", ours=False, theirs=True),
    ]
    faults, alarms = bank.rows(found)
    assert (faults.ours, faults.theirs, faults.ratio, faults.met) == (1, 0, 0.5, False)
    assert (alarms.ours, alarms.theirs, alarms.ratio, alarms.met) == (0, 1, 0, True)
