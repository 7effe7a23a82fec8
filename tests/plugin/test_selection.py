"""Which tests a suite gets, and when it gets none at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FILE = "specs/all.yaml"
COLLECT = "--collect-only"

Inside = Callable[..., Any]


def specs_of(seen: Any) -> set[str]:
    """The names of the specs among what was collected."""
    return {nodeid.split("::")[1] for nodeid in seen.items if nodeid.startswith(FILE)}


@pytest.mark.parametrize(
    "words, expected",
    [
        (["-k", "surprise"], "surprise"),
        (["-k", "know or surp"], "known surprise"),
        (["-k", "2d-view"], "right"),
        (["-k", "_private"], "right"),
        (["-m", "slow"], "right"),
        (["-m", "2d-view and slow"], "right"),
        (["-m", "gradcheck_sym", "-k", "forward and lossy"], "lossy"),
        (["-m", "not gradcheck_sym"], ""),
        ([f"{FILE}::lossy"], "lossy"),
        ([f"{FILE}::lossy::vmap", f"{FILE}::right"], "lossy right"),
        ([FILE, "-k", "known"], "known"),
        (["tests"], ""),
    ],
)
def test_pytests_own_selection_works(inside: Inside, words: list[str], expected: str) -> None:
    """By name, by tag as a mark, by address."""
    seen = inside(COLLECT, *words)
    assert seen.errors == []
    assert specs_of(seen) == set(expected.split())


def test_an_address_takes_one_check(inside: Inside) -> None:
    """The finest grain."""
    assert inside(COLLECT, f"{FILE}::lossy::reverse").items == [f"{FILE}::lossy::reverse"]


def test_a_tag_never_changes_what_pytest_does(inside: Inside) -> None:
    """A tag named xfail selects by -k, and is not pytest's mark."""
    assert specs_of(inside(COLLECT, "-m", "xfail")) == {"known", "surprise"}
    assert specs_of(inside(COLLECT, "-k", "xfail")) >= {"right"}


def test_no_suite_has_specs_unless_it_asks(suite: Path, inside: Inside) -> None:
    """Its YAML files, even broken ones, are none of our business."""
    (suite / "pytest.ini").unlink()
    (suite / "specs" / "broken.yaml").write_text("[", encoding="utf-8")
    seen = inside(COLLECT, str(suite))
    assert (seen.items, seen.errors) == (["tests/test_ordinary.py::test_ordinary"], [])


def test_only_the_paths_that_are_asked_for(suite: Path, inside: Inside) -> None:
    """A YAML file elsewhere is not collected, not even by name; hidden ones never are."""
    text = (suite / FILE).read_text(encoding="utf-8")
    for name in ("tests/data.yaml", "specs/.hidden.yaml", "specs/other.yml", "specs/notes.txt"):
        (suite / name).write_text(text, encoding="utf-8")
    files = {nodeid.split("::")[0] for nodeid in inside(COLLECT).items}
    assert files == {"tests/test_ordinary.py", FILE, "specs/other.yml"}
    assert inside(COLLECT, "tests/data.yaml").code == pytest.ExitCode.USAGE_ERROR


def test_the_switch_asks_for_all(suite: Path, inside: Inside) -> None:
    """--gradcheck-sym takes every YAML file among the paths."""
    (suite / "pytest.ini").unlink()
    assert len(specs_of(inside(COLLECT, "--gradcheck-sym", "specs"))) == 7


def test_a_file_alone_can_be_asked_for(suite: Path, inside: Inside) -> None:
    """A path of the setting may be a file, and lead out of the folder of the settings."""
    (suite / "deeper").mkdir()
    (suite / "deeper" / "pytest.ini").write_text(
        "[pytest]\ngradcheck_sym_paths = ../specs/all.yaml\n", encoding="utf-8"
    )
    seen = inside(COLLECT, "-c", "deeper/pytest.ini", "specs")
    assert len({nodeid.split("::")[1] for nodeid in seen.items}) == 7


def test_a_path_that_is_not_there_is_an_error(
    suite: Path, inside: Inside, capsys: pytest.CaptureFixture[str]
) -> None:
    """A slip would otherwise pass without checking anything."""
    assert inside("-o", "gradcheck_sym_paths=spec").code == pytest.ExitCode.USAGE_ERROR
    assert "gradcheck_sym_paths: no such file or directory: " in capsys.readouterr().err


@pytest.mark.parametrize(
    "options, message",
    [
        ("--pionts 5", "gradcheck_sym_options: there is no option '--pionts'"),
        ("--points none", "--points: got 'none'; it takes a whole number from 1 on"),
        ("--format json", "there is no option '--format'"),
        ("specs", "'specs' is too much"),
    ],
)
def test_bad_options_are_errors(
    inside: Inside, capsys: pytest.CaptureFixture[str], options: str, message: str
) -> None:
    """In the words of the command line, before anything is run."""
    seen = inside("-o", f"gradcheck_sym_options={options}")
    assert seen.code == pytest.ExitCode.USAGE_ERROR
    assert seen.reports == {}
    assert message in capsys.readouterr().err


def test_a_bad_spec_file_is_told_without_a_traceback(suite: Path, inside: Inside) -> None:
    """All of its problems at once, with place, caret and help; the others are collected."""
    bad = "name: f\ninputs: {x: {shape: [n]}}\nexpr: sinn(x)\nexpresion: x\n"
    (suite / "specs" / "bad.yaml").write_text(bad, encoding="utf-8")
    seen = inside()
    assert seen.code == pytest.ExitCode.INTERRUPTED
    (told,) = seen.errors
    lines = told.splitlines()
    assert lines[0].startswith("specs/bad.yaml:3:7: S311 ")
    assert "did you mean 'sin'?" in told
    assert "specs/bad.yaml:4:1: S101 " in told
    assert "Traceback" not in told
    assert "nodes.py" not in told


def test_a_dtype_that_a_spec_is_not_checked_in_leaves_nothing(suite: Path, inside: Inside) -> None:
    """A spec with a dtype of its own is not a test where another one is asked for."""
    (suite / "specs" / "all.yaml").write_text(
        "name: f\ninputs: {x: {shape: [n], dtype: float32}}\nexpr: x*x\n", encoding="utf-8"
    )
    options = "gradcheck_sym_options=--dtype float64"
    assert specs_of(inside(COLLECT, "-o", options)) == set()
    assert specs_of(inside(COLLECT)) == {"f"}


def test_the_projects_configuration_is_read(suite: Path, inside: Inside) -> None:
    """[tool.gradcheck_sym] settles what the suite's own setting leaves open."""
    (suite / "pytest.ini").write_text("[pytest]\ngradcheck_sym_paths = specs\n", encoding="utf-8")
    (suite / "pyproject.toml").write_text(
        '[tool.gradcheck_sym]\nchecks = "vmap"\n', encoding="utf-8"
    )
    assert {each.split("::")[2] for each in inside(COLLECT, "specs").items} == {"vmap"}
    more = ("-o", "gradcheck_sym_options=--checks forward")
    assert {each.split("::")[2] for each in inside(COLLECT, "specs", *more).items} == {"forward"}
