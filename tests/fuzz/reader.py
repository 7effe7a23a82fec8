"""Coverage-guided fuzzing of the reader and the parser: whatever comes in, problems come out.

    python tests/fuzz/reader.py [-max_total_time=SECONDS] [CORPUS...]

Needs atheris; the options are libFuzzer's. Without a corpus it begins with the specs and the
hostile texts of this project. `check` is what must hold of any input; a test asks it, too.
"""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
TEXTS = ("specs/**/*.yaml", "tests/hostile/families/*.txt")
_LONGEST = 4096  # bytes of one input: what costs much is another test's matter


def check(data: bytes) -> str:
    """What becomes of a file of these bytes: "specs" or "problems"; AssertionError where neither.

    All problems lie within the text, and can be shown. Expressions that are read can be written
    and read again, and stay the same.
    """
    from gradcheck_sym.errors import Problem
    from gradcheck_sym.report.problems import render
    from gradcheck_sym.spec.parser import parse
    from gradcheck_sym.spec.reader import read_source
    from gradcheck_sym.spec.unparse import unparse
    from gradcheck_sym.spec.yaml_nodes import Source

    try:
        source = Source("fuzz.yaml", data.decode("utf-8").removeprefix("\ufeff"))
    except UnicodeDecodeError:
        return "problems"
    specs, problems = read_source(source)
    for problem in problems:
        assert isinstance(problem, Problem)
        assert render(problem).isprintable() or "\n" in render(problem)
        if problem.position is not None:
            assert 1 <= problem.position.line <= len(source.starts)
            assert problem.position.column >= 1
    for spec in specs if not problems else ():
        if spec.expr is not None:
            assert parse(unparse(spec.expr.tree)) == spec.expr.tree
    return "problems" if problems else "specs"


def beginnings() -> Iterator[bytes]:
    """Files to begin with, and the pieces of those that hold several."""
    for pattern in TEXTS:
        for path in sorted(ROOT.glob(pattern)):
            for piece in path.read_bytes().split(b"\n----\n"):
                end = piece.rfind(b"\n  - name", 0, _LONGEST) if len(piece) > _LONGEST else _LONGEST
                yield piece[:end]


def main() -> None:
    """Fuzz, until something breaks or the time is over."""
    import atheris

    with atheris.instrument_imports(include=["gradcheck_sym.spec"]):
        import gradcheck_sym.spec.reader  # noqa: F401 - so that its coverage is seen

    def one(data: bytes) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            check(data)

    with tempfile.TemporaryDirectory() as folder:
        for number, data in enumerate(beginnings()):
            Path(folder, f"{number:04}").write_bytes(data)
        given: list[Any] = [f"-max_len={_LONGEST}", *sys.argv[1:], folder]
        atheris.Setup([sys.argv[0], *given], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
