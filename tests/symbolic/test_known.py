"""Slopes that are remembered: the same ones, whatever the file holds, and never more than data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gradcheck_sym.symbolic import by_sympy, known
from gradcheck_sym.symbolic.derivation import derive
from gradcheck_sym.symbolic.known import remembering, slope_of
from gradcheck_sym.symbolic.program import Program

FORMULAS = ["tanh(x)*x**2/3", "erf(x/sqrt(2)) + digamma(x)", "where(x > 1, log(x), atan2(x, 3))"]


@pytest.fixture(autouse=True)
def _forgetful() -> Iterator[None]:
    """Nothing is known from other tests, nor afterwards."""
    slope_of.cache_clear()
    yield
    slope_of.cache_clear()


def _programs(folder: Path | None, spec_of: Any) -> list[Program]:
    """The joint programs of some formulas, derived in a process that knows nothing else."""
    slope_of.cache_clear()
    with remembering(folder):
        return [derive(spec_of(formula, {"x": ()}), {}).joint for formula in FORMULAS]


def _file(folder: Path) -> Path:
    (path,) = folder.glob("slopes-*.json")
    return path


def _unasked(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What SymPy is asked from now on."""
    asked: list[object] = []
    real = by_sympy.slope

    def noted(*request: Any) -> Any:
        asked.append(request)
        return real(*request)

    monkeypatch.setattr(by_sympy, "slope", noted)
    return asked


def test_a_second_run_asks_nobody_and_gets_the_same(
    tmp_path: Path, spec_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Programs from the file are equal to those that SymPy gave, and to those without a file."""
    plain = _programs(None, spec_of)
    assert _programs(tmp_path, spec_of) == plain
    asked = _unasked(monkeypatch)
    assert _programs(tmp_path, spec_of) == plain
    assert asked == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: "[1, 2]",
        lambda text: text.replace('"schema": 2', '"schema": 1'),
        lambda text: text.replace(r"\"mul\"", r"\"__import__\""),
        lambda text: text.replace(r"\"mul\", [", r"\"mul\", [99, "),
        lambda text: text.replace(r"\"slot\", [], 0", r"\"slot\", [], 7"),
        lambda text: text.replace(r"\"slot\", [], 0", r"\"slot\", [], \"0\""),
        lambda text: text.replace(r"[[\"", r"[\""),
        lambda text: json.dumps({"schema": 2, "slopes": ["no", "mapping"]}),
        lambda text: json.dumps({"schema": 2, "slopes": {key: [1] for key in _slopes(text)}}),
    ],
)
def test_what_is_damaged_is_found_again(tmp_path: Path, spec_of: Any, damage: Any) -> None:
    """Whatever happened to the file, slopes are those of SymPy, and the file is whole again."""
    plain = _programs(tmp_path, spec_of)
    whole = _file(tmp_path).read_text(encoding="utf-8")
    assert damage(whole) != whole
    _file(tmp_path).write_text(damage(whole), encoding="utf-8")
    assert _programs(tmp_path, spec_of) == plain
    found = _file(tmp_path).read_text(encoding="utf-8")
    assert _slopes(found).items() >= _slopes(whole).items()


def _slopes(text: str) -> dict[str, str]:
    slopes: dict[str, str] = json.loads(text)["slopes"]
    return slopes


def test_a_file_serves_one_version(
    tmp_path: Path, spec_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another SymPy, or other rules of ours, has a file of its own."""
    _programs(tmp_path, spec_of)
    monkeypatch.setattr(known, "version", lambda name: "999")
    known._version.cache_clear()
    try:
        _programs(tmp_path, spec_of)
    finally:
        known._version.cache_clear()
    assert len(list(tmp_path.glob("slopes-*.json"))) == 2


def test_a_folder_that_cannot_be_written_is_no_matter(tmp_path: Path, spec_of: Any) -> None:
    """Where the folder is a file, nothing is remembered and nothing fails."""
    path = tmp_path / "taken"
    path.write_text("mine")
    assert _programs(path, spec_of) == _programs(None, spec_of)
    assert path.read_text() == "mine"


@pytest.mark.slow
def test_a_warm_run_leaves_sympy_alone(tmp_path: Path) -> None:
    """The second time, a passing spec is judged by what is known.

    We import nothing of SymPy then; torch's own backward may.
    """
    spec = tmp_path / "spec.yaml"
    spec.write_text("inputs: {x: {shape: [], domain: '[-2, 2]'}}\nexpr: x*tanh(x)\n")
    code = """
import sys
from gradcheck_sym.cli import main
code = main([sys.argv[1], "--checks", "reverse", "--points", "20", "-j", "0"])
print(code, "gradcheck_sym.symbolic.by_sympy" in sys.modules, file=sys.stderr)
"""
    seen = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", code, str(spec)],
            capture_output=True,
            text=True,
            env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")},
            cwd=tmp_path,
        )
        seen.append(done.stderr.split()[-2:])
    assert seen == [["0", "True"], ["0", "False"]]
