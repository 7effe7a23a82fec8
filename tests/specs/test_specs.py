"""The specs that the project ships: they read, they say where they come from, and they hold."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from gradcheck_sym.run.options import Options
from gradcheck_sym.run.runner import run
from gradcheck_sym.spec import reader
from gradcheck_sym.spec.records import Spec

_SPECS = Path(__file__).parents[2] / "specs"
_FAMILIES = tuple(sorted(_SPECS.glob("*.yaml")))
_LEAST = 70  # specs beside those under autograd_basics

each_family = pytest.mark.parametrize("path", _FAMILIES, ids=lambda path: path.stem)


def _read(path: Path) -> tuple[Spec, ...]:
    specs, problems = reader.read_file(str(path))
    assert problems == ()
    return specs


@each_family
def test_reads_without_a_problem(path: Path) -> None:
    """A shipped family has specs, and the reader objects to none of them."""
    assert _read(path)


@each_family
def test_names_are_unique(path: Path) -> None:
    """Each name selects one spec of its family."""
    counted = Counter(spec.name for spec in _read(path))
    assert [name for name, count in counted.items() if count > 1] == []


@each_family
def test_says_what_it_is_and_where_it_comes_from(path: Path) -> None:
    """Each spec has a title and a tag; one that calls the library names the function."""
    for spec in _read(path):
        assert spec.title, spec.name
        assert spec.tags, spec.name
        assert spec.torch is None or spec.source.startswith("torch."), spec.name


def test_there_are_enough() -> None:
    """The families hold at least the number of functions that was promised."""
    assert sum(len(_read(path)) for path in _FAMILIES) >= _LEAST


def test_a_name_belongs_to_one_family() -> None:
    """No function is described in two families."""
    counted = Counter(spec.name for path in _FAMILIES for spec in _read(path))
    assert [name for name, count in counted.items() if count > 1] == []


def test_an_expected_failure_gives_its_numbers() -> None:
    """A reason for a failure of the library is no claim without a measurement."""
    for path in _FAMILIES:
        for spec in _read(path):
            for check, reason in spec.xfail.items():
                measured = any(character.isdigit() for character in reason)
                assert measured or check == "expect", (spec.name, check)


def test_a_spec_of_every_file_holds() -> None:
    """Nothing fails but what is said to; that all do, the main job shows (`tox -e specs`)."""
    specs = [_read(path)[0] for path in _FAMILIES]
    results = run(specs, Options(points=50), lambda result: None)
    assert {result.spec for result in results} == {spec.address for spec in specs}
    bad = ("failed", "errors", "xpassed")
    found = [(r.spec, r.check, r.input, r.message) for r in results if r.outcome in bad]
    assert found == []
