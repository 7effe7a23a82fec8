"""Impure functions are found out and named; pure ones, however unusual, are left alone."""

# ruff: noqa: D102, D103 - the names say what each does

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from gradcheck_sym.autograd.implementation import Implementation, implementation
from gradcheck_sym.autograd.impurity import Impurity, Kind
from gradcheck_sym.autograd.memory import held, overlap, parameters
from gradcheck_sym.autograd.purity import impurities, reverse_grad
from gradcheck_sym.spec.records import Spec

User = Callable[..., Implementation]
Make = Callable[..., Spec]
Function = Callable[[Tensor], Tensor]

POINTS = np.array([[0.5, 1.0, 2.0], [-1.0, 3.0, 0.25], [4.0, 8.0, 6.0]])
COTANGENTS = np.array([[1.0, -0.5, 2.0], [3.0, 0.25, 1.0], [-1.0, 1.0, 0.5]])
GRAMS = np.arange(18.0).reshape(2, 3, 3)
LONGER = np.array([[0.5, 1.0, 2.0, -3.0, 4.0]])


def found(function: Function, **options: Any) -> Mapping[int, tuple[Impurity, ...]]:
    """What is impure about a function of x at the points, beside a longer one."""
    own = Implementation(lambda tensors: function(tensors["x"]), "user", "own")
    given: dict[str, Any] = {"values": {"x": POINTS}, "cotangents": COTANGENTS}
    given |= {"wrt": ("x",), "dtype": "float64", "others": {"x": LONGER}}
    return impurities(own, **given | options)


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        (x,) = ctx.saved_tensors
        return 2 * x * grad


# --- impure -------------------------------------------------------------------------------


def shifts_input(x: Tensor) -> Tensor:
    y = x * 2
    x.data.add_(1)
    return y


class ShiftsAndGivesBack(Square):
    """Powers of two: at the end not a bit is another."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        x.data.mul_(4)
        result = x * x / 16
        x.data.div_(4)
        return result


class BorrowsGradOutput(Square):
    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        (x,) = ctx.saved_tensors
        gradient = x * grad.mul_(2)
        grad.div_(2)
        return gradient


class ShiftsInputLater(Square):
    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        (x,) = ctx.saved_tensors
        gradient = 2 * x * grad
        x.data.zero_()
        return gradient


class ScalesGradOutput(Square):
    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        (x,) = ctx.saved_tensors
        return grad.mul_(2 * x)


class WritesToResult(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        result = torch.exp(x)
        ctx.save_for_backward(result)
        return result

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        (result,) = ctx.saved_tensors
        gradient = result * grad
        result.data.zero_()
        return gradient


class ScalesWhatItSaved(Square):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.slope = 2 * x
        return x * x

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return ctx.slope.mul_(grad).clone()


class ScalesSavedTensor(Square):
    """As above, where torch watches: the second backward raises."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(2 * x)
        return x * x

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        (slope,) = ctx.saved_tensors
        return slope.mul_(grad).clone()


class Frees(Square):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.slope = [2 * x]
        return x * x

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return ctx.slope.pop() * grad


class RemembersOnClass(Square):
    last: ClassVar[Tensor]

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        RemembersOnClass.last = x.detach().clone()
        return x * x

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return 2 * RemembersOnClass.last * grad


class RemembersByAddress(torch.autograd.Function):
    """Keeps a slope under where the input lies; a parameter lies there after a step, too."""

    slopes: dict[Any, Tensor] = {}  # noqa: RUF012 - that it is shared is the fault

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.slope = RemembersByAddress.slopes.setdefault(x.data_ptr(), (x, 2 * x.detach()))[1]
        return x * x

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return ctx.slope * grad


class RemembersWithoutStrides(torch.autograd.Function):
    """Keeps a slope under where the input lies, its version and shape."""

    kept: ClassVar[dict[str, Any]] = {}

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        kept, key = RemembersWithoutStrides.kept, (x.data_ptr(), x._version, x.shape)
        if kept.get("key") != key:
            kept.update(key=key, alive=x, slope=2 * x.detach())
        ctx.slope = kept["slope"]
        return x * x

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return ctx.slope * grad


