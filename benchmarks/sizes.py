"""What a large tensor costs: softmax cross-entropy of 10 to 100,000 elements, value and gradient.

Seconds for one point, all told: the mathematics derived anew, the truth with all its slopes,
claims and verdicts. gradcheck looks at each element by finite differences, which is a forward for
each of them, and so is measured at the smaller sizes only. The exponent is that of the last two
decades, where what does not depend on the size no longer counts; the ratio of a size is the number
of microseconds that an element takes.
"""

from __future__ import annotations

import math
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from rows import Row

from gradcheck_sym.run.options import Options
from gradcheck_sym.run.runner import run
from gradcheck_sym.spec.reader import read
from gradcheck_sym.spec.records import Spec
from gradcheck_sym.verdict.records import Verdict

_SIZES = (10, 100, 1000, 10_000, 100_000)
_LARGEST_OF_THEIRS = 10_000
_LARGE = 1000  # from here on the size decides
_TARGET = 1.1
_ROW = 1000  # elements of a row, at most

_SPEC = """\
inputs: {{x: {{shape: [{rows}, {columns}], domain: "[-5, 5]"}}}}
expr: mean(logsumexp(x, dim=1) - x[:, 3])
torch: torch.mean(torch.logsumexp(x, dim=1) - x[:, 3])
"""


def measure() -> list[Row]:
    """A row for each size, and one for the exponent."""
    torch.set_num_threads(1)
    _ours(_SIZES[0])  # loads what is loaded once
    ours = {size: _ours(size) for size in _SIZES}
    theirs = {size: _theirs(size) for size in _SIZES if size <= _LARGEST_OF_THEIRS}
    rows = []
    for size, seconds in ours.items():
        name = f"cross-entropy of {size:,} elements, a point beside gradcheck: us an element"
        rows.append(Row(name, seconds, theirs.get(size), seconds / size * 1e6, None, "s"))
    return [*rows, _exponent("ours", ours, _TARGET), _exponent("gradcheck's", theirs, None)]


def _exponent(whose: str, seconds: dict[int, float], target: float | None) -> Row:
    first, *_, last = [size for size in seconds if size >= _LARGE]
    slope = math.log(seconds[last] / seconds[first]) / math.log(last / first)
    name = f"exponent of the cost, {whose}, from {first:,} to {last:,} elements"
    return Row(name, slope, None, slope, target, "")


def _ours(size: int) -> float:
    spec = _spec(size)
    point: dict[str, Any] = {"x": torch.randn(*_shape(size), dtype=torch.float64).tolist()}
    options = Options(checks=("forward", "reverse"), point=point)
    started = time.perf_counter()
    results = run([spec], options, lambda result: None)
    seconds = time.perf_counter() - started
    assert all(result.verdict is Verdict.AGREES for result in results), results
    return seconds


def _theirs(size: int) -> float:
    x = torch.randn(*_shape(size), dtype=torch.float64, requires_grad=True)
    target = torch.full((len(x),), 3)
    started = time.perf_counter()
    torch.autograd.gradcheck(lambda x: F.cross_entropy(x, target), (x,))
    return time.perf_counter() - started


def _shape(size: int) -> tuple[int, int]:
    columns = min(size, _ROW)
    return size // columns, columns


def _spec(size: int) -> Spec:
    rows, columns = _shape(size)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "bench.yaml")
        path.write_text(_SPEC.format(rows=rows, columns=columns), encoding="utf-8")
        (spec,) = read([str(path)])
    return spec
