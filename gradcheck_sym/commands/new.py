"""The command `new`: begin a spec, from an expression or from one of torch's functions."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from gradcheck_sym.commands.command import PROGRAM, Command
from gradcheck_sym.commands.usage import Code, Exit, did_you_mean, mistake
from gradcheck_sym.errors import SpecError
from gradcheck_sym.report.numbers import counted
from gradcheck_sym.report.terminal import Screen, line
from gradcheck_sym.run.files import whole
from gradcheck_sym.spec import codes
from gradcheck_sym.spec.drafts import Draft, text
from gradcheck_sym.spec.operators import OPERATORS, canonical
from gradcheck_sym.spec.parser import parse
from gradcheck_sym.spec.reader import read_source
from gradcheck_sym.spec.reading import GAP
from gradcheck_sym.spec.tokens import ParseError
from gradcheck_sym.spec.yaml_nodes import Source


def new(arguments: argparse.Namespace) -> Exit:
    """Write the file of a new spec, and say what is left to be done."""
    draft = _from_torch(arguments) if arguments.source else _from_expression(arguments)
    path = arguments.output or Path(f"{draft.name}.yaml")
    written = text(draft, _command(arguments))
    specs, problems = read_source(Source(str(path), written))
    unexpected = [problem for problem in problems if problem.code != codes.Code.GAP]
    if unexpected:  # such as a name that cannot be one
        raise SpecError(tuple(unexpected))
    _create(path, written)
    screen = Screen(sys.stdout)
    screen.write([line(f"written: {path}", "green")])
    if problems:
        said = f"{counted(len(problems), 'gap')} to fill in, marked {GAP}"
        screen.write([line(f"{said}; {PROGRAM} validate {path} shows where")])
    elif arguments.verbosity >= 0:
        screen.write([line(f"it is valid; {PROGRAM} {specs[0].address} runs it")])
    return Exit.PASSED


def _command(arguments: argparse.Namespace) -> str:
    words = ["new", *arguments.words]
    words += ["--from", arguments.source] if arguments.source else []
    return f"{PROGRAM} {shlex.join(words)}".replace("\n", " ")


def _from_expression(arguments: argparse.Namespace) -> Draft:
    if len(arguments.words) != 2:
        raise mistake(
            Code.ARGUMENT,
            "new: a name and an expression are needed, or --from",
            f"for example: {PROGRAM} new softplus 'log(1 + exp(x))'",
        )
    name, expr = arguments.words
    try:
        parse(expr)
    except ParseError as err:
        raise mistake(Code.VALUE, f"new: {err.message}", err.suggestion, expr) from err
    from gradcheck_sym.run import scaffold

    if not scaffold.inputs_of(expr):
        raise mistake(Code.VALUE, "new: the expression has no inputs", text=expr)
    return scaffold.from_expression(name, expr)


def _from_torch(arguments: argparse.Namespace) -> Draft:
    if len(arguments.words) > 1:
        raise mistake(Code.ARGUMENT, "new: beside --from there is a name at most")
    dotted = canonical(arguments.source)
    if dotted not in OPERATORS:
        hint = did_you_mean(dotted, OPERATORS) or "such as torch.nn.functional.softplus"
        raise mistake(Code.SELECTION, f"--from: specs cannot call '{arguments.source}'", hint)
    from gradcheck_sym.run import scaffold

    name = arguments.words[0] if arguments.words else dotted.rpartition(".")[2]
    return scaffold.from_torch(dotted, name)


def _create(path: Path, text: str) -> None:
    """Write a file that does not exist yet: all of it or nothing, and never over another one."""
    try:
        with whole(path, public=True, fresh=True) as stream:
            stream.write(text)
    except FileExistsError as err:
        hint = "--output names another file"
        raise mistake(Code.OUTPUT, f"new: {path} exists, and stays as it is", hint) from err
    except OSError as err:
        raise mistake(Code.OUTPUT, f"new: cannot write {path}: {err.strerror}") from err


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "words", nargs="*", metavar="NAME EXPR", help="what the spec is called, and its mathematics"
    )
    parser.add_argument(
        "--from",
        dest="source",
        metavar="CALLABLE",
        help="one of torch's functions, such as torch.nn.functional.softplus, instead of EXPR",
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write there, not to NAME.yaml")


COMMAND = Command(
    "Begin a spec, from an expression or from one of torch's functions.\n"
    "Inputs, shapes and domains are inferred as far as they follow from what is known; what does\n"
    f"not is left as a gap, {GAP}, that validate points at. An existing file is never overwritten.",
    f"""\
  {PROGRAM} new softplus "log(1 + exp(x))"
  {PROGRAM} new --from torch.nn.functional.softplus
  {PROGRAM} new my_gelu --from F.gelu --output specs/my_gelu.yaml
""",
    _add_options,
    new,
    selects=False,
)
