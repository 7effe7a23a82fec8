"""What autograd keeps beside the numbers: memory, versions, views, nodes of the graph.

The rules are those of torch's autograd notes ("Autograd mechanics", "In-place correctness checks",
"Inference mode"), and of the places in its engine that they summarize. Tensors are mutable here,
as they are there: this is a model of a machine with state.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import final

from gradcheck_sym.spec.tree import Node as Tree
from gradcheck_sym.symbolic.lower import Array
from gradcheck_sym.symbolic.mechanics.formula import Formula


@final
class Raised(Exception):
    """The program raises this exception at this point, as a prediction."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name}: {why}")
        self.name = name
        self.why = why


@final
class Unmodelled(Exception):
    """The rules do not say what happens; never a guess instead."""


@final
class Mode(Enum):
    """In which mode a view was made: outside the default one, it must not be written to later."""

    DEFAULT = "default"
    NO_GRAD = "no_grad"
    INFERENCE = "inference"


@final
@dataclass(eq=False, slots=True)
class Memory:
    """Where elements live; views share it, whatever autograd knows of them."""

    writes: int = 0  # of any kind
    aliased: bool = False  # torch may hand out the same memory under another name


@final
@dataclass(eq=False, slots=True)
class Counter:
    """How often autograd saw a write; shared by views and by detach, not by .data."""

    version: int = 0


@final
@dataclass(eq=False, slots=True)
class View:
    """That a tensor shows elements of another one, to which its writes are charged."""

    base: Tensor  # never itself a view
    index: tuple[int, ...]  # the base's elements that it shows, in row-major places
    mode: Mode
    seen: int  # version at which grad_fn was last worked out


@final
@dataclass(eq=False, slots=True)
class Tensor:
    """One tensor: its elements, and what autograd knows of it."""

    data: Array  # of Scalar; a NumPy view where torch has a view
    memory: Memory = field(default_factory=Memory)
    counter: Counter = field(default_factory=Counter)
    inference: bool = False
    flag: bool = False  # requires_grad as set on this very tensor
    node: GraphNode | None = None  # grad_fn as last worked out
    view: View | None = None
    constant: bool = False  # detached: held constant by diff
    grad: Tensor | None = None
    retains: bool = False
    accumulator: GraphNode | None = None

    @property
    def requires_grad(self) -> bool:
        """A tensor's own flag or graph, or those of what it is a view of."""
        based = self.view is not None and self.view.base.requires_grad
        return self.flag or self.node is not None or based


@final
@dataclass(frozen=True, slots=True)
class Saved:
    """A tensor that a node keeps for its backward, as it was then."""

    tensor: Tensor
    version: int
    writes: int

    @staticmethod
    def of(tensor: Tensor) -> Saved:
        """The tensor at this moment."""
        return Saved(tensor, tensor.counter.version, tensor.memory.writes)

    @property
    def modified(self) -> bool:
        """Whether autograd can tell that it was written to."""
        return self.tensor.counter.version != self.version

    @property
    def overwritten(self) -> bool:
        """Whether it was written to at all."""
        return self.tensor.memory.writes != self.writes


@final
@dataclass(frozen=True, slots=True)
class Hook:
    """A function of the gradient that passes a tensor."""

    call: Callable[[Tensor], Tensor]


@final
@dataclass(eq=False, slots=True)
class GraphNode:
    """A node of the graph: one operation's backward, or a leaf's accumulation."""

    number: float  # ready nodes with the highest run first; infinite for accumulation
    formula: Formula | None = None  # None: accumulates into `leaf`
    leaf: Tensor | None = None
    operands: tuple[Tensor, ...] = ()
    values: tuple[Array, ...] = ()  # the operands' elements at the time
    edges: tuple[GraphNode | None, ...] = ()  # where the gradient of each operand goes
    saved: dict[int, Saved] = field(default_factory=dict)  # kept operands, by place
    result: Saved | None = None
    by_result: Tree | None = None  # the backward over y, the result, and g, the gradient
    linked: bool = False  # its gradients have history through all that was kept
    keeps: bool | None = False  # whether freeing it is noticed; None: not known
    certain: bool = True  # False: which operands are kept is not known, only that some may be
    freed: bool = False
    doubtful: bool = False  # may have been freed by a second-order pass
    obscures: tuple[GraphNode, ...] = ()  # nodes that torch may run again together with this one
    hooks: list[Hook] = field(default_factory=list)
    retained: Tensor | None = None  # the tensor whose .grad gets what passes here


@final
@dataclass(slots=True)
class Modes:
    """The modes a program is in."""

    grad: bool = True
    inference: bool = False

    @property
    def tracking(self) -> bool:
        """Whether operations are recorded."""
        return self.grad and not self.inference

    @property
    def of_views(self) -> Mode:
        """What a view made now is marked with."""
        if self.inference:
            return Mode.INFERENCE
        return Mode.DEFAULT if self.grad else Mode.NO_GRAD
