"""The documentation: every file in it is written, every command run, every output compared."""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import final

import pytest

from gradcheck_sym.cli import COMMANDS, main
from gradcheck_sym.spec.functions import FUNCTIONS
from gradcheck_sym.spec.keys import SPEC

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(DOCS.glob("*.md"))
BLOCK = re.compile(
    r"^```\{code-block\} (\w+)\n((?::[^\n]*\n)*)\n?(.*?)^```$", re.DOTALL | re.MULTILINE
)
PROGRAM = "python -m gradcheck_sym"

each_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)


@final
@dataclass(frozen=True, slots=True)
class Block:
    """One block of a page."""

    language: str
    options: dict[str, str]
    text: str

    @property
    def code(self) -> int:
        """The exit code that its last command must have."""
        found = re.fullmatch(r"exit-(\d+)", self.options.get("class", "exit-0"))
        assert found
        return int(found[1])

    def commands(self) -> Iterator[tuple[str, str]]:
        """Each command, and what is said to be printed."""
        for part in self.text.split("$ ")[1:]:
            command, _, printed = part.partition("\n")
            yield command, printed.strip("\n")


def blocks(path: Path) -> list[Block]:
    """The blocks of a page, in order."""
    return [
        Block(language, dict(re.findall(r"^:(\w+): (.*)$", options, re.MULTILINE)), text)
        for language, options, text in BLOCK.findall(path.read_text(encoding="utf-8"))
    ]


def as_printed(text: str) -> re.Pattern[str]:
    """What an output must match: … stands for anything in a line, alone for any lines."""
    lines = []
    for line in text.split("\n"):
        parts = map(re.escape, line.rstrip().split("…"))
        lines.append(r"(?:.*\n)*?" if line == "…" else "[^\n]*".join(parts) + r"[ ]*\n")
    return re.compile("".join(lines))


def answer(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    """Exit code and output of one command of a page."""
    words = shlex.split(command)
    if words[:3] != PROGRAM.split():
        done = subprocess.run([sys.executable, *words[1:]], capture_output=True, text=True)
        return done.returncode, done.stdout
    before = set(sys.modules)
    with monkeypatch.context() as patched:
        patched.syspath_prepend(str(Path.cwd()))
        code = main([*words[3:], *(["--no-cache"] if words[3] not in COMMANDS else [])])
    for name in set(sys.modules) - before:
        if (Path.cwd() / f"{name}.py").exists():
            del sys.modules[name]
    printed = capsys.readouterr()
    return code, printed.out + printed.err


@pytest.mark.slow
@each_page
def test_what_a_page_says_happens(
    path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Files in the order of the page, each command with its exit code and its output."""
    monkeypatch.chdir(tmp_path)
    for block in blocks(path):
        if block.language == "console":
            for command, printed in block.commands():
                code, output = answer(command, monkeypatch, capsys)
                assert as_printed(printed).fullmatch(output.rstrip("\n") + "\n"), output
            assert code == block.code, command
        elif "caption" in block.options:
            file = tmp_path / block.options["caption"]
            file.parent.mkdir(exist_ok=True)
            file.write_text(block.text, encoding="utf-8")


@each_page
def test_every_block_is_looked_at(path: Path) -> None:
    """A block of YAML or Python has the name of its file; a command begins as one is typed."""
    text = path.read_text(encoding="utf-8")
    fences = re.findall(r"^```(?!$)", text, re.MULTILINE)
    others = re.findall(r"^```\{toctree\}", text, re.MULTILINE)
    assert len(fences) == len(blocks(path)) + len(others)
    for block in blocks(path):
        if block.language in ("yaml", "python", "toml"):
            assert block.options.get("caption"), block.text
        if block.language == "console":
            assert block.text.startswith("$ "), block.text


def test_the_references_have_all_there_is() -> None:
    """Every key, function, command and word of `explain` has its place."""
    spec = importlib.util.spec_from_file_location("references", DOCS / "references.py")
    assert spec is not None
    assert spec.loader is not None
    references = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(references)
    pages = {name: "\n".join(lines) for name, lines in references.pages().items()}
    assert all(f"`{key.name}`" in pages["spec"] for key in SPEC)
    assert all(f"`{row.name}({row.signature})`" in pages["functions"] for row in FUNCTIONS.values())
    assert all(f"## {name}" in pages["commands"] for name in COMMANDS)
    assert "`wrong`" in pages["codes"]
