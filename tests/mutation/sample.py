"""Mutation testing of a random sample: of all changes that mutmut knows it tries some.

    python tests/mutation/sample.py COUNT [SEED [PATTERN…]]

The same seed draws the same changes of the same code. A pattern is one of modules' paths, such as
"gradcheck_sym/symbolic/taylor.py" or "gradcheck_sym/spec/*"; without one it is all that mutmut is
set to change. `mutmut results` lists what no test noticed, `mutmut show NAME` shows it.
"""

from __future__ import annotations

import fnmatch
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from mutmut.configuration import config
from mutmut.mutation.file_mutation import mutate_file_contents


def mutants(patterns: Sequence[str]) -> Iterator[str]:
    """The names of all mutants of the modules that fit a pattern."""
    for path in sorted(Path("gradcheck_sym").rglob("*.py")):
        name = path.as_posix()
        fits = any(fnmatch.fnmatch(name, pattern) for pattern in patterns)
        if fits and config().should_mutate(path):
            module = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
            found = mutate_file_contents(path, path.read_text(encoding="utf-8"))
            yield from (f"{module}.{mutant}" for mutant in found.mutant_names)


def main(count: int, seed: int = 0, *patterns: str) -> int:
    """Draw the sample and have mutmut try it."""
    every = list(mutants(patterns or ["*"]))
    drawn = random.Random(seed).sample(every, min(count, len(every)))
    print(f"{len(drawn)} of {len(every)} mutants, seed {seed}")
    return subprocess.run(["mutmut", "run", *drawn], check=False).returncode


if __name__ == "__main__":
    numbers = [int(text) for text in sys.argv[1:3]]
    sys.exit(main(*numbers, *sys.argv[3:]))
