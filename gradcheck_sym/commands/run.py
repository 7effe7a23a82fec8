"""The command `run`: judge the specs and report."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

from gradcheck_sym.commands import journal
from gradcheck_sym.commands.pin import pinned
from gradcheck_sym.commands.point import sizes_of
from gradcheck_sym.commands.progress import progress
from gradcheck_sym.commands.reproduce import command
from gradcheck_sym.commands.select import select
from gradcheck_sym.commands.usage import Code, Exit, mistake
from gradcheck_sym.report import text
from gradcheck_sym.report.terminal import Screen, line
from gradcheck_sym.run.options import Options
from gradcheck_sym.spec.records import Spec
from gradcheck_sym.verdict.records import Result


def run(arguments: argparse.Namespace) -> Exit:
    """Judge what is selected, and report; raises SpecError before anything is run."""
    specs = select(arguments.paths, arguments.keyword)
    if not specs:
        return Exit.NOTHING
    options = _options(arguments, specs)
    return carry_out(specs, options, arguments, lambda results: journal.keep(results, options))


def carry_out(
    specs: Sequence[Spec],
    options: Options,
    arguments: argparse.Namespace,
    finish: Callable[[Sequence[Result]], Sequence[Result]],
) -> Exit:
    """Judge specs and report as the arguments say; finish sees the results before people do."""
    if arguments.output is not None:
        _check_writable(arguments.output)
    started = time.perf_counter()
    shown = arguments.format == "text" and arguments.verbosity >= 0
    results, interrupted = _judge(specs, options, shown)
    results = finish([_retraceable(result, specs, options) for result in results])
    style = text.Style(
        options.seed, arguments.verbosity, options.strict, time.perf_counter() - started
    )
    if interrupted:
        return _report_part(results, style, arguments)
    _report(results, style, arguments)
    failed = any(text.fails(result, options.strict) for result in results)
    return Exit.FAILED if failed else Exit.PASSED


def _options(arguments: argparse.Namespace, specs: Sequence[Spec]) -> Options:
    if arguments.point is None and (arguments.cotangent is not None or arguments.dims):
        raise mistake(Code.POINT, "--cotangent and --dims describe a --point, which is missing")
    dims = arguments.dims
    if arguments.point is not None:
        dims = sizes_of(specs, arguments.point, arguments.dims)
    return Options(
        seed=arguments.seed,
        points=arguments.points,
        checks=arguments.checks,
        dtypes=arguments.dtype,
        strict=arguments.strict,
        stop_at_first=arguments.stop_at_first,
        allow_import=tuple(arguments.allow_import),
        point=arguments.point,
        cotangent=arguments.cotangent,
        dims=dims,
    )


def _judge(specs: Sequence[Spec], options: Options, shown: bool) -> tuple[Sequence[Result], bool]:
    """The results, and whether they were cut short by the user.

    What an implementation under test prints goes to stderr: stdout is the report's.
    """
    from gradcheck_sym.run import runner

    arrived: list[Result] = []
    with redirect_stdout(sys.stderr), progress(len(specs), shown) as show:

        def on_result(result: Result) -> None:
            arrived.append(result)
            show(result)

        try:
            return runner.run(specs, options, on_result), False
        except KeyboardInterrupt:
            return arrived, True


def _retraceable(result: Result, specs: Sequence[Spec], options: Options) -> Result:
    """A result with the ways back to it, unless it passed: a command, an ID, a line of YAML."""
    if result.outcome == "passed":
        return result
    spec = next(spec for spec in specs if spec.address == result.spec)
    kept = journal.worth_keeping(result)
    return replace(
        result,
        reproduce=result.reproduce or command(result, options),
        id=journal.identified(result) if kept else "",
        pin=pinned(result, spec) if kept else "",
    )


def _report_part(
    results: Sequence[Result], style: text.Style, arguments: argparse.Namespace
) -> Exit:
    """Show people what there is; a file or a machine gets the whole report or none."""
    if arguments.output is None and arguments.format == "text":
        _report(results, style, arguments)
    Screen(sys.stderr).write([line("interrupted: the rest was not judged", "yellow")])
    return Exit.INTERRUPTED


def _report(results: Sequence[Result], style: text.Style, arguments: argparse.Namespace) -> None:
    screen = Screen(sys.stdout)
    if arguments.output is None:
        _write(results, style, arguments.format, screen)
        return
    _save(arguments.output, results, style, arguments.format)
    if style.verbosity >= 0:
        screen.write(text.summary(results, style))


def _write(results: Sequence[Result], style: text.Style, form: str, screen: Screen) -> None:
    if form == "json":
        from gradcheck_sym.report import json_report

        screen.write_text(json_report.render(results, style.seed))
    else:
        screen.write(text.render(results, style))


def _save(path: Path, results: Sequence[Result], style: text.Style, form: str) -> None:
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


def _check_writable(path: Path) -> None:
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
