"""The command line: which command, with which options, and how the process ends."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, final

import gradcheck_sym
from gradcheck_sym.commands import inspect, replay, run, values
from gradcheck_sym.commands.usage import Code, Exit, did_you_mean, mistake
from gradcheck_sym.errors import Problem, SpecError
from gradcheck_sym.report.numbers import counted
from gradcheck_sym.report.terminal import Screen, line
from gradcheck_sym.run.options import CHECKS, Options
from gradcheck_sym.spec.dtypes import DTYPES

PROGRAM = "python -m gradcheck_sym"

_OVERVIEW = f"""\
usage: {PROGRAM} [COMMAND] PATH...

Hold PyTorch's autograd against the mathematics that a spec states.

commands:
  run        judge specs and report (the default: {PROGRAM} PATH...)
  list       say which specs there are
  validate   read specs and say what is wrong with them, without running any
  replay     judge a case that failed before again, by its ID

A PATH is a YAML file, a folder of them, or FILE::NAME for one spec.

options:
  -h, --help   show this; after a command, its options and examples
  --version    show the version

exit codes:
  0 passed, 1 a check failed, 2 a bad spec or command line (nothing was run),
  3 internal error, 5 nothing selected, 130 interrupted

examples:
  {PROGRAM} specs/
  {PROGRAM} specs/activations.yaml::softplus -v
  {PROGRAM} run --help
"""

_RUN_EXAMPLES = f"""\
examples:
  {PROGRAM} specs/                                 everything
  {PROGRAM} specs/activations.yaml::softplus       one spec
  {PROGRAM} specs/ -k "soft and not max"           by name, file or tag
  {PROGRAM} specs/ --checks reverse --dtype float32,bfloat16
  {PROGRAM} my.yaml --allow-import my_kernels      an implementation of one's own
  {PROGRAM} specs/ --format json --output report.json
  {PROGRAM} a.yaml::f --point '{{"x": "0x1.8p+1"}}'  one point, exactly
"""

_LIST_EXAMPLES = f"""\
examples:
  {PROGRAM} list specs/
  {PROGRAM} list specs/ -k relu -q    addresses only
"""

_VALIDATE_EXAMPLES = f"""\
examples:
  {PROGRAM} validate specs/
  {PROGRAM} validate specs/losses.yaml
"""


_REPLAY_EXAMPLES = f"""\
examples:
  {PROGRAM} replay                      the cases that are there
  {PROGRAM} replay 3f9a1c7e02           one of them
  {PROGRAM} replay 3f9a1c7e02 --worst   its worst point
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code.

    Nothing is raised: mistakes of the user end in 2, an interrupt in 130, our own in 3.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        return _answer(words)
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except Exception as error:  # noqa: BLE001  # the last door: anything else is our mistake
        _apologise(error, words)
        return Exit.INTERNAL


def _answer(words: Sequence[str]) -> int:
    try:
        return _dispatch(words)
    except SpecError as error:
        _show_problems(error.problems)
        return Exit.USAGE


def _dispatch(words: Sequence[str]) -> int:
    if not words:
        raise mistake(
            Code.ARGUMENT, "no path is given", f"for example: {PROGRAM} specs/ (or --help)"
        )
    if words[0] in ("-h", "--help"):
        return _print(_OVERVIEW)
    if words[0] == "--version":
        return _print(f"gradcheck_sym {gradcheck_sym.__version__}\n")
    name = words[0] if words[0] in COMMANDS else "run"
    if name != words[0]:
        _check_first_word(words[0])
    command = COMMANDS[name]
    arguments = _parse(name, command, words[1:] if name == words[0] else words)
    if arguments.help:
        return _print(_parser(name, command).format_help())
    if command.selects and not arguments.paths:
        raise mistake(Code.ARGUMENT, f"{name}: no path is given", f"see {PROGRAM} {name} --help")
    code = command.carry_out(arguments)
    if code == Exit.NOTHING:
        Screen(sys.stderr).write([line("nothing selected", "yellow")])
    return code


def _check_first_word(word: str) -> None:
    """A path that does not exist but is nearly a command is a slip of the keyboard."""
    meant = did_you_mean(word, COMMANDS)
    if meant and not Path(word).exists():
        raise mistake(Code.SELECTION, f"there is no command or path '{word}'", meant)


def _print(text: str) -> int:
    Screen(sys.stdout).write_text(text)
    return Exit.PASSED


