"""The key of a spec changes with all that its results depend on, and with nothing else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gradcheck_sym.run.keys import keys
from gradcheck_sym.run.options import Options
from gradcheck_sym.spec.records import Spec

TEXT = "name: a\ninputs: {x: {shape: [n]}}\nexpr: x*x\n"
USE = TEXT + "use: {f: 'kernels.square:f'}\ntorch: f(x)\n"
OPTIONS = Options(allow_import=("kernels.square",))


@pytest.fixture
def key(spec_of: Callable[[str], Spec], tmp_path: Path) -> Callable[..., str]:
    """The key of a spec's text."""

    def made(text: str = USE, options: Options = OPTIONS, **versions: str) -> str:
        return keys([spec_of(text)], options, {"torch": "2", **versions}, [str(tmp_path)])[0]

    return made


@pytest.mark.parametrize(
    "change",
    [
        {"text": USE.replace("x*x", "x*x*x")},
        {"text": USE.replace("name: a", "name: b")},
        {"text": "\n" + USE},
        {"text": USE + "examples: [{point: {x: [1]}}]\n"},
        {"options": replace(OPTIONS, seed=1)},
        {"options": replace(OPTIONS, points=7)},
        {"options": replace(OPTIONS, checks=("reverse",))},
        {"options": replace(OPTIONS, dtypes=("float32",))},
        {"options": replace(OPTIONS, allow_import=())},
        {"torch": "3"},
    ],
)
def test_another_key(key: Callable[..., str], change: dict[str, Any]) -> None:
    """A change of the spec or its place, of an option, or of a version."""
    assert key(**change) != key()


def test_the_same_key(key: Callable[..., str]) -> None:
    """Options that only say what counts, or when to stop."""
    same = replace(OPTIONS, strict=True, stop_at_first=True)
    assert key(options=same) == key()


def test_the_code_of_an_implementation_counts(key: Callable[..., str], tmp_path: Path) -> None:
    """Every file of its package does, for a spec that uses it; none of it is executed."""
    package = tmp_path / "kernels"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('executed')")
    (package / "square.py").write_text("def f(x): return x*x")
    before = key(), key(TEXT)
    (package / "helper.py").write_text("1")
    helped = key(), key(TEXT)
    (package / "square.py").write_text("def f(x): return x*x*1")
    after = key(), key(TEXT)
    assert len({before[0], helped[0], after[0]}) == 3
    assert {before[1], helped[1], after[1]} == {before[1]}


def test_a_single_module_counts(key: Callable[..., str], tmp_path: Path) -> None:
    """It need not be a package."""
    options, text = (
        replace(OPTIONS, allow_import=("alone",)),
        USE.replace("kernels.square", "alone"),
    )
    (tmp_path / "alone.py").write_text("1")
    before = key(text, options)
    (tmp_path / "alone.py").write_text("2")
    assert key(text, options) != before


def test_the_key_is_the_same_in_every_process(key: Callable[..., str], tmp_path: Path) -> None:
    """No hash of Python's takes part."""
    program = f"""
from gradcheck_sym.run.keys import keys
from gradcheck_sym.run.options import Options
from gradcheck_sym.spec.reader import read_source
from gradcheck_sym.spec.yaml_nodes import Source
(spec,), _ = read_source(Source("specs/example.yaml", {USE!r}))
options = Options(allow_import=("kernels.square",))
print(keys([spec], options, {{"torch": "2"}}, [{str(tmp_path)!r}])[0])
"""
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == key()
