"""The command `explain`: the derivation of a spec, or what one of the program's words means."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout

from gradcheck_sym.commands import values
from gradcheck_sym.commands.command import PROGRAM, Command, import_option
from gradcheck_sym.commands.meanings import contents, explained
from gradcheck_sym.commands.select import select
from gradcheck_sym.commands.usage import Code, Exit, mistake
from gradcheck_sym.report.terminal import Line, Screen, line
from gradcheck_sym.run.options import Options
from gradcheck_sym.spec.records import Spec
from gradcheck_sym.verdict.lesson import Lesson

_NOTATIONS = ("text", "latex", "html")


def explain(arguments: argparse.Namespace) -> Exit:
    """Explain specs or words, or list the words that can be explained."""
    screen = Screen(sys.stdout)
    if not arguments.words:
        screen.write(contents())
    elif arguments.notation == "text":
        for place, word in enumerate(arguments.words):
            screen.write([line("")] if place else [])
            screen.write(_as_text(word, arguments.allow_import))
    else:
        screen.write(line(text) for text in _document(arguments).splitlines())
    return Exit.PASSED


def _is_path(word: str) -> bool:
    return "::" in word or os.sep in word or os.path.exists(word)


def _as_text(word: str, allowed: Sequence[str]) -> Iterator[Line]:
    if not _is_path(word):
        yield from explained(word)
        return
    from gradcheck_sym.report.lessons import plain

    for place, spec in enumerate(select([word])):
        if place:
            yield line("")
        yield from plain.render(_lesson(spec, allowed))


def _document(arguments: argparse.Namespace) -> str:
    """One document with the derivations of all specs."""
    from gradcheck_sym.report.lessons import latex, page

    for word in arguments.words:
        if not _is_path(word):
            said = f"explain: '{word}' is told as text only, not as {arguments.notation}"
            raise mistake(Code.ARGUMENT, said)
    specs = select(arguments.words)
    lessons = [_lesson(spec, arguments.allow_import) for spec in specs]
    return latex.render(lessons) if arguments.notation == "latex" else page.render(lessons)


def _lesson(spec: Spec, allowed: Sequence[str]) -> Lesson:
    from gradcheck_sym.run.lessons import LessonError, lesson

    with redirect_stdout(sys.stderr):  # what an implementation prints is no part of it
        try:
            return lesson(spec, Options(allow_import=tuple(allowed)))
        except LessonError as err:
            said = f"explain: {spec.address}: {err}"
            raise mistake(Code.UNEXPLAINED, said, f"{PROGRAM} {spec.address}") from err


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "words",
        nargs="*",
        metavar="SPEC|WORD",
        help="FILE::NAME or a file; or a code, a verdict, a check or a diagnosis;"
        " without one, the words are listed",
    )
    parser.add_argument(
        "--format",
        dest="notation",
        type=values.one("--format", _NOTATIONS),
        default="text",
        metavar="|".join(_NOTATIONS),
        help="how a derivation is written (%(default)s)",
    )
    import_option(parser)


COMMAND = Command(
    "Write out the derivation of a spec, or say what one of the program's words means.\n"
    "Of a function: the chain rule, numbers put in, and what autograd does with them. Of a\n"
    "program of steps: what has changed after each, and why. Of a code, a verdict, a check or a\n"
    "diagnosis: what it means, and what to do.",
    f"""\
  {PROGRAM} explain specs/activations.yaml::softplus
  {PROGRAM} explain specs/autograd_basics/accumulation.yaml
  {PROGRAM} explain specs/losses.yaml --format html > losses.html
  {PROGRAM} explain                  the words that can be explained
  {PROGRAM} explain S203             the code of a mistake
  {PROGRAM} explain inaccurate       a verdict
  {PROGRAM} explain missing-sum      a diagnosis
""",
    _add_options,
    explain,
    selects=False,
)
