"""Whether a function fits in with a program around it: its settings, seeds and tensors.

It leaves the random numbers of others alone, says the same where torch is set otherwise, and where
its caller gives it one tensor twice.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import combinations
from typing import Any, final

import numpy as np
import torch
from torch import Tensor, nn

from gradcheck_sym.autograd.counters import reachable
from gradcheck_sym.autograd.dispatch import EagerMode
from gradcheck_sym.autograd.graphs import Answer, Gradients, Point, alike, copied, same
from gradcheck_sym.autograd.implementation import RAISED
from gradcheck_sym.autograd.impurity import FORWARD, Impurity, Kind
from gradcheck_sym.autograd.settings import set_deterministic
from gradcheck_sym.autograd.state import undisturbed

# --- random numbers -----------------------------------------------------------------------

_GENERATORS: Mapping[str, tuple[Callable[[int], Any], Callable[[], Any]]] = {
    "torch": (torch.default_generator.manual_seed, lambda: torch.get_rng_state().numpy().tobytes()),
    "NumPy": (np.random.seed, lambda: _hashable(np.random.get_state())),
    "Python": (random.seed, random.getstate),
}


def seeding(point: Point) -> Iterator[Impurity]:
    """The generators of a program, seeded anew: whoever draws later draws the same every time."""
    forwards, backwards = zip(*(_states(point, seed) for seed in (1, 2)), strict=True)
    for kind, half, (one, other) in (
        (Kind.FORWARD_SETS, FORWARD, forwards),
        (Kind.BACKWARD_SETS, "the backward", backwards),
    ):
        for name in _GENERATORS:
            if one[name] == other[name]:
                yield Impurity(kind, f"{half} seeds the random numbers of {name} anew", by=half)


def _states(point: Point, seed: int) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """What the generators are in after the forward, and after the backward, from one seed each."""

    def call(tensors: Mapping[str, Tensor]) -> Tensor:
        _seed(seed)
        return point.call(tensors)

    graph = replace(point, call=call).graph()
    forward = _now()
    _seed(seed)
    if graph.result.requires_grad:
        torch.autograd.grad(graph.result, graph.leaves, graph.fed.clone(), allow_unused=True)
    return forward, _now()


def _hashable(state: Any) -> tuple[Any, ...]:
    """What NumPy tells of its generator; arrays, which have no plain equality, as bytes."""
    return tuple(part.tobytes() if isinstance(part, np.ndarray) else part for part in state)


def _seed(seed: int) -> None:
    for write, _ in _GENERATORS.values():
        write(seed)


def _now() -> Mapping[str, Any]:
    return {name: read() for name, (_, read) in _GENERATORS.items()}


# --- settings -----------------------------------------------------------------------------

# More than a small tensor has rows, and no divisor of a large one's: whoever shares rows out among
# threads has too few of them, or some left.
_THREADS = 7

# In words -> how it is set, until `undisturbed` ends. Where algorithms are to be deterministic,
# torch.empty is full of NaN.
_OTHERWISE: Mapping[str, Callable[[], Any]] = {
    "with deterministic algorithms": lambda: set_deterministic((True, False)),
    "with another number of threads": lambda: torch.set_num_threads(
        _THREADS if torch.get_num_threads() == 1 else 1
    ),
    "in anomaly mode": lambda: torch.set_anomaly_enabled(True, False),
}


def elsewhere(point: Point) -> Iterator[Impurity]:
    """The same answer where torch as a whole is set otherwise, or an exception.

    So in another thread, on parameters, and on what was computed from leaves.
    """
    expected = point.answer()
    for told, write in _OTHERWISE.items():

        def otherwise(write: Callable[[], Any] = write) -> Answer:
            write()
            return point.answer()

        yield from _compared(point.wrt, otherwise, expected, told)
    yield from _compared(point.wrt, lambda: _in_thread(point), expected, "in another thread")
    if point.wrt:
        made = replace(point, given=_parameters(point)).answer
        they = "is a parameter" if len(point.wrt) == 1 else "are parameters"
        told = f"where {', '.join(point.wrt)} {they}"
        yield from _compared(point.wrt, made, expected, told)
        computed = replace(point, call=lambda tensors: point.call(_computed(point, tensors)))
        they = "is no leaf" if len(point.wrt) == 1 else "are no leaves"
        told = f"where {', '.join(point.wrt)} {they}"
        yield from _compared(point.wrt, computed.answer, expected, told)


def _in_thread(point: Point) -> Answer:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(point.answer).result()


def _parameters(point: Point) -> dict[str, Tensor]:
    return {
        name: nn.Parameter(tensor.clone()) if name in point.wrt else tensor.clone()
        for name, tensor in point.inputs.items()
    }


def _computed(point: Point, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {k: tensor.clone() if k in point.wrt else tensor for k, tensor in tensors.items()}


def _compared(
    wrt: tuple[str, ...], made: Callable[[], Answer], expected: Answer, told: str
) -> Iterator[Impurity]:
    """What is another answer than expected; it may refuse."""
    try:
        with undisturbed():
            value, found = made()
    except RAISED:
        return
    yield from _differing(wrt, (value, expected[0]), (found, expected[1]), told)


def autocast(point: Point) -> Iterator[Impurity]:
    """The same gradient of a forward under autocast that has the same value by the same operations.

    Where autocast casts, to fewer digits or to more, a gradient is rounded otherwise, though values
    of a few digits may well agree.
    """
    value, expected = point.answer()
    usual, under = _Operations(), _Operations()
    try:
        with torch.autocast("cpu", torch.bfloat16), under:
            graph = point.graph()
        found = copied(graph.pull())
        if not same(graph.value, value):
            return
        with usual:
            point.graph()
    except RAISED:
        return
    if usual.seen == under.seen:
        told = "of a forward under autocast, whose value is the same"
        yield from _differing(point.wrt, (value, value), (found, expected), told)


@final
class _Operations(EagerMode):  # type: ignore[no-untyped-call]
    """Notes each operation, casts among them."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen: list[str] = []

    def carry_out(self, func: Any, args: Any, kwargs: Any) -> Any:
        """The operation as it is."""
        self.seen.append(str(func))
        return func(*args, **kwargs)


