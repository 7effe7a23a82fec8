"""Hostile spec files: families of texts in `families`, and those that `generated` makes.

In a family each text begins with what stands above ====, and ---- divides the texts. What is to be
said of one is marked in it: a caret under the place, and the code. A line of marks is no part of
the text.
"""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import pytest

HERE = Path(__file__).parent
GENERATED = runpy.run_path(str(HERE / "generated.py"))
WRITTEN = sorted((HERE / "families").glob("*.txt"))
FAMILIES = (*(path.stem for path in WRITTEN), *GENERATED["texts"](), "paths")
CANARY = "open('ran', 'w').close()\n\ndef f(x):\n    return x\n\nsystem = touch = f\n"

_MARK = re.compile(r"(?P<lead> *)\^ (?P<code>S\d{3})\n")


@final
@dataclass(frozen=True, slots=True)
class Case:
    """A hostile path, and what must be said of it."""

    family: str
    name: str  # what it is
    path: str
    expected: str  # codes and places; "…" for any number more
    answer: Mapping[str, Any]  # of the probe: exit, seconds, said


@final
@dataclass(frozen=True, slots=True)
class Probed:
    """What came of all of them."""

    cases: tuple[Case, ...]
    broken: tuple[str, ...]  # what was done that reading does not do
    memory: int  # bytes at most
    folder: Path  # the working directory


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test of a family is one of each."""
    if "family" in metafunc.fixturenames:
        metafunc.parametrize("family", FAMILIES)


def marked(path: Path) -> Iterator[tuple[str, str, str]]:
    """The texts of a written family: their names, themselves, and what is expected."""
    head, _, rest = path.read_text(encoding="utf-8").partition("====\n")
    for number, part in enumerate(rest.split("----\n")):
        lines = head.splitlines(keepends=True)
        expected = []
        for line in part.splitlines(keepends=True):
            if mark := _MARK.fullmatch(line):
                expected.append(f"{mark['code']} {len(lines)}:{len(mark['lead']) + 1}")
            else:
                lines.append(line)
        yield f"{number:03}", "".join(lines), ", ".join(expected)


def made(folder: Path) -> Iterator[tuple[str, str, str, str]]:
    """All hostile files, written to a folder: family, name, path, expectation."""
    texts = {path.stem: {name: rest for name, *rest in marked(path)} for path in WRITTEN}
    for family, members in (texts | GENERATED["texts"]()).items():
        (folder / family).mkdir()
        for number, (name, (content, expected)) in enumerate(members.items()):
            path = folder / family / f"case_{number}.yaml"
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
            yield family, name, str(path), expected
    for name, (at, expected) in GENERATED["paths"](folder / "paths").items():
        yield "paths", name, at, expected


@pytest.fixture(scope="session")
def probed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Probed]:
    """What a process of little memory says of each of them."""
    folder = tmp_path_factory.mktemp("hostile")
    try:
        yield _probed(folder)
    finally:  # Python's own way to remove folders is not deep enough for these
        subprocess.run(["rm", "-rf", str(folder / "paths")], check=True)


def _probed(folder: Path) -> Probed:
    (folder / "canary.py").write_text(CANARY, encoding="utf-8")
    (folder / "good.yaml").write_text("inputs: {x: }\nexpr: sin(x)\n", encoding="utf-8")
    cases = list(made(folder))
    done = subprocess.run(
        [sys.executable, str(HERE / "probe.py")],
        input=json.dumps(["good.yaml", [path for _, _, path, _ in cases]]),
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=600,
        check=True,
    )
    told = json.loads(done.stdout)
    return Probed(
        tuple(Case(*case, answer) for case, answer in zip(cases, told["answers"], strict=True)),
        tuple(told["broken"]),
        told["memory"],
        folder,
    )
