"""What code under test does to its process is an error of its spec, and touches no other."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from gradcheck_sym.run import handle, memory, runner, schedule
from gradcheck_sym.run.checks import CHECKS
from gradcheck_sym.run.failures import cause
from gradcheck_sym.run.messages import Begun, Broken, Done, Job, Judged, Message
from gradcheck_sym.run.options import Options, Workers
from gradcheck_sym.run.pool import JudgingError
from gradcheck_sym.run.runner import judged as judged_here
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.run.worker import Place, serve
from gradcheck_sym.spec.records import Spec
from gradcheck_sym.verdict.records import Result, Verdict

MODULE = "faulty_implementations"
OPTIONS = Options(points=8, checks=("forward", "reverse", "purity"), allow_import=(MODULE,))
WORKERS = Workers(count=2, timeout=120.0, memory=600)

# What each implementation does, and what is said of it.
FATAL = {
    "crashes": "the process crashed: segmentation fault (SIGSEGV)",
    "aborts": "the process crashed: aborted (SIGABRT)",
    "ends": "the process was ended from within (exit code 0)",
    "ends_with_three": "the process was ended from within (exit code 3)",
    "exits": "SystemExit: that is all",
    "interrupts": "raised KeyboardInterrupt",
    "takes_all_memory": "MemoryError",
    "asks_for_too_much": "can't allocate memory",
    "returns_garbage": "garbage",
    "raises_far_out": "ValueError: too far out",
    "closes_everything": "",
}
HARMLESS = ("square", "prints_megabytes", "killed_once")


@pytest.fixture(autouse=True)
def found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The implementations can be imported, in workers as here."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setenv("KILLED_ONCE", str(tmp_path / "killed"))


@pytest.fixture
def made(spec_of: Any) -> Any:
    """Specs of x*x, each under one of the implementations."""

    def make(*names: str) -> list[Spec]:
        text = (
            "inputs: {{x: {{shape: [n], domain: '[-3, 3]'}}}}\nexpr: x*x\n"
            "use: {{f: '{module}:{name}'}}\ntorch: f(x)\n"
        )
        return [
            replace(spec_of(text.format(module=MODULE, name=name)), name=name) for name in names
        ]

    return make


def judge(
    specs: Sequence[Spec], options: Options = OPTIONS, workers: Workers = WORKERS
) -> Mapping[str, tuple[Result, ...]]:
    """The results of each spec, by name."""
    found: dict[int, Judged] = {}
    for judged in schedule.judge(specs, options, workers, lambda spec: None):
        assert judged.number not in found
        found[judged.number] = judged
    return {specs[number].name: found[number].results for number in sorted(found)}


def test_each_fault_is_an_error_of_its_spec(made: Any) -> None:
    """With the cause; every other spec has the results that it has alone."""
    good = ["square", "leaves_everything_changed", "prints_megabytes", "killed_once"]
    names = [name for pair in zip([*good, *FATAL], [*FATAL, *good], strict=False) for name in pair]
    specs = made(*dict.fromkeys(names))
    results = judge(specs)
    assert set(results) == set(names)
    for name, said in FATAL.items():
        errors = [result for result in results[name] if result.verdict is Verdict.ERROR]
        assert errors, name
        assert any(said in result.message for result in errors), (name, errors[0].message)
        assert all(result.spec.endswith(f"::{name}") for result in results[name])
    for name in HARMLESS:
        (spec,) = made(name)
        assert repr(results[name]) == repr(judged_here(spec, OPTIONS))
        assert {result.outcome for result in results[name]} == {"passed"}


@pytest.mark.parametrize("name", ["hangs", "hangs_in_c"])
def test_a_spec_that_hangs_is_ended(made: Any, name: str) -> None:
    """Also where it never gives up the interpreter."""
    (results,) = judge(made(name), workers=replace(WORKERS, timeout=1.5)).values()
    assert results[-1].verdict is Verdict.ERROR
    assert results[-1].message.startswith("not finished after 1.5 s (--timeout)")


def test_changed_settings_are_told_and_harm_nobody(made: Any) -> None:
    """They are impure, and the spec that is judged next in the same process sees none of it."""
    specs = made("leaves_everything_changed", "square")
    results = judge(specs, workers=replace(WORKERS, count=1))
    (purity,) = (each for each in results["leaves_everything_changed"] if each.check == "purity")
    assert purity.verdict is Verdict.WRONG
    for setting in ("default dtype", "default device", "threads", "anomaly", "autocast", "grad"):
        assert setting in purity.message
    assert repr(results["square"]) == repr(judged_here(specs[1], OPTIONS))


def test_the_stage_is_told(made: Any) -> None:
    """The check at which a process ended has the error; there is no word of later ones."""
    (results,) = judge(made("crashes")).values()
    assert [(result.check, result.verdict) for result in results] == [("forward", Verdict.ERROR)]
    assert results[0].line == 1


def test_output_is_bounded(made: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """It goes to stderr, and no further than is useful."""
    judge(made("prints_megabytes"))
    out, err = capsys.readouterr()
    assert out == ""
    assert "much much" in err
    assert "more bytes of output are left out" in err
    assert len(err) < 100_000


@pytest.mark.parametrize("count", [0, 1, 2])
def test_the_first_failure_ends_a_run(made: Any, count: int) -> None:
    """Whoever judges: the results are those up to the first spec that fails."""
    specs = made("square", "exits", "square", "exits")
    specs = [replace(spec, name=f"{spec.name}{number}") for number, spec in enumerate(specs)]
    options = replace(OPTIONS, stop_at_first=True, checks=("forward",))
    judged = schedule.judge(specs, options, replace(WORKERS, count=count), lambda spec: None)
    ended = schedule.in_order({each.number: each for each in judged}, options)
    assert [each.number for each in ended] == [0, 1]


def test_no_worker_outlives_a_run_that_is_left(made: Any) -> None:
    """Whoever stops listening ends them, in the middle of what they do."""
    judged = schedule.judge(made("square", "hangs"), OPTIONS, WORKERS, lambda spec: None)
    assert next(judged).number == 0
    assert multiprocessing.active_children()
    judged.close()
    assert not multiprocessing.active_children()


def test_workers_that_do_not_start_are_told(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no end of starting them otherwise."""
    monkeypatch.setattr(handle, "work", os.abort)  # which takes no arguments: they end at once
    with pytest.raises(JudgingError, match=r"no worker can be started: .*exit code 1"):
        judge(made("square"))


