"""What a run has finished survives whatever ends it, and going on gives the same report."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from gradcheck_sym import cli
from gradcheck_sym.commands.usage import Exit
from gradcheck_sym.run.files import FOLDER

KERNELS = """\
import ctypes, os, pathlib, time

def square(x):
    return x * x

def hangs(x):
    pathlib.Path("hanging").write_text(str(os.getpid()))
    ctypes.PyDLL(None).sleep(1000)
"""
NAMES = ("a", "b", "c", "d", "e")
SPECS = "specs:\n" + "".join(
    f"  - {{name: {name}, inputs: {{x: {{shape: [n], domain: '[1, 4]'}}}}, expr: x**{power},"
    f" torch: {torch}}}\n"
    for name, power, torch in zip(
        NAMES, (2, 2, 3, 2, 2), ("x*x", "x*x*x", "x**3", "x*x", "x"), strict=True
    )
)
HANGING = """\
name: hanging
inputs: {x: {shape: []}}
expr: x*x
torch: hangs(x)
use: {hangs: "survival_kernels:hangs"}
"""
QUICK = ["--points", "5", "--checks", "forward,reverse", "--format", "json"]
ALLOW = ["--allow-import", "survival_kernels"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with five specs of which two fail, and one that hangs."""
    (tmp_path / "five.yaml").write_text(SPECS, encoding="utf-8")
    (tmp_path / "hanging.yaml").write_text(HANGING, encoding="utf-8")
    (tmp_path / "survival_kernels.py").write_text(KERNELS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def begun(folder: Path, *words: str, **variables: str) -> subprocess.Popen[bytes]:
    """A run in a process of its own, which hears interrupts as one in a terminal does.

    What a shell runs in the background ignores them, and so does what that starts.
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **variables}
    return subprocess.Popen(
        [sys.executable, "-m", "gradcheck_sym", *words],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def judged(folder: Path) -> int:
    """How many specs are complete in the journals of a folder."""
    journals = (folder / FOLDER / "journal").glob("*.jsonl")
    return sum(path.read_bytes().count(b'"results":') for path in journals)


def wait_until(holds: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    """Wait for something that a process does; no longer than it lives."""
    while not holds() and process.poll() is None:
        time.sleep(0.002)


def is_alive(pid: int) -> bool:
    """Whether there is a process that is no zombie."""
    try:
        return (
            Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]
            != "Z"
        )
    except OSError:
        return False


def gone_soon(pid: int) -> bool:
    """Whether a process is gone within a few seconds."""
    ends = time.monotonic() + 20
    while is_alive(pid) and time.monotonic() < ends:
        time.sleep(0.02)
    return not is_alive(pid)


def run(*words: str) -> str:
    """The JSON of a run in this process, and its workers."""
    output = Path("report.json").absolute()
    assert cli.main([*words, *QUICK, "-q", "--output", str(output)]) == Exit.FAILED
    return output.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "moment", [1, 4, *(pytest.param(number, marks=pytest.mark.slow) for number in (0, 2, 3, 5))]
)
def test_what_was_finished_is_not_judged_again(
    folder: Path, moment: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Killed after each number of specs: those are known, and the report is the undisturbed one."""
    process = begun(folder, "five.yaml", *QUICK, "-j", "2")
    wait_until(lambda: judged(folder) >= moment and (folder / FOLDER / "journal").exists(), process)
    process.kill()
    process.communicate()
    assert judged(folder) >= moment
    resumed = run("five.yaml", "--resume", "-j", "1")
    assert resumed == run("five.yaml", "-j", "0")


@pytest.mark.slow
@pytest.mark.parametrize("number", range(6))
def test_killed_at_any_time(folder: Path, number: int) -> None:
    """Twice at random times, and gone on with each time."""
    chance = random.Random(number)
    for words in ([], ["--resume"]):
        process = begun(folder, "five.yaml", *QUICK, "-j", "2", *words)
        time.sleep(chance.uniform(0.5, 4.0))
        process.kill()
        process.communicate()
    assert run("five.yaml", "--resume") == run("five.yaml", "-j", "0")


def test_how_much_is_known_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing, where nothing was cut short: what came to its end is judged anew."""
    cli.main(["five.yaml", *QUICK, "--resume", "-j", "0"])
    assert "0 of 5 specs were judged before" in capsys.readouterr().err
    cli.main(["five.yaml", *QUICK, "--resume", "-j", "0"])
    assert "0 of 5 specs were judged before" in capsys.readouterr().err


@pytest.mark.parametrize("delay", [0.0, 0.3])
def test_a_worker_that_is_killed_is_replaced(folder: Path, delay: float) -> None:
    """Its spec is judged once more, and the report is the undisturbed one."""
    killed: list[int] = []

    def kill() -> None:
        while not (found := [child for child in multiprocessing.active_children() if child.pid]):
            time.sleep(0.001)
        time.sleep(delay)
        killed.append(found[0].pid or 0)
        os.kill(killed[0], signal.SIGKILL)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    found = run("five.yaml", "-j", "2")
    killer.join(20)
    assert killed
    assert found == run("five.yaml", "-j", "0")


@pytest.mark.parametrize("way", [signal.SIGINT, signal.SIGKILL, signal.SIGTERM])
def test_no_worker_outlives_the_main_process(folder: Path, way: signal.Signals) -> None:
    """Control-C ends all of them at once; so does the death of the process that started them.

    Also a worker that hangs without giving up the interpreter.
    """
    process = begun(folder, "five.yaml", "hanging.yaml", *QUICK[:-2], *ALLOW, "-j", "2")
    hanging = folder / "hanging"
    wait_until(
        lambda: hanging.exists() and bool(hanging.read_text()) and judged(folder) == 5, process
    )
    worker = int(hanging.read_text())
    assert is_alive(worker)
    process.send_signal(way)
    out, err = process.communicate(timeout=60)
    assert gone_soon(worker)
    assert judged(folder) == 5
    if way == signal.SIGINT:
        assert process.returncode == Exit.INTERRUPTED
        assert b"five.yaml::b" in out
        assert err.endswith(b"interrupted: the rest was not judged\n")
        assert b"Traceback" not in err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_report_that_found_no_room_is_not_lost(folder: Path) -> None:
    """A full disk behind stdout is told as such, and going on judges nothing again."""
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-m", "gradcheck_sym", "five.yaml", *QUICK, "-j", "0"],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == Exit.USAGE
    assert "cannot write the report to stdout: No space left on device" in done.stderr
    assert "help: with --resume nothing is judged again" in done.stderr
    assert "Exception ignored" not in done.stderr
    resumed = run("five.yaml", "--resume", "--timeout", "1")
    assert resumed == run("five.yaml", "-j", "0")


# ---- what a report does not depend on


def test_the_report_depends_on_the_seed_alone(folder: Path) -> None:
    """Not on who judges, hash seeds, the order of files, locales, the width, or a run beside it."""
    for name in ("one.yaml", "two.yaml"):
        (folder / name).write_text(SPECS, encoding="utf-8")
    ways: list[tuple[list[str], Mapping[str, str]]] = [
        (["one.yaml", "two.yaml", "-j", "2"], {"PYTHONHASHSEED": "1", "LC_ALL": "C"}),
        (
            ["two.yaml", "one.yaml", "-j", "1"],
            {"PYTHONHASHSEED": "2", "LC_ALL": "C.UTF-8", "COLUMNS": "30", "TERM": "dumb"},
        ),
        (["two.yaml", "one.yaml", "-j", "0"], {"PYTHONHASHSEED": "3", "LANG": "tr_TR", "TZ": "X"}),
    ]
    running = [begun(folder, *words, *QUICK, **variables) for words, variables in ways]
    reports = [process.communicate(timeout=300)[0] for process in running]
    assert json.loads(reports[0])["summary"]["failed"] == 8
    assert reports[0] == reports[1] == reports[2]