# ---- parsing


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are raised as problems instead of ending the process."""

    def error(self, message: str) -> NoReturn:
        raise mistake(Code.ARGUMENT, message, f"see {self.prog} --help")


@final
@dataclass(frozen=True, slots=True)
class Command:
    """One command: what it is for, its options, and what carries it out."""

    purpose: str
    examples: str
    add_options: Callable[[argparse.ArgumentParser], None]
    carry_out: Callable[[argparse.Namespace], Exit]
    selects: bool = True  # whether it is about the specs of paths; else about one ID


def _parse(name: str, command: Command, words: Sequence[str]) -> argparse.Namespace:
    parser = _parser(name, command)
    arguments, unknown = parser.parse_known_intermixed_args(list(words))
    if unknown and not arguments.help:
        option = unknown[0].partition("=")[0]
        known = [text for action in parser._actions for text in action.option_strings]
        hint = did_you_mean(option, known) or f"see {parser.prog} --help"
        raise mistake(Code.ARGUMENT, f"{name}: there is no option '{option}'", hint)
    return arguments


def _parser(name: str, command: Command) -> argparse.ArgumentParser:
    parser = _Parser(
        prog=f"{PROGRAM} {name}",
        description=command.purpose,
        epilog=command.examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        add_help=False,
    )
    operand, about = ("PATH", _PATH_HELP) if command.selects else ("ID", _ID_HELP)
    parser.add_argument("paths", nargs="*", metavar=operand, help=about)
    if command.selects:
        parser.add_argument("-k", dest="keyword", metavar="EXPR", help=_KEYWORD_HELP)
    command.add_options(parser)
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
    parser.add_argument("-h", "--help", action="store_true", help="show this")
    return parser


_PATH_HELP = "a file, a folder, or FILE::NAME for one spec"
_ID_HELP = "of the case, as a report names it; without one, the cases are listed"
_KEYWORD_HELP = "only specs whose file, name or tags contain: words with and, or, not, ( )"


def _run_options(parser: argparse.ArgumentParser) -> None:
    defaults = Options()
    choice = parser.add_argument_group("what is checked")
    choice.add_argument(
        "--checks",
        type=values.several("--checks", CHECKS),
        metavar="A,B",
        help=f"only these checks, out of {', '.join(CHECKS)}",
    )
    choice.add_argument(
        "--dtype",
        type=values.several("--dtype", DTYPES),
        metavar="A,B",
        help=f"only these dtypes, out of {', '.join(DTYPES)}",
    )
    choice.add_argument(
        "--points",
        type=values.whole("--points", 1),
        default=defaults.points,
        metavar="N",
        help="bulk points for each spec and dtype (%(default)s)",
    )
    choice.add_argument(
        "--seed",
        type=values.whole("--seed", 0),
        default=defaults.seed,
        metavar="N",
        help="the same seed gives the same results (%(default)s)",
    )
    _ruling_options(parser)
    _point_options(parser)
    _report_options(parser)


def _ruling_options(parser: argparse.ArgumentParser) -> None:
    ruling = parser.add_argument_group("what counts")
    ruling.add_argument(
        "-x", dest="stop_at_first", action="store_true", help="end at the first spec that fails"
    )
    _trust_options(ruling)


def _trust_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--strict", action="store_true", help="warnings fail, too")
    group.add_argument(
        "--allow-import",
        type=values.module,
        action="append",
        default=[],
        metavar="MODULE",
        help="let specs test implementations from this module, which runs its code (repeatable)",
    )


def _point_options(parser: argparse.ArgumentParser) -> None:
    point = parser.add_argument_group("one point, exactly (as the reports write it)")
    point.add_argument(
        "--point", type=values.point, metavar="JSON", help='inputs, such as {"x": "0x1.8p+1"}'
    )
    point.add_argument(
        "--cotangent", type=values.cotangent, metavar="JSON", help="what is fed to backward"
    )
    point.add_argument(
        "--dims",
        type=values.dims,
        default={},
        metavar="n=3,...",
        help="sizes that no input's shape shows",
    )


def _report_options(parser: argparse.ArgumentParser) -> None:
    report = parser.add_argument_group("the report")
    report.add_argument(
        "--format",
        type=values.one("--format", ("text", "json")),
        default="text",
        metavar="text|json",
        help="for people or for machines (%(default)s)",
    )
    report.add_argument(
        "--output", type=Path, metavar="FILE", help="write the report there, not to the terminal"
    )


def _replay_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--worst", action="store_true", help="the worst point, not the smallest that fails"
    )
    _trust_options(parser.add_argument_group("what counts"))
    _report_options(parser)


def _no_options(parser: argparse.ArgumentParser) -> None:
    """A command without options of its own."""


COMMANDS: Mapping[str, Command] = {
    "run": Command("Judge specs and report.", _RUN_EXAMPLES, _run_options, run.run),
    "list": Command("Say which specs there are.", _LIST_EXAMPLES, _no_options, inspect.list_specs),
    "validate": Command(
        "Read specs and say what is wrong with them, without running any.",
        _VALIDATE_EXAMPLES,
        _no_options,
        inspect.validate,
    ),
    "replay": Command(
        "Judge a case that failed before again: the same check at the same point, no search.",
        _REPLAY_EXAMPLES,
        _replay_options,
        replay.replay,
        selects=False,
    ),
}


# ---- how it ends badly


def _show_problems(problems: Sequence[Problem]) -> None:
    from gradcheck_sym.report.problems import render

    screen = Screen(sys.stderr)
    for problem in problems:
        screen.write(line(text) for text in render(problem).splitlines())
    screen.write([line(_conclusion(problems))])


def _conclusion(problems: Sequence[Problem]) -> str:
    read = any(problem.position for problem in problems)  # not of the command line alone
    return f"{counted(len(problems), 'problem')}{'; nothing was run' if read else ''}"


def _apologise(error: Exception, words: Sequence[str]) -> None:
    screen = Screen(sys.stderr)
    screen.write(
        [
            line(f"internal error: {type(error).__name__}: {error}", "bold red"),
            line("This is a mistake in gradcheck_sym, not in your specs; please report it."),
        ]
    )
    if {"-v", "--verbose"} & set(words):
        import traceback

        trace = "".join(traceback.format_exception(error))
        screen.write(line(text) for text in trace.splitlines())
    else:
        screen.write([line("The same command with -v shows where it happened.")])
