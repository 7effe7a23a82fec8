"""The command line itself: help, mistakes, and how the process ends."""

from __future__ import annotations

import argparse
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import gradcheck_sym
from gradcheck_sym import cli
from gradcheck_sym.commands.command import Command
from gradcheck_sym.commands.usage import Exit

HEAVY = ("torch", "sympy", "flint", "hypothesis", "numpy", "rich")


@pytest.mark.parametrize(
    "words, message, hint",
    [
        ([], "no path is given", "--help"),
        (["run"], "run: no path is given", "run --help"),
        (["lsit", "specs"], "no command or path 'lsit'", "did you mean 'list'?"),
        (["x.yaml", "--sed", "5"], "no option '--sed'", "did you mean '--seed'?"),
        (["x.yaml", "--sed=5"], "no option '--sed'", "did you mean '--seed'?"),
        (["list", "x.yaml", "--points", "3"], "list: there is no option '--points'", "--help"),
        (["x.yaml", "--rtol", "1e-3"], "no option '--rtol'", "--help"),
        (["schema", "x.yaml"], "schema: 'x.yaml' is too much", "schema --help"),
        (["x.yaml", "--seed"], "--seed", "--help"),
        (["x.yaml", "-q", "-v"], "not allowed with", "--help"),
        (["x.yaml", "--points", "0"], "takes a whole number from 1 on", ""),
        (["x.yaml", "--checks", "revers"], "got 'revers'", "did you mean 'reverse'?"),
        (["x.yaml", "--dtype", "double"], "known are float64, float32", ""),
        (["x.yaml", "--format", "jsno"], "got 'jsno'", "did you mean 'json'?"),
        (["x.yaml", "-k", "a b"], "stands where and, or", "as in -k"),
        (["no/such.yaml"], "no/such.yaml", ""),
        (["no/such.yaml::f"], "no/such.yaml", ""),
    ],
)
def test_mistakes_are_explained(
    words: list[str],
    message: str,
    hint: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Exit code 2, what came and what was wanted, a suggestion; no traceback."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.yaml").write_text("inputs: {x: {shape: []}}\nexpr: x\n", encoding="utf-8")
    assert cli.main(words) == Exit.USAGE
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert hint in err
    assert "Traceback" not in err
    assert "1 problem\n" in err or "1 problem;" in err


def test_a_command_name_can_be_a_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path that exists is no slip of the keyboard, however like a command."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lists").mkdir()
    assert cli.main(["lists"]) != Exit.PASSED
    assert "did you mean" not in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--help"], ["-h"], *([name, "-h"] for name in cli.COMMANDS)])
def test_help_has_examples(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Each help ends with commands to copy, in ASCII and 80 to 100 columns."""
    assert cli.main(words) == Exit.PASSED
    text = capsys.readouterr().out
    assert "examples:\n  python -m gradcheck_sym " in text
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 100


def test_the_overview_names_every_command_and_exit_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The first page leaves none out."""
    cli.main(["--help"])
    text = capsys.readouterr().out
    assert all(f"\n  {name} " in text for name in cli.COMMANDS)
    assert all(f"{code.value} " in text for code in Exit)


def test_help_wins_over_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever asks for help gets it, even from a line that is not complete."""
    assert cli.main(["run", "--nonsense", "--help"]) == Exit.PASSED
    assert "--allow-import" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """The package's own version."""
    assert cli.main(["--version"]) == Exit.PASSED
    assert capsys.readouterr().out == f"gradcheck_sym {gradcheck_sym.__version__}\n"


@pytest.mark.parametrize("verbose", [False, True])
def test_a_mistake_of_ours_is_owned_up_to(
    verbose: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 3, an apology, and a traceback for whoever asks."""

    def broken(arguments: argparse.Namespace) -> Exit:
        raise ZeroDivisionError("\x1b[2Jcleared")

    command = Command("", "", lambda parser: None, broken)
    monkeypatch.setitem(cli.COMMANDS, "list", command)  # type: ignore[arg-type]
    words = ["list", "x", *(["-v"] if verbose else [])]
    assert cli.main(words) == Exit.INTERNAL
    err = capsys.readouterr().err
    assert "internal error: ZeroDivisionError: \\x1b[2Jcleared" in err
    assert ("Traceback" in err) is verbose
    assert ("-v shows where" in err) is not verbose


def test_an_interrupt_anywhere_ends_in_130(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while files are read."""

    def interrupted(arguments: argparse.Namespace) -> Exit:
        raise KeyboardInterrupt

    command = Command("", "", lambda parser: None, interrupted)
    monkeypatch.setitem(cli.COMMANDS, "list", command)  # type: ignore[arg-type]
    assert cli.main(["list", "x"]) == Exit.INTERRUPTED


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["--version"],
        ["run", "-h"],
        ["list", "."],
        ["validate", "."],
        ["schema"],
        ["--sed"],
    ],
)
def test_light_commands_load_nothing_heavy(words: list[str], tmp_path: Path) -> None:
    """Neither torch nor SymPy, nor anything else that takes its time."""
    (tmp_path / "x.yaml").write_text("inputs: {x: {shape: []}}\nexpr: x\n", encoding="utf-8")
    script = (
        "import sys\n"
        "from gradcheck_sym.cli import main\n"
        f"main({words!r})\n"
        f"print('heavy:', [name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    root = str(Path(gradcheck_sym.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {root!r})\n{script}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "heavy: []"


def test_the_module_is_the_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`python -m gradcheck_sym` takes its words from the shell and hands its exit code back."""
    monkeypatch.setattr(sys, "argv", ["gradcheck_sym", "no/such/file"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(Path(cli.__file__).with_name("__main__.py")), run_name="__main__")
    assert ended.value.code == Exit.USAGE
    assert "no/such/file" in capsys.readouterr().err
