"""Where reports go: the terminal, or files that are replaced at once."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

from gradcheck_sym.commands.usage import Code, Exit, mistake
from gradcheck_sym.report.formats import FORMATS, Format, Kind
from gradcheck_sym.report.terminal import Screen, line
from gradcheck_sym.report.text import summary
from gradcheck_sym.report.words import Style
from gradcheck_sym.run.files import whole
from gradcheck_sym.verdict.records import Result


@final
@dataclass(frozen=True, slots=True)
class Destination:
    """One report: its form, and the file it goes to; without one, the terminal."""

    form: str  # out of FORMATS; "" while it is not said
    path: Path | None = None

    @property
    def format(self) -> Format:
        """The form itself."""
        return FORMATS[self.form]


def destinations(arguments: argparse.Namespace) -> tuple[Destination, ...]:
    """The reports that are asked for; raises SpecError where two would get in each other's way.

    A file takes the form that was named before it; the first one may also be named after it.
    """
    found: list[Destination] = []
    for word in arguments.reports:
        last = found[-1] if found else Destination("")
        if isinstance(word, Path) and last.form and last.path is None:
            found[-1] = replace(last, path=word)
        elif isinstance(word, str) and found and not last.form:
            found[-1] = replace(last, form=word)
        else:
            found.append(Destination("", word) if isinstance(word, Path) else Destination(word))
    complete = [replace(each, form=each.form or arguments.format) for each in found]
    _check(complete)
    return tuple(complete) or (Destination(arguments.format),)


def _check(found: Sequence[Destination]) -> None:
    shown = [each for each in found if each.path is None]
    for each in shown:
        if each.format.kind is Kind.DOCUMENT and len(shown) > 1:
            message = f"--format: {each.form} has the terminal to itself"
            raise mistake(Code.ARGUMENT, message, f"--format {each.form} --output FILE")
    paths = [os.path.realpath(each.path) for each in found if each.path is not None]
    for each in found:
        if each.path is not None:
            if paths.count(os.path.realpath(each.path)) > 1:
                raise mistake(Code.ARGUMENT, f"--output: two reports cannot go to {each.path}")
            _check_writable(each.path)


def check_page(path: Path, reports: Sequence[Destination]) -> None:
    """Raises SpecError where a page cannot be written to a file, or a report goes there."""
    others = [os.path.realpath(each.path) for each in reports if each.path is not None]
    if os.path.realpath(path) in others:
        raise mistake(Code.ARGUMENT, f"--html: a report and the page cannot both go to {path}")
    _check_writable(path, "--html")


def save_page(path: Path, page: str) -> None:
    """Put a page in its place at once, as reports are."""
    try:
        with whole(path, public=True) as stream:
            Screen(stream, environment={}).write_text(page)
    except OSError as error:
        raise _unwritable(path, error.strerror or str(error), "--html") from error


def leaves_terminal_to_people(reports: Sequence[Destination]) -> bool:
    """Whether nothing but what people read goes to the terminal."""
    return all(each.format.kind is Kind.PEOPLE for each in reports if each.path is None)


def report(results: Sequence[Result], style: Style, reports: Sequence[Destination]) -> None:
    """Write every report; the files first, so that the terminal ends with what people read."""
    screen = Screen(sys.stdout)
    shown = [each for each in reports if each.path is None]
    for each in reports:
        if each.path is not None:
            _save(each.path, results, style, each.format)
    try:
        for each in shown:
            _write(results, style, each.format, screen)
    except OSError as error:
        said = f"cannot write the report to stdout: {error.strerror or error}"
        raise mistake(Code.OUTPUT, said, "with --resume nothing is judged again") from error
    if style.verbosity >= 0 and all(each.format.kind is Kind.LOG for each in shown):
        screen.write(summary(results, style))


def report_part(results: Sequence[Result], style: Style, reports: Sequence[Destination]) -> Exit:
    """Show people what there is; a file or a machine gets the whole report or none."""
    for each in reports:
        if each.path is None and each.format.kind is Kind.PEOPLE:
            _write(results, style, each.format, Screen(sys.stdout))
    Screen(sys.stderr).write([line("interrupted: the rest was not judged", "yellow")])
    return Exit.INTERRUPTED


def _write(results: Sequence[Result], style: Style, form: Format, screen: Screen) -> None:
    rendered = form.render(results, style)
    if isinstance(rendered, str):
        screen.write_text(rendered)
    else:
        screen.write(rendered, commands=form.kind is Kind.LOG)


def _save(path: Path, results: Sequence[Result], style: Style, form: Format) -> None:
    """Write the report beside its place, then put it there at once: never half a file.

    Where that fails after all, the report of a long run still reaches stdout.
    """
    try:
        with whole(path, public=True) as stream:
            _write(results, style, form, Screen(stream, environment={}))
    except OSError as error:
        _write(results, style, form, Screen(sys.stdout))
        raise _unwritable(path, error.strerror or str(error)) from error


def _check_writable(path: Path, option: str = "--output") -> None:
    """Find out before a long run, not after it."""
    if os.path.isdir(path):  # unlike Path.is_dir, False for a name that is too long
        raise _unwritable(path, "it is a folder", option)
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise _unwritable(path, error.strerror or str(error), option) from error


def _unwritable(path: Path, reason: str, option: str = "--output") -> Exception:
    return mistake(Code.OUTPUT, f"{option}: cannot write {path}: {reason}")
