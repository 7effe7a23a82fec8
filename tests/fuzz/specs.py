"""Random specs through the whole chain: mathematics is right whatever it is, and torch computes it.

    python tests/fuzz/specs.py [SECONDS]

A spec without `torch:` is held against the same mathematics in torch's functions. So whatever is
called wrong in it is a mistake of ours, or of torch.
"""

from __future__ import annotations

import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from itertools import count
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from gradcheck_sym.run.options import Options
from gradcheck_sym.run.runner import run
from gradcheck_sym.spec.reader import read_source
from gradcheck_sym.spec.yaml_nodes import Source
from gradcheck_sym.verdict.records import Verdict

Expressions = Callable[..., st.SearchStrategy[str]]

# Domains in which the random expressions have room; ties and zeros are among the edges.
_INPUTS = {
    "v": '{shape: [3], domain: "[-2, 2]"}',
    "m": '{shape: [2, 3], domain: "[-2, 2]"}',
    "z": '{shape: [], domain: "[-2, 2]"}',
}
_INPUT = re.compile(r"\b[vmz]\b")
_LEFT_OUT = re.compile("atan2|abs|relu|max|min|where|sort|frac|clamp|norm|std")
_OPTIONS = Options(points=20, searches=0, checks=("forward", "reverse", "forward_mode", "vmap"))
_SHAPES: list[tuple[int, ...]] = [(), (3,), (2, 3)]


def judged(expr: str) -> Counter[str]:
    """The verdicts on one expression; AssertionError where one is none of the right ones."""
    used = [name for name in _INPUTS if re.search(rf"\b{name}\b", expr)]
    inputs = "".join(f"  {name}: {_INPUTS[name]}\n" for name in used)
    specs, problems = read_source(Source("random.yaml", f"inputs:\n{inputs}expr: {expr!r}\n"))
    assert not problems, problems
    results = run(specs, _OPTIONS, lambda result: None)
    wrong = [result for result in results if result.verdict in (Verdict.WRONG, Verdict.ERROR)]
    assert not [result for result in wrong if "nothing was decided" not in result.message], wrong
    return Counter(result.verdict.value for result in results)


def texts(expressions: Expressions) -> st.SearchStrategy[str]:
    """Expressions of any shape, in at least one of the inputs, without a kink, and without atan2.

    At kinks autograd's conventions don't compose: relu(x) - relu(-x) has the slope 0 at 0, not 1.
    torch's atan2 squares its arguments, which underflows: its own spec tells.
    """
    drawn = st.sampled_from(_SHAPES).flatmap(lambda shape: expressions(shape, 2, detach=False))
    return drawn.filter(lambda text: _INPUT.search(text) and not _LEFT_OUT.search(text))


def main() -> None:
    """Draw and judge until the time is over."""
    import importlib.util

    path = Path(__file__).parents[1] / "conftest.py"
    found = importlib.util.spec_from_file_location("grammar", path)
    assert found is not None
    assert found.loader is not None
    grammar = importlib.util.module_from_spec(found)
    found.loader.exec_module(grammar)
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    verdicts: Counter[str] = Counter()
    ended, specs, failures = time.monotonic() + seconds, 0, 0
    for number in count():
        if time.monotonic() > ended:
            break

        @seed(number)
        @settings(
            max_examples=25,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(texts(grammar._expressions))
        def some(text: str) -> None:
            nonlocal specs
            specs += 1
            try:
                verdicts.update(judged(text))
            except AssertionError as failure:
                print(f"\n{text}\n  {failure}"[:1500], flush=True)
                raise

        try:
            some()
        except (AssertionError, BaseExceptionGroup):
            failures += 1
    print(f"{specs} specs, {failures} rounds with a failure: {dict(verdicts)}")


if __name__ == "__main__":
    main()