# ---- the worker itself, on this side of a pipe


def conversation(*jobs: Job, path: Sequence[str] = sys.path) -> list[Message]:
    """What a worker says to these jobs."""
    ours, theirs = multiprocessing.Pipe()
    for job in jobs:
        ours.send(job)
    place = Place(dict(os.environ), list(path), 10**6, None)
    said: list[Message] = []
    listener = threading.Thread(target=lambda: said.extend(_until_closed(ours, len(jobs))))
    listener.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "limit", lambda megabytes: None)
        with pytest.raises((EOFError, OSError)):
            serve(theirs, place)
    listener.join()
    return said


def _until_closed(ours: Connection, jobs: int) -> list[Message]:
    said: list[Message] = []
    while sum(isinstance(message, Done) for message in said) < jobs:
        said.append(ours.recv())
    ours.close()
    return said


def test_a_worker_tells_what_it_is_at(made: Any) -> None:
    """Each check when it begins, then its results; at last, that it is free."""
    options = replace(OPTIONS, checks=("forward", "reverse"))
    (spec,) = made("square")
    said = conversation(Job(spec, options), Job(spec, options))
    kinds = [type(message).__name__ for message in said]
    each = ["Begun", "Found", "Begun", "Found", "Done"]
    assert kinds == ["Ready", *each, *each]
    assert said[1] == Begun("forward", "float64")
    assert not any(message.worn for message in said if isinstance(message, Done))


def test_a_mistake_of_ours_is_told_with_its_place(
    made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no result: the main process raises it."""

    def mistaken(*_: object) -> Iterator[Result]:
        raise ZeroDivisionError("ours")
        yield

    monkeypatch.setattr(runner, "run_spec", mistaken)
    broken = conversation(Job(made("square")[0], OPTIONS))[1]
    assert isinstance(broken, Broken)
    assert broken.said == "ZeroDivisionError: ours"
    assert "in mistaken" in broken.trace


def test_a_mistake_of_ours_in_somebody_elses_code_is_a_result(
    made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose mistake it is cannot be told; without such code it is ours."""

    def mistaken(subject: Subject) -> Iterator[Result]:
        raise ZeroDivisionError("odd")
        yield

    monkeypatch.setitem(CHECKS, "forward", mistaken)
    (spec,) = made("square")
    options = replace(OPTIONS, checks=("forward",))
    (result,) = judged_here(spec, options)
    assert result.message == "judging it raised ZeroDivisionError: odd"
    with pytest.raises(ZeroDivisionError):
        judged_here(replace(spec, use=(), torch=None), options)


# ---- words, and amounts


@pytest.mark.parametrize(
    "code, words",
    [
        (-9, "killed (SIGKILL); if nobody did that, memory had run out"),
        (-11, "segmentation fault (SIGSEGV)"),
        (-99, "(signal 99)"),
        (7, "exit code 7"),
        (None, "stopped answering"),
    ],
)
def test_causes_in_words(code: int | None, words: str) -> None:
    """Every way in which a process can end has some."""
    assert words in cause(code)


def test_the_share_of_memory() -> None:
    """Shrinks with the number of workers, down to what a worker needs."""
    assert memory.share(1) >= memory.share(2) >= memory.share(10_000) == 1024


@pytest.mark.parametrize(
    "seconds, workers", [([0.1], 1), ([0.5] * 3, 1), ([100.0], 1), ([3.0] * 1000, None)]
)
def test_how_many_workers_are_worth_it(seconds: list[float], workers: int | None) -> None:
    """One below a few seconds of work, or for one spec; otherwise one a core."""
    cores = len(os.sched_getaffinity(0))
    assert schedule._worthwhile(seconds) == (cores if workers is None else workers)


def test_where_modules_are_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the current directory, too, wherever the program was started from."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["/somewhere"])
    assert schedule.search_path() == [str(tmp_path), "/somewhere"]
    monkeypatch.setattr(sys, "path", ["", "/somewhere"])
    assert schedule.search_path() == [str(tmp_path), "/somewhere"]
