"""The command line: which command, with which options, and how the process ends."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import gradcheck_sym
from gradcheck_sym.commands import coverage, explain, list_specs, new, replay, run, schema, validate
from gradcheck_sym.commands.command import PROGRAM, Command, Parser, loudness_options
from gradcheck_sym.commands.completion import complete
from gradcheck_sym.commands.configuration import KEYS, configuration, with_configuration
from gradcheck_sym.commands.usage import Code, Exit, did_you_mean, mistake
from gradcheck_sym.errors import Problem, SpecError
from gradcheck_sym.report.numbers import counted
from gradcheck_sym.report.terminal import Screen, line

# In the order of the overview; the first is what a bare path means.
COMMANDS: Mapping[str, Command] = {
    "run": run.COMMAND,
    "list": list_specs.COMMAND,
    "validate": validate.COMMAND,
    "explain": explain.COMMAND,
    "new": new.COMMAND,
    "replay": replay.COMMAND,
    "coverage": coverage.COMMAND,
    "schema": schema.COMMAND,
}

_OVERVIEW = f"""\
usage: {PROGRAM} [COMMAND] PATH...

Hold PyTorch's autograd against the mathematics that a spec states.

commands:
{{commands}}

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


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code.

    Nothing is raised: mistakes of the user end in 2, an interrupt in 130, our own in 3.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    complete(COMMANDS, _parser)
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
    if words[:1] in (["-h"], ["--help"]):
        return _print(_overview())
    if words[:1] == ["--version"]:
        return _print(f"gradcheck_sym {gradcheck_sym.__version__}\n")
    name, rest = _named(words)
    command = COMMANDS[name]
    arguments = _parse(name, command, rest)
    if arguments.help:
        return _print(help_of(name))
    if command.selects and not arguments.paths:
        hint = f"for example: {PROGRAM} specs/ (or --help)" if not words else ""
        hint = hint or f"see {PROGRAM} {name} --help"
        raise mistake(Code.ARGUMENT, f"{name}: no path is given", hint)
    code = command.carry_out(arguments)
    if code == Exit.NOTHING:
        Screen(sys.stderr).write([line("nothing selected", "yellow")])
    return code


def _named(words: Sequence[str]) -> tuple[str, Sequence[str]]:
    """The command's name and its words; a bare path is for the first command."""
    if words and words[0] in COMMANDS:
        return words[0], words[1:]
    if words:
        _check_first_word(words[0])
    return next(iter(COMMANDS)), words


def _check_first_word(word: str) -> None:
    """A path that does not exist but is nearly a command is a slip of the keyboard."""
    meant = did_you_mean(word, COMMANDS)
    if meant and not Path(word).exists():
        raise mistake(Code.SELECTION, f"there is no command or path '{word}'", meant)


def _print(text: str) -> int:
    Screen(sys.stdout).write_text(text)
    return Exit.PASSED


def help_of(name: str) -> str:
    """What a command's --help prints."""
    return _parser(name, COMMANDS[name]).format_help()


def _overview() -> str:
    lines = [f"  {name:<10} {_summary(command)}" for name, command in COMMANDS.items()]
    return _OVERVIEW.format(commands="\n".join(lines))


def _summary(command: Command) -> str:
    """The first line of its purpose, as an entry of a list."""
    first = command.purpose.partition("\n")[0].rstrip(".")
    return first[:1].lower() + first[1:]


# ---- parsing


def _parse(name: str, command: Command, words: Sequence[str]) -> argparse.Namespace:
    """The arguments; what is not among the words comes from the configuration."""
    parser = _parser(name, command)
    arguments = parser.read(words)
    if arguments.help or not ({key.replace("-", "_") for key in KEYS} & set(vars(arguments))):
        return arguments
    return with_configuration(parser, words, configuration())


def _parser(name: str, command: Command) -> Parser:
    parser = Parser(
        prog=f"{PROGRAM} {name}",
        description=command.purpose,
        epilog=f"{command.notes}\nexamples:\n{command.examples}".lstrip("\n"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        add_help=False,
    )
    command.add_arguments(parser)
    loudness_options(parser)
    parser.add_argument("-h", "--help", action="store_true", help="show this")
    return parser


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