def evaluating(point: Point) -> Iterator[Impurity]:
    """The same gradient where modules are in evaluation mode and the value is the same.

    Where none is given there, as of a path for inference alone, there is nothing to compare.
    """
    modules = [
        part
        for _, _, part in reachable(point.call)
        if isinstance(part, nn.Module) and part.training
    ]
    if not modules:
        return
    value, expected = point.answer()
    before = {module: module.training for each in modules for module in each.modules()}
    try:
        for module in modules:
            module.eval()
        again, found = point.answer()
    except RAISED:
        return
    finally:
        for module, mode in before.items():
            module.training = mode
    if same(again, value) and _largest(found):
        told = "in evaluation mode, where the value is the same"
        yield from _differing(point.wrt, (value, value), (found, expected), told)


# --- one tensor for two inputs ------------------------------------------------------------


def shared(point: Point) -> Iterator[Impurity]:
    """Two inputs in one memory have the gradients that they have where each has its own.

    One tensor for both has the sum of them.
    """
    pairs = list(combinations(point.wrt, 2))
    usual = _largest(point.graph().pull()) if pairs else 0.0
    for pair in pairs:
        one, twin = (point.inputs[name] for name in pair)
        if (one.shape, one.dtype) == (twin.shape, twin.dtype):
            for lent, told in _in_one_memory(one, twin):
                told = f"where {pair[1]} is {told}"
                faults = list(_otherwise_apart(point, pair, lent, told, usual))
                yield from faults
                if faults:
                    break


def _in_one_memory(one: Tensor, twin: Tensor) -> Iterator[tuple[tuple[Tensor, Tensor], str]]:
    """Two tensors that some code takes for one: by what they are, or by where they begin."""
    memory = one.clone()
    yield (memory, memory), "the same tensor"
    memory = one.clone()
    yield (memory, memory.detach()), "the same tensor, detached"
    if one.numel() > 1:
        memory = torch.cat([one.flatten(), twin.flatten()])
        parts = memory[: one.numel()], memory[::2]
        first, second = (part.view(one.shape).detach() for part in parts)
        yield (first, second), "another view of the same memory"


