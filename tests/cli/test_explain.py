"""`explain`: every word that the program can print has a text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import gradcheck_sym
from gradcheck_sym import cli
from gradcheck_sym.commands import usage
from gradcheck_sym.commands.meanings import texts
from gradcheck_sym.commands.usage import Exit
from gradcheck_sym.spec import checks, codes
from gradcheck_sym.verdict.diagnosis import Pattern
from gradcheck_sym.verdict.records import Verdict

ROOT = Path(gradcheck_sym.__file__).parent
WORDS = [*codes.Code, *usage.Code, *Verdict, *Pattern, *checks.CHECKS]


@pytest.mark.parametrize("word", WORDS)
def test_every_word_has_a_text(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Title, explanation and remedy, in whole sentences, within 80 columns."""
    assert cli.main(["explain", word]) == Exit.PASSED
    out, err = capsys.readouterr()
    head, *lines = out.splitlines()
    assert err == ""
    assert head.startswith(f"{word}: ")
    assert any(line.startswith("  what to do: ") for line in lines)
    assert lines[-1].endswith(".")
    assert max(map(len, [head, *lines])) <= 80
    assert out.isascii()


def test_nothing_else_is_explained() -> None:
    """A word that the program no longer prints has no text either."""
    assert {name for group in texts().values() for name in group} == set(map(str, WORDS))


def test_every_code_in_the_source_is_one_of_them() -> None:
    """No code is written where the tables do not have it."""
    written = {
        code
        for path in ROOT.rglob("*.py")
        for code in re.findall(r'"([A-Z]\d{3})"', path.read_text(encoding="utf-8"))
    }
    assert written == {*codes.Code, *usage.Code}


def test_without_a_word_all_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """A page to find the word on."""
    assert cli.main(["explain"]) == Exit.PASSED
    listed = {line.split()[0] for line in capsys.readouterr().out.splitlines() if line[:2] == "  "}
    assert listed == set(map(str, WORDS))


def test_words_in_any_case_and_several(capsys: pytest.CaptureFixture[str]) -> None:
    """As people type them."""
    assert cli.main(["explain", "s203", "Wrong"]) == Exit.PASSED
    out = capsys.readouterr().out
    assert out.startswith("S203: bad domain\n")
    assert "\n\nwrong: " in out


def test_a_word_that_is_none_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, and the word that may have been meant."""
    assert cli.main(["explain", "missing-sun"]) == Exit.USAGE
    err = capsys.readouterr().err
    assert "U103 explain: there is no code or word 'missing-sun'" in err
    assert "did you mean 'missing-sum'?" in err


def test_specs_are_derived(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file's specs, or one of them, beside words; what cannot be derived is a mistake."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8")
    (tmp_path / "a.yaml").write_text(
        "specs:\n- {name: f, inputs: {x: {shape: []}}, expr: x*x}\n"
        "- {name: g, inputs: {x: {value: 1}}, steps: [{let: {y: 2*x}}]}\n"
        "- {name: h, inputs: {x: {shape: [2]}, y: {shape: [3]}}, expr: x*y}\n",
        encoding="utf-8",
    )
    assert cli.main(["explain", "a.yaml::f", "a.yaml::g", "U110"]) == Exit.PASSED
    out = capsys.readouterr().out
    assert out.startswith("f\na.yaml::f\n")
    assert "df/dx = 2*x" in out
    assert "y = 2*x = 2*1 = 2" in out
    assert "\n\nU110: " in out
    assert cli.main(["explain", "a.yaml::h"]) == Exit.USAGE
    assert "U110 explain: a.yaml::h: " in capsys.readouterr().err
    assert cli.main(["explain", "a.yaml::gg"]) == Exit.USAGE
    assert "there is no spec 'gg'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "notation, begins, holds",
    [
        ("latex", r"\documentclass", r"\frac{d f}{d x} &= 2 \, x"),
        (
            "html",
            "<!DOCTYPE html>",
            '<mfrac><mrow><mi mathvariant="normal">d</mi><mi>f</mi></mrow>',
        ),
    ],
)
def test_derivations_as_documents(
    notation: str,
    begins: str,
    holds: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One document for all specs; words are text only."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text("inputs: {x: {shape: []}}\nexpr: x*x\n", encoding="utf-8")
    assert cli.main(["explain", "a.yaml", "--format", notation]) == Exit.PASSED
    out = capsys.readouterr().out
    assert out.startswith(begins)
    assert holds in out
    assert cli.main(["explain", "a.yaml", "wrong", "--format", notation]) == Exit.USAGE
    assert "'wrong' is told as text only" in capsys.readouterr().err
