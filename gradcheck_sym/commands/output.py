"""Where reports go: the terminal, or a file that is replaced at once."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from gradcheck_sym.commands.usage import Code, Exit, mistake
from gradcheck_sym.report import text
from gradcheck_sym.report.terminal import Screen, line
from gradcheck_sym.report.words import Style
from gradcheck_sym.verdict.records import Result


def report(results: Sequence[Result], style: Style, arguments: argparse.Namespace) -> None:
    """Write the whole report where the arguments say."""
    screen = Screen(sys.stdout)
    if arguments.output is None:
        _write(results, style, arguments.format, screen)
        return
    _save(arguments.output, results, style, arguments.format)
    if style.verbosity >= 0:
        screen.write(text.summary(results, style))


def report_part(
    results: Sequence[Result], style: Style, arguments: argparse.Namespace
) -> Exit:
    """Show people what there is; a file or a machine gets the whole report or none."""
    if arguments.output is None and arguments.format == "text":
        report(results, style, arguments)
    Screen(sys.stderr).write([line("interrupted: the rest was not judged", "yellow")])
    return Exit.INTERRUPTED


def _write(results: Sequence[Result], style: Style, form: str, screen: Screen) -> None:
    if form == "json":
        from gradcheck_sym.report import json_report

        screen.write_text(json_report.render(results, style.seed))
    else:
        screen.write(text.render(results, style))


def _save(path: Path, results: Sequence[Result], style: Style, form: str) -> None:
    """Write the report beside its place, then put it there at once: never half a file.

    Where that fails after all, the report of a long run still reaches stdout.
    """
    try:
        _replace(path, lambda screen: _write(results, style, form, screen))
    except OSError as error:
        _write(results, style, form, Screen(sys.stdout))
        raise _unwritable(path, error.strerror or str(error)) from error


def _replace(path: Path, write: Callable[[Screen], None]) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            write(Screen(stream, environment={}))
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    """The process's mask; reading it means setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def check_writable(path: Path) -> None:
    """Find out before a long run, not after it."""
    if os.path.isdir(path):  # unlike Path.is_dir, False for a name that is too long
        raise _unwritable(path, "it is a folder")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise _unwritable(path, error.strerror or str(error)) from error


def _unwritable(path: Path, reason: str) -> Exception:
    return mistake(Code.OUTPUT, f"--output: cannot write {path}: {reason}")