class RemembersByShape(Square):
    """Keeps one slope for each number of axes: another shape takes its place."""

    kept: ClassVar[dict[int, Tensor]] = {}

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        RemembersByShape.kept[x.dim()] = torch.ones(len(x), dtype=x.dtype)
        return x * 2

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return 2 * grad * RemembersByShape.kept[grad.dim()]


class OneResult(Square):
    results: ClassVar[dict[int, Tensor]] = {}

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x.clone())
        result = OneResult.results.setdefault(len(x), torch.empty_like(x))
        return result.copy_(x * x).detach()


class OneGradient(Square):
    gradients: ClassVar[dict[int, Tensor]] = {}

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        (x,) = ctx.saved_tensors
        gradient = OneGradient.gradients.setdefault(len(x), torch.empty_like(grad))
        return gradient.copy_(2 * x * grad).detach()


class GivesInput(Square):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x / 2

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        (x,) = ctx.saved_tensors
        return x.detach() if bool((grad == 1).all()) else x * grad


class GivesSaved(GivesInput):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x.clone())
        return x * x / 2


class GivesResult(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        result = torch.exp(x)
        ctx.save_for_backward(result)
        return result

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        (result,) = ctx.saved_tensors
        return result.detach() if bool((grad == 1).all()) else result * grad


class Counts(Square):
    calls = 0

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        Counts.calls += 1
        return x * Counts.calls

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return grad * 2


class CountsBackward(Square):
    passes = 0

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        CountsBackward.passes += 1
        return grad * CountsBackward.passes


class CountsOnGraph(Square):
    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        ctx.passes = getattr(ctx, "passes", 0) + 1
        return grad * ctx.passes


WEIGHT = torch.ones(3, dtype=torch.float64, requires_grad=True)


class WritesToWeight(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.weight = weight
        return x * 2

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        ctx.weight.data.add_(1)
        return grad * 2, None


class Accumulates(Square):
    """Puts its gradient into .grad by itself, besides."""

    seen: ClassVar[Tensor]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        Accumulates.seen.grad = grad.clone()
        return grad


def accumulates(x: Tensor) -> Tensor:
    Accumulates.seen = x
    result: Tensor = Accumulates.apply(x)
    return result


def sets_dtype(x: Tensor) -> Tensor:
    torch.set_default_dtype(torch.float64)
    return x * x


class TurnsAnomalyOn(torch.autograd.Function):
    """The backward leaves detection of anomalies on."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        torch.autograd.set_detect_anomaly(True)
        (x,) = ctx.saved_tensors
        return 2 * x * grad


class KeepsInputAsAttribute(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.x = x
        return x * x

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return 2 * ctx.x * grad


class AsSetElsewhere(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x * 3

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return grad * (2 if torch.are_deterministic_algorithms_enabled() else 3)


def seeds(x: Tensor) -> Tensor:
    torch.manual_seed(3)
    return x * 2


class SeedsInBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x * 2

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        np.random.seed(3)
        return grad * 2


IMPURE: list[tuple[Function, Kind, str]] = [
    (shifts_input, Kind.MUTATED_INPUT, "the forward writes to the input x"),
    (ShiftsAndGivesBack.apply, Kind.MUTATED_INPUT, "the forward writes to the input x"),
    (BorrowsGradOutput.apply, Kind.MUTATED_COTANGENT, "the backward writes to grad_output"),
    (ShiftsInputLater.apply, Kind.MUTATED_INPUT, "the backward writes to the input x"),
    (ScalesGradOutput.apply, Kind.MUTATED_COTANGENT, "the backward writes to grad_output"),
    (WritesToResult.apply, Kind.MUTATED_RESULT, "the backward writes to the result"),
    (
        ScalesWhatItSaved.apply,
        Kind.MUTATED_SAVED,
        "a second backward on the same graph gives another gradient of x",
    ),
    (
        ScalesSavedTensor.apply,
        Kind.MUTATED_SAVED,
        "a second backward on the same graph raises RuntimeError: one of the variables",
    ),
    (
        Frees.apply,
        Kind.CONSUMED,
        "a second backward on the same graph raises IndexError: pop from empty list",
    ),
    (
        RemembersOnClass.apply,
        Kind.STALE,
        "the gradient of x is another after the function was called again, at other values",
    ),
    (
        RemembersByAddress.apply,
        Kind.STALE,
        "the gradient of x is another where a tensor that was given before holds new values",
    ),
    (
        RemembersWithoutStrides.apply,
        Kind.STALE,
        "the gradient of x is another where memory that was given before is given with other",
    ),
    (
        RemembersByShape.apply,
        Kind.STALE,
        "the backward raises after the function was called again, at another shape: RuntimeError",
    ),
    (
        OneResult.apply,
        Kind.STALE,
        "the result is another after the function was called again, at other values",
    ),
    (
        OneGradient.apply,
        Kind.STALE,
        "the gradient of x, once given, is written to by the next backward, at other values",
    ),
    (GivesInput.apply, Kind.ALIASED, "the gradient of x lies in the memory of the input x"),
    (
        GivesSaved.apply,
        Kind.ALIASED,
        "the gradient of x lies in the memory of a tensor that the graph keeps",
    ),
    (GivesResult.apply, Kind.ALIASED, "the gradient of x lies in the memory of the result"),
    (Counts.apply, Kind.RANDOM, "a second forward at the same point gives another value"),
    (
        CountsBackward.apply,
        Kind.RANDOM,
        "a second forward and backward at the same point give another gradient of x",
    ),
    (
        CountsOnGraph.apply,
        Kind.RANDOM,
        "a second backward on the same graph gives another gradient of x",
    ),
    (
        lambda x: WritesToWeight.apply(x, WEIGHT),
        Kind.MUTATED_PARAMETER,
        "the backward writes to a parameter",
    ),
    (accumulates, Kind.ACCUMULATION, "torch.autograd.grad left something in .grad"),
    (
        sets_dtype,
        Kind.FORWARD_SETS,
        "the forward changes the default dtype (float32 before, float64 after)",
    ),
    (
        TurnsAnomalyOn.apply,
        Kind.BACKWARD_SETS,
        "the backward changes anomaly detection (off before, on after)",
    ),
    (
        KeepsInputAsAttribute.apply,
        Kind.UNGUARDED,
        "the gradient of x is another where the input x is written to before the backward",
    ),
    (
        AsSetElsewhere.apply,
        Kind.SURROUNDINGS,
        "the gradient of x is another with deterministic algorithms",
    ),
    (seeds, Kind.FORWARD_SETS, "the forward seeds the random numbers of torch anew"),
    (
        SeedsInBackward.apply,
        Kind.BACKWARD_SETS,
        "the backward seeds the random numbers of NumPy anew",
    ),
]


@pytest.mark.parametrize("function, kind, text", IMPURE)
def test_impure(function: Function, kind: Kind, text: str) -> None:
    """Each is found at every lane, and nothing else is said."""
    told = found(function)
    assert set(told) == {0, 1, 2}
    for faults in told.values():
        (fault,) = faults
        assert fault.kind is kind
        assert fault.text.startswith(text)
        assert fault.name == ("x" if " x" in text.replace("of x)", "") else None)


def test_every_kind_is_shown() -> None:
    """There is a function above for each kind that shows at once and that no other check tells."""
    elsewhere = {Kind.RAISED, Kind.COUNTED, Kind.FIRST_CALL}
    assert {kind for _, kind, _ in IMPURE} == set(Kind) - elsewhere


class Gram(torch.autograd.Function):
    """Of rows with other rows; of rows with themselves by a shortcut for symmetric grad_outputs."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(a, b)
        ctx.same = a.data_ptr() == b.data_ptr()
        return torch.outer(a, b)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        a, b = ctx.saved_tensors
        return (2 * grad @ a, None) if ctx.same else (grad @ b, grad.T @ a)


class Begins(Gram):
    """The same in full: right for one tensor."""

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        a, b = ctx.saved_tensors
        return ((grad + grad.T) @ a, None) if ctx.same else (grad @ b, grad.T @ a)


class BeginsAlike(Gram):
    """So, but each has its own gradient: wrong for different views alone."""

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        a, b = ctx.saved_tensors
        return (grad @ a, grad.T @ a) if ctx.same else (grad @ b, grad.T @ a)


def cosines(a: Tensor, b: Tensor) -> Tensor:
    """1 between a vector and itself, whatever the vector: of the gradient rounding is left."""
    cosine = a @ b / torch.sqrt((a @ a) * (b @ b))
    return cosine * torch.ones(len(a), len(b), dtype=a.dtype)


@pytest.mark.parametrize(
    "function, told_of",
    [
        (Gram.apply, "the same tensor"),
        (Begins.apply, "the same tensor, detached"),
        (BeginsAlike.apply, "another view of the same memory"),
        (torch.outer, None),
        (torch.sub, None),
        (cosines, None),
    ],
)
def test_one_memory_for_two_inputs(function: Callable[..., Tensor], told_of: str | None) -> None:
    """Gradients are those of two tensors with the same numbers: their sum where it is one."""
    own = Implementation(lambda tensors: function(tensors["a"], tensors["b"]), "user", "own")
    values = {"a": POINTS[:2], "b": POINTS[1:]}
    told = impurities(own, values, ("a", "b"), GRAMS if told_of else None, "float64")
    assert len(told) == (2 if told_of else 0)
    for faults in told.values():
        text = f"the gradient of a is another where b is {told_of}"
        assert text.replace(" a ", f" {faults[0].name} ") == faults[0].text


def test_what_is_guarded_is_left_alone() -> None:
    """save_for_backward, copies, what no gradient goes by, and a generator that is put back."""

    def forked(x: Tensor) -> Tensor:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            return x * torch.rand(3, dtype=x.dtype)

    for function in (Square.apply, torch.tanh, lambda x: x.clone() ** 2, lambda x: x, forked):
        assert not found(function)


def test_what_raises_is_told() -> None:
    """At a lane that raises nothing else is said; the others are judged."""

    def positive(x: Tensor) -> Tensor:
        if x.min() < 0:
            raise ValueError("negative")
        return x * 2

    told = found(positive, others=None)
    assert dict(told) == {1: (Impurity(Kind.RAISED, "ValueError: negative"),)}


def test_one_lane_has_no_rival() -> None:
    """A single point without others is judged alone: what is remembered does not show."""
    alone = {"values": {"x": POINTS[:1]}, "cotangents": COTANGENTS[:1]}
    assert not found(RemembersOnClass.apply, others=None, **alone)
    assert found(RemembersOnClass.apply, **alone)[0][0].kind is Kind.STALE


# --- pure ---------------------------------------------------------------------------------


class Scratch(Square):
    """Writes into a buffer of its own, which nobody sees."""

    buffers: ClassVar[dict[int, Tensor]] = {}

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        (x,) = ctx.saved_tensors
        buffer = Scratch.buffers.setdefault(len(x), torch.empty_like(grad))
        return buffer.copy_(2 * x).mul(grad)


class ScratchOnGraph(Square):
    """Saves a buffer that its backward writes to, the same each time."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.buffer = torch.zeros_like(x)
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        (x,) = ctx.saved_tensors
        torch.mul(x, 2, out=ctx.buffer)
        return ctx.buffer * grad


class HandsOn(Square):
    """Returns grad_output itself."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x + 1

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return grad


class Recomputes(Square):
    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        (x,) = ctx.saved_tensors
        with torch.enable_grad():
            again = x.detach().requires_grad_()
            return torch.autograd.grad(again * again, again, grad)


NORM = torch.nn.BatchNorm1d(1, dtype=torch.float64)


class AsMemoryLies(Square):
    """Last bits that change from call to call, as where BLAS adds up in another order."""

    calls = itertools.count()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        (x,) = ctx.saved_tensors
        last = torch.finfo(x.dtype).eps * (next(AsMemoryLies.calls) % 3)
        return 2 * x * grad * (1 + last)


def draws(x: Tensor) -> Tensor:
    noise = random.random() + np.random.random() + torch.rand(len(x))
    return x * noise


@pytest.mark.parametrize(
    "function",
    [
        torch.sin,
        Square.apply,
        Scratch.apply,
        ScratchOnGraph.apply,
        HandsOn.apply,
        Recomputes.apply,
        AsMemoryLies.apply,
        F.dropout,
        draws,
        lambda x: x,
        lambda x: x.view(1, -1).expand(2, -1)[0],
        lambda x: x.detach() * 2,
        lambda x: x[torch.tensor([0] * len(x))],
        lambda x: x.clone().mul_(2).exp_(),
        lambda x: F.relu(x * 2, inplace=True),
        lambda x: NORM(x[:, None])[:, 0],
        lambda x: torch.utils.checkpoint.checkpoint(torch.sin, x, use_reentrant=False),
        lambda x: (x.to(torch.complex128) * 1j).imag,
    ],
)
def test_pure(function: Function) -> None:
    """Scratch space, views of grad_output, seeded noise, running statistics: no fault."""
    assert not found(function)


def test_several_inputs() -> None:
    """Of two inputs the one that is concerned is named; whole numbers have no gradient."""

    class Mixed(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
            ctx.slopes = [x.clone(), y.clone()]
            return x * y

        @staticmethod
        def backward(ctx: Any, grad: Tensor) -> Any:
            x, y = ctx.slopes
            return y * grad, x.mul_(grad)

    def own(tensors: Mapping[str, Tensor]) -> Tensor:
        index = tensors["k"]
        assert index.dtype is torch.int64
        result: Tensor = Mixed.apply(tensors["x"], tensors["y"])
        return result

    values = {"x": POINTS, "y": POINTS + 1, "k": np.ones((3, 1))}
    mixed = Implementation(own, "user", "mixed", {"k": "int64"})
    told = impurities(mixed, values, ("x", "y"), COTANGENTS, "float64")
    assert {fault.name for faults in told.values() for fault in faults} == {"y"}


@pytest.mark.parametrize("function", [draws, shifts_input, ScalesGradOutput.apply])
def test_global_state_stays(function: Function) -> None:
    """Random numbers, grad mode and the caller's arrays are afterwards what they were."""
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()
    points = POINTS.copy()
    with torch.no_grad():
        found(function)
        assert not torch.is_grad_enabled()
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1] == random.getstate()
    np.testing.assert_array_equal(before[2], np.random.get_state()[1])
    np.testing.assert_array_equal(points, POINTS)


# --- memory -------------------------------------------------------------------------------


def test_overlap_is_of_elements() -> None:
    """Even and odd elements of one buffer do not overlap; a part and the whole do."""
    buffer = torch.arange(12.0)
    assert not overlap(buffer[::2], buffer[1::2])
    assert overlap(buffer[::2], buffer[4:6])
    assert overlap(buffer, buffer.view(3, 4).t())
    assert overlap(buffer[:1].expand(5), buffer)
    assert not overlap(buffer, buffer.clone())
    assert not overlap(buffer[:0], buffer)
    assert not overlap(buffer.to_sparse(), buffer)
    array = np.zeros(4)
    assert overlap(torch.from_numpy(array), torch.from_numpy(array[1:]))
    assert overlap(torch.view_as_complex(buffer.view(6, 2)), buffer[1:2])
    assert overlap(buffer.bfloat16()[1:], buffer.bfloat16()) is False


@st.composite
def _strided(draw: st.DrawFn) -> tuple[list[int], list[int], int]:
    sizes = draw(st.lists(st.integers(0, 4), max_size=3))
    strides = [draw(st.integers(0, 6)) for _ in sizes]
    return sizes, strides, draw(st.integers(0, 6))


@given(_strided(), _strided())
def test_overlap_is_what_counting_the_elements_says(
    left: tuple[list[int], list[int], int], right: tuple[list[int], list[int], int]
) -> None:
    """However two tensors lie in a buffer: with gaps, expanded, with elements that meet."""
    buffer = torch.zeros(80)

    def places(sizes: list[int], strides: list[int], offset: int) -> set[int]:
        return {
            offset + sum(i * stride for i, stride in zip(index, strides, strict=True))
            for index in itertools.product(*map(range, sizes))
        }

    one, other = torch.as_strided(buffer, *left), torch.as_strided(buffer, *right)
    assert overlap(one, other) == bool(places(*left) & places(*right))


def test_what_a_graph_holds() -> None:
    """Saved tensors of torch's nodes and of Functions, attributes of ctx, and leaves."""
    weight = torch.ones(3, requires_grad=True)
    x = torch.ones(3, requires_grad=True)
    result = Frees.apply(torch.exp(x)) * weight
    places = {tensor.data_ptr() for tensor in held(result)}
    assert {weight.data_ptr(), x.data_ptr()} <= places
    assert any(torch.equal(tensor, 2 * torch.exp(x)) for tensor in held(result))
    assert {id(leaf) for leaf in parameters(result)} == {id(weight), id(x)}
    assert held(torch.ones(3)) == []


# --- backward against grad ----------------------------------------------------------------


def grad_problems(own: Implementation, points: np.ndarray = POINTS) -> Mapping[int, str]:
    """Where grad() and backward() disagree about x."""
    return reverse_grad(own, {"x": points}, ("x",), COTANGENTS[: len(points)], "float64")


@pytest.mark.parametrize(
    "attribute", ["cube", "Square", "itself", "NoGradient", "detached", "strided"]
)
def test_grad_and_backward_agree(user: User, attribute: str) -> None:
    """Ordinary functions put what grad() returns into .grad, and twice that the second time."""
    assert not grad_problems(user(attribute))


def test_grad_agrees_at_special_numbers(spec_of: Make) -> None:
    """NaN is like NaN, and infinity doubled is infinity; no cotangent means ones."""
    own = implementation(spec_of({"x": (3,)}, expr="1/x + sqrt(x) + 0*x"))
    points = np.array([[0.0, -1.0, np.inf], [np.nan, -0.0, 1e-320]])
    assert not reverse_grad(own, {"x": points}, ("x",), None, "float64")
    assert not impurities(own, {"x": points}, ("x",), None, "float64")


def test_grad_agrees_where_it_is_sparse(user: User) -> None:
    """A sparse gradient counts as the dense one that it stands for."""
    own = user("embedded", {"x": ("n", 1)})
    values = {"x": POINTS[..., None]}
    assert not reverse_grad(own, values, ("x",), None, "float64")
    assert not impurities(own, values, ("x",), None, "float64")


@pytest.mark.parametrize(
    "attribute, text",
    [
        ("OnceOnly", "x.grad after the first backward is not what grad() gives"),
        ("leaves_grad", "torch.autograd.grad left something in .grad"),
        ("RaisesInBackward", "ZeroDivisionError: no backward today"),
    ],
)
def test_grad_and_backward_disagree(user: User, attribute: str, text: str) -> None:
    """A backward that counts, one that writes to .grad, and one that raises are told apart."""
    assert dict(grad_problems(user(attribute), POINTS[:2])) == {0: text, 1: text}


# --- under autocast -----------------------------------------------------------------------


def pairs(x: Tensor) -> Tensor:
    """autocast takes norm and loss in float32."""
    one, other = F.normalize(x, dim=1), F.normalize(x.flip(1), dim=1)
    return F.cross_entropy(one @ other.T / 0.5, torch.arange(2)).to(x.dtype)


class ScalesUnderAutocast(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.scale = 1024 if torch.is_autocast_enabled("cpu") else 1
        return x.clone()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return grad / ctx.scale


@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
def test_under_autocast_the_gradient_is_the_same_where_nothing_is_cast(dtype: str) -> None:
    """A value of a few digits may agree though all is computed otherwise."""
    given = {"values": {"x": np.array([[[1.7578125, 1.03125], [1.8203125, 1.078125]]])}}
    options: dict[str, Any] = {**given, "dtype": dtype, "others": {}}
    assert not found(pairs, **options, cotangents=np.array([-2.796875]))
    (faults,) = found(ScalesUnderAutocast.apply, **options, cotangents=np.ones((1, 2, 2))).values()
    told = "the gradient of x is another of a forward under autocast, whose value is the same"
    assert [fault.text for fault in faults] == [told]