def _otherwise_apart(
    point: Point, pair: tuple[str, str], lent: tuple[Tensor, Tensor], told: str, usual: float
) -> Iterator[Impurity]:
    """What is another answer where two inputs are those tensors than where they are copies.

    A correlation of x with itself is 1, and its gradient what rounding leaves of terms that are as
    large as the gradients at the point as it is given: usual.
    """
    as_lent = dict(zip(pair, lent, strict=True))
    inputs = {**point.inputs, **{name: tensor.clone() for name, tensor in as_lent.items()}}
    apart = replace(point, inputs=inputs)
    tensors = {key: tensor.clone() for key, tensor in inputs.items()}
    together = replace(point, given={**tensors, **as_lent})
    try:
        graph = apart.graph()
        value, found = graph.value, dict(zip(point.wrt, copied(graph.pull()), strict=True))
        graph = together.graph()
        pulled = dict(zip(point.wrt, graph.pull(), strict=True))
    except RAISED:
        return
    parts = [part for part in map(found.get, pair) if part is not None]
    scale = max(_largest(parts), usual)
    names: tuple[str, ...] = pair
    if lent[0] is lent[1]:
        names, found = pair[:1], {pair[0]: sum(parts[1:], parts[0]) if parts else None}
    answers = tuple(map(pulled.get, names)), tuple(map(found.get, names))
    yield from _differing(names, (graph.value, value), answers, told, scale)


def _largest(gradients: Iterable[Tensor | None]) -> float:
    """The largest finite magnitude in some gradients."""
    sizes = [part.detach().abs() for part in gradients if part is not None]
    return max((float(size.nan_to_num(0, 0).max()) for size in sizes if size.numel()), default=0.0)


# --- a tensor of the caller's for grad_output -----------------------------------------------


def lent_again(point: Point) -> Iterator[Impurity]:
    """The result itself as grad_output, as in y.backward(y), or an input: the same as a copy."""
    shape = point.graph().value.shape
    for name in (None, *(name for name in point.wrt if point.inputs[name].shape == shape)):
        graph, again = point.graph(), point.graph()
        itself = again.result if name is None else again.tensors[name]
        if itself.dtype is not again.value.dtype:
            continue
        expected = copied(graph.pull(itself.detach().clone()))
        found = again.pull(itself)
        told = f"where grad_output is the {'result' if name is None else f'input {name}'} itself"
        yield from _differing(point.wrt, (again.value, graph.value), (found, expected), told)


# --- answers ------------------------------------------------------------------------------


def _differing(
    wrt: tuple[str, ...],
    values: tuple[Tensor, Tensor],
    gradients: tuple[Gradients, Gradients],
    told: str,
    scale: float = 0.0,
) -> Iterator[Impurity]:
    """What is another answer, by more than the order of sums can make."""
    if _another(*values):
        yield Impurity(Kind.SURROUNDINGS, f"the result is another {told}", by=FORWARD)
        return
    for name, found, expected in zip(wrt, *gradients, strict=True):
        if _another(found, expected, scale):
            text = f"the gradient of {name} is another {told}"
            yield Impurity(Kind.SURROUNDINGS, text, name)


def _another(found: Tensor | None, expected: Tensor | None, scale: float = 0.0) -> bool:
    """Whether two answers differ in more than the later half of their digits.

    Others add up in another order, and what cancels out then loses the last ones: scale is that of
    the terms, where it is known. None is zeros.
    """
    if found is None or expected is None:
        there = expected if found is None else found
        return there is not None and bool(there.detach().count_nonzero())
    if alike(found, expected) or found.shape != expected.shape:
        return found.shape != expected.shape
    if not expected.isfinite().all():
        return False
    if not found.isfinite().all():
        return True
    largest = max(float(expected.abs().max()), scale)
    slack: float = torch.finfo(found.dtype).eps ** 0.5 * largest
    return float((found - expected).abs().max()) > slack
