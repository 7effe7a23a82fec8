"""What a shell completes, by a real bash; and the hook for pre-commit, run as that runs it."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
BASH = shutil.which("bash")
ASK = """\
eval "$(register-python-argcomplete gradcheck-sym)"
read -ra COMP_WORDS <<< "$COMP_LINE"
[[ "$COMP_LINE" == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 ))
COMP_POINT=${#COMP_LINE}
COMP_TYPE=9
_python_argcomplete gradcheck-sym "${COMP_WORDS[-1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def environment(folder: Path, **variables: str) -> dict[str, str]:
    """The environment of a shell that finds the program."""
    path = f"{folder}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    return os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)} | variables


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory with the program and two files."""
    program = tmp_path / "gradcheck-sym"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m gradcheck_sym "$@"\n')
    program.chmod(0o755)
    (tmp_path / "specs").mkdir()
    text = (
        "specs:\n- {name: first, inputs: {x: }, expr: x}\n- {name: other, inputs: {x: }, expr: x}\n"
    )
    (tmp_path / "specs" / "a.yaml").write_text(text)
    return tmp_path


def completed(folder: Path, line: str) -> set[str]:
    """What bash offers behind a line."""
    assert BASH is not None
    done = subprocess.run(
        [BASH, "--norc", "-c", ASK],
        cwd=folder,
        env=environment(folder, COMP_LINE=line),
        capture_output=True,
        text=True,
        check=True,
    )
    return {word.strip() for word in done.stdout.splitlines()} - {""}


@pytest.mark.skipif(BASH is None, reason="there is no bash")
@pytest.mark.parametrize(
    "line, offered",
    [
        ("gradcheck-sym cov", {"coverage"}),
        ("gradcheck-sym sp", {"specs/"}),
        ("gradcheck-sym specs/", {"specs/a.yaml"}),
        ("gradcheck-sym specs/a.yaml --prof", {"--profile"}),
        ("gradcheck-sym specs/a.yaml --profile t", {"thorough"}),
        ("gradcheck-sym run --checks reverse,v", {"reverse,vmap"}),
        ("gradcheck-sym list --js", {"--json"}),
        ("gradcheck-sym explain --format ", {"text", "latex", "html"}),
    ],
)
def test_bash_completes(line: str, offered: set[str], folder: Path) -> None:
    """Commands, files, options, and the values that options take."""
    assert completed(folder, line) == offered


@pytest.mark.skipif(BASH is None, reason="there is no bash")
def test_bash_completes_the_specs_of_a_file(folder: Path) -> None:
    """Behind two colons, at which bash breaks words; each name comes whole."""
    found = completed(folder, "gradcheck-sym specs/a.yaml::")
    assert {re.split(":+", word)[-1] for word in found} == {"first", "other"}


def test_nobody_is_asked_without_a_shell(folder: Path) -> None:
    """The variable alone decides; argcomplete is not even imported otherwise."""
    script = (
        "import sys\nfrom gradcheck_sym.cli import main\nmain(['--version'])\n"
        "print('argcomplete' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment(folder),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "False"


# ---- pre-commit


@pytest.mark.parametrize("text, code", [("expr: x\n", 0), ("exprr: x\n", 2)])
def test_the_hook_validates_the_files_that_changed(text: str, code: int, folder: Path) -> None:
    """Its entry with the names of files behind it, those that its pattern takes."""
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    path = "specs/b.yaml"
    (folder / path).write_text(f"inputs: {{x: }}\n{text}")
    assert re.search(hook["files"], path)
    assert not re.search(hook["files"], "docs/b.yaml")
    assert (hook["language"], hook["types"]) == ("system", ["yaml"])
    words = [sys.executable if word == "python" else word for word in shlex.split(hook["entry"])]
    done = subprocess.run(
        [*words, path], cwd=folder, env=environment(folder), capture_output=True, check=False
    )
    assert done.returncode == code
