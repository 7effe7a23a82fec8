"""Whether a backward is told that what it goes by was written to after the forward.

torch counts the writes to a tensor, and refuses a backward on what save_for_backward kept of it
before. An input or a result that a Function keeps as an attribute, by its `.data` or as a NumPy
array over the same memory, is not looked after: whoever then goes on with `y += x` silently gets
another gradient.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from gradcheck_sym.autograd.graphs import Point, copied
from gradcheck_sym.autograd.implementation import RAISED
from gradcheck_sym.autograd.impurity import Impurity, Kind
from gradcheck_sym.autograd.memory import own_nodes
from gradcheck_sym.autograd.rivals import different


def overwritten(point: Point) -> Iterator[Impurity]:
    """The gradients as before, or an exception, after an input or the result was written to.

    Of Functions only: where operators of torch do not look (kron keeps views that nobody counts
    the writes to), whoever calls them is not to blame.
    """
    first = point.graph()
    if not own_nodes(first.result):
        return
    expected = copied(first.pull())
    for input_ in (None, *point.inputs):
        graph = point.graph()
        tensor = graph.result if input_ is None else graph.tensors[input_]
        if not _written(tensor):
            continue
        try:
            found = graph.pull()
        except RAISED:  # as torch has it
            continue
        told = "the result" if input_ is None else f"the input {input_}"
        for name in different(graph.wrt, found, expected):
            text = (
                f"the gradient of {name} is another where {told} is written to before the backward,"
                " and nothing is raised: save_for_backward would tell"
            )
            yield Impurity(Kind.UNGUARDED, text, name)
            return


def _written(tensor: Tensor) -> bool:
    """Writes NaN, where a tensor takes it; an expanded one, or one of integers, does not."""
    if not (tensor.is_floating_point() or tensor.is_complex()):
        return False
    try:
        tensor.detach().fill_(torch.nan)
    except RuntimeError:
        return False
    return True
