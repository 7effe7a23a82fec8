"""`coverage`: what of torch the specs exercise, of how much."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gradcheck_sym import cli
from gradcheck_sym.commands.usage import Exit

SPECS = """\
specs:
  - name: smooth
    inputs: {x: {shape: [n], domain: "[-4, 4]"}}
    expr: tanh(x)*x
    torch: torch.tanh(x)*x
  - name: with_a_condition
    inputs: {x: {shape: []}, y: {shape: []}}
    where: x < y
    expr: x*y
  - name: program
    inputs: {a: {value: 1}}
    steps: [{let: {b: sin(a)}}, {backward: b}]
  - name: broken
    inputs: {x: {shape: []}}
    expr: x
    use: {f: "no_such_module:f"}
    torch: f(x)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with specs."""
    (tmp_path / "it.yaml").write_text(SPECS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What is printed."""
    assert cli.main(["coverage", "it.yaml", *words]) == Exit.PASSED
    return capsys.readouterr().out


def test_json_tells_all(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is exercised by which spec, what is missing, and what could not be run."""
    found = json.loads(run(capsys, "--json"))
    nodes = found["nodes"]
    assert nodes["by"]["TanhBackward0"] == ["it.yaml::smooth"]
    assert set(nodes["by"]["MulBackward0"]) == {"it.yaml::smooth", "it.yaml::with_a_condition"}
    assert nodes["by"]["SinBackward0"] == ["it.yaml::program"]
    assert nodes["exercised"] == len(nodes["by"])
    assert nodes["exercised"] + len(nodes["missing"]) == nodes["of"]
    assert "TanhBackwardBackward0" in found["nodes_second"]["by"]
    assert "TanhBackwardBackward0" not in found["nodes_first"]["by"]
    assert "aten::tanh" in found["operators"]["by"]
    assert list(found["failed"]) == ["it.yaml::broken"]
    assert "--allow-import" in found["failed"]["it.yaml::broken"]


def test_text_tells_how_much(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The shares; with -v the names, with --missing those that are left."""
    out = run(capsys)
    assert "  backward nodes  " in out
    assert "not run: it.yaml::broken: " in out
    assert "TanhBackward0" not in out
    assert "  TanhBackward0  " in run(capsys, "-v")
    left = run(capsys, "--missing")
    assert "\n  GeluBackward0\n" in left
    assert "\n  TanhBackward0\n" not in left


def test_nothing_selected(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As of every command."""
    assert cli.main(["coverage", "it.yaml", "-k", "zzz"]) == Exit.NOTHING
