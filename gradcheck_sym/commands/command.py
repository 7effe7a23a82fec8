"""What a command is, and the options that several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, final

from gradcheck_sym.commands import values
from gradcheck_sym.commands.usage import Code, Exit, did_you_mean, mistake
from gradcheck_sym.report.formats import FORMATS

PROGRAM = "python -m gradcheck_sym"


@final
class Parser(argparse.ArgumentParser):
    """A parser whose errors are raised as problems instead of ending the process."""

    def error(self, message: str) -> NoReturn:
        """Raise SpecError."""
        raise mistake(Code.ARGUMENT, message, f"see {self.prog} --help")

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """The arguments; SpecError where they are not right, with what may have been meant."""
        arguments, unknown = self.parse_known_intermixed_args(list(words))
        if unknown and not getattr(arguments, "help", False):
            option = unknown[0].partition("=")[0]
            known = [text for action in self._actions for text in action.option_strings]
            hint = did_you_mean(option, known) or f"see {self.prog} --help"
            name = self.prog.rpartition(" ")[2]
            strange = f"there is no option '{option}'"
            said = strange if option[:1] == "-" else f"'{option}' is too much"
            raise mistake(Code.ARGUMENT, f"{name}: {said}", hint)
        return arguments


@final
@dataclass(frozen=True, slots=True)
class Command:
    """One command: what it is for, its options, and what carries it out."""

    purpose: str  # its first line stands in the overview, too
    examples: str  # command lines to copy, each indented by two
    add_options: Callable[[argparse.ArgumentParser], None]
    carry_out: Callable[[argparse.Namespace], Exit]
    notes: str = ""  # what its help explains besides, before the examples
    selects: bool = True  # whether it is about the specs of paths; else it adds its own operands

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """All of its operands and options but those of every command."""
        if self.selects:
            selection_options(parser)
        self.add_options(parser)


def no_options(parser: argparse.ArgumentParser) -> None:
    """Options of a command that has none of its own."""


def selection_options(parser: argparse.ArgumentParser) -> None:
    """Which specs a command is about."""
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="a file, a folder, or FILE::NAME for one spec"
    )
    parser.add_argument(
        "-k",
        dest="keyword",
        metavar="EXPR",
        help="only specs whose file, name or tags contain: words with and, or, not, ( )",
    )
    parser.add_argument(
        "--tag",
        dest="tags",
        action="append",
        default=[],
        metavar="T",
        help="only specs with this tag (repeatable: with one of them)",
    )


def trust_options(group: argparse._ArgumentGroup) -> None:
    """What counts as a failure, and whose code may be run."""
    group.add_argument(
        "--strict",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="warnings fail, too",
    )
    import_option(group)


def import_option(group: argparse._ActionsContainer) -> None:
    """Whose code may be run."""
    group.add_argument(
        "--allow-import",
        type=values.module,
        action="append",
        default=[],
        metavar="MODULE",
        help="let specs test implementations from this module, which runs its code (repeatable)",
    )


@final
class _ReportAction(argparse.Action):
    """Keeps the order of --format and --output: a file takes the form that was named before it."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        namespace.reports = (*namespace.reports, values)


def report_options(parser: argparse.ArgumentParser) -> None:
    """Forms and places of reports, in the order of the words; `format` is what goes unsaid."""
    report = parser.add_argument_group("the report")
    report.add_argument(
        "--format",
        action=_ReportAction,
        type=values.one("--format", tuple(FORMATS)),
        default="text",
        metavar="F",
        help="its form: one of those below (%(default)s; repeatable)",
    )
    report.add_argument(
        "--output",
        action=_ReportAction,
        type=Path,
        metavar="FILE",
        help="write the report there, in the --format before it, not to the terminal",
    )
    report.add_argument(
        "--html",
        type=Path,
        metavar="FILE",
        help="write a page as well: formulas, verdicts, failures, pictures of the errors",
    )
    parser.set_defaults(reports=())


FORM_NOTES = "formats of a report:\n" + "".join(
    f"  {name:<10} {form.purpose}\n" for name, form in FORMATS.items()
)


def loudness_options(parser: argparse.ArgumentParser) -> None:
    """How much is told, of every command."""
    loudness = parser.add_mutually_exclusive_group()
    loudness.add_argument(
        "-q",
        "--quiet",
        dest="verbosity",
        action="store_const",
        const=-1,
        default=0,
        help="tell only what matters",
    )
    loudness.add_argument(
        "-v", "--verbose", dest="verbosity", action="store_const", const=1, help="tell more"
    )
